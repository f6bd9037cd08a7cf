use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::{Value, json};

use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// What keeps norms from 0: `keras.config.epsilon()`.
const EPSILON: f32 = 1e-7;

/// `y[i, ..] = sum over k of x0[i, .., k, ..] · x1[i, .., k, ..]`: scalar products of two
/// tensors, row by row, along an axis of each.
///
/// # Shape
/// `x0: [batch, a.., n], x1: [batch, n, b..] -> [batch, a.., b..]`, whichever axes have the
/// length `n`; two inputs of two axes give `[batch, 1]`. A mask ends here.
///
/// # Parameters
/// - `axes`: the axis of both, or one for each; negative counts from the end, 0 (the batch
///   axis) cannot be.
/// - `normalize`: whether to divide by the lengths of the vectors first: cosines. Default:
///   `false`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let a = Input::new([2]).tensor();
/// let b = Input::new([2]).tensor();
/// let mut model = Model::functional([&a, &b], [&Dot::new(1).on([&a, &b])])?;
/// let rows = vec![Tensor::new([1, 2], [1.0f32, 2.0])?, Tensor::new([1, 2], [3.0f32, 5.0])?];
/// assert_eq!(model.predict(rows)?.as_slice::<f32>()?, [13.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dot {
    options: Options,
    axes: DotAxes,
    normalize: bool,
}

/// The axes of a [`Dot`] layer: one of both inputs, or one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DotAxes {
    /// The same of both.
    Both(isize),
    /// One of each.
    Each(isize, isize),
}

impl From<isize> for DotAxes {
    fn from(axis: isize) -> Self {
        DotAxes::Both(axis)
    }
}

impl From<(isize, isize)> for DotAxes {
    fn from((first, second): (isize, isize)) -> Self {
        DotAxes::Each(first, second)
    }
}

layer_methods!(Dot);

impl Dot {
    /// Multiplies along these axes.
    #[track_caller]
    pub fn new(axes: impl Into<DotAxes>) -> Self {
        Dot { options: Options::here(), axes: axes.into(), normalize: false }
    }

    /// Sets whether to divide by the lengths of the vectors first.
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.normalize = normalize;
        self
    }

    /// The axes of inputs of these shapes, counted from the front.
    fn axes_of(&self, x0: &Shape, x1: &Shape) -> Result<(usize, usize)> {
        let (first, second) = match self.axes {
            DotAxes::Both(axis) => (axis, axis),
            DotAxes::Each(first, second) => (first, second),
        };
        let (first, second) = (x0.axis(first)?, x1.axis(second)?);
        if first == 0 || second == 0 || x0[first] != x1[second] || x0[0] != x1[0] {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("the product of {x0} along axis {first} and {x1} along axis {second}"),
            )
            .expected("as many rows each, and axes of the same length other than the batch axis"));
        }
        Ok((first, second))
    }
}

/// `x / max(|x|, epsilon)` along an axis.
fn unit(x: Node<'_>, axis: usize) -> Node<'_> {
    let squares = x.square().sum(&[axis as isize]).keep(axis);
    x * squares.maximum(EPSILON * EPSILON).rsqrt()
}

/// The axis moved behind the batch axis (`last` false) or to the end, the others merged:
/// `[batch, n, others]` or `[batch, others, n]`, with the shape of the others.
fn matrices(x: Node<'_>, axis: usize, last: bool) -> (Node<'_>, Vec<usize>) {
    let others: Vec<usize> = (1..x.ndim()).filter(|&other| other != axis).collect();
    let order: Vec<usize> = match last {
        true => [0].into_iter().chain(others.iter().copied()).chain([axis]).collect(),
        false => [0, axis].into_iter().chain(others.iter().copied()).collect(),
    };
    let shape = x.shape();
    let dims: Vec<usize> = others.iter().map(|&other| shape[other]).collect();
    let count: usize = dims.iter().product();
    let moved = match order.iter().copied().eq(0..x.ndim()) {
        true => x,
        false => x.transpose(&order),
    };
    let merged = match last {
        true => moved.reshape([shape[0], count, shape[axis]]),
        false => moved.reshape([shape[0], shape[axis], count]),
    };
    (merged, dims)
}

impl Described for Dot {
    fn class_name(&self) -> &'static str {
        "Dot"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        let axes = match self.axes {
            DotAxes::Both(axis) => json!(axis),
            DotAxes::Each(first, second) => json!([first, second]),
        };
        config.insert("axes".into(), axes);
        config.insert("normalize".into(), json!(self.normalize));
        config
    }
}

impl Layer for Dot {
    fn options(&self) -> &Options {
        &self.options
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        self.axes_of(&inputs[0], &inputs[1]).map(|_| Vec::new())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let (mut x0, mut x1) = (inputs[0], inputs[1]);
        let (first, second) = self.axes_of(&x0.shape(), &x1.shape())?;
        if self.normalize {
            (x0, x1) = (unit(x0, first), unit(x1, second));
        }
        let (a, a_dims) = matrices(x0, first, true);
        let (b, b_dims) = matrices(x1, second, false);
        let mut dims = [&x0.shape()[..1], &a_dims, &b_dims].concat();
        if dims.len() == 1 {
            dims.push(1);
        }
        Ok(vec![a.matmul(b).reshape(dims)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Dot",
    names: &[],
    summary: "scalar products along an axis of each of two inputs",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let axis = |value: &Value| value.as_i64().map(|axis| axis as isize);
    let axes = match reader.value("axes") {
        Some(Value::Array(axes)) => match axes.as_slice() {
            [first, second] => axis(first).zip(axis(second)).map(DotAxes::from),
            _ => None,
        },
        value => value.and_then(axis).map(DotAxes::from),
    };
    let Some(axes) = axes else {
        return Err(Error::new(ErrorKind::Format, "`axes` is missing")
            .expected("a whole number, or two of them"));
    };
    let normalize = reader.bool("normalize", false);
    Ok(Arc::new(Dot { options, axes, normalize }))
}
