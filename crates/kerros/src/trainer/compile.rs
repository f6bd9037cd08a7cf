//! How a model is to learn: optimizer, loss and metrics.

use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Origin, Result};
use kerros_graph::StateId;

use super::Trackers;
use super::objectives::{is_metric_word, is_word};
use super::optimizer_states::OptimizerStates;
use super::per_output::{IntoLosses, IntoMetrics, Losses, MetricLists, PerOutput};
use crate::model::Model;
use crate::object::Choice;
use crate::optimizers::{LossScaleOptimizer, Optimizer};

/// What `compile` is given, with everything that is optional.
///
/// ```
/// # use kerros::trainer::Compile;
/// let how = Compile::new("adam", "mse", ["mae"]).weighted_metrics(["mse"]).seed(7);
/// ```
#[derive(Clone, Debug)]
pub struct Compile {
    optimizer: Choice<dyn Optimizer>,
    loss: Losses,
    loss_weights: Option<PerOutput<f32>>,
    metrics: MetricLists,
    weighted_metrics: MetricLists,
    seed: Option<u64>,
    origin: Origin,
}

impl Compile {
    /// An optimizer, a loss and metrics; each an object or its name. A model of several outputs
    /// takes [`Losses`] and [`MetricLists`].
    #[track_caller]
    pub fn new(
        optimizer: impl Into<Choice<dyn Optimizer>>,
        loss: impl IntoLosses,
        metrics: impl IntoMetrics,
    ) -> Self {
        Compile {
            optimizer: optimizer.into(),
            loss: loss.into_losses(),
            loss_weights: None,
            metrics: metrics.into_metrics(),
            weighted_metrics: ().into_metrics(),
            seed: None,
            origin: Origin::here(),
        }
    }

    /// Sets how much the loss of each output counts. Default: 1.
    pub fn loss_weights(mut self, weights: PerOutput<f32>) -> Self {
        self.loss_weights = Some(weights);
        self
    }

    /// Sets metrics to which sample and class weights apply.
    pub fn weighted_metrics(mut self, metrics: impl IntoMetrics) -> Self {
        self.weighted_metrics = metrics.into_metrics();
        self
    }

    /// Wraps the optimizer in a [`LossScaleOptimizer`], if it is none, as Keras does for a model of
    /// the dtype policy `mixed_float16`.
    pub(crate) fn loss_scale(mut self) -> Self {
        let is_one =
            |optimizer: &Arc<dyn Optimizer>| optimizer.class_name() == "LossScaleOptimizer";
        if !self.optimizer.resolve().as_ref().is_ok_and(is_one) {
            let scaled: Arc<dyn Optimizer> = Arc::new(LossScaleOptimizer::new(self.optimizer));
            self.optimizer = Choice::Object(scaled);
        }
        self
    }

    /// Sets the seed of everything random, as [`crate::Sequential::seed`] does. A model that
    /// has weights already keeps them.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
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
    pub(crate) loss: Losses,
    pub(crate) loss_weights: Option<PerOutput<f32>>,
    pub(crate) metrics: MetricLists,
    pub(crate) weighted_metrics: MetricLists,
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
    /// or its name; [`Losses`] and [`MetricLists`] for several outputs. Compiling again begins again with the optimizer's state; weights stay.
    ///
    /// # Errors
    /// An unknown name; a wrong setting of a layer; a loss without reduction.
    #[track_caller]
    pub fn compile(
        &mut self,
        optimizer: impl Into<Choice<dyn Optimizer>>,
        loss: impl IntoLosses,
        metrics: impl IntoMetrics,
    ) -> Result<()> {
        self.compile_with(Compile::new(optimizer, loss, metrics))
    }

    /// As [`Model::compile`], with everything that is optional.
    ///
    /// # Errors
    /// As [`Model::compile`].
    pub fn compile_with(&mut self, compile: Compile) -> Result<()> {
        let Compile { optimizer, loss, loss_weights, metrics, weighted_metrics, seed, origin } =
            compile;
        self.network.check()?;
        let here = |error: Error| error.at(&origin);
        let optimizer = optimizer.resolve().map_err(here)?;
        optimizer.options().check().and_then(|()| optimizer.check()).map_err(here)?;
        for loss in loss.entries().into_iter().filter(|loss| !is_word(loss)) {
            let loss = loss.resolve().map_err(here)?;
            loss.check().map_err(here)?;
        }
        let lists = metrics.entries().into_iter().chain(weighted_metrics.entries());
        for metric in lists.flatten() {
            if !is_metric_word(metric) {
                metric.resolve().and_then(|metric| metric.check()).map_err(here)?;
            }
        }
        if seed.is_some() {
            self.seed = seed;
        }
        if self.states.is_some() {
            // A fresh store, so that the states of an earlier optimizer do not linger.
            let weights = self.all_weights()?;
            self.new_states(&weights)?;
        } else if !self.network.inputs.is_empty() {
            self.build_with(&[])?;
        }
        self.compiled = Some(Compiled {
            optimizer,
            loss,
            loss_weights,
            metrics,
            weighted_metrics,
            origin,
            optimizer_states: None,
            trackers: None,
            key: None,
        });
        self.executables.clear();
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
