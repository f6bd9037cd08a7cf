use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::Value;

use super::confusion::{Counting, MAX_THRESHOLDS, Outcome, Thresholds, divide_no_nan, is_even};
use super::define::metric;
use super::{Metric, MetricValue, MetricVariable};
use crate::losses::Targets;
use crate::losses::settings::{Setting, words};

words! {
    /// What is drawn against what, threshold by threshold.
    pub enum Curve {
        /// The share of the true yes that is found over that of false yes answers among the
        /// true no.
        Roc = "ROC",
        /// Precision over recall.
        Pr = "PR",
        /// Precision gain over recall gain.
        PrGain = "PRGAIN",
    }
    what: "ROC, PR or PRGAIN"
}

words! {
    /// How the curve goes from point to point.
    pub enum Summation {
        /// Straight; for precision over recall as Davis and Goadrich do.
        Interpolation = "interpolation",
        /// At the height of the higher point.
        Majoring = "majoring",
        /// At the height of the lower point.
        Minoring = "minoring",
    }
    what: "interpolation, majoring or minoring"
}

metric! {
    /// The area under a curve through all thresholds: how well yes and no are told apart,
    /// whatever the threshold; 0.5 by chance, 1 at best (for ROC).
    ///
    /// The curve has so many points as there are thresholds: with the default of 200 the area is
    /// exact to about 0.005.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..]`, predictions in `0..=1`; targets other than 0 are a yes.
    /// By label `[batch, labels]`.
    ///
    /// # Parameters
    /// - `num_thresholds`: 2 or more, at even distances. Default: 200.
    /// - `curve`: default [`Curve::Roc`]. `summation_method`: default [`Summation::Interpolation`].
    /// - `multi_label`: whether each label has its area, of which the mean is reported, instead
    ///   of all values having one. Default: `false`. `num_labels`: how many labels there must be.
    /// - `label_weights`: what each label weighs. Default: all the same.
    /// - `from_logits`: whether predictions are logits, with `p = sigmoid(x)`. Default: `false`.
    /// - `thresholds`: the thresholds beside both ends, in place of even ones.
    ///
    /// # Source
    /// Davis, Goadrich: "The relationship between precision-recall and ROC curves", ICML 2006.
    /// Flach, Kull: "Precision-recall-gain curves", NeurIPS 2015.
    AUC {
        num_thresholds: usize = 200,
        curve: Curve = Curve::Roc,
        summation_method: Summation = Summation::Interpolation,
        multi_label: bool = false,
        num_labels: Option<usize> = None,
        label_weights: Option<Vec<f64>> = None,
        from_logits: bool = false,
        thresholds: Inner = Inner(None),
    }
    settle: AUC::settled,
    name: "auc",
    names: &[],
    summary: "area under the curve of yes and no over all thresholds",
}

/// The thresholds between the ends, where they were chosen; Keras writes only those.
#[derive(Clone, Debug, PartialEq)]
struct Inner(Option<Vec<f64>>);

impl Setting for Inner {
    const WHAT: &'static str = "a list of numbers";
    fn write(&self) -> Value {
        self.0.as_deref().into()
    }
    fn read(value: &Value) -> Option<Self> {
        let list = value.as_array()?;
        list.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>().map(|list| Inner(Some(list)))
    }
    fn is_left_out(&self) -> bool {
        self.0.is_none()
    }
}

impl AUC {
    /// Sets how many thresholds there are, at even distances.
    pub fn num_thresholds(mut self, num_thresholds: usize) -> Self {
        self.num_thresholds = num_thresholds;
        self
    }

    /// Sets the thresholds beside both ends.
    pub fn thresholds(mut self, thresholds: impl Into<Vec<f64>>) -> Self {
        self.thresholds = Inner(Some(thresholds.into()));
        self.settled()
    }

    /// Sets what is drawn against what.
    pub fn curve(mut self, curve: Curve) -> Self {
        self.curve = curve;
        self
    }

    /// Sets how the curve goes from point to point.
    pub fn summation_method(mut self, summation_method: Summation) -> Self {
        self.summation_method = summation_method;
        self
    }

    /// Sets whether each label has its area.
    pub fn multi_label(mut self, multi_label: bool) -> Self {
        self.multi_label = multi_label;
        self
    }

    /// Sets how many labels there must be, with `multi_label`.
    pub fn num_labels(mut self, num_labels: usize) -> Self {
        self.num_labels = Some(num_labels);
        self
    }

    /// Sets what each label weighs.
    pub fn label_weights(mut self, label_weights: impl Into<Vec<f64>>) -> Self {
        self.label_weights = Some(label_weights.into());
        self
    }

    /// Sets whether predictions are logits rather than probabilities.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// Chosen thresholds in order, and counted with both ends.
    fn settled(mut self) -> Self {
        if let Inner(Some(thresholds)) = &mut self.thresholds {
            thresholds.sort_by(f64::total_cmp);
            self.num_thresholds = thresholds.len() + 2;
        }
        self
    }

    fn counting(&self) -> Counting {
        let even = Thresholds::Even { count: self.num_thresholds, is_open: true };
        let thresholds = match &self.thresholds.0 {
            Some(inner) => {
                let with_ends = |low, high| [&[low], inner.as_slice(), &[high]].concat();
                match is_even(&with_ends(0.0, 1.0)) {
                    true => even,
                    // The ends are beyond every prediction, whatever its rounding.
                    false => Thresholds::Listed(with_ends(-1e-7, 1.0 + 1e-7)),
                }
            }
            None => even,
        };
        let label_weights = self.label_weights.clone().filter(|_| !self.multi_label);
        Counting { is_by_label: self.multi_label, label_weights, ..Counting::at(thresholds) }
    }

