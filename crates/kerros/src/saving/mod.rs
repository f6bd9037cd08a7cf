//! Models in files: `.keras`, `.weights.h5`, `.h5` and JSON, in both directions with Keras 3;
//! what Keras 1 and 2 wrote is read as well.
//!
//! A `.keras` file holds layers, weights, how the model was compiled and the state of its
//! optimizer. Keras loads what is written here and trains on with the same numbers, and the
//! other way round. What a file says never runs code and opens no path; layers, objects and
//! arguments that Kerros does not have are reported all at once; nothing half-made comes out.
//!
//! ```no_run
//! use kerros::{Model, Sequential};
//! use kerros::layers::Dense;
//! let mut model = Sequential::new().input([64]).add(Dense::new(10).activation("softmax"));
//! model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
//! model.save("digits.keras")?;
//! let mut again = Model::load("digits.keras")?;
//! assert_eq!(again.get_weights()?, model.get_weights()?);
//! # Ok::<(), kerros::Error>(())
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use kerros_core::{Error, ErrorKind, Result};

use crate::model::{Model, Network};
use crate::object::Config;

mod activation_layers;
pub mod archive;
mod compile_config;
mod describe;
mod families;
mod functional;
mod legacy_config;
mod legacy_h5;
mod legacy_tree;
mod load;
mod metadata;
mod named_weights;
mod objects;
mod problems;
pub(crate) mod python_json;
mod rebuild;
mod refusals;
mod regroup;
mod save;
mod split_activations;
mod thaw;
mod vocabularies;
mod weights;

pub use load::Load;
pub(crate) use rebuild::nested;
pub(crate) use weights::layer_groups;

/// The config of a model that is a layer of another.
pub(crate) fn network_config(network: &Network, trainable: bool) -> Config {
    describe::config(network, trainable, &mut Vec::new())
}

/// Loads a model from a `.keras` file, by Kerros or by Keras 3: with its weights, and compiled
/// as it was, optimizer state and all.
///
/// # Errors
/// As [`Load::model`].
#[track_caller]
pub fn load_model(path: impl AsRef<Path>) -> Result<Model> {
    Load::new().model(path)
}

impl Model {
    /// Loads a model from a `.keras` file: see [`load_model`].
    ///
    /// # Errors
    /// As [`Load::model`].
    #[track_caller]
    pub fn load(path: impl AsRef<Path>) -> Result<Model> {
        Load::new().model(path)
    }

    /// The model that a JSON text describes, as [`crate::Model::to_json`] and Keras write it.
    /// Its weights start anew.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] for a text that is not JSON or no model;
    /// [`ErrorKind::Unsupported`] with everything that Kerros does not have, each by name.
    #[track_caller]
    pub fn from_json(json: &str) -> Result<Model> {
        match python_json::from_bytes(json.as_bytes()) {
            Ok(config) => Load::new().config(&config),
            Err(error) => Err(Error::new(ErrorKind::Format, "it is not JSON").caused_by(error)),
        }
    }
}

/// What a file holds, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileKind {
    /// `.keras`: a whole model.
    Model,
    /// `.weights.h5`: weights alone.
    Weights,
    /// `.weights.json`: weights in several files, and which is where.
    Shards,
    /// `.safetensors`: weights alone, by their paths.
    SafeTensors,
    /// `.h5`, `.hdf5`: a whole model, or weights alone, in the format of Keras 2.
    Legacy,
    /// `.json`: the layers without weights.
    Config,
}

/// Every kind, longer endings first.
const ENDINGS: [(&str, FileKind); 7] = [
    (".weights.h5", FileKind::Weights),
    (".weights.json", FileKind::Shards),
    (".keras", FileKind::Model),
    (".safetensors", FileKind::SafeTensors),
    (".h5", FileKind::Legacy),
    (".hdf5", FileKind::Legacy),
    (".json", FileKind::Config),
];

impl FileKind {
    fn of(path: &Path) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
        let name = name.unwrap_or_default();
        let kind = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
        kind.map(|(_, kind)| *kind).ok_or_else(|| {
            Error::new(ErrorKind::Argument, format!("the file name `{}`", path.display())).expected(
                "an ending `.keras`, `.h5` or `.json` for models, `.weights.h5`, `.weights.json` \
                 or `.safetensors` for weights",
            )
        })
    }

    /// The kind of a file to be read: TensorFlow's Keras wrote HDF5 under any name that it was
    /// given.
    fn of_existing(path: &Path) -> Result<Self> {
        const HDF5: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
        let kind = FileKind::of(path)?;
        if kind == FileKind::Model {
            let mut start = [0; HDF5.len()];
            let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
            if read.is_ok() && start == *HDF5 {
                return Ok(FileKind::Legacy);
            }
        }
        Ok(kind)
    }
}
