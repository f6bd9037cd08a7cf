//! The zip container, for reading: the three known entries, within bounds.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use kerros_core::{Error, ErrorKind, Result};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::limits::{
    MAX_CONFIG_BYTES, MAX_METADATA_BYTES, MAX_VOCABULARY_BYTES, MAX_ZIP_ENTRIES, MAX_ZIP_EXPANSION,
};
use super::{Archive, WeightTree};
use crate::saving::python_json;

pub(super) const CONFIG: &str = "config.json";
pub(super) const METADATA: &str = "metadata.json";
const ASSETS: &str = "assets/";
const VOCABULARY: &str = "/vocabulary.txt";
pub(super) const WEIGHTS: &str = "model.weights.h5";

/// Reads the content of a `.keras` file.
pub(super) fn archive(mut file: impl Read + Seek) -> Result<Archive> {
    let io = |error| Error::new(ErrorKind::Io, "reading failed").caused_by(error);
    let file_bytes = file.seek(SeekFrom::End(0)).map_err(io)?;
    file.rewind().map_err(io)?;
    let mut start = [0; 8];
    let mut start_len = 0;
    while let got @ 1.. = file.read(&mut start[start_len..]).map_err(io)? {
        start_len += got;
    }
    check_start(&start[..start_len], file_bytes)?;
    file.rewind().map_err(io)?;
    let mut zip = ZipArchive::new(std::io::BufReader::new(file)).map_err(damaged)?;
    if zip.len() > MAX_ZIP_ENTRIES {
        return Err(Error::new(ErrorKind::Format, format!("the zip has {} entries", zip.len()))
            .expected(format!("at most {MAX_ZIP_ENTRIES}")));
    }
    // With two entries of one name, which of them counts depends on the reader: a scanner could
    // be shown one file and the loader another.
    if zip.has_duplicate_names() {
        return Err(Error::new(ErrorKind::Format, "the zip has two entries of the same name")
            .expected("each name once")
            .hint("save the model again"));
    }
    for name in zip.file_names() {
        check_name(&name.map_err(damaged)?)?;
    }
    let config = entry(&mut zip, CONFIG, file_bytes, MAX_CONFIG_BYTES)?;
    let config = json(CONFIG, &required(&zip, CONFIG, config)?)?;
    let metadata = match entry(&mut zip, METADATA, file_bytes, MAX_METADATA_BYTES)? {
        Some(bytes) => json(METADATA, &bytes)?,
        None => serde_json::Value::Null,
    };
    let weights = entry(&mut zip, WEIGHTS, file_bytes, u64::MAX)?;
    let weights = required(&zip, WEIGHTS, weights)?;
    let vocabularies = vocabularies(&mut zip, file_bytes)?;
    drop(zip);
    let weights = WeightTree::from_h5_bytes(weights)
        .map_err(|error| error.context(format!("entry `{WEIGHTS}`")))?;
    Ok(Archive { config, metadata, weights, vocabularies })
}

/// The texts of all vocabularies, by the names of their entries.
fn vocabularies<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    file_bytes: u64,
) -> Result<BTreeMap<String, String>> {
    let is_vocabulary = |name: &str| name.starts_with(ASSETS) && name.ends_with(VOCABULARY);
    let names = zip.file_names().filter_map(std::result::Result::ok);
    let names: Vec<String> =
        names.filter(|name| is_vocabulary(name)).map(|name| name.to_string()).collect();
    let mut left = MAX_VOCABULARY_BYTES;
    let mut texts = BTreeMap::new();
    for name in names {
        let Some(bytes) = entry(zip, &name, file_bytes, left)? else { continue };
        left -= bytes.len() as u64;
        let text = String::from_utf8(bytes).map_err(|error| {
            Error::new(ErrorKind::Format, format!("entry `{name}` is not text in UTF-8"))
                .caused_by(error)
        })?;
        texts.insert(name, text);
    }
    Ok(texts)
}

/// Refuses the name of an entry that would be unpacked outside its folder. Nothing is unpacked
/// here, but whoever put such a name there meant harm to somebody.
fn check_name(name: &str) -> Result<()> {
    let is_drive = name.as_bytes().get(1) == Some(&b':');
    let leads_out = name.starts_with(['/', '\\'])
        || is_drive
        || name.split(['/', '\\']).any(|part| part == "..");
    match leads_out {
        true => Err(Error::new(ErrorKind::Format, format!("the zip has an entry named {name:?}"))
            .expected("names that stay inside: Keras writes no other")
            .hint("the file was made to write elsewhere when unpacked: do not unpack it")),
        false => Ok(()),
    }
}

