//! `keras.ops` as functions of tensors of a functional model.
//!
//! ```
//! use kerros::prelude::*;
//! use kerros::ops;
//! let x = Input::new([2, 3]).tensor();
//! let model = Model::functional([&x], [&ops::mean(&x, -1)]);
//! let y = model?.predict(Tensor::new([1, 2, 3], [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?)?;
//! assert_eq!(y.as_slice::<f32>()?, [2.0, 5.0]);
//! # Ok::<(), kerros::Error>(())
//! ```

use kerros_core::DType;
use serde_json::{Value, json};

pub use super::tensor::Operand;
use super::tensor::{apply, number};
use crate::model::{Argument, KerasTensor};

pub use neural::{
    batch_normalization, binary_crossentropy, categorical_crossentropy, conv, depthwise_conv,
    dot_product_attention, layer_normalization, rms_normalization, separable_conv,
    sparse_categorical_crossentropy,
};
pub use places::{
    median, quantile, scatter, scatter_update, segment_max, segment_min, segment_sum, slice_update,
};

mod neural;
mod places;

/// The axes of a reduction, batch axis included: one, several, or all (`()`); kept with length 1
/// after [`Axes::keep`].
#[derive(Clone, Debug)]
pub struct Axes {
    axes: Option<Vec<isize>>,
    keep: bool,
}

impl Axes {
    /// The same axes, which stay in the result with length 1.
    pub fn keep(mut self) -> Self {
        self.keep = true;
        self
    }

    fn settings(&self, can_keep: bool) -> Vec<(&'static str, Value)> {
        let axis = match self.axes.as_deref() {
            None => Value::Null,
            Some([one]) => json!(one),
            Some(axes) => json!(axes),
        };
        let keep = can_keep.then(|| ("keepdims", json!(self.keep)));
        [("axis", axis)].into_iter().chain(keep).collect()
    }
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Axes { axes: Some(vec![axis]), keep: false }
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        Axes { axes: Some(axes.to_vec()), keep: false }
    }
}

impl From<()> for Axes {
    fn from((): ()) -> Self {
        Axes { axes: None, keep: false }
    }
}

macro_rules! of_one {
    ($($(#[$doc:meta])* $function:ident = $module:literal $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor) -> KerasTensor {
            apply($module, $Class, &[], [x.into_operand()])
        }
    )*};
}

of_one! {
    /// `-x`.
    negative = "ops.numpy" "Negative";
    /// `|x|`.
    abs = "ops.numpy" "Absolute";
    /// `x * x`.
    square = "ops.numpy" "Square";
    /// Square root.
    sqrt = "ops.numpy" "Sqrt";
    /// `1 / sqrt(x)`.
    rsqrt = "ops.math" "Rsqrt";
    /// `e^x`.
    exp = "ops.numpy" "Exp";
    /// Natural logarithm.
    log = "ops.numpy" "Log";
    /// `log(1 + x)`.
    log1p = "ops.numpy" "Log1p";
    /// Sine of radians.
    sin = "ops.numpy" "Sin";
    /// Cosine of radians.
    cos = "ops.numpy" "Cos";
    /// Tangent of radians.
    tan = "ops.numpy" "Tan";
    /// The angle with this sine, in radians.
    arcsin = "ops.numpy" "Arcsin";
    /// The angle with this cosine, in radians.
    arccos = "ops.numpy" "Arccos";
    /// The angle with this tangent, in radians.
    arctan = "ops.numpy" "Arctan";
    /// Hyperbolic sine.
    sinh = "ops.numpy" "Sinh";
    /// Hyperbolic cosine.
    cosh = "ops.numpy" "Cosh";
    /// Hyperbolic tangent.
    tanh = "ops.numpy" "Tanh";
    /// The inverse of `sinh`.
    arcsinh = "ops.numpy" "Arcsinh";
    /// The inverse of `cosh`, from 1 on.
    arccosh = "ops.numpy" "Arccosh";
    /// The inverse of `tanh`, between -1 and 1.
    arctanh = "ops.numpy" "Arctanh";
    /// The error function.
    erf = "ops.math" "Erf";
    /// The inverse of `erf`, between -1 and 1.
    erfinv = "ops.math" "Erfinv";
    /// Largest whole number not above.
    floor = "ops.numpy" "Floor";
    /// -1, 0 or 1.
    sign = "ops.numpy" "Sign";
    /// `max(x, 0)`.
    relu = "ops.nn" "Relu";
    /// `1 / (1 + e^-x)`.
    sigmoid = "ops.nn" "Sigmoid";
    /// `log(1 + e^x)`.
    softplus = "ops.nn" "Softplus";
    /// `x * sigmoid(x)`.
    silu = "ops.nn" "Silu";
    /// The other truth value.
    logical_not = "ops.numpy" "LogicalNot";
    /// The same value, through which no derivative flows.
    stop_gradient = "ops.core" "StopGradient";
    /// The inverse of each matrix of the last two axes.
    inv = "ops.linalg" "Inv";
    /// The determinant of each matrix of the last two axes.
    det = "ops.linalg" "Det";
    /// The lower triangle that times itself across the diagonal is the matrix, which is
    /// symmetric and positive definite; NaN where there is none.
    cholesky = "ops.linalg" "Cholesky";
    /// Zeros of the same shape.
    zeros_like = "ops.numpy" "ZerosLike";
    /// Ones of the same shape.
    ones_like = "ops.numpy" "OnesLike";
}

