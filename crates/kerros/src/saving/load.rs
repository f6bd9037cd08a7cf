//! From a file to a model.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Tensor};
use kerros_plan::Device;
use serde_json::Value;

use super::archive::{Archive, WeightTree};
use super::metadata::{self, Resume};
use super::rebuild::{self, Plan};
use super::weights::{self, OptimizerState};
use super::{FileKind, legacy_h5};
use crate::model::Model;

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

    /// Reads a `.keras` file, by Kerros or by Keras 3; or a `.h5` file, the format of Keras 2
    /// that Keras 3 still writes.
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
        let loaded = match read(path) {
            Ok(archive) => self.archive(&archive),
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
        let mut plan = rebuild::plan(&archive.config, self.compile)?;
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
        let values = weights::read(&plan.network, &archive.weights)?;
        let mut model = assemble(plan, Some(values), resume, self.device.clone())?;
        if model.is_compiled() {
            restore_optimizer(&mut model, &archive.weights)?;
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
        assemble(rebuild::plan(config, self.compile)?, None, None, self.device.clone())
    }
}

/// The content of a file that holds a whole model.
fn read(path: &Path) -> Result<Archive> {
    match FileKind::of(path)? {
        FileKind::Model => Archive::read(path),
        FileKind::Legacy => legacy_h5::archive(&WeightTree::read_h5(path)?)
            .map_err(|error| error.context(format!("reading `{}`", path.display()))),
        FileKind::Weights => Err(Error::new(
            ErrorKind::Argument,
            format!("`{}` holds weights alone", path.display()),
        )
        .expected("a whole model: a `.keras` file")
        .hint("build the model, then `load_weights`")),
    }
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
    if let Some(device) = device {
        model.device = device;
    }
    if let Some(resume) = resume {
        model.seed = Some(resume.seed);
    }
    match values {
        Some(values) => model.new_states(&values)?,
        None if model.network.inputs.is_empty() => {}
        None => model.build_with(&[])?,
    }
    if let Some(compile) = plan.compile {
        model.compile_with(compile)?;
    }
    Ok(model)
}

/// Sets the optimizer's state as far as the file has one that fits.
fn restore_optimizer(model: &mut Model, tree: &WeightTree) -> Result<()> {
    match weights::read_optimizer(model, tree)? {
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

    /// Sets the weights to those of a `.weights.h5` or `.keras` file; and the optimizer's state,
    /// if the model is compiled and the file has one that fits.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] with the layer and both shapes where weights do not fit: nothing is
    /// set then. [`ErrorKind::State`] for a model without weights;
    /// [`ErrorKind::Argument`] for a file with another ending; as [`Archive::read`].
    pub fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.build_with(&[])?;
        let place = |error: Error| error.context(format!("loading `{}`", path.display()));
        let tree = match FileKind::of(path)? {
            FileKind::Weights => WeightTree::read_h5(path)?,
            _ => read(path)?.weights,
        };
        let values = weights::read(&self.network, &tree).map_err(place)?;
        if !self.is_compiled() {
            return self.set_weights(&values).map_err(place);
        }
        // The optimizer's state is checked before anything is set.
        let before = self.get_weights()?;
        self.set_weights(&values).map_err(place)?;
        restore_optimizer(self, &tree).map_err(|error| match self.set_weights(&before) {
            Ok(()) => place(error),
            Err(error) => place(error),
        })
    }
}
