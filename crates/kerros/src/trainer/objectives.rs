//! The words of `compile` that are understood by the shapes: `accuracy`, `crossentropy`.

use std::sync::Arc;

use kerros_core::{Result, Shape};

use crate::losses::{Loss, Task, is_crossentropy};
use crate::metrics::{self, Metric};
use crate::object::Choice;

/// The word as which a metric asks for the accuracy that fits: `accuracy`, `acc`.
pub(crate) fn is_accuracy(metric: &Choice<dyn Metric>) -> Option<&str> {
    match metric {
        Choice::Name(name) if ["accuracy", "acc"].iter().any(|w| name.eq_ignore_ascii_case(w)) => {
            Some(name)
        }
        Choice::Object(object) if object.class_name() == "Accuracy" => Some(object.name()),
        _ => None,
    }
}

/// Whether a loss is named by a word that the shapes explain.
pub(crate) fn is_word(loss: &Choice<dyn Loss>) -> bool {
    matches!(loss, Choice::Name(name) if is_crossentropy(name))
}

/// Whether a metric is named by a word that the shapes explain.
pub(crate) fn is_metric_word(metric: &Choice<dyn Metric>) -> bool {
    is_accuracy(metric).is_some() || matches!(metric, Choice::Name(name) if is_crossentropy(name))
}

/// The metric for targets and outputs of these shapes, batch axis included, and the name it
/// is reported under.
///
/// # Errors
/// An unknown name.
pub(crate) fn resolve_metric(
    metric: &Choice<dyn Metric>,
    target: &Shape,
    output: &Shape,
) -> Result<(String, Arc<dyn Metric>)> {
    let task = Task::of(target, output);
    if let Some(word) = is_accuracy(metric) {
        let class_name = match task {
            Task::Binary => "BinaryAccuracy",
            Task::Labels => "SparseCategoricalAccuracy",
            Task::OneHot => "CategoricalAccuracy",
        };
        return Ok((word.into(), metrics::REGISTRY.named(class_name)?));
    }
    match metric {
        Choice::Name(word) if is_crossentropy(word) => {
            let class_name = match task {
                Task::Binary => "BinaryCrossentropy",
                Task::Labels => "SparseCategoricalCrossentropy",
                Task::OneHot => "CategoricalCrossentropy",
            };
            Ok((word.clone(), metrics::REGISTRY.named(class_name)?))
        }
        Choice::Name(name) => Ok((name.clone(), metric.resolve()?)),
        Choice::Object(object) => Ok((object.name().into(), object.clone())),
    }
}

/// Names that are all different, by Keras's rule (`CompileMetrics.result`): a name that is
/// taken gets a number, or `weighted_` in front.
pub(crate) fn distinct_names(names: Vec<(String, bool)>) -> Vec<String> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    let mut count = |name: &str| match counts.iter_mut().find(|(known, _)| known == name) {
        Some((_, count)) => {
            *count += 1;
            Some(*count - 1)
        }
        None => {
            counts.push((name.into(), 1));
            None
        }
    };
    let mut distinct = Vec::new();
    for (name, is_weighted) in names {
        let name = match (count(&name), is_weighted) {
            (None, _) => name,
            (Some(number), false) => format!("{name}_{number}"),
            (Some(_), true) => {
                let weighted = format!("weighted_{name}");
                match count(&weighted) {
                    None => weighted,
                    Some(number) => format!("{weighted}_{number}"),
                }
            }
        };
        distinct.push(name);
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_told_apart() {
        let names = [("mse", false), ("mse", false), ("mse", true), ("mae", true), ("mse", true)];
        let names = names.map(|(name, weighted)| (name.to_string(), weighted)).to_vec();
        assert_eq!(
            distinct_names(names),
            ["mse", "mse_1", "weighted_mse", "mae", "weighted_mse_1"]
        );
    }
}
