//! The words of `compile`: names become metrics, some of them by the shapes.

use std::sync::Arc;

use kerros_core::{Result, Shape};
use serde_json::json;

use super::{
    BinaryCrossentropy, CategoricalCrossentropy, Metric, REGISTRY, SparseCategoricalCrossentropy,
    resolve_accuracy,
};
use crate::losses::{Task, is_crossentropy};
use crate::object::{Choice, Config, ConfigReader};

/// The metric that was chosen, under the name it is reported by: an object as it is;
/// `"accuracy"`, `"acc"`, `"crossentropy"` and `"ce"` by the shapes (with the batch axis) of
/// targets and predictions; other names from the registry. Each is reported by the word it was
/// chosen with.
///
/// # Errors
/// An unknown name.
pub fn resolve(
    choice: &Choice<dyn Metric>,
    y_true: &Shape,
    y_pred: &Shape,
) -> Result<Arc<dyn Metric>> {
    let word = match choice {
        Choice::Object(metric) => return Ok(metric.clone()),
        Choice::Name(word) => word,
    };
    if is_accuracy(word) {
        return Ok(resolve_accuracy(word, y_true, y_pred));
    }
    if is_crossentropy(word) {
        return Ok(match Task::of(y_true, y_pred) {
            Task::Binary => Arc::new(BinaryCrossentropy::new().name(word)),
            Task::Labels => Arc::new(SparseCategoricalCrossentropy::new().name(word)),
            Task::OneHot => Arc::new(CategoricalCrossentropy::new().name(word)),
        });
    }
    let mut named = Config::new();
    named.insert("name".into(), json!(word));
    (REGISTRY.find(word)?.from_config)(&mut ConfigReader::new(&named))
}

/// Whether a name is resolved by shapes.
pub fn is_accuracy(name: &str) -> bool {
    ["accuracy", "acc"].iter().any(|word| word.eq_ignore_ascii_case(name))
}
