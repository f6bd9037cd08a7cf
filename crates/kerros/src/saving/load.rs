//! From a file to a model.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Tensor};
use kerros_plan::Device;
use serde_json::Value;

use super::archive::{Archive, WeightTree, read_json, read_safetensors};
use super::metadata::{self, Resume};
use super::rebuild::{self, Plan};
use super::weights::{self, OptimizerState};
use super::{
    FileKind, describe, legacy_config, legacy_h5, legacy_tree, named_weights, regroup,
    split_activations, thaw, vocabularies,
};
use crate::model::{Model, Network, WeightEntry};
use crate::trainer::Compile;

/// How to load a model.
///
/// ```no_run
/// use kerros::saving::Load;
/// // A model with a loss of one's own: compile it anew.
/// let model = Load::new().compile(false).model("digits.keras")?;
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone)]
pub struct Load {
    compile: bool,
    device: Option<Arc<dyn Device>>,
}

impl Load {
    /// With optimizer, loss and metrics as far as the file has them, on the default device.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Load { compile: true, device: None }
    }

    /// Sets whether to read optimizer, loss and metrics. Default: `true`.
    pub fn compile(mut self, compile: bool) -> Self {
        self.compile = compile;
        self
    }

    /// Sets the device the model will run on. Default: the default device.
    pub fn device(mut self, device: Arc<dyn Device>) -> Self {
        self.device = Some(device);
        self
    }

    /// Reads a `.keras` file, by Kerros, by Keras 3 or by tf.keras from 2.12 on; or a `.h5`
    /// file, the format of Keras 1 and 2 that Keras 3 still writes. A `.json` file gives the
    /// layers alone: their weights start anew.
    ///
    /// Words that changed their meaning keep that of the Keras that wrote the file; a warning
    /// says so.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for a file with another ending;
    /// [`ErrorKind::Io`] and [`ErrorKind::Format`] as [`Archive::read`];
    /// [`ErrorKind::Unsupported`] with all layers, objects and arguments that Kerros does not
    /// have, each by name; [`ErrorKind::Shape`] with the layer and both shapes where weights do
    /// not fit.
    #[track_caller]
    pub fn model(&self, path: impl AsRef<Path>) -> Result<Model> {
        let path = path.as_ref();
        if FileKind::of(path)? == FileKind::Config {
            let loaded = read_json(path).and_then(|config| self.config(&config));
            return match loaded {
                Ok(model) => Ok(model),
                Err(error) => Err(error.context(format!("loading `{}`", path.display()))),
            };
        }
        let loaded = match read(path) {
            Ok((archive, notes)) => self.archive(&archive).map(|mut model| {
                notes.iter().for_each(|note| model.warnings.warn(note));
                model
            }),
            Err(error) => return Err(error),
        };
        match loaded {
            Ok(model) => Ok(model),
            Err(error) => Err(error.context(format!("loading `{}`", path.display()))),
        }
    }

    /// Builds the model that an archive in memory holds.
    ///
    /// # Errors
    /// As [`Load::model`].
    #[track_caller]
    pub fn archive(&self, archive: &Archive) -> Result<Model> {
        let version = archive.metadata.get("keras_version").and_then(Value::as_str);
        let Some(modern) = legacy_config::modern(&archive.config, version) else {
            let age = if version.is_none() { Age::Past } else { Age::Present };
            let mut config = archive.config.clone();
            // What Kerros wrote was frozen in Kerros, and stays so.
            let thawed = match archive.metadata.get("kerros") {
                Some(_) => Vec::new(),
                None => thaw::thaw(&mut config),
            };
            if thawed.is_empty() {
                return self.of_keras_3(archive, age);
            }
            let mut model = self.of_keras_3(&Archive { config, ..archive.clone() }, age)?;
            for name in thawed {
                model.warnings.warn(&thaw::note(&name));
            }
            return Ok(model);
        };
        let weights = legacy_tree::modern(&archive.weights, &modern.config);
        let archive = Archive { config: modern.config, weights, ..archive.clone() };
        let mut model = self.of_keras_3(&archive, Age::Past)?;
        modern.notes.iter().for_each(|note| model.warnings.warn(note));
        Ok(model)
    }

    /// Builds the model of an archive in the words of Keras 3.
    #[track_caller]
    fn of_keras_3(&self, archive: &Archive, age: Age) -> Result<Model> {
        if let Some((config, weights)) = split_activations::split(&archive.config, &archive.weights)
        {
            return self.of_keras_3(&Archive { config, weights, ..archive.clone() }, age);
        }
        let config = vocabularies::filled(&archive.config, &archive.vocabularies);
        let mut plan = rebuild::plan(&config, self.compile)?;
        if archive.weights.group(SCALED_OPTIMIZER).is_some() {
            plan.compile = plan.compile.map(Compile::loss_scale);
        }
        let resume = metadata::read(&archive.metadata).filter(|_| plan.compile.is_some());
        if plan.network.inputs.is_empty() {
            return match archive.weights.num_datasets() {
                0 => assemble(plan, None, resume, self.device.clone()),
                count => Err(Error::new(
                    ErrorKind::Format,
                    format!("{count} weights of a model whose input shape the file does not tell"),
                )
                .expected("an `InputLayer` in the config")),
            };
        }
        // Building finds shapes alone: nothing is allocated before the file's weights are
        // known to fit, so that a config asking for a huge model costs no more than the file.
        plan.network.build()?;
        let described = describe::model(&plan.network, None, None, &mut Vec::new());
        let tree = regroup::regrouped(&archive.weights, &archive.config, &described);
        // No bytes of a file account for what it need not hold.
        let entries = plan.network.weights.iter();
        check_size(entries.filter(|entry| weights::is_factor(&entry.weight)))?;
        let values = weights::read(&plan.network, &tree)?;
        let mut model = assemble(plan, Some(values), resume, self.device.clone())?;
        if model.is_compiled() {
            restore_optimizer(&mut model, &archive.weights, age)?;
        }
        if let Some(resume) = resume {
            model.set_random_key(resume.random_key)?;
            model.epochs_done = resume.epochs_done;
        }
        Ok(model)
    }

    /// Builds the model of a config alone: its weights start anew.
    #[track_caller]
    pub(super) fn config(&self, config: &Value) -> Result<Model> {
        let (mut config, notes) = match legacy_config::modern(config, None) {
            Some(modern) => (modern.config, modern.notes),
            None => {
                let mut config = config.clone();
                let thawed = thaw::thaw(&mut config);
                (config, thawed.iter().map(|name| thaw::note(name)).collect())
            }
        };
        split_activations::split_model(&mut config);
        let mut plan = rebuild::plan(&config, self.compile)?;
        if !plan.network.inputs.is_empty() {
            plan.network.build()?;
            check_size(plan.network.weights.iter())?;
        }
        let mut model = assemble(plan, None, None, self.device.clone())?;
        notes.iter().for_each(|note| model.warnings.warn(note));
        Ok(model)
    }
}

