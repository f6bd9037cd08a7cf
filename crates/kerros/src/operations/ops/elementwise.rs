//! Functions of each number for itself, and of two numbers.

use serde_json::json;

use super::{Operand, apply, number};
use crate::model::KerasTensor;

of_one! {
    /// `-x`.
    negative = "ops.numpy" "Negative";
    /// `|x|`.
    abs = "ops.numpy" "Absolute";
    /// `|x|` as floats.
    fabs = "ops.numpy" "Fabs";
    /// `x * x`.
    square = "ops.numpy" "Square";
    /// Square root.
    sqrt = "ops.numpy" "Sqrt";
    /// `1 / sqrt(x)`.
    rsqrt = "ops.math" "Rsqrt";
    /// The number whose third power is `x`, of either sign.
    cbrt = "ops.numpy" "Cbrt";
    /// `1 / x`.
    reciprocal = "ops.numpy" "Reciprocal";
    /// `e^x`.
    exp = "ops.numpy" "Exp";
    /// `2^x`.
    exp2 = "ops.numpy" "Exp2";
    /// `e^x - 1`, which keeps its digits near 0.
    expm1 = "ops.numpy" "Expm1";
    /// Natural logarithm.
    log = "ops.numpy" "Log";
    /// `log(1 + x)`.
    log1p = "ops.numpy" "Log1p";
    /// Logarithm to the base 2.
    log2 = "ops.numpy" "Log2";
    /// Logarithm to the base 10.
    log10 = "ops.numpy" "Log10";
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
    /// Degrees as radians.
    deg2rad = "ops.numpy" "Deg2rad";
    /// Radians as degrees.
    rad2deg = "ops.numpy" "Rad2deg";
    /// `sin(pi x) / (pi x)`, and 1 at 0.
    sinc = "ops.numpy" "Sinc";
    /// Bessel's modified function of the first kind, of order 0.
    i0 = "ops.numpy" "I0";
    /// The error function.
    erf = "ops.math" "Erf";
    /// `1 - erf(x)`.
    erfc = "ops.math" "Erfc";
    /// The inverse of `erf`, between -1 and 1.
    erfinv = "ops.math" "Erfinv";
    /// Largest whole number not above.
    floor = "ops.numpy" "Floor";
    /// Smallest whole number not below.
    ceil = "ops.numpy" "Ceil";
    /// The whole number next to it towards 0.
    trunc = "ops.numpy" "Trunc";
    /// -1, 0 or 1.
    sign = "ops.numpy" "Sign";
    /// The angle of a number in the complex plane: 0, or pi where it is negative.
    angle = "ops.numpy" "Angle";
    /// The real part: numbers are real here, so all of it.
    real = "ops.numpy" "Real";
    /// The imaginary part: numbers are real here, so 0.
    imag = "ops.numpy" "Imag";
    /// The number with the other imaginary part: numbers are real here, so the same.
    conjugate = "ops.numpy" "Conjugate";
    /// The same numbers.
    copy = "ops.numpy" "Copy";
}

of_two! {
    /// `a + b`.
    add = "Add";
    /// `a - b`.
    subtract = "Subtract";
    /// `a * b`.
    multiply = "Multiply";
    /// `a / b`.
    divide = "Divide";
    /// `a / b`: what the operator `/` is.
    true_divide = "TrueDivide";
    /// `a / b`, and 0 where `b` is 0.
    divide_no_nan = "DivideNoNan";
    /// The largest whole number not above `a / b`.
    floor_divide = "FloorDivide";
    /// What is left of `a` after [`floor_divide`], with the sign of `b`: Keras's `mod`.
    modulo = "Mod";
    /// What is left of `a` after division towards 0, with the sign of `a`.
    fmod = "Fmod";
    /// `a ^ b`.
    power = "Power";
    /// The angle of the point `(b, a)`, in radians from `-pi` to `pi`.
    arctan2 = "Arctan2";
    /// `sqrt(a² + b²)`.
    hypot = "Hypot";
    /// `a * 2^b`, `b` a whole number.
    ldexp = "Ldexp";
    /// `log(e^a + e^b)`.
    logaddexp = "Logaddexp";
    /// `log2(2^a + 2^b)`.
    logaddexp2 = "Logaddexp2";
    /// The larger.
    maximum = "Maximum";
    /// The smaller.
    minimum = "Minimum";
    /// The larger; of a number and NaN the number.
    fmax = "Fmax";
    /// The smaller; of a number and NaN the number.
    fmin = "Fmin";
    /// 0 for negative `a`, 1 for positive `a`, and `b` where `a` is 0.
    heaviside = "Heaviside";
}

/// Rounded to this many decimals, halves to the even neighbour; to tens and hundreds where it is
/// negative.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([3]).tensor();
/// let y = ops::hypot(&ops::round(&x, 1), 4.0);
/// let mut model = Model::functional([&x], [&y])?;
/// let y = model.predict(Tensor::new([1, 3], [3.04f32, -2.96, 0.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [5.0, 5.0, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn round(x: &KerasTensor, decimals: i32) -> KerasTensor {
    apply("ops.numpy", "Round", &[("decimals", json!(decimals))], [x.into_operand()])
}

/// Between two numbers: `min(max(x, low), high)`.
#[track_caller]
pub fn clip(x: &KerasTensor, low: f32, high: f32) -> KerasTensor {
    let settings = [("x_min", number(low)), ("x_max", number(high))];
    apply("ops.numpy", "Clip", &settings, [x.into_operand()])
}

/// A number in place of NaN; the largest and the smallest float in place of infinities.
#[track_caller]
pub fn nan_to_num(x: &KerasTensor, nan: f32) -> KerasTensor {
    apply("ops.numpy", "NanToNum", &[("nan", number(nan))], [x.into_operand()])
}
