use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;

use super::define::metric;
use super::mean::fit_weight;
use super::{Metric, MetricValue, MetricVariable};
use crate::losses::Targets;
use crate::losses::settings::words;

words! {
    /// How the scores of outputs become one number.
    pub enum ClassAggregation {
        /// Their mean.
        UniformAverage = "uniform_average",
        /// Their mean weighted by the variance of the targets.
        VarianceWeightedAverage = "variance_weighted_average",
    }
    what: "uniform_average or variance_weighted_average"
}

metric! {
    /// `1 - sum((y_true - y_pred)^2) / sum((y_true - mean(y_true))^2)`: the share of the
    /// targets' variance that is predicted; 1 at best, 0 for predicting the mean.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, outputs]`, or `[batch]` and `[batch, 1]` in either place.
    ///
    /// # Parameters
    /// - `class_aggregation`: how the scores of outputs become one number. Default: their mean.
    ///   With none of it the result is a list.
    /// - `num_regressors`: the number of predictors by which the score is adjusted; 0, the
    ///   default, for no adjustment. As in Keras, samples are counted once per output for it.
    ///
    /// The score of an output whose targets are all the same is 0, as in Keras, or NaN where it
    /// is predicted without error.
    R2Score {
        class_aggregation: Option<ClassAggregation> = Some(ClassAggregation::UniformAverage),
        num_regressors: usize = 0,
    }
    name: "r2_score",
    names: &["r2_score"],
    summary: "share of the targets' variance that is predicted",
}

impl R2Score {
    /// Sets how the scores of outputs become one number; `None` for a score per output.
    pub fn class_aggregation(mut self, how: impl Into<Option<ClassAggregation>>) -> Self {
        self.class_aggregation = how.into();
        self
    }

    /// Sets the number of predictors by which the score is adjusted.
    pub fn num_regressors(mut self, num_regressors: usize) -> Self {
        self.num_regressors = num_regressors;
        self
    }

    /// The score adjusted by the number of predictors, where there are more samples.
    fn adjusted(&self, score: f32, samples: f32) -> f32 {
        let predictors = self.num_regressors as f32;
        match predictors != 0.0 && predictors < samples - 1.0 {
            true => 1.0 - (1.0 - score) * (samples - 1.0) / (samples - predictors - 1.0),
            false => score,
        }
    }
}

impl Metric for R2Score {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn variables(&self, y_pred: &Shape) -> Result<Vec<MetricVariable>> {
        let outputs = match *y_pred.dims() {
            [_] => 1,
            [_, outputs] => outputs,
            _ => {
                let message = format!("the predictions have shape {y_pred}");
                return Err(Error::new(ErrorKind::Shape, message).expected("[batch, outputs]"));
            }
        };
        let per_output = ["squared_sum", "sum", "residual", "count"];
        let per_output = per_output.map(|name| MetricVariable::new(name, [outputs]));
        Ok(std::iter::once(MetricVariable::new("num_samples", [])).chain(per_output).collect())
    }

    fn update<'g>(
        &self,
        variables: &[Node<'g>],
        y_true: Node<'g>,
        y_pred: Node<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Vec<Node<'g>> {
        let graph = y_pred.graph();
        let outputs = variables[1].shape().num_elements();
        let [y_true, y_pred] = [y_true, y_pred].map(|y| {
            let rows = y.shape().num_elements() / outputs.max(1);
            y.reshape([rows, outputs])
        });
        let shape = y_pred.shape();
        let weight = match sample_weight.map(|weight| fit_weight(weight, &shape)) {
            Some(Ok(weight)) => weight.broadcast_to(&shape),
            Some(Err(error)) => graph.fail(error, y_pred.ty()),
            None => graph.full(&shape, 1.0),
        };
        let weighted = y_true * weight;
        let batch = [
            graph.constant(shape.num_elements() as f32),
            (y_true * weighted).sum(&[0]),
            weighted.sum(&[0]),
            ((y_true - y_pred).square() * weight).sum(&[0]),
            weight.sum(&[0]),
        ];
        variables.iter().zip(batch).map(|(variable, sum)| *variable + sum).collect()
    }

    // In `f32` and in Keras's order: whether a variance is exactly 0 decides about infinities.
    fn result(&self, variables: &[Tensor]) -> MetricValue {
        let of = |at: usize| variables[at].to_vec_f64().into_iter().map(|v| v as f32);
        let samples = of(0).next().unwrap_or(0.0);
        let sums = of(1).zip(of(2)).zip(of(3)).zip(of(4));
        let (scores, variances): (Vec<f32>, Vec<f32>) = sums
            .map(|(((squared, sum), residual), count)| {
                let variance = squared - sum * (sum / count);
                let score = 1.0 - residual / variance;
                (if score.is_infinite() { 0.0 } else { score }, variance)
            })
            .unzip();
        let score = match self.class_aggregation {
            None => {
                let adjusted = scores.iter().map(|&score| self.adjusted(score, samples).into());
                return adjusted.collect::<Vec<f64>>().into();
            }
            Some(ClassAggregation::UniformAverage) => {
                scores.iter().sum::<f32>() / scores.len() as f32
            }
            Some(ClassAggregation::VarianceWeightedAverage) => {
                let weighted = scores.iter().zip(&variances).map(|(score, by)| score * by);
                weighted.sum::<f32>() / variances.iter().sum::<f32>()
            }
        };
        f64::from(self.adjusted(score, samples)).into()
    }
}
