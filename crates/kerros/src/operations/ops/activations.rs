//! Activation functions.

use serde_json::json;

use super::{Operand, apply, number};
use crate::model::KerasTensor;

of_one! {
    /// `max(x, 0)`.
    relu = "ops.nn" "Relu";
    /// `min(max(x, 0), 6)`.
    relu6 = "ops.nn" "Relu6";
    /// `1 / (1 + e^-x)`.
    sigmoid = "ops.nn" "Sigmoid";
    /// `log(1 / (1 + e^-x))`.
    log_sigmoid = "ops.nn" "LogSigmoid";
    /// `x / 6 + 1 / 2` between 0 and 1.
    hard_sigmoid = "ops.nn" "HardSigmoid";
    /// `(x + 1) / 2` between 0 and 1.
    sparse_sigmoid = "ops.nn" "SparseSigmoid";
    /// `log(1 + e^x)`.
    softplus = "ops.nn" "Softplus";
    /// 0 up to -1, `x` from 1 on, `(x + 1)² / 4` between.
    sparse_plus = "ops.nn" "SparsePlus";
    /// `x / (1 + |x|)`.
    softsign = "ops.nn" "Softsign";
    /// `x * sigmoid(x)`: Keras's `swish` too.
    silu = "ops.nn" "Silu";
    /// `x * hard_sigmoid(x)`: Keras's `hard_swish` too.
    hard_silu = "ops.nn" "HardSilu";
    /// `x` between -1 and 1.
    hard_tanh = "ops.nn" "HardTanh";
    /// `x - tanh(x)`.
    tanh_shrink = "ops.nn" "TanhShrink";
    /// [`elu`] by 1.6733, times 1.0507: what keeps mean and variance.
    selu = "ops.nn" "Selu";
}

macro_rules! of_a_number {
    ($($(#[$doc:meta])* $function:ident($setting:ident) = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor, $setting: f32) -> KerasTensor {
            let settings = [(stringify!($setting), number($setting))];
            apply("ops.nn", $Class, &settings, [x.into_operand()])
        }
    )*};
}

of_a_number! {
    /// `x` from 0 on, `alpha * (e^x - 1)` below.
    elu(alpha) = "Elu";
    /// `x` from 0 on, `alpha * (e^(x / alpha) - 1)` below.
    celu(alpha) = "Celu";
    /// `x` from 0 on, `negative_slope * x` below.
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// use kerros::ops;
    /// let x = Input::new([2]).tensor();
    /// let mut model = Model::functional([&x], [&ops::leaky_relu(&x, 0.5)])?;
    /// let y = model.predict(Tensor::new([1, 2], [3.0f32, -3.0])?)?;
    /// assert_eq!(y.as_slice::<f32>()?, [3.0, -1.5]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    leaky_relu(negative_slope) = "LeakyRelu";
    /// `x` where `|x| > threshold`, 0 elsewhere.
    hard_shrink(threshold) = "HardShrink";
    /// `x` nearer to 0 by `threshold`, and 0 where it is nearer than that.
    soft_shrink(threshold) = "SoftShrink";
    /// `(x + sqrt(x² + b)) / 2`.
    squareplus(b) = "Squareplus";
}

macro_rules! along {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor, axis: isize) -> KerasTensor {
            apply("ops.nn", $Class, &[("axis", json!(axis))], [x.into_operand()])
        }
    )*};
}

along! {
    /// `e^x / sum(e^x)` along an axis.
    softmax = "Softmax";
    /// The logarithm of [`softmax`].
    log_softmax = "LogSoftmax";
    /// The distribution nearest to `x` along an axis: most of it is 0.
    sparsemax = "Sparsemax";
    /// The first half of an axis times [`sigmoid`] of the second.
    glu = "Glu";
}

/// `x` times the normal distribution function of `x`; by a hyperbolic tangent where
/// `approximate`.
#[track_caller]
pub fn gelu(x: &KerasTensor, approximate: bool) -> KerasTensor {
    apply("ops.nn", "Gelu", &[("approximate", json!(approximate))], [x.into_operand()])
}

/// `x` where it is above `threshold`, `default_value` elsewhere.
#[track_caller]
pub fn threshold(x: &KerasTensor, threshold: f32, default_value: f32) -> KerasTensor {
    let settings = [("threshold", number(threshold)), ("default_value", number(default_value))];
    apply("ops.nn", "Threshold", &settings, [x.into_operand()])
}