macro_rules! of_two {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(a: impl Operand, b: impl Operand) -> KerasTensor {
            apply("ops.numpy", $Class, &[], [a.into_operand(), b.into_operand()])
        }
    )*};
}

of_two! {
    /// `a + b`.
    add = "Add";
    /// `a - b`.
    subtract = "Subtract";
    /// `a * b`.
    multiply = "Multiply";
    /// `a / b`.
    divide = "TrueDivide";
    /// `a ^ b`.
    power = "Power";
    /// The angle of the point `(b, a)`, in radians from `-pi` to `pi`.
    arctan2 = "Arctan2";
    /// The larger.
    maximum = "Maximum";
    /// The smaller.
    minimum = "Minimum";
    /// `a == b`.
    equal = "Equal";
    /// `a != b`.
    not_equal = "NotEqual";
    /// `a > b`.
    greater = "Greater";
    /// `a >= b`.
    greater_equal = "GreaterEqual";
    /// `a < b`.
    less = "Less";
    /// `a <= b`.
    less_equal = "LessEqual";
    /// Both.
    logical_and = "LogicalAnd";
    /// Either.
    logical_or = "LogicalOr";
    /// Vectors at right angles to those of `a` and `b`, along the last axis.
    cross = "Cross";
    /// Each element of `a` times all of `b`, as blocks.
    kron = "Kron";
    /// The bits of whole numbers that both have; of truth values whether both hold.
    bitwise_and = "BitwiseAnd";
    /// The bits that either has.
    bitwise_or = "BitwiseOr";
    /// The bits that one of them has.
    bitwise_xor = "BitwiseXor";
    /// The largest whole number that divides both.
    gcd = "Gcd";
    /// The matrix product over the last two axes.
    matmul = "Matmul";
}

macro_rules! reductions {
    ($($(#[$doc:meta])* $function:ident = $module:literal $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor, axes: impl Into<Axes>) -> KerasTensor {
            apply($module, $Class, &axes.into().settings(true), [x.into_operand()])
        }
    )*};
}

reductions! {
    /// The sum over axes.
    sum = "ops.numpy" "Sum";
    /// The mean over axes.
    mean = "ops.numpy" "Mean";
    /// The largest over axes.
    max = "ops.numpy" "Max";
    /// The smallest over axes.
    min = "ops.numpy" "Min";
    /// The product over axes.
    prod = "ops.numpy" "Prod";
    /// The mean squared distance from the mean, over axes.
    var = "ops.numpy" "Var";
    /// The square root of [`var`].
    std = "ops.numpy" "Std";
    /// Whether any is true, over axes.
    any = "ops.numpy" "Any";
    /// Whether all are true, over axes.
    all = "ops.numpy" "All";
    /// `log(sum(e^x))` over axes.
    logsumexp = "ops.math" "Logsumexp";
    /// The place of the largest along an axis.
    argmax = "ops.numpy" "Argmax";
    /// The place of the smallest along an axis.
    argmin = "ops.numpy" "Argmin";
}

/// Between two numbers: `min(max(x, low), high)`.
#[track_caller]
pub fn clip(x: &KerasTensor, low: f32, high: f32) -> KerasTensor {
    let settings = [("x_min", number(low)), ("x_max", number(high))];
    apply("ops.numpy", "Clip", &settings, [x.into_operand()])
}

/// `a` where the condition holds, `b` elsewhere: Keras's `where`.
#[track_caller]
pub fn choose(condition: &KerasTensor, a: impl Operand, b: impl Operand) -> KerasTensor {
    let arguments = [condition.into_operand(), a.into_operand(), b.into_operand()];
    apply("ops.numpy", "Where", &[], arguments)
}

/// `e^x / sum(e^x)` along an axis.
#[track_caller]
pub fn softmax(x: &KerasTensor, axis: isize) -> KerasTensor {
    apply("ops.nn", "Softmax", &[("axis", json!(axis))], [x.into_operand()])
}

/// The logarithm of [`softmax`].
#[track_caller]
pub fn log_softmax(x: &KerasTensor, axis: isize) -> KerasTensor {
    apply("ops.nn", "LogSoftmax", &[("axis", json!(axis))], [x.into_operand()])
}

/// `x` times the normal distribution function of `x`; by a hyperbolic tangent where
/// `approximate`.
#[track_caller]
pub fn gelu(x: &KerasTensor, approximate: bool) -> KerasTensor {
    apply("ops.nn", "Gelu", &[("approximate", json!(approximate))], [x.into_operand()])
}

