use std::fmt;

use serde_json::{Value, json};

/// What a metric reports: a number, or a list of them (one per class or threshold).
///
/// ```
/// use kerros::metrics::MetricValue;
/// assert_eq!(MetricValue::from(0.5).number(), Some(0.5));
/// let per_class = MetricValue::from(vec![0.25, 1.0]);
/// assert_eq!(per_class.number(), None);
/// assert_eq!(per_class.as_slice(), [0.25, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// One number.
    Number(f64),
    /// Several, such as the F1 score of each class.
    List(Vec<f64>),
}

impl MetricValue {
    /// The number; `None` for a list.
    pub fn number(&self) -> Option<f64> {
        match self {
            MetricValue::Number(number) => Some(*number),
            MetricValue::List(_) => None,
        }
    }

    /// The numbers: one, or those of the list.
    pub fn as_slice(&self) -> &[f64] {
        match self {
            MetricValue::Number(number) => std::slice::from_ref(number),
            MetricValue::List(list) => list,
        }
    }

    /// The number or list as JSON; NaN and infinities, which JSON lacks, are null.
    pub fn to_json(&self) -> Value {
        match self {
            MetricValue::Number(number) => json!(number),
            MetricValue::List(list) => json!(list),
        }
    }
}

impl From<f64> for MetricValue {
    fn from(number: f64) -> Self {
        MetricValue::Number(number)
    }
}

impl From<Vec<f64>> for MetricValue {
    fn from(list: Vec<f64>) -> Self {
        MetricValue::List(list)
    }
}

impl From<&MetricValue> for MetricValue {
    fn from(value: &MetricValue) -> Self {
        value.clone()
    }
}

/// Four decimals, or scientific where those would show nothing: Keras's rule.
impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number =
            |f: &mut fmt::Formatter<'_>, value: f64| match value.abs() > 1e-3 || value == 0.0 {
                true => write!(f, "{value:.4}"),
                false => write!(f, "{value:.4e}"),
            };
        match self {
            MetricValue::Number(value) => number(f, *value),
            MetricValue::List(list) => {
                f.write_str("[")?;
                for (at, value) in list.iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    number(f, *value)?;
                }
                f.write_str("]")
            }
        }
    }
}
