//! Metrics that are the mean of a loss.

use kerros_core::Result;
use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;
use crate::losses::define::crossentropy_methods;
use crate::losses::settings::LastAxis;
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
    SparseCategoricalCrossentropy { from_logits: bool = false, ignore_class: Option<i32> = None, axis: LastAxis = LastAxis }
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
}

mean_of_loss!(SparseCategoricalCrossentropy, |metric| {
    let loss = losses::SparseCategoricalCrossentropy::new().from_logits(metric.from_logits);
    match metric.ignore_class {
        Some(class) => loss.ignore_class(class),
        None => loss,
    }
});