/// Sums of products over named axes: see [`einsum()`](crate::einsum()).
#[track_caller]
pub fn einsum<'a>(
    equation: &str,
    operands: impl IntoIterator<Item = &'a KerasTensor>,
) -> KerasTensor {
    let operands: Vec<Argument<KerasTensor>> = operands.into_iter().map(Argument::from).collect();
    apply("ops.numpy", "Einsum", &[("subscripts", json!(equation))], operands)
}

/// The same elements under another shape, batch axis included; -1 for what is left.
#[track_caller]
pub fn reshape(x: &KerasTensor, shape: impl Into<Vec<i64>>) -> KerasTensor {
    apply("ops.numpy", "Reshape", &[("newshape", json!(shape.into()))], [x.into_operand()])
}

/// The axes in this order, batch axis included.
#[track_caller]
pub fn transpose(x: &KerasTensor, axes: impl Into<Vec<usize>>) -> KerasTensor {
    apply("ops.numpy", "Transpose", &[("axes", json!(axes.into()))], [x.into_operand()])
}

/// An axis of length 1 at this place.
#[track_caller]
pub fn expand_dims(x: &KerasTensor, axis: isize) -> KerasTensor {
    apply("ops.numpy", "ExpandDims", &[("axis", json!(axis))], [x.into_operand()])
}

/// Without an axis of length 1.
#[track_caller]
pub fn squeeze(x: &KerasTensor, axis: isize) -> KerasTensor {
    apply("ops.numpy", "Squeeze", &[("axis", json!(axis))], [x.into_operand()])
}

fn listed<'a>(parts: impl IntoIterator<Item = &'a KerasTensor>) -> Argument<KerasTensor> {
    Argument::List(parts.into_iter().map(Argument::from).collect())
}

/// Several tensors one after the other, along an axis.
#[track_caller]
pub fn concatenate<'a>(
    parts: impl IntoIterator<Item = &'a KerasTensor>,
    axis: isize,
) -> KerasTensor {
    apply("ops.numpy", "Concatenate", &[("axis", json!(axis))], [listed(parts)])
}

/// Several tensors side by side, along an axis of their own.
#[track_caller]
pub fn stack<'a>(parts: impl IntoIterator<Item = &'a KerasTensor>, axis: isize) -> KerasTensor {
    apply("ops.numpy", "Stack", &[("axis", json!(axis))], [listed(parts)])
}

/// Equal parts along an axis.
///
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([4]).tensor();
/// let halves = ops::split(&x, 2, -1);
/// let swapped = ops::concatenate([&halves[1], &halves[0]], -1);
/// let mut model = Model::functional([&x], [&swapped])?;
/// let y = model.predict(Tensor::new([1, 4], [1.0f32, 2.0, 3.0, 4.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [3.0, 4.0, 1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn split(x: &KerasTensor, sections: usize, axis: isize) -> Vec<KerasTensor> {
    let settings = [("indices_or_sections", json!(sections)), ("axis", json!(axis))];
    let parts = apply("ops.numpy", "Split", &settings, [x.into_operand()]);
    (0..sections).map(|part| parts.output(part)).collect()
}

/// Entries by index along an axis.
#[track_caller]
pub fn take(x: &KerasTensor, indices: impl Operand, axis: isize) -> KerasTensor {
    let arguments = [x.into_operand(), indices.into_operand()];
    apply("ops.numpy", "Take", &[("axis", json!(axis))], arguments)
}

/// Labels as rows of 0 and 1.
#[track_caller]
pub fn one_hot(x: &KerasTensor, num_classes: usize) -> KerasTensor {
    apply("ops.nn", "OneHot", &[("num_classes", json!(num_classes))], [x.into_operand()])
}

/// The same values as another type.
#[track_caller]
pub fn cast(x: &KerasTensor, dtype: DType) -> KerasTensor {
    apply("ops.core", "Cast", &[("dtype", json!(dtype.to_string()))], [x.into_operand()])
}

/// Running sums along an axis.
#[track_caller]
pub fn cumsum(x: &KerasTensor, axis: isize) -> KerasTensor {
    apply("ops.numpy", "Cumsum", &Axes::from(axis).settings(false), [x.into_operand()])
}

/// A part along an axis, as in `x[:, start:end]`; negative bounds count from the end.
#[track_caller]
pub fn slice(x: &KerasTensor, axis: usize, start: i64, end: i64) -> KerasTensor {
    index(x, axis, range(json!(start), json!(end)))
}

/// One entry along an axis, which vanishes, as in `x[:, place]`.
#[track_caller]
pub fn at(x: &KerasTensor, axis: usize, place: i64) -> KerasTensor {
    index(x, axis, json!(place))
}

/// `start:end`, as Keras writes it.
fn range(start: Value, end: Value) -> Value {
    let config = json!({"start": start, "stop": end, "step": null});
    json!({"class_name": "__slice__", "config": config})
}

/// All of the axes before, then this entry.
#[track_caller]
fn index(x: &KerasTensor, axis: usize, entry: Value) -> KerasTensor {
    let all = range(Value::Null, Value::Null);
    let key: Value = std::iter::repeat_n(all, axis).chain([entry]).collect();
    apply("ops.numpy", "GetItem", &[], [x.into_operand(), Argument::Value(key)])
}
