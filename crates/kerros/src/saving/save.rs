//! From a model to a file.

use std::path::Path;

use kerros_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::archive::{Archive, write_safetensors};
use super::metadata::{self, Resume};
use super::weights::{self, Kernels};
use super::{FileKind, describe, legacy_h5, python_json, rebuild};
use crate::model::Model;

/// Bytes of a shard where nothing else is asked: Keras's 5 GB.
const SHARD_BYTES: u64 = 5 << 30;

impl Model {
    /// Writes the model to a `.keras` file that Keras 3 and [`super::load_model`] load: layers,
    /// weights, optimizer, loss and metrics, the optimizer's state, and where the random
    /// numbers stand. Either the whole file appears or what was there before stays.
    ///
    /// A name that ends in `.h5` or `.hdf5` gives the format of Keras 2, without where the
    /// random numbers stand.
    ///
    /// Objects of your own are written by name; a warning tells that the file cannot be loaded
    /// as a whole then.
    ///
    /// # Errors
    /// [`ErrorKind::State`] for a model without weights; [`ErrorKind::Argument`] for a file
    /// name with another ending; [`ErrorKind::Io`] when writing fails.
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let kind = FileKind::of(path)?;
        if !matches!(kind, FileKind::Model | FileKind::Legacy) {
            return Err(Error::new(ErrorKind::Argument, format!("saving `{}`", path.display()))
                .expected("a name that ends in `.keras`, or in `.h5` for the old format")
                .hint("save weights alone with `save_weights`"));
        }
        let place = |error: Error| error.context(format!("saving `{}`", path.display()));
        let kernels = match kind {
            FileKind::Legacy => Kernels::Apart,
            _ => Kernels::Merged,
        };
        let (archive, warnings) = self.archive_with_warnings(kernels).map_err(place)?;
        match kind {
            FileKind::Legacy => legacy_h5::model(&archive).map_err(place)?.write_h5(path)?,
            _ => archive.write(path)?,
        }
        for warning in warnings {
            self.warnings.warn(&format!("`{}`: {warning}", path.display()));
        }
        Ok(())
    }

    /// The content of the file that [`Model::save`] writes.
    ///
    /// # Errors
    /// As there, but for those of the file.
    pub fn to_archive(&mut self) -> Result<Archive> {
        self.archive_with_warnings(Kernels::Merged).map(|(archive, _)| archive)
    }

    fn archive_with_warnings(&mut self, kernels: Kernels) -> Result<(Archive, Vec<String>)> {
        let weights = weights::write(self, kernels)?;
        let resume = match self.is_compiled() {
            true => {
                let random_key = self.random_key()?;
                let epochs_done = self.epochs_done;
                self.seed.map(|seed| Resume { seed, random_key, epochs_done })
            }
            false => None,
        };
        let (config, warnings) = self.config_with_warnings()?;
        let metadata = metadata::write(resume);
        let vocabularies = Default::default();
        Ok((Archive { config, metadata, weights, vocabularies }, warnings))
    }

    fn config_with_warnings(&mut self) -> Result<(Value, Vec<String>)> {
        let mut warnings = Vec::new();
        if let Some(compiled) = &self.compiled {
            let options = compiled.optimizer.options();
            if !options.exclude_from_weight_decay.is_empty() {
                warnings.push("files do not keep `exclude_from_weight_decay`".into());
            }
        }
        let rate = self.learning_rate_variable()?;
        let compiled = self.compiled.as_ref();
        let config = describe::model(&self.network, compiled, rate, &mut warnings);
        if let Err(error) = rebuild::plan(&config, true) {
            warnings.push(format!("it cannot be loaded as a whole again: {error}"));
        }
        Ok((config, warnings))
    }

    /// Writes the weights, and the optimizer's state of a compiled model, to a `.weights.h5`
    /// file that Keras 3 and [`Model::load_weights`] load. Either the whole file appears or
    /// what was there before stays.
    ///
    /// A name that ends in `.weights.json` gives the same in shards of at most 5 GB, see
    /// [`Model::save_weights_in_shards`]; one in `.safetensors` the weights of layers by their
    /// paths; one in `.h5` or `.hdf5` alone the format of Keras 2, again the weights of layers.
    ///
    /// # Errors
    /// [`ErrorKind::State`] for a model without weights; [`ErrorKind::Argument`] for a file
    /// name with another ending; [`ErrorKind::Io`] when writing fails.
    pub fn save_weights(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let place = |error: Error| error.context(format!("saving `{}`", path.display()));
        let tree = match FileKind::of(path)? {
            FileKind::Weights => weights::write(self, Kernels::Merged).map_err(place)?,
            FileKind::Legacy => {
                let (archive, _) = self.archive_with_warnings(Kernels::Apart).map_err(place)?;
                legacy_h5::weights(&archive).map_err(place)?
            }
            FileKind::Shards => return self.save_weights_in_shards(path, SHARD_BYTES),
            FileKind::SafeTensors => return write_safetensors(path, &self.weights()?),
            FileKind::Model | FileKind::Config => {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("saving `{}`", path.display()),
                )
                .expected("a name that ends in `.weights.h5`")
                .hint("save the whole model with `save`"));
            }
        };
        tree.write_h5(path)
    }

    /// Writes the weights, and the optimizer's state of a compiled model, to a `.weights.json`
    /// file and shards beside it of at most so many bytes each. Keras 3 and
    /// [`Model::load_weights`] load them.
    ///
    /// # Errors
    /// As [`Model::save_weights`]; [`ErrorKind::Argument`] for a weight larger than a shard.
    pub fn save_weights_in_shards(
        &mut self,
        path: impl AsRef<Path>,
        max_shard_bytes: u64,
    ) -> Result<()> {
        let path = path.as_ref();
        if FileKind::of(path)? != FileKind::Shards {
            return Err(Error::new(ErrorKind::Argument, format!("saving `{}`", path.display()))
                .expected("a name that ends in `.weights.json`"));
        }
        let place = |error: Error| error.context(format!("saving `{}`", path.display()));
        let tree = weights::write(self, Kernels::Merged).map_err(place)?;
        tree.write_sharded(path, max_shard_bytes)
    }

    /// The model as Keras's JSON: layers, and how it was compiled, without weights.
    ///
    /// # Errors
    /// A mistake in the layers, of a model whose input is given.
    pub fn to_json(&mut self) -> Result<String> {
        self.network.check()?;
        if !self.network.inputs.is_empty() {
            self.build_with(&[])?;
        }
        let (config, warnings) = self.config_with_warnings()?;
        for warning in warnings {
            self.warnings.warn(&warning);
        }
        Ok(python_json::to_string(&config))
    }
}