    /// The area of one label, from its counts at each threshold.
    fn area(&self, counts: &Counts) -> f64 {
        if self.curve == Curve::Pr && self.summation_method == Summation::Interpolation {
            return counts.interpolated_pr();
        }
        let points: Vec<(f64, f64)> =
            (0..counts.true_yes.len()).map(|at| counts.point(self.curve, at)).collect();
        let slice = |pair: &[(f64, f64)]| {
            let ((x, y), (next_x, next_y)) = (pair[0], pair[1]);
            let height = match self.summation_method {
                Summation::Interpolation => (y + next_y) / 2.0,
                Summation::Majoring => y.max(next_y),
                Summation::Minoring => y.min(next_y),
            };
            (x - next_x) * height
        };
        points.windows(2).map(slice).sum()
    }
}

impl Metric for AUC {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn check(&self) -> Result<()> {
        let wrong = |message: String, expected: &str| {
            Err(Error::new(ErrorKind::Argument, message).expected(expected))
        };
        if !(2..=MAX_THRESHOLDS).contains(&self.num_thresholds) {
            let expected = format!("2 to {MAX_THRESHOLDS}");
            return wrong(format!("`num_thresholds` is {}", self.num_thresholds), &expected);
        }
        match (self.num_labels, self.multi_label) {
            (Some(0), _) => wrong("`num_labels` is 0".into(), "1 or more"),
            (Some(labels), false) => {
                wrong(format!("`num_labels` is {labels} without `multi_label`"), "both or none")
            }
            _ => Ok(()),
        }
    }

    fn variables(&self, y_pred: &Shape) -> Result<Vec<MetricVariable>> {
        let labels = y_pred.last();
        for wanted in [self.num_labels, self.label_weights.as_ref().map(Vec::len)] {
            if let Some(wanted) = wanted
                && wanted != labels
            {
                let message = format!("the predictions have shape {y_pred}");
                let error = Error::new(ErrorKind::Shape, message);
                return Err(error.expected(format!("[batch, {wanted}], by the metric's settings")));
            }
        }
        self.counting().variables(&Outcome::ALL, y_pred)
    }

    fn update<'g>(
        &self,
        variables: &[Node<'g>],
        y_true: Node<'g>,
        y_pred: Node<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Vec<Node<'g>> {
        let y_pred = if self.from_logits { y_pred.sigmoid() } else { y_pred };
        self.counting().update(&Outcome::ALL, variables, y_true, y_pred, sample_weight)
    }

    fn result(&self, variables: &[Tensor]) -> MetricValue {
        let labels = match variables[0].shape().dims() {
            [_, labels] => *labels,
            _ => 1,
        };
        let areas: Vec<f64> =
            (0..labels).map(|label| self.area(&Counts::of(variables, label, labels))).collect();
        let mean = match (&self.label_weights, self.multi_label) {
            (Some(weights), true) => {
                let weighted = areas.iter().zip(weights).map(|(area, weight)| area * weight);
                divide_no_nan(weighted.sum(), weights.iter().sum())
            }
            _ => areas.iter().sum::<f64>() / labels as f64,
        };
        mean.into()
    }
}

/// The counts of one label at each threshold.
struct Counts {
    true_yes: Vec<f64>,
    false_yes: Vec<f64>,
    true_no: Vec<f64>,
    false_no: Vec<f64>,
}

impl Counts {
    fn of(variables: &[Tensor], label: usize, labels: usize) -> Self {
        let of = |at: usize| variables[at].to_vec_f64().into_iter().skip(label).step_by(labels);
        Counts {
            true_yes: of(0).collect(),
            false_yes: of(1).collect(),
            true_no: of(2).collect(),
            false_no: of(3).collect(),
        }
    }

    /// The point of the curve at a threshold.
    fn point(&self, curve: Curve, at: usize) -> (f64, f64) {
        let [true_yes, false_yes, true_no, false_no] =
            [&self.true_yes, &self.false_yes, &self.true_no, &self.false_no].map(|n| n[at]);
        let recall = divide_no_nan(true_yes, true_yes + false_no);
        match curve {
            Curve::Roc => (divide_no_nan(false_yes, false_yes + true_no), recall),
            Curve::Pr => (recall, divide_no_nan(true_yes, true_yes + false_yes)),
            Curve::PrGain if true_yes == 0.0 => (0.0, 1.0),
            Curve::PrGain => {
                let odds = divide_no_nan(true_yes + false_no, true_no + false_yes);
                ((1.0 - odds * false_no / true_yes).max(0.0), 1.0 - odds * false_yes / true_yes)
            }
        }
    }

    /// Between two points precision is not straight over recall: true and false yes answers
    /// grow in proportion, and the area in closed form is
    /// `slope * (d_true + intercept * log(yes / next_yes)) / positives`.
    fn interpolated_pr(&self) -> f64 {
        let slice = |at: usize| {
            let next = at + 1;
            let yes = |at: usize| self.true_yes[at] + self.false_yes[at];
            let d_true = self.true_yes[at] - self.true_yes[next];
            let slope = divide_no_nan(d_true, (yes(at) - yes(next)).max(0.0));
            let intercept = self.true_yes[next] - slope * yes(next);
            let ratio = match yes(at) > 0.0 && yes(next) > 0.0 {
                true => yes(at) / yes(next),
                false => 1.0,
            };
            let positives = (self.true_yes[next] + self.false_no[next]).max(0.0);
            divide_no_nan(slope * (d_true + intercept * ratio.ln()), positives)
        };
        (0..self.true_yes.len().saturating_sub(1)).map(slice).sum()
    }
}
