//! `keras.ops.add` and its like: arithmetic of two tensors.

use kerros_core::{DType, Result};
use kerros_graph::Node;

use super::kind::{Operands, as_truth_of_truths, counted, kinds};
use crate::model::Argument;
use crate::object::number;

/// An operation of two numbers.
fn of_two<'g>(
    operands: &Operands<'_, 'g>,
    formula: impl Fn(Node<'g>, Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let (a, b) = operands.pair("x1", "x2")?;
    // As in JAX the sum of truth values is whether either holds, their product whether both do.
    Ok(vec![as_truth_of_truths([a, b], formula(counted(a), counted(b)))])
}

/// An operation of two floats.
fn of_floats<'g>(
    operands: &Operands<'_, 'g>,
    formula: impl Fn(Node<'g>, Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    Ok(vec![formula(operands.float("x1")?, operands.float("x2")?)])
}

/// How far two numbers are apart; 0 for the same infinity twice.
fn distance<'g>(a: Node<'g>, b: Node<'g>) -> Node<'g> {
    a.equal(b).select(0.0, (a - b).abs())
}

/// `a ^ b`; small constant exponents are products, which are exact.
fn power<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = operands.numbers("x1", "x2")?;
    let exponent = match operands.call.argument("x2") {
        Some(Argument::Value(value)) => number(value),
        _ => None,
    };
    Ok(vec![match exponent {
        Some(1.0) => a,
        Some(2.0) => a * a,
        Some(3.0) => a * a * a,
        _ => {
            let dtype = a.dtype();
            a.cast(DType::F32).pow(b.cast(DType::F32)).cast(dtype)
        }
    }])
}

kinds! { "ops.numpy";
    Add(x1, x2) => |o| of_two(o, |a, b| a + b);
    Subtract(x1, x2) => |o| of_two(o, |a, b| a - b);
    Multiply(x1, x2) => |o| of_two(o, |a, b| a * b);
    Divide(x1, x2) => |o| of_floats(o, |a, b| a / b);
    TrueDivide(x1, x2) => |o| of_floats(o, |a, b| a / b);
    DivideNoNan(x1, x2) => |o| of_floats(o, |a, b| {
        let is_zero = b.equal(0.0);
        is_zero.select(0.0, a / is_zero.select(1.0, b))
    });
    Power(x1, x2) => power;
    Maximum(x1, x2) => |o| of_two(o, |a, b| a.maximum(b));
    Minimum(x1, x2) => |o| of_two(o, |a, b| a.minimum(b));
    Fmax(x1, x2) => |o| of_two(o, |a, b| if a.dtype() == DType::I32 { a.maximum(b) } else { a.is_nan().select(b, b.is_nan().select(a, a.maximum(b))) });
    Fmin(x1, x2) => |o| of_two(o, |a, b| if a.dtype() == DType::I32 { a.minimum(b) } else { a.is_nan().select(b, b.is_nan().select(a, a.minimum(b))) });
    Heaviside(x1, x2) => |o| of_floats(o, |a, b| {
        let sign = a.greater(0.0).cast(DType::F32);
        a.is_nan().select(a, a.equal(0.0).select(b, sign))
    });
    Hypot(x1, x2) => |o| of_floats(o, |a, b| (a * a + b * b).sqrt());
    Logaddexp(x1, x2) => |o| of_floats(o, |a, b| {
        a.maximum(b) + (-distance(a, b)).exp().log1p()
    });
    Logaddexp2(x1, x2) => |o| of_floats(o, |a, b| {
        let distance = distance(a, b) * std::f32::consts::LN_2;
        a.maximum(b) + (-distance).exp().log1p() / std::f32::consts::LN_2
    });
}
