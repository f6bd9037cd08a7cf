//! How a model is to learn: optimizer, loss and metrics.

use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Origin, Result};
use kerros_graph::StateId;

use super::Trackers;
use super::objectives::{is_metric_word, is_word};
use super::optimizer_states::OptimizerStates;
use crate::losses::{Loss, Reduction};
use crate::metrics::Metric;
use crate::model::Model;
use crate::object::Choice;
use crate::optimizers::Optimizer;

/// What `compile` is given, with everything that is optional.
///
/// ```
/// # use kerros::trainer::Compile;
/// let how = Compile::new("adam", "mse", ["mae"]).weighted_metrics(["mse"]).seed(7);
/// ```
#[derive(Clone, Debug)]
pub struct Compile {
    optimizer: Choice<dyn Optimizer>,
    loss: Choice<dyn Loss>,
    metrics: Vec<Choice<dyn Metric>>,
    weighted_metrics: Vec<Choice<dyn Metric>>,
    seed: Option<u64>,
    origin: Origin,
}

impl Compile {
    /// An optimizer, a loss and metrics; each an object or its name.
    #[track_caller]
    pub fn new(
        optimizer: impl Into<Choice<dyn Optimizer>>,
        loss: impl Into<Choice<dyn Loss>>,
        metrics: impl IntoMetrics,
    ) -> Self {
        Compile {
            optimizer: optimizer.into(),
            loss: loss.into(),
            metrics: metrics.into_metrics(),
            weighted_metrics: Vec::new(),
            seed: None,
            origin: Origin::here(),
        }
    }

    /// Sets metrics to which sample and class weights apply.
    pub fn weighted_metrics(mut self, metrics: impl IntoMetrics) -> Self {
        self.weighted_metrics = metrics.into_metrics();
        self
    }

    /// Sets the seed of everything random, as [`crate::Sequential::seed`] does. A model that
    /// has weights already keeps them.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// Metrics as users write them: arrays, vectors, `()` for none, or [`crate::metrics!`] for
/// names and objects together.
pub trait IntoMetrics {
    /// The metrics.
    fn into_metrics(self) -> Vec<Choice<dyn Metric>>;
}

impl IntoMetrics for () {
    fn into_metrics(self) -> Vec<Choice<dyn Metric>> {
        Vec::new()
    }
}
impl<M: Into<Choice<dyn Metric>>, const N: usize> IntoMetrics for [M; N] {
    fn into_metrics(self) -> Vec<Choice<dyn Metric>> {
        self.into_iter().map(Into::into).collect()
    }
}
impl<M: Into<Choice<dyn Metric>>> IntoMetrics for Vec<M> {
    fn into_metrics(self) -> Vec<Choice<dyn Metric>> {
        self.into_iter().map(Into::into).collect()
    }
}
impl<M: Into<Choice<dyn Metric>> + Clone> IntoMetrics for &[M] {
    fn into_metrics(self) -> Vec<Choice<dyn Metric>> {
        self.iter().cloned().map(Into::into).collect()
    }
}

/// A list of metrics in which names and objects stand together:
/// `metrics!["accuracy", TopKCategoricalAccuracy::new(3)]`.
#[macro_export]
macro_rules! metrics {
    ($($metric:expr),* $(,)?) => {
        ::std::vec::Vec::<$crate::Choice<dyn $crate::metrics::Metric>>::from([
            $($crate::Choice::<dyn $crate::metrics::Metric>::from($metric)),*
        ])
    };
}

/// What a compiled model carries.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) optimizer: Arc<dyn Optimizer>,
    pub(crate) loss: Choice<dyn Loss>,
    pub(crate) metrics: Vec<Choice<dyn Metric>>,
    pub(crate) weighted_metrics: Vec<Choice<dyn Metric>>,
    pub(crate) origin: Origin,
    /// Set once the weights are known.
    pub(crate) optimizer_states: Option<OptimizerStates>,
    /// Set once the shape of the targets is known.
    pub(crate) trackers: Option<Trackers>,
    /// The random key of training steps: seed and step as two words each. Set with
    /// `optimizer_states`.
    pub(crate) key: Option<StateId>,
}

impl Model {
    /// Says how the model is to learn: with which optimizer, loss and metrics, each an object
    /// or its name. Compiling again begins again with the optimizer's state; weights stay.
    ///
    /// # Errors
    /// An unknown name; a wrong setting of a layer; a loss without reduction.
    #[track_caller]
    pub fn compile(
        &mut self,
        optimizer: impl Into<Choice<dyn Optimizer>>,
        loss: impl Into<Choice<dyn Loss>>,
        metrics: impl IntoMetrics,
    ) -> Result<()> {
        self.compile_with(Compile::new(optimizer, loss, metrics))
    }

    /// As [`Model::compile`], with everything that is optional.
    ///
    /// # Errors
    /// As [`Model::compile`].
    pub fn compile_with(&mut self, compile: Compile) -> Result<()> {
        let Compile { optimizer, loss, metrics, weighted_metrics, seed, origin } = compile;
        self.network.check()?;
        let here = |error: Error| error.at(&origin);
        let optimizer = optimizer.resolve().map_err(here)?;
        optimizer.options().check().and_then(|()| optimizer.check()).map_err(here)?;
        if !is_word(&loss) {
            let loss = loss.resolve().map_err(here)?;
            loss.check().map_err(here)?;
            if loss.reduction() == Reduction::None {
                return Err(here(
                    Error::new(ErrorKind::Argument, "the loss is not reduced to a single number")
                        .expected("a reduction other than none, such as sum_over_batch_size"),
                ));
            }
        }
        for metric in metrics.iter().chain(&weighted_metrics) {
            if !is_metric_word(metric) {
                metric.resolve().and_then(|metric| metric.check()).map_err(here)?;
            }
        }
        if seed.is_some() {
            self.seed = seed;
        }
        if self.states.is_some() {
            // A fresh store, so that the states of an earlier optimizer do not linger.
            let weights = self.get_weights()?;
            self.new_states(&weights)?;
        } else if !self.network.inputs.is_empty() {
            self.build_with(&[])?;
        }
        self.compiled = Some(Compiled {
            optimizer,
            loss,
            metrics,
            weighted_metrics,
            origin,
            optimizer_states: None,
            trackers: None,
            key: None,
        });
        self.runs.clear();
        Ok(())
    }

    /// Whether [`Model::compile`] has been called.
    pub fn is_compiled(&self) -> bool {
        self.compiled.is_some()
    }

    pub(crate) fn compiled(&mut self) -> Result<&mut Compiled> {
        self.compiled.as_mut().ok_or_else(|| {
            Error::new(ErrorKind::State, "the model has not been compiled")
                .expected("a call of `compile` before")
                .hint("model.compile(Adam::new(1e-3), MeanSquaredError::new(), ())?")
        })
    }
}