/// Tells files of other kinds by their first bytes, for a message that says what to do.
fn check_start(start: &[u8], file_bytes: u64) -> Result<()> {
    let refused = |message: String| {
        Error::new(ErrorKind::Format, message)
            .expected("a `.keras` file: a zip with config.json and model.weights.h5")
    };
    if file_bytes == 0 {
        return Err(refused("the file is empty".to_owned()).hint("save the model again"));
    }
    if start.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Err(refused("the file is HDF5".to_owned())
            .hint("read a `.weights.h5` file as weights alone")
            .hint("load a whole `.h5` model in Keras and save it as `.keras`"));
    }
    if !start.starts_with(b"PK") {
        return Err(refused(format!(
            "the file is not a zip: it begins with \"{}\"",
            start.escape_ascii()
        ))
        .hint("check that the download is whole and the path is the model's"));
    }
    Ok(())
}

/// The bytes of one entry, or `None` when the zip has no such entry.
fn entry<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    name: &str,
    file_bytes: u64,
    max_bytes: u64,
) -> Result<Option<Vec<u8>>> {
    let entry = match zip.by_name(name) {
        Ok(entry) => entry,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(damaged(error).context(format!("entry `{name}`"))),
    };
    let refused =
        |message: String| Error::new(ErrorKind::Format, message).context(format!("entry `{name}`"));
    let (declared, present) = (entry.size(), entry.compressed_size());
    if present > file_bytes {
        return Err(refused(format!("it claims {present} bytes of a file of {file_bytes}"))
            .hint("the file is cut short or altered: copy or save it again"));
    }
    let allowed = match entry.compression() {
        CompressionMethod::Stored => present,
        CompressionMethod::Deflated => present.saturating_mul(MAX_ZIP_EXPANSION),
        other => {
            return Err(refused(format!("it is compressed by {other}"))
                .expected("stored entries, as Keras writes, or deflate"));
        }
    };
    if declared > allowed.min(max_bytes) {
        return Err(refused(format!("it claims to unpack {present} bytes to {declared}"))
            .expected(format!("at most {}", allowed.min(max_bytes))));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(declared as usize).map_err(|error| {
        refused(format!("there is no memory for its {declared} bytes")).caused_by(error)
    })?;
    // One more than declared, so that an entry longer than it claims is noticed, not cut.
    entry.take(declared + 1).read_to_end(&mut bytes).map_err(|error| {
        refused("it is damaged".to_owned())
            .caused_by(error)
            .hint("the file is cut short or altered: copy or save it again")
    })?;
    if bytes.len() as u64 != declared {
        return Err(refused(format!("it claims {declared} bytes and holds {}", bytes.len()))
            .hint("the file is cut short or altered: copy or save it again"));
    }
    Ok(Some(bytes))
}

fn required<R: Read + Seek>(
    zip: &ZipArchive<R>,
    name: &str,
    bytes: Option<Vec<u8>>,
) -> Result<Vec<u8>> {
    if let Some(bytes) = bytes {
        return Ok(bytes);
    }
    if name == WEIGHTS && zip.index_for_name("model.weights.npz").is_some() {
        return Err(Error::new(ErrorKind::Unsupported, "the weights are in `model.weights.npz`")
            .expected(format!("`{WEIGHTS}`"))
            .hint("save it in Keras with `weights_format=\"h5\"`"));
    }
    Err(Error::new(ErrorKind::Format, format!("the zip has no entry `{name}`"))
        .expected("a `.keras` file: a zip with config.json and model.weights.h5")
        .hint("check that this zip is a model saved by Keras 3 or Kerros"))
}

fn json(name: &str, bytes: &[u8]) -> Result<serde_json::Value> {
    python_json::from_bytes(bytes).map_err(|error| {
        Error::new(ErrorKind::Format, format!("entry `{name}` is not valid JSON"))
            .caused_by(error)
            .hint("save the model again")
    })
}

fn damaged(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            Error::new(ErrorKind::Io, "reading failed").caused_by(error)
        }
        error => Error::new(ErrorKind::Format, "the zip is damaged")
            .caused_by(error)
            .expected("a whole `.keras` file")
            .hint("the file is cut short or altered: copy or save it again"),
    }
}
