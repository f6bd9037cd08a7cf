//! How far a yes can be trusted, and how many are found.

use kerros_core::{Result, Shape, Tensor};
use kerros_graph::Node;

use super::confusion::{Counting, NEVER, Outcome, by_threshold, check_thresholds, given_or, share};
use super::define::metric;
use super::{Metric, MetricValue, MetricVariable};
use crate::losses::Targets;

metric! {
    /// The share of the yes answers that are right: `true positives / (true + false positives)`.
    ///
    /// How much a yes can be trusted; 0 where there is none.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..]`; targets other than 0 are a yes.
    ///
    /// # Parameters
    /// - `thresholds`: above what a prediction is a yes, in `0..=1`. Default: 0.5, with `top_k`
    ///   none. With several the result is a list.
    /// - `top_k`: only so many largest predictions of a row can be a yes. Default: all.
    /// - `class_id`: the one class that is looked at. Default: all.
    Precision { thresholds: Option<Vec<f64>> = None, top_k: Option<usize> = None, class_id: Option<isize> = None }
    name: "precision",
    names: &["precision"],
    summary: "share of the yes answers that are right",
}

metric! {
    /// The share of the true yes that is found: `true positives / (true positives + false
    /// negatives)`; 0 where there is none.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..]`; targets other than 0 are a yes.
    ///
    /// # Parameters
    /// As in [`Precision`].
    Recall { thresholds: Option<Vec<f64>> = None, top_k: Option<usize> = None, class_id: Option<isize> = None }
    name: "recall",
    names: &["recall"],
    summary: "share of the true yes that is found",
}

/// Makes a metric the share of right yes answers among these and another outcome.
macro_rules! share_beside {
    ($Name:ident, $Other:ident) => {
        impl $Name {
            const OUTCOMES: [Outcome; 2] = [Outcome::TruePositives, Outcome::$Other];

            /// Sets above what a prediction is a yes: one number, or several for a result each.
            pub fn thresholds(mut self, thresholds: impl Into<Vec<f64>>) -> Self {
                self.thresholds = Some(thresholds.into());
                self
            }

            /// Sets how many largest predictions of a row can be a yes.
            pub fn top_k(mut self, top_k: usize) -> Self {
                self.top_k = Some(top_k);
                self
            }

            /// Sets the one class that is looked at; negative ones count from the end.
            pub fn class_id(mut self, class_id: isize) -> Self {
                self.class_id = Some(class_id);
                self
            }

            fn counting(&self) -> Counting {
                let default = if self.top_k.is_some() { NEVER } else { 0.5 };
                let counting = Counting::at(given_or(&self.thresholds, default));
                Counting { top_k: self.top_k, class_id: self.class_id, ..counting }
            }
        }

        impl Metric for $Name {
            fn name(&self) -> &str {
                &self.name
            }

            fn targets(&self) -> Targets {
                Targets::Values
            }

            fn check(&self) -> Result<()> {
                check_thresholds(&self.thresholds)
            }

            fn variables(&self, y_pred: &Shape) -> Result<Vec<MetricVariable>> {
                self.counting().variables(&Self::OUTCOMES, y_pred)
            }

            fn update<'g>(
                &self,
                variables: &[Node<'g>],
                y_true: Node<'g>,
                y_pred: Node<'g>,
                sample_weight: Option<Node<'g>>,
            ) -> Vec<Node<'g>> {
                self.counting().update(&Self::OUTCOMES, variables, y_true, y_pred, sample_weight)
            }

            fn result(&self, variables: &[Tensor]) -> MetricValue {
                by_threshold(share(&variables[0], &variables[1]))
            }
        }
    };
}

share_beside!(Precision, FalsePositives);
share_beside!(Recall, FalseNegatives);
