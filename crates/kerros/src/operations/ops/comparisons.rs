//! Truth values: of numbers compared, and of truth values.

use serde_json::json;

use super::{Operand, apply, number};
use crate::model::{Argument, KerasTensor};

of_one! {
    /// The other truth value.
    logical_not = "ops.numpy" "LogicalNot";
    /// Whether it is neither infinite nor NaN.
    isfinite = "ops.numpy" "Isfinite";
    /// Whether it is infinite.
    isinf = "ops.numpy" "Isinf";
    /// Whether it is NaN.
    isnan = "ops.numpy" "Isnan";
    /// Whether it is the negative infinity.
    isneginf = "ops.numpy" "Isneginf";
    /// Whether it is the positive infinity.
    isposinf = "ops.numpy" "Isposinf";
    /// Whether it has no imaginary part: numbers are real here, so true.
    isreal = "ops.numpy" "Isreal";
    /// Whether the sign is a minus, that of -0 too.
    signbit = "ops.numpy" "Signbit";
}

of_two! {
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
    /// One of them and not the other.
    logical_xor = "LogicalXor";
    /// Whether a number of `a` is among all those of `b`.
    isin = "IsIn";
}

/// Whether `|a - b| <= absolute + relative * |b|`; NaN is close to nothing.
#[track_caller]
pub fn isclose(a: impl Operand, b: impl Operand, relative: f32, absolute: f32) -> KerasTensor {
    let arguments = [
        a.into_operand(),
        b.into_operand(),
        Argument::Value(number(relative)),
        Argument::Value(number(absolute)),
    ];
    apply("ops.numpy", "Isclose", &[], arguments)
}

/// Whether all numbers are close to each other: [`isclose`] of each, as one truth value.
#[track_caller]
pub fn allclose(a: impl Operand, b: impl Operand, relative: f32, absolute: f32) -> KerasTensor {
    let settings = [("rtol", number(relative)), ("atol", number(absolute))];
    apply("ops.numpy", "AllClose", &settings, [a.into_operand(), b.into_operand()])
}

/// Whether the class `targets` is among the `k` largest of its row of `predictions`.
#[track_caller]
pub fn in_top_k(targets: impl Operand, predictions: impl Operand, k: usize) -> KerasTensor {
    let arguments = [targets.into_operand(), predictions.into_operand()];
    apply("ops.math", "InTopK", &[("k", json!(k))], arguments)
}

/// `a` where the condition holds, `b` elsewhere: Keras's `where`.
#[track_caller]
pub fn choose(condition: &KerasTensor, a: impl Operand, b: impl Operand) -> KerasTensor {
    let arguments = [condition.into_operand(), a.into_operand(), b.into_operand()];
    apply("ops.numpy", "Where", &[], arguments)
}

/// The first choice whose condition holds, and `default` where none does.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([3]).tensor();
/// let conditions = [&ops::greater(&x, 1.0), &ops::greater(&x, 0.0)];
/// let y = ops::select(conditions, [&x, &(&x * 10.0)], -1.0);
/// let mut model = Model::functional([&x], [&y])?;
/// let y = model.predict(Tensor::new([1, 3], [2.0f32, 0.5, -3.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [2.0, 5.0, -1.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn select<'a>(
    conditions: impl IntoIterator<Item = &'a KerasTensor>,
    choices: impl IntoIterator<Item = &'a KerasTensor>,
    default: impl Operand,
) -> KerasTensor {
    let arguments = [super::listed(conditions), super::listed(choices), default.into_operand()];
    apply("ops.numpy", "Select", &[], arguments)
}
