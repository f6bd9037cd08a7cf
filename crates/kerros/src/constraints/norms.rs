//! Norms along some axes of a weight.

use kerros_graph::Node;
use serde_json::{Value, json};

use crate::object::ConfigReader;

/// What keeps divisors from 0: `keras.config.epsilon()`.
pub(super) const EPSILON: f32 = 1e-7;

/// The axes along which norms are taken: one, or several together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes(Vec<isize>);

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Axes(vec![axis])
    }
}
impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        Axes(axes.to_vec())
    }
}
impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Self {
        Axes(axes)
    }
}

impl Axes {
    /// A number, or a list of several, as in Keras's configs.
    pub(super) fn value(&self) -> Value {
        match self.0.as_slice() {
            [axis] => json!(axis),
            axes => json!(axes),
        }
    }

    /// The axes of a config; 0 when absent.
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        let Some(value) = reader.value("axis") else { return Axes(vec![0]) };
        let axis = |value: &Value| value.as_i64().map(|axis| axis as isize);
        let axes = match value.as_array() {
            Some(axes) => axes.iter().map(axis).collect(),
            None => axis(value).map(|axis| vec![axis]),
        };
        Axes(axes.unwrap_or_else(|| {
            reader.refuse(format!("`axis` is {value}, expected a whole number or a list"));
            vec![0]
        }))
    }

    /// `sqrt(sum of w^2 along the axes)`, with the axes kept at length 1.
    pub(super) fn norm<'g>(&self, w: Node<'g>) -> Node<'g> {
        let mut dims = w.shape().to_vec();
        for &axis in &self.0 {
            // An axis out of range is reported by the sum.
            if let Ok(axis) = w.shape().axis(axis) {
                dims[axis] = 1;
            }
        }
        w.square().sum(&self.0).reshape(dims).sqrt()
    }
}
