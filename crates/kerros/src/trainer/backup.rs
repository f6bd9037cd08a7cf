//! Everything that a run needs to go on in another process as if it had not been interrupted.

use kerros_core::{Error, ErrorKind, Result, Tensor};
use serde_json::{Map, Value, json};

use super::fit::Fit;
use super::stream::{Position, Stream};
use super::training::Training;
use crate::callbacks::{CallbackList, CallbackState};
use crate::model::{Model, not_built};
use crate::saving::archive::Archive;

/// Where a run stands, between two batches or two epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The epoch that is next or in progress, from 0.
    pub(crate) epoch: usize,
    /// Steps of the epoch that are done; 0 before it begins.
    pub(crate) steps: usize,
    /// The pass of epoch 0: what was trained before this run.
    pub(crate) base: u64,
    /// Where the data stand.
    pub(crate) position: Position,
    /// Whether a callback has ended the run.
    pub(crate) is_stopped: bool,
}

/// The groups of a weights file that are not Keras's; see `saving::weights`.
const GROUP: &str = "kerros";

/// A backup that was read.
#[derive(Debug)]
pub(crate) struct Backup {
    archive: Archive,
    progress: Progress,
    run: RunFingerprint,
    are_averages_shown: bool,
}

impl Backup {
    /// The content of a backup: an ordinary model file, with what else a run needs beside the
    /// model in its metadata and under names that nothing else has.
    pub(crate) fn take(
        training: &mut Training<'_>,
        callbacks: &CallbackList<'_>,
        progress: &Progress,
        run: &RunFingerprint,
    ) -> Result<Archive> {
        let mut archive = training.model.to_archive()?;
        let tree = &mut archive.weights;
        for (at, value) in training.model.metric_states()?.iter().enumerate() {
            tree.group_mut(&format!("{GROUP}/metrics")).set_dataset(at.to_string(), value.clone());
        }
        for (at, value) in training.model.factored_weights()?.iter().enumerate() {
            tree.group_mut(&format!("{GROUP}/factored")).set_dataset(at.to_string(), value.clone());
        }
        for (at, state) in states(callbacks).enumerate() {
            let path = format!("{GROUP}/callbacks/{at}");
            for (name, value) in state.iter() {
                tree.group_mut(&path).set_dataset(name, value.clone());
            }
        }
        archive.metadata["kerros"]["backup"] = json!({
            "epoch": progress.epoch,
            "steps": progress.steps,
            "base": progress.base,
            "pass": progress.position.pass,
            "batch": progress.position.batch,
            "is_over": progress.position.is_over,
            "is_stopped": progress.is_stopped,
            "are_averages_shown": training.model.averages_shown(),
            "run": run.0,
        });
        Ok(archive)
    }

    /// What an archive says as a backup.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] for a model file that is none.
    pub(crate) fn read(archive: Archive) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::Format, "the file is no backup of a run");
        let own = &archive.metadata["kerros"]["backup"];
        let count = |name: &str| own[name].as_u64().filter(|&count| count < 1 << 48);
        let number = |name| count(name).ok_or_else(wrong);
        let truth = |name: &str| own[name].as_bool().ok_or_else(wrong);
        let progress = Progress {
            epoch: number("epoch")? as usize,
            steps: number("steps")? as usize,
            base: number("base")?,
            position: Position {
                pass: number("pass")?,
                batch: number("batch")? as usize,
                is_over: truth("is_over")?,
            },
            is_stopped: truth("is_stopped")?,
        };
        let are_averages_shown = truth("are_averages_shown")?;
        let run = RunFingerprint(own["run"].as_object().cloned().ok_or_else(wrong)?);
        Ok(Backup { archive, progress, run, are_averages_shown })
    }

    /// Checks that it is the backup of a run like this one.
    ///
    /// # Errors
    /// [`ErrorKind::State`] with what differs.
    pub(crate) fn check(&self, run: &RunFingerprint) -> Result<()> {
        self.run.check(run)
    }

    /// Sets the model and the callbacks to where the run stood, which is returned.
    ///
    /// # Errors
    /// Weights or states that do not fit.
    pub(crate) fn put_back(
        &self,
        training: &mut Training<'_>,
        callbacks: &mut CallbackList<'_>,
    ) -> Result<Progress> {
        let model = &mut *training.model;
        model.take_up(&self.archive)?;
        model.mark_averages_shown(self.are_averages_shown);
        let tree = &self.archive.weights;
        let values = |name: &str| -> Vec<Tensor> {
            let group = tree.group(&format!("{GROUP}/{name}")).into_iter();
            group.flat_map(|group| group.datasets().map(|(_, value)| value.clone())).collect()
        };
        model.set_factored_weights(values("factored"))?;
        model.set_metric_states(&values("metrics"))?;
        let with_state = callbacks.iter_mut().filter(|callback| has_state(callback.class_name()));
        for (at, callback) in with_state.enumerate() {
            let mut state = CallbackState::default();
            let group = tree.group(&format!("{GROUP}/callbacks/{at}"));
            for (name, value) in group.into_iter().flat_map(|group| group.datasets()) {
                state.set_tensor(name, value.clone());
            }
            callback.restore(&state).map_err(|error| error.context(callback.class_name()))?;
        }
        Ok(self.progress)
    }
}

