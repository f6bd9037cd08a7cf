//! The words of `compile`: `"crossentropy"` becomes the loss that fits the shapes.

use std::sync::Arc;

use kerros_core::{Result, Shape};

use super::{
    BinaryCrossentropy, CategoricalCrossentropy, Loss, REGISTRY, SparseCategoricalCrossentropy,
};
use crate::object::Choice;

/// What the shapes of targets and predictions say about the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// One number per prediction: yes or no.
    Binary,
    /// Class indices against scores per class.
    Labels,
    /// Targets like the scores per class.
    OneHot,
}

impl Task {
    /// Keras's rule: one predicted number is binary; fewer axes, or a last axis of 1, are
    /// labels; the rest is one-hot.
    pub fn of(y_true: &Shape, y_pred: &Shape) -> Self {
        if y_pred.last() == 1 {
            return Task::Binary;
        }
        match y_true.ndim() < y_pred.ndim() || y_true.last() == 1 {
            true => Task::Labels,
            false => Task::OneHot,
        }
    }
}

/// The loss that was chosen: an object as it is, `"crossentropy"` and `"ce"` by the shapes
/// (with the batch axis) of targets and predictions, other names from the registry.
///
/// # Errors
/// An unknown name.
pub fn resolve(choice: &Choice<dyn Loss>, y_true: &Shape, y_pred: &Shape) -> Result<Arc<dyn Loss>> {
    match choice {
        Choice::Name(name) if is_crossentropy(name) => Ok(match Task::of(y_true, y_pred) {
            Task::Binary => Arc::new(BinaryCrossentropy::new().name(name)),
            Task::Labels => Arc::new(SparseCategoricalCrossentropy::new().name(name)),
            Task::OneHot => Arc::new(CategoricalCrossentropy::new().name(name)),
        }),
        Choice::Name(name) => REGISTRY.named(name),
        Choice::Object(loss) => Ok(loss.clone()),
    }
}

/// Whether a name is resolved by shapes.
pub fn is_crossentropy(name: &str) -> bool {
    ["crossentropy", "ce"].iter().any(|word| word.eq_ignore_ascii_case(name))
}