/// Where Keras keeps the variables of an optimizer that a [`LossScaleOptimizer`] wraps. It wraps
/// one without saying so in the file's settings.
///
/// [`LossScaleOptimizer`]: crate::optimizers::LossScaleOptimizer
const SCALED_OPTIMIZER: &str = "optimizer/inner_optimizer/vars";

/// Whether a file is of the format of Keras 3, or of the one before (HDF5 as a whole).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Present,
    Past,
}

/// Bytes of weights that a config alone may ask for: a billion numbers. With a file of weights
/// there is no such bound but the file's own size.
const MAX_FRESH_BYTES: u64 = 4 << 30;

/// Refuses a model whose weights no bytes of a file account for, when it is too large.
fn check_size<'a>(entries: impl Iterator<Item = &'a WeightEntry>) -> Result<()> {
    let mut sizes = entries.map(|entry| {
        let elements = entry.weight.shape.checked_num_elements()?;
        (elements as u64).checked_mul(entry.weight.dtype().size_bytes() as u64)
    });
    let total = sizes.try_fold(0u64, |total, size| total.checked_add(size?));
    match total.is_some_and(|total| total <= MAX_FRESH_BYTES) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Format, "its layers ask for too many weights")
            .expected(format!("at most {MAX_FRESH_BYTES} bytes of a model without weights"))
            .hint("load a file that holds the weights as well")),
    }
}

/// The content of a file that holds a whole model, and what a user should know of it.
fn read(path: &Path) -> Result<(Archive, Vec<String>)> {
    match FileKind::of_existing(path)? {
        FileKind::Model => Archive::read(path).map(|archive| (archive, Vec::new())),
        FileKind::Legacy => legacy_h5::archive(&WeightTree::read_h5(path)?)
            .map_err(|error| error.context(format!("reading `{}`", path.display()))),
        FileKind::Config => Err(Error::new(
            ErrorKind::Argument,
            format!("`{}` holds layers without weights", path.display()),
        )
        .expected("a file with weights")),
        FileKind::Weights | FileKind::Shards | FileKind::SafeTensors => Err(Error::new(
            ErrorKind::Argument,
            format!("`{}` holds weights alone", path.display()),
        )
        .expected("a whole model: a `.keras` file")
        .hint("build the model, then `load_weights`")),
    }
}

/// The weights of a file, with zeros for what layers remember from batch to batch, which no file
/// has.
///
/// # Errors
/// Layers that would remember more than any machine.
fn with_memories(network: &Network, values: Vec<Tensor>) -> Result<Vec<Tensor>> {
    check_size(network.weights.iter().filter(|entry| entry.weight.is_memory))?;
    let mut values = values.into_iter();
    let missing = || Error::new(ErrorKind::Internal, "a weight was not read");
    let value = |entry: &WeightEntry| match entry.weight.is_memory {
        true => Ok(Tensor::zeros(entry.weight.shape.clone(), entry.weight.dtype())),
        false => values.next().ok_or_else(missing),
    };
    network.weights.iter().map(value).collect()
}

