//! The Keras file formats as plain data: `.keras` (a zip of `config.json`, `metadata.json` and
//! `model.weights.h5`), `.weights.h5`, whole or in shards, and `.safetensors`; in both directions,
//! knowing nothing of layers.
//!
//! Every file is taken to be hostile. Reading runs no code, opens no second path, uses no name
//! from the file as a path on disk, and takes memory in proportion to the bytes that are really
//! there; each bound has its constant and reason in [`limits`]. Writing is atomic (see
//! [`write_atomically`]) and the same content always gives the same bytes.
//!
//! The HDF5 library is known to `hdf5_read`, `hdf5_write`, `element` and `metered` alone.

mod atomic;
mod element;
mod hdf5_read;
mod hdf5_write;
pub mod limits;
mod metered;
mod safe_tensors;
mod shards;
mod tree;
mod zip_read;
mod zip_write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use kerros_core::{Error, ErrorKind, Result};

pub use atomic::write_atomically;
pub use safe_tensors::{read_safetensors, write_safetensors};
pub use tree::{Attribute, Group, WeightTree};

/// The content of a `.keras` file: what the model is, who wrote it, and its numbers.
///
/// # Source
/// Keras 3, `keras/src/saving/saving_lib.py`. The entries are written in Keras's order and,
/// as Keras does, uncompressed.
#[derive(Clone, Debug, PartialEq)]
pub struct Archive {
    /// `config.json`: the serialized model, with `compile_config` when it was compiled.
    pub config: serde_json::Value,
    /// `metadata.json`: `keras_version` and `date_saved`. `Null` when the file has none
    /// (Keras itself does not read it).
    pub metadata: serde_json::Value,
    /// `model.weights.h5`: the variables of layers, optimizer and metrics.
    pub weights: WeightTree,
    /// The text of each `assets/../vocabulary.txt`, by its name: what a layer has found in data and
    /// Keras does not put into the config. Never written, for Kerros puts it there.
    pub vocabularies: BTreeMap<String, String>,
}

impl Archive {
    /// Reads a `.keras` file.
    ///
    /// Entries other than the three named ones and vocabularies are ignored and never unpacked.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the file cannot be opened or read; [`ErrorKind::Unsupported`] for
    /// weights in a format that Keras can write and Kerros cannot read; [`ErrorKind::Format`]
    /// for everything that is not a whole `.keras` file within [`limits`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let context = |error: Error| error.context(format!("reading `{}`", path.display()));
        let file = open(path).map_err(context)?;
        zip_read::archive(file).map_err(context)
    }

    /// Reads the bytes of a `.keras` file, as [`Archive::read`] does.
    ///
    /// # Errors
    /// As [`Archive::read`], without the name of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        zip_read::archive(std::io::Cursor::new(bytes))
    }

    /// Writes a `.keras` file that Keras 3 and [`Archive::read`] load. Either the whole file
    /// appears or what was there before stays.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when writing fails; [`ErrorKind::Argument`] when the weights cannot be
    /// named or nested so in HDF5.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let context = |error: Error| error.context(format!("writing `{}`", path.display()));
        // Everything that can be refused is refused before the disk is touched.
        let weights = self.weights.to_h5_bytes().map_err(context)?;
        write_atomically(path, |file| {
            zip_write::archive(&self.config, &self.metadata, &weights, file)
        })
        .map_err(context)
    }
}

impl WeightTree {
    /// Reads a `.weights.h5` file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the file cannot be read; otherwise as
    /// [`WeightTree::from_h5_bytes`].
    pub fn read_h5(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let context = |error: Error| error.context(format!("reading `{}`", path.display()));
        let mut bytes = Vec::new();
        open(path)
            .and_then(|mut file| {
                file.read_to_end(&mut bytes)
                    .map_err(|error| Error::new(ErrorKind::Io, "reading failed").caused_by(error))
            })
            .map_err(context)?;
        Self::from_h5_bytes(bytes).map_err(context)
    }

    /// Reads the bytes of a `.weights.h5` file.
    ///
    /// Soft and external links are never followed: in files of the HDF5 1.8 format and later
    /// they are as if absent, in older files they are refused. Attributes that are not text are
    /// left out. `float16` and `bfloat16` become `float32`; integer types that a
    /// [`kerros_core::Tensor`] lacks become the next wider one it has.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] when the bytes are not a whole HDF5 file within [`limits`], or hold
    /// external, virtual, chunked or unallocated datasets; [`ErrorKind::Unsupported`] for an
    /// element type outside those Keras stores variables in.
    pub fn from_h5_bytes(bytes: Vec<u8>) -> Result<Self> {
        hdf5_read::tree(bytes)
    }

    /// The bytes of a `.weights.h5` file with this content; the same content always gives the
    /// same bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for names, nesting or attributes that HDF5, or reading the file
    /// again under [`limits`], would refuse.
    pub fn to_h5_bytes(&self) -> Result<Vec<u8>> {
        hdf5_write::bytes(self)
    }

    /// Writes a `.weights.h5` file, atomically as [`Archive::write`] does.
    ///
    /// # Errors
    /// As [`Archive::write`].
    pub fn write_h5(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let context = |error: Error| error.context(format!("writing `{}`", path.display()));
        let bytes = self.to_h5_bytes().map_err(context)?;
        write_atomically(path, |file| {
            std::io::Write::write_all(file, &bytes)
                .map_err(|error| Error::new(ErrorKind::Io, "writing failed").caused_by(error))
        })
        .map_err(context)
    }
}

/// A JSON file about a model.
///
/// # Errors
/// [`ErrorKind::Io`] when the file cannot be read; [`ErrorKind::Format`] when it is longer than
/// [`limits::MAX_CONFIG_BYTES`] or no JSON.
pub fn read_json(path: impl AsRef<Path>) -> Result<serde_json::Value> {
    let path = path.as_ref();
    let context = |error: Error| error.context(format!("reading `{}`", path.display()));
    let bytes = shards::bounded(path).map_err(context)?;
    super::python_json::from_bytes(&bytes)
        .map_err(|error| context(Error::new(ErrorKind::Format, "it is not JSON").caused_by(error)))
}

fn open(path: &Path) -> Result<File> {
    let io = |error| Error::new(ErrorKind::Io, "the file cannot be opened").caused_by(error);
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_dir() {
        return Err(Error::new(ErrorKind::Format, "it is a folder")
            .expected("a `.keras` or `.weights.h5` file")
            .hint("save the model with `zipped=True`, Keras's default"));
    }
    Ok(file)
}
