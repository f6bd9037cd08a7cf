//! The harmonic mean of precision and recall, evenly or not.

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;

use super::define::metric;
use super::mean::fit_weight;
use super::{Metric, MetricValue, MetricVariable};
use crate::losses::Targets;
use crate::losses::settings::words;

words! {
    /// How the scores of classes become one number.
    pub enum Average {
        /// All classes are counted together.
        Micro = "micro",
        /// The mean of the classes' scores.
        Macro = "macro",
        /// Their mean weighted by how often each class is true.
        Weighted = "weighted",
    }
    what: "micro, macro or weighted"
}

metric! {
    /// `(1 + beta^2) * precision * recall / (beta^2 * precision + recall)`, class by class.
    ///
    /// Recall counts `beta` times as much as precision.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, classes]`, targets 0 or 1. The result is a list, one score per
    /// class, unless there is an `average`.
    ///
    /// # Parameters
    /// - `average`: how the scores of classes become one number. Default: none.
    /// - `beta`: above 0. Default: 1.
    /// - `threshold`: above what a prediction is a yes, above 0 and up to 1. Default: none; then
    ///   the largest prediction of each row is.
    FBetaScore { average: Option<Average> = None, beta: f64 = 1.0, threshold: Option<f64> = None }
    name: "fbeta_score",
    names: &["f_beta_score"],
    summary: "mean of precision and recall, recall weighing beta times as much",
}

metric! {
    /// `2 * precision * recall / (precision + recall)`, class by class: [`FBetaScore`] with a
    /// `beta` of 1.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, classes]`, targets 0 or 1. The result is a list, one score per
    /// class, unless there is an `average`.
    ///
    /// # Parameters
    /// - `average`: how the scores of classes become one number. Default: none.
    /// - `threshold`: above what a prediction is a yes, above 0 and up to 1. Default: none; then
    ///   the largest prediction of each row is.
    F1Score { average: Option<Average> = None, threshold: Option<f64> = None }
    name: "f1_score",
    names: &["f1_score"],
    summary: "harmonic mean of precision and recall",
}

impl FBetaScore {
    /// Sets how much recall counts beside precision.
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }
}

/// Makes a metric an F score with this `beta`.
macro_rules! f_score {
    ($Name:ident, |$score:ident| $beta:expr) => {
        impl $Name {
            /// Sets how the scores of classes become one number.
            pub fn average(mut self, average: Average) -> Self {
                self.average = Some(average);
                self
            }

            /// Sets above what a prediction is a yes.
            pub fn threshold(mut self, threshold: f64) -> Self {
                self.threshold = Some(threshold);
                self
            }

            fn score(&self) -> Score {
                let $score = self;
                Score { average: $score.average, beta: $beta, threshold: $score.threshold }
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
                self.score().check()
            }

            fn variables(&self, y_pred: &Shape) -> Result<Vec<MetricVariable>> {
                self.score().variables(y_pred)
            }

            fn update<'g>(
                &self,
                variables: &[Node<'g>],
                y_true: Node<'g>,
                y_pred: Node<'g>,
                sample_weight: Option<Node<'g>>,
            ) -> Vec<Node<'g>> {
                self.score().update(variables, y_true, y_pred, sample_weight)
            }

            fn result(&self, variables: &[Tensor]) -> MetricValue {
                self.score().result(variables)
            }
        }
    };
}

f_score!(FBetaScore, |score| score.beta);
f_score!(F1Score, |_score| 1.0);

/// What both scores compute.
struct Score {
    average: Option<Average>,
    beta: f64,
    threshold: Option<f64>,
}

impl Score {
    fn check(&self) -> Result<()> {
        let wrong = |name: &str, value: f64, expected: &str| {
            let message = format!("`{name}` is {value}");
            Err(Error::new(ErrorKind::Argument, message).expected(expected))
        };
        match self.threshold {
            _ if self.beta <= 0.0 || self.beta.is_nan() => {
                wrong("beta", self.beta, "a number above 0")
            }
            Some(threshold) if !(threshold > 0.0 && threshold <= 1.0) => {
                wrong("threshold", threshold, "a number above 0, up to 1")
            }
            _ => Ok(()),
        }
    }

    fn variables(&self, y_pred: &Shape) -> Result<Vec<MetricVariable>> {
        let &[_, classes] = y_pred.dims() else {
            let message = format!("the predictions have shape {y_pred}");
            return Err(Error::new(ErrorKind::Shape, message).expected("[batch, classes]"));
        };
        let shape: Shape = match self.average {
            Some(Average::Micro) => Shape::scalar(),
            _ => [classes].into(),
        };
        let names = ["true_positives", "false_positives", "false_negatives"];
        let names = names.into_iter().chain(["intermediate_weights"]);
        Ok(names.map(|name| MetricVariable::new(name, &shape)).collect())
    }

    fn update<'g>(
        &self,
        variables: &[Node<'g>],
        y_true: Node<'g>,
        y_pred: Node<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Vec<Node<'g>> {
        let is_yes = match self.threshold {
            Some(threshold) => y_pred.greater(threshold as f32),
            None => {
                let largest = y_pred.max(&[-1]).keep(y_pred.ndim() - 1);
                // A row of zeros answers yes to nothing.
                y_pred.greater_equal(largest).logical_and(y_pred.abs().greater(1e-9))
            }
        };
        let yes = is_yes.cast(DType::F32);
        let weight = sample_weight.map(|weight| fit_weight(weight, &y_pred.shape()));
        let weight = match weight.transpose() {
            Ok(weight) => weight,
            Err(error) => Some(y_pred.graph().fail(error, y_pred.ty())),
        };
        let axes: &[isize] = match self.average {
            Some(Average::Micro) => &[0, 1],
            _ => &[0],
        };
        let sum = |counted: Node<'g>| match weight {
            Some(weight) => (counted * weight).sum(axes),
            None => counted.sum(axes),
        };
        let batch = [yes * y_true, yes * (1.0 - y_true), (1.0 - yes) * y_true, y_true].map(sum);
        variables.iter().zip(batch).map(|(variable, sum)| *variable + sum).collect()
    }

    fn result(&self, variables: &[Tensor]) -> MetricValue {
        let of = |at: usize| variables[at].to_vec_f64();
        let (hits, false_yes, false_no, weights) = (of(0), of(1), of(2), of(3));
        let (beta, epsilon) = (self.beta * self.beta, 1e-7);
        let score = |at: usize| {
            let precision = hits[at] / (hits[at] + false_yes[at] + epsilon);
            let recall = hits[at] / (hits[at] + false_no[at] + epsilon);
            precision * recall / (beta * precision + recall + epsilon) * (1.0 + beta)
        };
        let scores: Vec<f64> = (0..hits.len()).map(score).collect();
        match self.average {
            None => scores.into(),
            Some(Average::Weighted) => {
                let total = weights.iter().sum::<f64>() + epsilon;
                let parts = scores.iter().zip(weights).map(|(score, weight)| score * weight);
                (parts.sum::<f64>() / total).into()
            }
            Some(_) => (scores.iter().sum::<f64>() / scores.len() as f64).into(),
        }
    }
}
