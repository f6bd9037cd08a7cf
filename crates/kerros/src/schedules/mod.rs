//! Learning rates that change from step to step: one file each, and the list below.

use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::{Value, json};

use crate::object::{Described, Entry, Registry, family};

mod cosine_decay;
mod cosine_decay_restarts;
mod custom;
mod exponential_decay;
mod inverse_time_decay;
mod piecewise_constant_decay;
mod polynomial_decay;

pub use cosine_decay::CosineDecay;
pub use cosine_decay_restarts::CosineDecayRestarts;
pub use custom::CustomSchedule;
pub use exponential_decay::ExponentialDecay;
pub use inverse_time_decay::InverseTimeDecay;
pub use piecewise_constant_decay::{Boundaries, PiecewiseConstantDecay};
pub use polynomial_decay::PolynomialDecay;

/// A learning rate as a formula of the step.
pub trait Schedule: Described {
    /// Checks the arguments.
    ///
    /// # Errors
    /// An argument out of its range.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// The rate at a step; `step` is an `f32` scalar, 0 at the first.
    fn at<'g>(&self, step: Node<'g>) -> Node<'g>;
}

/// A learning rate: a number or a schedule.
#[derive(Clone, Debug)]
pub enum LearningRate {
    /// The same at every step, until a callback sets another.
    Constant(f32),
    /// A formula of the step.
    Schedule(Arc<dyn Schedule>),
}

impl LearningRate {
    /// Checks the schedule's arguments.
    ///
    /// # Errors
    /// A rate that is not a number, or an argument of the schedule out of its range.
    pub fn check(&self) -> Result<()> {
        match self {
            LearningRate::Constant(rate) if rate.is_nan() => {
                let error = Error::new(ErrorKind::Argument, "the learning rate is NaN");
                Err(error.expected("a number"))
            }
            LearningRate::Constant(_) => Ok(()),
            LearningRate::Schedule(schedule) => schedule
                .check()
                .map_err(|error| error.context(format!("schedule {}", schedule.class_name()))),
        }
    }

    /// The rate as Keras writes it into configs: a number rounded to `f32`, or the schedule.
    pub fn serialize(&self) -> Value {
        match self {
            LearningRate::Constant(rate) => json!(f64::from(*rate)),
            LearningRate::Schedule(schedule) => REGISTRY.serialize(&**schedule),
        }
    }

    /// Reads a number or a schedule.
    ///
    /// # Errors
    /// An unknown schedule, or one with wrong arguments.
    pub fn deserialize(value: &Value) -> Result<Self> {
        match value.as_f64() {
            Some(rate) => Ok(LearningRate::Constant(rate as f32)),
            None => Ok(LearningRate::Schedule(REGISTRY.deserialize(value)?)),
        }
    }
}

impl From<f32> for LearningRate {
    fn from(rate: f32) -> Self {
        LearningRate::Constant(rate)
    }
}

impl From<f64> for LearningRate {
    fn from(rate: f64) -> Self {
        LearningRate::Constant(rate as f32)
    }
}

impl<S: Schedule + 'static> From<S> for LearningRate {
    fn from(schedule: S) -> Self {
        LearningRate::Schedule(Arc::new(schedule))
    }
}

impl From<Arc<dyn Schedule>> for LearningRate {
    fn from(schedule: Arc<dyn Schedule>) -> Self {
        LearningRate::Schedule(schedule)
    }
}

/// All schedules.
pub static REGISTRY: Registry<dyn Schedule> =
    Registry::new("learning rate schedule", "keras.optimizers.schedules", ENTRIES);

static ENTRIES: &[Entry<dyn Schedule>] = &[
    ExponentialDecay::ENTRY,
    InverseTimeDecay::ENTRY,
    PiecewiseConstantDecay::ENTRY,
    PolynomialDecay::ENTRY,
    CosineDecay::ENTRY,
    CosineDecayRestarts::ENTRY,
];

family!(Schedule, REGISTRY);

/// Checks that a number of steps by which a formula divides is not 0.
fn check_steps(name: &str, steps: usize) -> Result<()> {
    match steps {
        0 => Err(Error::new(ErrorKind::Argument, format!("{name}=0")).expected("1 or more")),
        _ => Ok(()),
    }
}
