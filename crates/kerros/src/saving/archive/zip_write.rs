//! The zip container, for writing: stored entries with fixed dates.

use std::fs::File;
use std::io::{BufWriter, Write};

use kerros_core::{Error, ErrorKind, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::saving::python_json;

/// Writes the three entries in Keras's order: `metadata.json`, `config.json`,
/// `model.weights.h5`.
pub(super) fn archive(
    config: &serde_json::Value,
    metadata: &serde_json::Value,
    weights: &[u8],
    file: &mut File,
) -> Result<()> {
    let io = |error: zip::result::ZipError| {
        Error::new(ErrorKind::Io, "writing the zip file failed").caused_by(error)
    };
    let (metadata, config) = (python_json::to_string(metadata), python_json::to_string(config));
    let mut zip = ZipWriter::new(BufWriter::new(file));
    for (name, bytes) in [
        (super::zip_read::METADATA, metadata.as_bytes()),
        (super::zip_read::CONFIG, config.as_bytes()),
        (super::zip_read::WEIGHTS, weights),
    ] {
        // Date, host system and permissions are pinned, so that the bytes depend on the content
        // alone; the permissions are Keras's.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .system(System::Unix)
            .unix_permissions(0o600)
            .large_file(bytes.len() as u64 >= u64::from(u32::MAX));
        zip.start_file(name, options).map_err(io)?;
        zip.write_all(bytes).map_err(|error| io(error.into()))?;
    }
    zip.finish().map_err(io)?.flush().map_err(|error| io(error.into()))
}
