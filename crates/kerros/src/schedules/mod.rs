//! Learning rates that change from step to step: one file each, and the list below.

use std::sync::Arc;

use kerros_graph::Node;

use crate::object::{Described, Entry, Registry, family};

/// A learning rate as a formula of the step.
pub trait Schedule: Described {
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

impl From<f32> for LearningRate {
    fn from(rate: f32) -> Self {
        LearningRate::Constant(rate)
    }
}

impl<S: Schedule + 'static> From<S> for LearningRate {
    fn from(schedule: S) -> Self {
        LearningRate::Schedule(Arc::new(schedule))
    }
}

/// All schedules.
pub static REGISTRY: Registry<dyn Schedule> = Registry {
    noun: "learning rate schedule",
    module: "keras.optimizers.schedules",
    entries: ENTRIES,
};

static ENTRIES: &[Entry<dyn Schedule>] = &[];

family!(Schedule, REGISTRY);
