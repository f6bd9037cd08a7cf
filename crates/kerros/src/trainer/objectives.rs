//! Loss and metrics as they are reported.

use crate::losses::{self, Loss};
use crate::metrics::{self, Metric};
use crate::object::Choice;

/// Whether a loss is named by a word that the shapes explain.
pub(crate) fn is_word(loss: &Choice<dyn Loss>) -> bool {
    matches!(loss, Choice::Name(name) if losses::is_crossentropy(name))
}

/// Whether a metric is named by a word that the shapes explain.
pub(crate) fn is_metric_word(metric: &Choice<dyn Metric>) -> bool {
    matches!(metric, Choice::Name(name)
        if metrics::is_accuracy(name) || losses::is_crossentropy(name))
}

/// Names that are all different, by Keras's rule (`CompileMetrics.result`): the output's name
/// in front, where there is one; a name that is taken gets a number, or `weighted_` in front.
///
/// Each entry is the output, the metric's name, and whether it is weighted.
pub(crate) fn distinct_names(names: Vec<(Option<String>, String, bool)>) -> Vec<String> {
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
    for (output, plain, is_weighted) in names {
        let of_output = |name: &str| match &output {
            Some(output) => format!("{output}_{name}"),
            None => name.to_string(),
        };
        let name = of_output(&plain);
        let name = match (count(&name), is_weighted) {
            (None, _) => name,
            (Some(number), false) => format!("{name}_{number}"),
            (Some(_), true) => {
                let weighted = of_output(&format!("weighted_{plain}"));
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
        let names = names.map(|(name, weighted)| (None, name.to_string(), weighted)).to_vec();
        assert_eq!(
            distinct_names(names),
            ["mse", "mse_1", "weighted_mse", "mae", "weighted_mse_1"]
        );
        let of_output = vec![
            (Some("a".to_string()), "mse".to_string(), false),
            (Some("b".to_string()), "mse".to_string(), false),
            (Some("a".to_string()), "mse".to_string(), true),
        ];
        assert_eq!(distinct_names(of_output), ["a_mse", "b_mse", "a_weighted_mse"]);
    }
}
