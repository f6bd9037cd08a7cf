//! The four counts of right and wrong answers.

use kerros_core::{Result, Shape, Tensor};
use kerros_graph::Node;

use super::confusion::{Counting, Outcome, by_threshold, check_thresholds, given_or};
use super::define::metric;
use super::{Metric, MetricValue, MetricVariable};
use crate::losses::Targets;

/// Makes a metric count one outcome.
macro_rules! count_of {
    ($Name:ident) => {
        impl $Name {
            /// Sets above what a prediction is a yes: one number, or several for a count each.
            pub fn thresholds(mut self, thresholds: impl Into<Vec<f64>>) -> Self {
                self.thresholds = Some(thresholds.into());
                self
            }

            fn counting(&self) -> Counting {
                Counting::at(given_or(&self.thresholds, 0.5))
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
                let accumulator = |v| MetricVariable { name: "accumulator", ..v };
                let variables = self.counting().variables(&[Outcome::$Name], y_pred)?;
                Ok(variables.into_iter().map(accumulator).collect())
            }

            fn update<'g>(
                &self,
                variables: &[Node<'g>],
                y_true: Node<'g>,
                y_pred: Node<'g>,
                sample_weight: Option<Node<'g>>,
            ) -> Vec<Node<'g>> {
                let outcomes = [Outcome::$Name];
                self.counting().update(&outcomes, variables, y_true, y_pred, sample_weight)
            }

            fn result(&self, variables: &[Tensor]) -> MetricValue {
                by_threshold(variables[0].to_vec_f64())
            }
        }
    };
}

metric! {
    /// How many predictions are a yes and rightly so, by the weight of their samples.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..]`; targets other than 0 are a yes.
    ///
    /// # Parameters
    /// - `thresholds`: above what a prediction is a yes, in `0..=1`. Default: 0.5. With several
    ///   the result is a list.
    TruePositives { thresholds: Option<Vec<f64>> = None }
    name: "true_positives",
    names: &["true_positives"],
    summary: "number of right yes answers",
}
count_of!(TruePositives);

metric! {
    /// How many predictions are a no and rightly so: see [`TruePositives`].
    TrueNegatives { thresholds: Option<Vec<f64>> = None }
    name: "true_negatives",
    names: &["true_negatives"],
    summary: "number of right no answers",
}
count_of!(TrueNegatives);

metric! {
    /// How many predictions are a yes where the target is a no: see [`TruePositives`].
    FalsePositives { thresholds: Option<Vec<f64>> = None }
    name: "false_positives",
    names: &["false_positives"],
    summary: "number of wrong yes answers",
}
count_of!(FalsePositives);

metric! {
    /// How many predictions are a no where the target is a yes: see [`TruePositives`].
    FalseNegatives { thresholds: Option<Vec<f64>> = None }
    name: "false_negatives",
    names: &["false_negatives"],
    summary: "number of wrong no answers",
}
count_of!(FalseNegatives);
