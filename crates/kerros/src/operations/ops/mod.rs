//! `keras.ops` as functions of tensors of a functional model, by Keras's names.
//!
//! What a function makes is a node of the model, which a file holds as Keras writes it. Two words
//! of Keras mean something else in Rust: `where` is [`choose`], `mod` is [`modulo`]. Other names of
//! the same function, such as `swish` for [`silu`], are said there. Required arguments come first,
//! in Keras's order, then the settings that people choose; the others are Keras's defaults, and
//! channels are the last axis. Axes include that of the batch. A number, an array or another
//! tensor may stand where an [`Operand`] is asked for. Functions of images are in [`image`].
//!
//! Functions that make a plain array, such as `arange`, are not here: that is a
//! [`Tensor`](crate::Tensor). `docs/KERAS.md` says which of Keras's are here.
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

use serde_json::{Value, json};

pub use super::tensor::Operand;
use super::tensor::{apply, number};
use crate::model::{Argument, KerasTensor};

pub use activations::{
    celu, elu, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, log_sigmoid,
    log_softmax, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign,
    sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh_shrink, threshold,
};
pub use comparisons::{
    allclose, choose, equal, greater, greater_equal, in_top_k, isclose, isfinite, isin, isinf,
    isnan, isneginf, isposinf, isreal, less, less_equal, logical_and, logical_not, logical_or,
    logical_xor, not_equal, select, signbit,
};
pub use elementwise::{
    abs, add, angle, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, cbrt, ceil, clip,
    conjugate, copy, cos, cosh, deg2rad, divide, divide_no_nan, erf, erfc, erfinv, exp, exp2,
    expm1, fabs, floor, floor_divide, fmax, fmin, fmod, heaviside, hypot, i0, imag, ldexp, log,
    log1p, log2, log10, logaddexp, logaddexp2, maximum, minimum, modulo, multiply, nan_to_num,
    negative, power, rad2deg, real, reciprocal, round, rsqrt, sign, sin, sinc, sinh, sqrt, square,
    subtract, tan, tanh, true_divide, trunc,
};
pub use matrices::{
    Contracted, cdist, cholesky, cholesky_inverse, corrcoef, correlate, cross, det, dot, einsum,
    inner, inv, kron, logdet, lu_factor, matmul, outer, qr, slogdet, solve, solve_triangular,
    tensordot, vander, vdot,
};
pub use neural::{
    batch_normalization, binary_crossentropy, categorical_crossentropy, ctc_decode, ctc_loss,
    dot_product_attention, layer_normalization, normalize, rms_normalization,
    sparse_categorical_crossentropy,
};
pub(in crate::operations) use places::along;
pub use places::{
    Index, argpartition, argsort, at, digitize, get_item, multi_hot, one_hot, scatter,
    scatter_update, searchsorted, segment_max, segment_min, segment_prod, segment_sum, slice,
    slice_update, sort, take, take_along_axis, top_k, unravel_index,
};
pub use reductions::{
    all, amax, amin, any, argmax, argmin, average, count_nonzero, cumprod, cumsum, diff, logsumexp,
    max, mean, median, min, moments, nanargmax, nanargmin, nancumprod, nancumsum, nanmax, nanmean,
    nanmedian, nanmin, nanpercentile, nanprod, nanquantile, nanstd, nansum, nanvar, norm,
    percentile, prod, psnr, ptp, quantile, std, sum, trapezoid, var,
};
pub use shapes::{
    append, array_split, broadcast_to, concatenate, diag, diagflat, diagonal, dsplit, dstack,
    expand_dims, flip, fliplr, flipud, hsplit, hstack, meshgrid, moveaxis, pad, ravel, repeat,
    reshape, roll, rot90, split, squeeze, stack, swapaxes, tile, trace, transpose, tril, triu,
    unstack, vsplit, vstack,
};
pub use values::{
    array, cast, convert_to_tensor, empty_like, full, full_like, geomspace, linspace, logspace,
    ones_like, saturate_cast, stop_gradient, zeros_like,
};
pub use waves::{fft, fft2, ifft2, irfft, istft, rfft, stft};
pub use whole_numbers::{
    bitwise_and, bitwise_invert, bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift,
    bitwise_xor, gcd, lcm, left_shift, right_shift,
};
pub use windows::{
    adaptive_average_pool, adaptive_max_pool, average_pool, conv, conv_transpose, depth_to_space,
    depthwise_conv, extract_sequences, fold, max_pool, separable_conv, space_to_depth, unfold,
};

