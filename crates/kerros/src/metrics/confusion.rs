//! Counts of right and wrong yes and no, at one or several thresholds.

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;

use super::mean::fit_weight;
use super::{MetricValue, MetricVariable};

/// Thresholds, at most: rows are counted above each of them.
pub(super) const MAX_THRESHOLDS: usize = 1 << 16;

/// What an answer was: whether it was right, and whether it was a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    TruePositives,
    FalsePositives,
    TrueNegatives,
    FalseNegatives,
}

impl Outcome {
    /// All four, in the order of Keras's variables.
    pub(super) const ALL: [Outcome; 4] = [
        Outcome::TruePositives,
        Outcome::FalsePositives,
        Outcome::TrueNegatives,
        Outcome::FalseNegatives,
    ];

    const fn name(self) -> &'static str {
        match self {
            Outcome::TruePositives => "true_positives",
            Outcome::FalsePositives => "false_positives",
            Outcome::TrueNegatives => "true_negatives",
            Outcome::FalseNegatives => "false_negatives",
        }
    }
}

/// Above what a prediction is a yes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Thresholds {
    /// These numbers.
    Listed(Vec<f64>),
    /// So many from 0 to 1 at even distances, found by rounding up instead of comparing, as
    /// Keras does; `is_open` where the first lies below everything: then 0 is above it.
    Even { count: usize, is_open: bool },
}

impl Thresholds {
    /// These thresholds, even ones recognised by Keras's tolerance.
    pub(super) fn new(thresholds: Vec<f64>) -> Self {
        let count = thresholds.len();
        match is_even(&thresholds) {
            true => Thresholds::Even { count, is_open: false },
            false => Thresholds::Listed(thresholds),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Thresholds::Listed(thresholds) => thresholds.len(),
            Thresholds::Even { count, .. } => *count,
        }
    }

    /// For each threshold whether each prediction is above it: `[1, ..] -> [thresholds, ..]`.
    fn exceeded_by<'g>(&self, y_pred: Node<'g>) -> Node<'g> {
        let graph = y_pred.graph();
        let mut column = vec![1; y_pred.ndim()];
        column[0] = self.len();
        match self {
            Thresholds::Listed(thresholds) => {
                let thresholds: Vec<f32> = thresholds.iter().map(|&t| t as f32).collect();
                match Tensor::new(column, thresholds) {
                    Ok(thresholds) => y_pred.greater(graph.literal(thresholds)),
                    Err(error) => graph.fail(error, y_pred.ty()),
                }
            }
            Thresholds::Even { count, is_open } => {
                let steps = count.saturating_sub(1) as f32;
                let mut last = (y_pred.clip(0.0, 1.0) * steps).ceil() - 1.0;
                if *is_open {
                    last = last.maximum(0.0);
                }
                let index = graph.iota(*count).cast(DType::F32).reshape(column);
                last.greater_equal(index)
            }
        }
    }
}

/// Whether numbers are 0 to 1 at even distances, by NumPy's `allclose` with Keras's tolerance.
pub(super) fn is_even(thresholds: &[f64]) -> bool {
    let count = thresholds.len();
    let is_close = |(at, threshold): (usize, &f64)| {
        let even = f64::from(at as f32 / (count - 1) as f32);
        (threshold - even).abs() <= 1e-7 + 1e-5 * even
    };
    count >= 3 && thresholds.iter().enumerate().all(is_close)
}

/// The thresholds of a setting: those given, within `0..=1`, or one by default.
pub(super) fn given_or(thresholds: &Option<Vec<f64>>, default: f64) -> Thresholds {
    Thresholds::new(thresholds.clone().unwrap_or_else(|| vec![default]))
}

/// # Errors
/// A threshold outside `0..=1`, or none.
pub(super) fn check_thresholds(thresholds: &Option<Vec<f64>>) -> Result<()> {
    let Some(thresholds) = thresholds else { return Ok(()) };
    let wrong = |message: String| {
        Err(Error::new(ErrorKind::Argument, message).expected("numbers in 0..=1, at least one"))
    };
    match thresholds.iter().find(|threshold| !(0.0..=1.0).contains(*threshold)) {
        Some(threshold) => wrong(format!("`thresholds` contains {threshold}")),
        None if thresholds.is_empty() => wrong("`thresholds` is empty".into()),
        None => Ok(()),
    }
}

/// How outcomes are counted.
#[derive(Clone, Debug)]
pub(super) struct Counting {
    pub(super) thresholds: Thresholds,
    /// Only the so many largest predictions of a row can be a yes.
    pub(super) top_k: Option<usize>,
    /// Only this class is looked at.
    pub(super) class_id: Option<isize>,
    /// Whether each label, along the last axis, is counted for itself.
    pub(super) is_by_label: bool,
    /// What each label weighs.
    pub(super) label_weights: Option<Vec<f64>>,
}

impl Counting {
    /// Counts over everything at these thresholds.
    pub(super) fn at(thresholds: Thresholds) -> Self {
        Counting {
            thresholds,
            top_k: None,
            class_id: None,
            is_by_label: false,
            label_weights: None,
        }
    }

