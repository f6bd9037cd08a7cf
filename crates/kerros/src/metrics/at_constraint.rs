//! The best of one rate while another is at least some value, over many thresholds.

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;

use super::confusion::{Counting, MAX_THRESHOLDS, Outcome, Thresholds, divide_no_nan};
use super::define::metric;
use super::{Metric, MetricValue, MetricVariable};
use crate::losses::Targets;

metric! {
    /// The largest share of the true yes that is found, at thresholds where at least the share
    /// `specificity` of the true no is found.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..]`, predictions in `0..=1`; targets other than 0 are a yes.
    ///
    /// # Parameters
    /// - `specificity`: in `0..=1`.
    /// - `num_thresholds`: how many thresholds are tried, from 0 to 1 at even distances. Default:
    ///   200.
    /// - `class_id`: the one class that is looked at. Default: all.
    SensitivityAtSpecificity(specificity: f64) {
        num_thresholds: usize = 200,
        class_id: Option<isize> = None,
    }
    name: "sensitivity_at_specificity",
    names: &["sensitivity_at_specificity"],
    summary: "best sensitivity at a specificity of at least a value",
}

metric! {
    /// The largest share of the true no that is found, at thresholds where at least the share
    /// `sensitivity` of the true yes is found: see [`SensitivityAtSpecificity`].
    SpecificityAtSensitivity(sensitivity: f64) {
        num_thresholds: usize = 200,
        class_id: Option<isize> = None,
    }
    name: "specificity_at_sensitivity",
    names: &["specificity_at_sensitivity"],
    summary: "best specificity at a sensitivity of at least a value",
}

metric! {
    /// The largest precision at thresholds where recall is at least `recall`: see
    /// [`SensitivityAtSpecificity`], [`super::Precision`] and [`super::Recall`].
    PrecisionAtRecall(recall: f64) {
        num_thresholds: usize = 200,
        class_id: Option<isize> = None,
    }
    name: "precision_at_recall",
    names: &["precision_at_recall"],
    summary: "best precision at a recall of at least a value",
}

metric! {
    /// The largest recall at thresholds where precision is at least `precision`: see
    /// [`SensitivityAtSpecificity`], [`super::Precision`] and [`super::Recall`].
    RecallAtPrecision(precision: f64) {
        num_thresholds: usize = 200,
        class_id: Option<isize> = None,
    }
    name: "recall_at_precision",
    names: &["recall_at_precision"],
    summary: "best recall at a precision of at least a value",
}

/// Rates at each threshold, from the four counts in the order of [`Outcome::ALL`]. They are
/// rounded to `f32` as Keras's are, and so is the bound: a rate that equals it must reach it.
#[derive(Clone, Copy)]
enum Rate {
    Sensitivity,
    Specificity,
    Precision,
}

impl Rate {
    fn of(self, counts: &[Tensor]) -> Vec<f64> {
        let [true_yes, false_yes, true_no, false_no] =
            [&counts[0], &counts[1], &counts[2], &counts[3]];
        match self {
            Rate::Sensitivity => share(true_yes, false_no),
            Rate::Specificity => share(true_no, false_yes),
            Rate::Precision => share(true_yes, false_yes),
        }
    }
}

/// The best of `wanted` where `bound` is at least `value`; 0 where it never is.
fn best(wanted: Rate, bound: Rate, value: f64, counts: &[Tensor]) -> f64 {
    let pairs = wanted.of(counts).into_iter().zip(bound.of(counts));
    let value = f64::from(value as f32);
    pairs.filter(|(_, bound)| *bound >= value).map(|(wanted, _)| wanted).fold(0.0, f64::max)
}

/// `a / (a + b)` element by element, rounded to `f32`; 0 where both are 0.
fn share(a: &Tensor, b: &Tensor) -> Vec<f64> {
    let (a, b) = (a.to_vec_f64(), b.to_vec_f64());
    let rounded = |value: f64| f64::from(value as f32);
    a.iter().zip(b).map(|(&a, b)| rounded(divide_no_nan(a, rounded(a + b)))).collect()
}

/// Makes a metric the best `$wanted` where `$bound`, its required setting `$value`, is reached.
macro_rules! best_where {
    ($Name:ident, $wanted:ident where $bound:ident >= $value:ident) => {
        impl $Name {
            /// Sets how many thresholds are tried.
            pub fn num_thresholds(mut self, num_thresholds: usize) -> Self {
                self.num_thresholds = num_thresholds;
                self
            }

            /// Sets the one class that is looked at; negative ones count from the end.
            pub fn class_id(mut self, class_id: isize) -> Self {
                self.class_id = Some(class_id);
                self
            }

            fn counting(&self) -> Counting {
                let thresholds = match self.num_thresholds {
                    1 => Thresholds::Listed(vec![0.5]),
                    count => Thresholds::Even { count, is_open: false },
                };
                Counting { class_id: self.class_id, ..Counting::at(thresholds) }
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
                if !(0.0..=1.0).contains(&self.$value) {
                    let message = format!("`{}` is {}", stringify!($value), self.$value);
                    return Err(Error::new(ErrorKind::Argument, message).expected("0 to 1"));
                }
                match self.num_thresholds {
                    1..=MAX_THRESHOLDS => Ok(()),
                    other => {
                        let message = format!("`num_thresholds` is {other}");
                        Err(Error::new(ErrorKind::Argument, message)
                            .expected(format!("1 to {MAX_THRESHOLDS}")))
                    }
                }
            }

            fn variables(&self, y_pred: &Shape) -> Result<Vec<MetricVariable>> {
                self.counting().variables(&Outcome::ALL, y_pred)
            }

            fn update<'g>(
                &self,
                variables: &[Node<'g>],
                y_true: Node<'g>,
                y_pred: Node<'g>,
                sample_weight: Option<Node<'g>>,
            ) -> Vec<Node<'g>> {
                self.counting().update(&Outcome::ALL, variables, y_true, y_pred, sample_weight)
            }

            fn result(&self, variables: &[Tensor]) -> MetricValue {
                best(Rate::$wanted, Rate::$bound, self.$value, variables).into()
            }
        }
    };
}

best_where!(SensitivityAtSpecificity, Sensitivity where Specificity >= specificity);
best_where!(SpecificityAtSensitivity, Specificity where Sensitivity >= sensitivity);
best_where!(PrecisionAtRecall, Precision where Sensitivity >= recall);
best_where!(RecallAtPrecision, Sensitivity where Precision >= precision);
