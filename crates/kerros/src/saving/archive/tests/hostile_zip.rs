//! Zip files that a reader must refuse, quickly and by name.

use std::io::{Cursor, Write};

use kerros_core::{ErrorKind, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::super::Archive;
use super::{SMALL, TYPES};

fn zip_of(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn stored(entries: &[(&str, &[u8])]) -> Vec<u8> {
    zip_of(entries, CompressionMethod::Stored)
}

fn read(bytes: &[u8]) -> Result<Archive> {
    Archive::from_bytes(bytes)
}

fn refused(bytes: &[u8], kind: ErrorKind, message: &str) {
    let error = read(bytes).unwrap_err();
    assert_eq!((error.kind(), error.message()), (kind, message), "{error}");
}

#[test]
fn other_files_are_named_for_what_they_are() {
    refused(b"", ErrorKind::Format, "the file is empty");
    refused(TYPES, ErrorKind::Format, "the file is HDF5");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.keras");
    std::fs::write(&path, "<!DOCTYPE html>").unwrap();
    assert_eq!(
        Archive::read(&path).unwrap_err().to_string(),
        format!(
            "reading `{}`: the file is not a zip: it begins with \"<!DOCTYP\"\n  \
             expected: a `.keras` file: a zip with config.json and model.weights.h5\n  \
             try: check that the download is whole and the path is the model's",
            path.display()
        )
    );
}

#[test]
fn missing_entries_are_named() {
    let config: (&str, &[u8]) = ("config.json", b"{}");
    refused(
        &stored(&[("model.weights.h5", TYPES)]),
        ErrorKind::Format,
        "the zip has no entry `config.json`",
    );
    refused(&stored(&[config]), ErrorKind::Format, "the zip has no entry `model.weights.h5`");
    refused(
        &stored(&[config, ("model.weights.npz", b"")]),
        ErrorKind::Unsupported,
        "the weights are in `model.weights.npz`",
    );
    // Names are compared whole: neither a folder nor another spelling stands in.
    refused(
        &stored(&[("x/config.json", b"{}"), ("CONFIG.JSON", b"{}")]),
        ErrorKind::Format,
        "the zip has no entry `config.json`",
    );
    let archive = read(&stored(&[config, ("model.weights.h5", TYPES)])).unwrap();
    assert!(archive.metadata.is_null());
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let mut bytes =
        stored(&[("config.json", b"{}"), ("config.jsoX", b"[]"), ("model.weights.h5", TYPES)]);
    while let Some(at) = bytes.windows(11).position(|window| window == b"config.jsoX") {
        bytes[at + 10] = b'n';
    }
    refused(&bytes, ErrorKind::Format, "the zip has two entries of the same name");
}

#[test]
fn bombs_are_refused_before_they_unpack() {
    let spaces = vec![b' '; 16 << 20];
    let bytes = zip_of(
        &[("config.json", &spaces), ("model.weights.h5", TYPES)],
        CompressionMethod::Deflated,
    );
    assert!(bytes.len() < 64 << 10);
    let error = read(&bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    assert!(error.message().ends_with("bytes to 16777216"), "{error}");

    // The same with the claim altered to what is allowed: it unpacks no further than claimed.
    let mut altered = bytes.clone();
    let central = altered.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let local = altered.windows(4).position(|window| window == b"PK\x03\x04").unwrap();
    for at in [central + 24, local + 22] {
        altered[at..at + 4].copy_from_slice(&1000u32.to_le_bytes());
    }
    assert_eq!(read(&altered).unwrap_err().kind(), ErrorKind::Format);

    let long = vec![b' '; (1 << 20) + 1];
    let bytes =
        stored(&[("config.json", b"{}"), ("metadata.json", &long), ("model.weights.h5", TYPES)]);
    refused(&bytes, ErrorKind::Format, "it claims to unpack 1048577 bytes to 1048577");
}

#[test]
fn a_size_beyond_the_file_is_refused() {
    let mut bytes = stored(&[("config.json", b"{}"), ("model.weights.h5", TYPES)]);
    let central = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    for at in [central + 20, central + 24] {
        bytes[at..at + 4].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    }
    let message = format!("it claims 4294967280 bytes of a file of {}", bytes.len());
    refused(&bytes, ErrorKind::Format, &message);
}

#[test]
fn damage_is_noticed() {
    // One bit of a stored weight: HDF5 would not see it, the zip's checksum does.
    let mut bytes = SMALL.to_vec();
    let weight = 1.125f32.to_le_bytes();
    let at = bytes.windows(4).position(|window| window == weight).unwrap();
    bytes[at] ^= 1;
    refused(&bytes, ErrorKind::Format, "it is damaged");
    let bytes = stored(&[("config.json", b"{'a': 1}"), ("model.weights.h5", TYPES)]);
    refused(&bytes, ErrorKind::Format, "entry `config.json` is not valid JSON");
    let nested = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let bytes = stored(&[("config.json", &nested), ("model.weights.h5", TYPES)]);
    refused(&bytes, ErrorKind::Format, "entry `config.json` is not valid JSON");
}

#[test]
fn a_truncated_file_is_refused_at_every_length() {
    for len in (2..SMALL.len()).step_by(101).chain([SMALL.len() - 1]) {
        let error = read(&SMALL[..len]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{len} bytes: {error}");
    }
    assert_eq!(read(&SMALL[..SMALL.len() - 1]).unwrap_err().message(), "the zip is damaged");
}

#[test]
fn an_encrypted_or_unknown_entry_is_refused() {
    let mut bytes = stored(&[("config.json", b"{}"), ("model.weights.h5", TYPES)]);
    let central = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let mut encrypted = bytes.clone();
    encrypted[central + 8] |= 1;
    assert_eq!(read(&encrypted).unwrap_err().kind(), ErrorKind::Format);
    bytes[central + 10] = 93; // Zstandard
    assert_eq!(read(&bytes).unwrap_err().kind(), ErrorKind::Format);
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:evil"] {
        let bytes = stored(&[("config.json", b"{}"), ("model.weights.h5", TYPES), (name, b"evil")]);
        let error = read(&bytes).unwrap_err();
        assert!(error.message().contains("an entry named"), "{error}");
    }
    let bytes = stored(&[("config.json", b"{}"), ("model.weights.h5", TYPES), ("a/b..c", b"")]);
    assert!(read(&bytes).is_ok());
}
