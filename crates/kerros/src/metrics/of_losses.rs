//! Metrics that are the mean of a loss.

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;
use crate::losses::define::crossentropy_methods;
use crate::losses::{self, Loss, Targets};

/// Gives a metric the values of a loss made from its settings.
macro_rules! mean_of_loss {
    ($Name:ident, |$metric:ident| $loss:expr) => {
        impl $Name {
            fn loss(&self) -> impl Loss {
                let $metric = self;
                let _ = $metric;
                $loss
            }
        }

        impl MeanMetric for $Name {
            fn name(&self) -> &str {
                &self.name
            }

            fn targets(&self) -> Targets {
                self.loss().targets()
            }

            fn check(&self) -> Result<()> {
                self.loss().check()
            }

            fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
                self.loss().call(y_true, y_pred)
            }

            fn mask<'g>(&self, y_true: Node<'g>, values: Node<'g>) -> Option<Node<'g>> {
                self.loss().mask(y_true, values)
            }
        }
    };
}

metric! {
    /// The mean of (y_true - y_pred)^2: see [`losses::MeanSquaredError`].
    MeanSquaredError {}
    name: "mean_squared_error",
    names: &["mse", "mean_squared_error"],
    summary: "mean of (y_true - y_pred)^2",
}

mean_of_loss!(MeanSquaredError, |metric| losses::MeanSquaredError::new());

metric! {
    /// The mean of |y_true - y_pred|: see [`losses::MeanAbsoluteError`].
    MeanAbsoluteError {}
    name: "mean_absolute_error",
    names: &["mae", "mean_absolute_error"],
    summary: "mean of |y_true - y_pred|",
}

mean_of_loss!(MeanAbsoluteError, |metric| losses::MeanAbsoluteError::new());

metric! {
    /// 100 times the mean of |y_true - y_pred| / |y_true|: see [`losses::MeanAbsolutePercentageError`].
    MeanAbsolutePercentageError {}
    name: "mean_absolute_percentage_error",
    names: &["mape", "mean_absolute_percentage_error"],
    summary: "100 times the mean of |y_true - y_pred| / |y_true|",
}

mean_of_loss!(MeanAbsolutePercentageError, |metric| losses::MeanAbsolutePercentageError::new());

metric! {
    /// The mean of (log(1 + y_true) - log(1 + y_pred))^2: see [`losses::MeanSquaredLogarithmicError`].
    MeanSquaredLogarithmicError {}
    name: "mean_squared_logarithmic_error",
    names: &["msle", "mean_squared_logarithmic_error"],
    summary: "mean of (log(1 + y_true) - log(1 + y_pred))^2",
}

mean_of_loss!(MeanSquaredLogarithmicError, |metric| losses::MeanSquaredLogarithmicError::new());

metric! {
    /// The mean of log(cosh(y_pred - y_true)): see [`losses::LogCosh`].
    LogCoshError {}
    name: "logcosh",
    names: &["log_cosh_error"],
    summary: "mean of log(cosh(y_pred - y_true))",
}

mean_of_loss!(LogCoshError, |metric| losses::LogCosh::new());

metric! {
    /// The mean of y_pred - y_true * log(y_pred): see [`losses::Poisson`].
    Poisson {}
    name: "poisson",
    names: &["poisson"],
    summary: "mean of y_pred - y_true * log(y_pred)",
}

mean_of_loss!(Poisson, |metric| losses::Poisson::new());

metric! {
    /// The mean of the Kullback-Leibler divergence: see [`losses::KLDivergence`].
    KLDivergence {}
    name: "kl_divergence",
    names: &["kl_divergence"],
    summary: "mean of the Kullback-Leibler divergence",
}

mean_of_loss!(KLDivergence, |metric| losses::KLDivergence::new());

metric! {
    /// The mean of max(1 - y_true * y_pred, 0): see [`losses::Hinge`].
    Hinge {}
    name: "hinge",
    names: &["hinge"],
    summary: "mean of max(1 - y_true * y_pred, 0)",
}

mean_of_loss!(Hinge, |metric| losses::Hinge::new());

metric! {
    /// The mean of max(1 - y_true * y_pred, 0)^2: see [`losses::SquaredHinge`].
    SquaredHinge {}
    name: "squared_hinge",
    names: &["squared_hinge"],
    summary: "mean of max(1 - y_true * y_pred, 0)^2",
}

mean_of_loss!(SquaredHinge, |metric| losses::SquaredHinge::new());

