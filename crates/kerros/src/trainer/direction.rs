//! Which way a reported number should go.

use super::trackers::OutputTrackers;
use crate::metrics::Metric;
use crate::model::Model;

impl Model {
    /// Whether a reported number is better when it is larger; `None` for names that are not
    /// known, and for metrics of which Keras does not say it.
    pub fn larger_is_better(&self, name: &str) -> Option<bool> {
        if name == "loss" {
            return Some(false);
        }
        let trackers = self.compiled.as_ref()?.trackers.as_ref()?;
        let is_loss = |output: &OutputTrackers| {
            output.own_loss.is_some() && name == format!("{}_loss", output.name)
        };
        if trackers.outputs.iter().any(is_loss) {
            return Some(false);
        }
        let tracked = trackers.metrics().find(|tracked| tracked.name == name)?;
        grows(&*tracked.metric)
    }
}

/// Keras's `_direction` of its metrics, told by words in their class names.
fn grows(metric: &dyn Metric) -> Option<bool> {
    const UP: &[&str] = &[
        "Accuracy",
        "AUC",
        "Precision",
        "Recall",
        "Specificity",
        "Sensitivity",
        "Score",
        "IoU",
        "Correlation",
        "CosineSimilarity",
    ];
    const DOWN: &[&str] =
        &["Error", "Crossentropy", "Hinge", "Divergence", "Poisson", "MeanMetricWrapper"];
    let contains = |words: &[&str]| words.iter().any(|word| metric.class_name().contains(word));
    match (contains(UP), contains(DOWN)) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}