/// Functions of one tensor without settings.
macro_rules! of_one {
    ($($(#[$doc:meta])* $function:ident = $module:literal $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor) -> KerasTensor {
            apply($module, $Class, &[], [x.into_operand()])
        }
    )*};
}

/// Functions of two tensors, numbers or arrays without settings.
macro_rules! of_two {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(a: impl Operand, b: impl Operand) -> KerasTensor {
            apply("ops.numpy", $Class, &[], [a.into_operand(), b.into_operand()])
        }
    )*};
}

/// Functions along an axis of one tensor, without other settings.
macro_rules! along_axis {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor, axis: isize) -> KerasTensor {
            apply("ops.numpy", $Class, &[("axis", json!(axis))], [x.into_operand()])
        }
    )*};
}

mod activations;
mod comparisons;
mod elementwise;
pub mod image;
mod matrices;
mod neural;
mod places;
mod reductions;
mod shapes;
mod values;
mod waves;
mod whole_numbers;
mod windows;

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

    /// One as a number, several as a list.
    fn value(&self) -> Value {
        match self.axes.as_deref() {
            None => Value::Null,
            Some([one]) => json!(one),
            Some(axes) => json!(axes),
        }
    }

    fn settings(&self, can_keep: bool) -> Vec<(&'static str, Value)> {
        let keep = can_keep.then(|| ("keepdims", json!(self.keep)));
        [("axis", self.value())].into_iter().chain(keep).collect()
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

/// Sizes, steps or places along axes: one number for all of them, or a list with one for each.
#[derive(Clone, Debug)]
pub struct Sizes(Value);

impl Sizes {
    /// One number as so many.
    fn each(self, count: usize) -> Self {
        match self.0 {
            number @ Value::Number(_) => Sizes(vec![number; count].into()),
            _ => self,
        }
    }

    /// How many parts are between places of a list, or as many as the number says.
    fn num_parts(&self) -> usize {
        match &self.0 {
            Value::Array(places) => places.len() + 1,
            value => value.as_u64().unwrap_or_default() as usize,
        }
    }
}

impl From<usize> for Sizes {
    fn from(size: usize) -> Self {
        Sizes(json!(size))
    }
}

impl<const N: usize> From<[usize; N]> for Sizes {
    fn from(sizes: [usize; N]) -> Self {
        Sizes(json!(sizes.to_vec()))
    }
}

impl From<&[usize]> for Sizes {
    fn from(sizes: &[usize]) -> Self {
        Sizes(json!(sizes))
    }
}

/// How far it is from window to window: [`Sizes`], or `()` for as far as windows are long.
#[derive(Clone, Debug)]
pub struct Strides(Value);

impl Strides {
    /// They, or the sizes of the windows.
    fn or(self, sizes: &Sizes) -> Value {
        if self.0.is_null() { sizes.0.clone() } else { self.0 }
    }
}

impl From<usize> for Strides {
    fn from(stride: usize) -> Self {
        Strides(Sizes::from(stride).0)
    }
}

impl<const N: usize> From<[usize; N]> for Strides {
    fn from(strides: [usize; N]) -> Self {
        Strides(Sizes::from(strides).0)
    }
}

impl From<()> for Strides {
    fn from((): ()) -> Self {
        Strides(Value::Null)
    }
}

/// Several tensors as one argument.
fn listed<'a>(parts: impl IntoIterator<Item = &'a KerasTensor>) -> Argument<KerasTensor> {
    Argument::List(parts.into_iter().map(Argument::from).collect())
}

/// Keras writes where channels are, whatever its own default is at another time.
fn channels_last() -> (&'static str, Value) {
    ("data_format", json!("channels_last"))
}