metric! {
    /// The mean lead of the right class over the best wrong one, up to 1: see [`losses::CategoricalHinge`].
    CategoricalHinge {}
    name: "categorical_hinge",
    names: &["categorical_hinge"],
    summary: "mean lead of the right class over the best wrong one, up to 1",
}

mean_of_loss!(CategoricalHinge, |metric| losses::CategoricalHinge::new());

metric! {
    /// The mean cross-entropy of yes and no: see [`losses::BinaryCrossentropy`].
    ///
    /// # Parameters
    /// - `from_logits`: default `false`. `label_smoothing`: default 0.
    BinaryCrossentropy { from_logits: bool = false, label_smoothing: f64 = 0.0 }
    name: "binary_crossentropy",
    names: &["bce", "binary_crossentropy"],
    summary: "mean cross-entropy of yes and no",
}

impl BinaryCrossentropy {
    /// Sets whether predictions are logits rather than probabilities.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// Sets how far targets are moved towards indifference, in `0..=1`.
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        self.label_smoothing = label_smoothing;
        self
    }
}

mean_of_loss!(BinaryCrossentropy, |metric| {
    losses::BinaryCrossentropy::new()
        .from_logits(metric.from_logits)
        .label_smoothing(metric.label_smoothing)
});

metric! {
    /// The mean cross-entropy of one-hot classes: see [`losses::CategoricalCrossentropy`].
    ///
    /// # Parameters
    /// - `from_logits`: default `false`. `label_smoothing`: default 0. `axis`: default -1.
    CategoricalCrossentropy { from_logits: bool = false, label_smoothing: f64 = 0.0, axis: isize = -1 }
    name: "categorical_crossentropy",
    names: &["categorical_crossentropy"],
    summary: "mean cross-entropy of one-hot classes",
}

crossentropy_methods!(CategoricalCrossentropy, "Sets the class axis.");

mean_of_loss!(CategoricalCrossentropy, |metric| {
    losses::CategoricalCrossentropy::new()
        .from_logits(metric.from_logits)
        .label_smoothing(metric.label_smoothing)
        .axis(metric.axis)
});

metric! {
    /// The mean cross-entropy of class indices: see [`losses::SparseCategoricalCrossentropy`].
    ///
    /// # Parameters
    /// - `from_logits`: default `false`.
    /// - `ignore_class`: a label whose samples count as 0, and are left out of the divisor where
    ///   samples are weighted (as in Keras, only there). Default: none.
    /// - `axis`: the class axis. Labels are as many as there are predictions but for the last axis,
    ///   so that on another one there must be as many classes as the last one is long. Default: -1.
    SparseCategoricalCrossentropy { from_logits: bool = false, ignore_class: Option<i32> = None, axis: isize = -1 }
    name: "sparse_categorical_crossentropy",
    names: &["sparse_categorical_crossentropy"],
    summary: "mean cross-entropy of class indices",
}

impl SparseCategoricalCrossentropy {
    /// Sets whether predictions are logits rather than probabilities.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// Sets a label whose samples count as 0.
    pub fn ignore_class(mut self, class: i32) -> Self {
        self.ignore_class = Some(class);
        self
    }

    /// Sets the class axis.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    fn loss(&self) -> losses::SparseCategoricalCrossentropy {
        let loss = losses::SparseCategoricalCrossentropy::new().from_logits(self.from_logits);
        match self.ignore_class {
            Some(class) => loss.ignore_class(class),
            None => loss,
        }
    }
}

impl MeanMetric for SparseCategoricalCrossentropy {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> Targets {
        Targets::Labels
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let shape = y_pred.shape();
        let moved = shape.axis(self.axis).and_then(|axis| {
            if axis + 1 == shape.ndim() {
                return Ok(y_pred);
            }
            let mut axes: Vec<usize> = (0..shape.ndim()).filter(|&at| at != axis).collect();
            axes.push(axis);
            let left = axes.iter().map(|&at| shape[at]).take(shape.ndim() - 1);
            match left.eq(y_true.shape().iter().copied()) {
                true => Ok(y_pred.transpose(&axes)),
                false => Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "labels of shape {} for predictions of shape {shape} with classes along \
                         axis {axis}",
                        y_true.shape()
                    ),
                )
                .expected("classes along the last axis: axis=-1")),
            }
        });
        match moved {
            Ok(y_pred) => self.loss().call(y_true, y_pred),
            Err(error) => y_pred.graph().fail(error, y_pred.mean(&[-1]).ty()),
        }
    }

    fn mask<'g>(&self, y_true: Node<'g>, values: Node<'g>) -> Option<Node<'g>> {
        self.loss().mask(y_true, values)
    }
}