    /// A variable per outcome: `[thresholds]`, or `[thresholds, labels]` by label.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] for predictions without the labels that the settings name.
    pub(super) fn variables(
        &self,
        outcomes: &[Outcome],
        y_pred: &Shape,
    ) -> Result<Vec<MetricVariable>> {
        let wrong = |expected: String| {
            let message = format!("the predictions have shape {y_pred}");
            Err(Error::new(ErrorKind::Shape, message).expected(expected))
        };
        if let Some(class) = self.class_id {
            let classes = y_pred.last() as isize;
            if y_pred.ndim() < 2 || !(-classes..classes).contains(&class) {
                return wrong(format!("[batch, .., classes] with a class {class}"));
            }
        }
        if let Some(k) = self.top_k
            && (y_pred.ndim() < 2 || k > y_pred.last())
        {
            return wrong(format!("[batch, .., classes] with at least {k} classes"));
        }
        if let Some(weights) = &self.label_weights
            && weights.len() != y_pred.last()
        {
            return wrong(format!("[batch, .., {}], one label per weight", weights.len()));
        }
        if self.is_by_label && y_pred.ndim() != 2 {
            return wrong("[batch, labels]".into());
        }
        let labels = self.is_by_label.then(|| y_pred.last());
        let shape: Shape = std::iter::once(self.thresholds.len()).chain(labels).collect();
        Ok(outcomes.iter().map(|o| MetricVariable::new(o.name(), &shape)).collect())
    }

    /// The variables after one more batch.
    pub(super) fn update<'g>(
        &self,
        outcomes: &[Outcome],
        variables: &[Node<'g>],
        y_true: Node<'g>,
        y_pred: Node<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Vec<Node<'g>> {
        let graph = y_pred.graph();
        let (mut y_true, mut y_pred) = (y_true, y_pred);
        if let Some(k) = self.top_k {
            y_pred = largest_only(y_pred, k);
        }
        if let Some(class) = self.class_id {
            let (axis, classes) = (y_pred.ndim() - 1, y_pred.shape().last());
            let class = class.rem_euclid(classes as isize) as usize;
            y_true = y_true.slice(axis, class, class + 1);
            y_pred = y_pred.slice(axis, class, class + 1);
        }
        let mut weight = graph.constant(1.0);
        if let Some(given) = sample_weight {
            match fit_weight(given, &y_pred.shape()) {
                Ok(given) => weight = given,
                Err(error) => {
                    graph.fail(error, y_pred.ty());
                }
            }
        }
        if let Some(of_labels) = &self.label_weights {
            let of_labels: Vec<f32> = of_labels.iter().map(|&weight| weight as f32).collect();
            match Tensor::new([of_labels.len()], of_labels) {
                Ok(of_labels) => weight = weight * graph.literal(of_labels),
                Err(error) => weight = graph.fail(error, y_pred.ty()),
            }
        }
        // [1, values], or [1, batch, labels] by label.
        let with_threshold: Shape = match self.is_by_label {
            true => std::iter::once(1).chain(y_pred.shape().iter().copied()).collect(),
            false => [1, y_pred.shape().num_elements()].into(),
        };
        let is_yes = y_true.not_equal(0.0);
        let yes = is_yes.select(weight, 0.0).reshape(&with_threshold);
        let no = is_yes.select(0.0, weight).reshape(&with_threshold);
        let said_yes = self.thresholds.exceeded_by(y_pred.reshape(&with_threshold));
        let count = |(outcome, variable): (&Outcome, &Node<'g>)| {
            let counted = match outcome {
                Outcome::TruePositives => said_yes.select(yes, 0.0),
                Outcome::FalsePositives => said_yes.select(no, 0.0),
                Outcome::TrueNegatives => said_yes.select(0.0, no),
                Outcome::FalseNegatives => said_yes.select(0.0, yes),
            };
            *variable + counted.sum(&[1])
        };
        outcomes.iter().zip(variables).map(count).collect()
    }
}

/// Predictions with all but the `k` largest of a row made far too small for a yes; of equals
/// the first count.
fn largest_only(y_pred: Node<'_>, k: usize) -> Node<'_> {
    let rank = y_pred.argsort(true).cast(DType::F32).argsort(false).cast(DType::F32);
    let is_among = rank.less(k as f32);
    is_among.select(y_pred, NEVER as f32)
}

/// A threshold that only predictions left out by `top_k` do not exceed.
pub(super) const NEVER: f64 = -1e10;

/// `a / (a + b)` element by element, 0 where both are 0; one number for one threshold.
pub(super) fn share(a: &Tensor, b: &Tensor) -> Vec<f64> {
    let (a, b) = (a.to_vec_f64(), b.to_vec_f64());
    a.iter().zip(b).map(|(&a, b)| divide_no_nan(a, a + b)).collect()
}

/// `a / b`, and 0 where `b` is 0.
pub(super) fn divide_no_nan(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

/// A number for one threshold, else a list.
pub(super) fn by_threshold(values: Vec<f64>) -> MetricValue {
    match values[..] {
        [value] => value.into(),
        _ => values.into(),
    }
}