/// Whether a callback is part of what a run computes; how progress is shown is not.
fn has_state(class_name: &str) -> bool {
    class_name != "ProgbarLogger"
}

fn states<'a>(callbacks: &'a CallbackList<'_>) -> impl Iterator<Item = CallbackState> + 'a {
    let with_state = callbacks.iter().filter(|callback| has_state(callback.class_name()));
    with_state.map(|callback| callback.state())
}

/// What tells one run from another: a backup is taken up only by the run that made it. The
/// number of epochs is not part of it, so that a run can be made longer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RunFingerprint(Map<String, Value>);

impl RunFingerprint {
    /// The description of a run.
    pub(super) fn new(
        model: &Model,
        fit: &Fit<'_>,
        train: &Stream<'_>,
        validation: Option<&Stream<'_>>,
        callbacks: &CallbackList<'_>,
    ) -> Self {
        let names = callbacks.class_names();
        let names: Vec<_> = names.into_iter().filter(|name| has_state(name)).collect();
        let optimizer = model.compiled.as_ref().map(|compiled| compiled.optimizer.class_name());
        let layers: Vec<Value> = model
            .network
            .layers
            .iter()
            .map(|entry| json!([entry.layer.class_name(), entry.layer.config()]))
            .collect();
        let mut run = Map::new();
        run.insert("layers".into(), json!(layers));
        run.insert("optimizer".into(), json!(optimizer));
        run.insert("batch_size".into(), json!(train.batch_size()));
        run.insert("steps_per_epoch".into(), json!(fit.steps_per_epoch));
        run.insert("shuffle".into(), json!(fit.shuffle));
        run.insert("seed".into(), json!(fit.seed));
        run.insert("callbacks".into(), json!(names));
        run.insert("data".into(), json!(train.fingerprint()));
        let validation = validation.and_then(Stream::fingerprint);
        run.insert("validation data".into(), json!(validation));
        RunFingerprint(run)
    }

    fn check(&self, now: &RunFingerprint) -> Result<()> {
        // Through text, so that numbers compare as files keep them.
        let text = |value: Option<&Value>| value.unwrap_or(&Value::Null).to_string();
        let differs = now.0.keys().find(|name| text(self.0.get(*name)) != text(now.0.get(*name)));
        let Some(name) = differs else { return Ok(()) };
        let (then, now) = (text(self.0.get(name)), text(now.0.get(name)));
        let message = match name.as_str() {
            "batch_size" | "steps_per_epoch" | "shuffle" | "seed" | "optimizer" | "callbacks" => {
                format!("the backup was made with {name} {then}, this run has {now}")
            }
            _ => format!("the {name} are not those that the backup was made with"),
        };
        Err(Error::new(ErrorKind::State, message).expected("the run that was interrupted"))
    }
}

impl Model {
    /// What loss and metrics have gathered since they were reset.
    fn metric_states(&mut self) -> Result<Vec<Tensor>> {
        self.compiled()?;
        match (&self.compiled, &self.states) {
            (Some(compiled), Some(states)) => match &compiled.trackers {
                Some(trackers) => trackers.states(&*states.store),
                None => Ok(Vec::new()),
            },
            _ => Ok(Vec::new()),
        }
    }

    /// Sets what [`Model::metric_states`] gave.
    fn set_metric_states(&mut self, values: &[Tensor]) -> Result<()> {
        let (Some(compiled), Some(states)) = (&self.compiled, &mut self.states) else {
            return Err(not_built());
        };
        let trackers = compiled.trackers.as_ref().ok_or_else(not_built)?;
        trackers.set_states(&mut *states.store, values)
    }
}