/// The model of a plan: built when its input is known, with these weights or its initial ones;
/// compiled when the plan says how.
fn assemble(
    plan: Plan,
    values: Option<Vec<Tensor>>,
    resume: Option<Resume>,
    device: Option<Arc<dyn Device>>,
) -> Result<Model> {
    let mut model = Model::new(&plan.network.name);
    model.network = plan.network;
    if !plan.policies.is_empty() {
        let names: Vec<&str> = plan.policies.iter().map(|policy| policy.name()).collect();
        model.warnings.warn(&format!(
            "the dtype policy {} is kept for Keras: Kerros computes in float32",
            names.join(", ")
        ));
    }
    if let Some(device) = device {
        model.device = device;
    }
    if let Some(resume) = resume {
        model.seed = Some(resume.seed);
    }
    match values {
        Some(values) => {
            let values = with_memories(&model.network, values)?;
            model.new_states(&values)?;
        }
        None if model.network.inputs.is_empty() => {}
        None => model.build_with(&[])?,
    }
    if let Some(compile) = plan.compile {
        model.compile_with(compile)?;
    }
    Ok(model)
}

/// Sets the optimizer's state as far as the file has one that fits. Files of the past have had
/// several orders of variables, not all of which can be told: there, one that does not fit is
/// left, as Keras does.
fn restore_optimizer(model: &mut Model, tree: &WeightTree, age: Age) -> Result<()> {
    let state = match weights::read_optimizer(model, tree) {
        Err(_) if age == Age::Past => {
            model.warnings.warn(
                "the optimizer begins anew: its variables in the file do not fit those of the \
                 model",
            );
            return Ok(());
        }
        state => state?,
    };
    match state {
        OptimizerState::Absent => Ok(()),
        OptimizerState::Whole(values) => model.set_optimizer_states(&values),
        OptimizerState::Other { found, expected } => {
            model.warnings.warn(&format!(
                "the optimizer begins anew: the file has {found} of its variables, the model \
                 {expected}; layers were frozen or unfrozen, or it is another optimizer"
            ));
            Ok(())
        }
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = self.device.as_ref().map(|device| device.name());
        f.debug_struct("Load").field("compile", &self.compile).field("device", &device).finish()
    }
}

impl Model {
    /// Takes up weights, the optimizer's state and the place in the random numbers from the
    /// file of a model like this one.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] where they do not fit; [`ErrorKind::Format`] for a file without
    /// the state of a run.
    pub(crate) fn take_up(&mut self, archive: &Archive) -> Result<()> {
        let values = weights::read(&self.network, &archive.weights)?;
        let not_whole = || Error::new(ErrorKind::Format, "the file has no state of a run");
        let resume = metadata::read(&archive.metadata).ok_or_else(not_whole)?;
        self.set_weights(&values)?;
        let OptimizerState::Whole(states) = weights::read_optimizer(self, &archive.weights)? else {
            return Err(not_whole());
        };
        self.set_optimizer_states(&states)?;
        self.seed = Some(resume.seed);
        self.set_random_key(resume.random_key)?;
        self.epochs_done = resume.epochs_done;
        Ok(())
    }

    /// Sets the weights to those of a `.weights.h5`, `.weights.json`, `.safetensors`, `.keras` or
    /// `.h5` file; and the optimizer's state, if the model is compiled and the file has one that
    /// fits.
    ///
    /// A `.safetensors` file gives them by their paths ([`Model::weights`]), with or without the
    /// name of a model before them.
    ///
    /// A file of the old format, `.h5` or by its content, gives its weights by the names of the
    /// layers where all are those of this model, else in order.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] with the layer and both shapes where weights do not fit: nothing is
    /// set then. [`ErrorKind::State`] for a model without weights;
    /// [`ErrorKind::Argument`] for a file with another ending; as [`Archive::read`].
    pub fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.build_with(&[])?;
        let place = |error: Error| error.context(format!("loading `{}`", path.display()));
        let mut tree = match FileKind::of_existing(path)? {
            FileKind::Weights | FileKind::Legacy => WeightTree::read_h5(path)?,
            FileKind::Shards => WeightTree::read_sharded(path)?,
            FileKind::Model => Archive::read(path)?.weights,
            FileKind::SafeTensors => {
                let values = named_weights::read(self, read_safetensors(path)?).map_err(place)?;
                return self.set_weights(&values).map_err(place);
            }
            FileKind::Config => return read(path).map(|_| ()),
        };
        let config = describe::model(&self.network, None, None, &mut Vec::new());
        tree = match legacy_h5::is_legacy(&tree) {
            true => legacy_h5::weights_for(&config, &tree).map_err(place)?,
            false => split_activations::weights_for(&config, legacy_tree::modern(&tree, &config)),
        };
        let values = weights::read(&self.network, &tree).map_err(place)?;
        if !self.is_compiled() {
            return self.set_weights(&values).map_err(place);
        }
        // The optimizer's state is checked before anything is set.
        let before = self.get_weights()?;
        self.set_weights(&values).map_err(place)?;
        restore_optimizer(self, &tree, Age::Present).map_err(|error| {
            match self.set_weights(&before) {
                Ok(()) => place(error),
                Err(error) => place(error),
            }
        })
    }
}
