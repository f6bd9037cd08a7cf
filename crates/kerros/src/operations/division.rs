//! `keras.ops.floor_divide`, `mod` and `fmod`: division that leaves a remainder.

use kerros_core::{DType, Result};
use kerros_graph::Node;

use super::kind::{Operands, kinds};

/// What splits a float into a high and a low half of its digits: `2^12 + 1`.
const SPLIT: f32 = 4097.0;

/// `floor(a / b)`, and `a - floor(a / b) b`, which has the sign of `b`.
struct Division<'g> {
    quotient: Node<'g>,
    remainder: Node<'g>,
}

/// `x` as the sum of two floats of half as many digits.
fn halves(x: Node<'_>) -> (Node<'_>, Node<'_>) {
    let scaled = x * SPLIT;
    let high = scaled - (scaled - x);
    (high, x - high)
}

/// `a - q b` for a whole `q`, with what rounding takes from `q b` put back (Dekker 1971).
fn less_product<'g>(a: Node<'g>, q: Node<'g>, b: Node<'g>) -> Node<'g> {
    let product = q * b;
    let ((q_high, q_low), (b_high, b_low)) = (halves(q), halves(b));
    let lost = ((q_high * b_high - product) + q_high * b_low + q_low * b_high) + q_low * b_low;
    // Halves of numbers near the largest are none: nothing is put back then.
    (a - product) - lost.is_finite().select(lost, 0.0)
}

/// Adds `b` where the remainder has not its sign: the quotient was rounded up.
fn with_sign_of<'g>(remainder: Node<'g>, b: Node<'g>) -> Node<'g> {
    let is_other = remainder.less(0.0).not_equal(b.less(0.0));
    remainder.not_equal(0.0).logical_and(is_other).select(remainder + b, remainder)
}

/// Where a finite number is divided by an infinite one: it is all left.
fn is_beyond<'g>(a: Node<'g>, b: Node<'g>) -> Node<'g> {
    b.abs().equal(f32::INFINITY).logical_and(a.is_finite())
}

/// Of floats: exact while the quotient has at most 24 digits. Where nothing is left, the remainder
/// is the 0 of the sign of `a`.
fn divide_floats<'g>(a: Node<'g>, b: Node<'g>) -> Division<'g> {
    let once = |a: Node<'g>| less_product(a, (a / b).floor(), b);
    // The first quotient may be rounded up or down: the second is 1, 0 or -1 then.
    let left = once(once(a));
    let signed = left.equal(0.0).select(a.is_finite().select(a, 1.0) * 0.0, left);
    let is_far = is_beyond(a, b);
    let left = is_far.select(a, signed.replace_gradient(left));
    let remainder = with_sign_of(left, b);
    let quotient = ((a - remainder) / b).round();
    let ratio = (a / b).stop_gradient();
    let far = remainder.equal(a).select(ratio, -1.0);
    // By 0 nothing is left to take away: the quotient is infinite, or NaN of 0.
    let quotient = b.equal(0.0).select(ratio, quotient);
    Division { quotient: is_far.select(far, quotient), remainder }
}

/// Of whole numbers, whose quotients are found as floats, and mended. By 0 the quotient is -1, less
/// one for what is left, and the remainder 0, as on JAX.
fn divide_whole<'g>(a: Node<'g>, b: Node<'g>) -> Division<'g> {
    let about = |a: Node<'g>| (a.cast(DType::F32) / b.cast(DType::F32)).floor().cast(DType::I32);
    let mut quotient = about(a);
    for _ in 0..2 {
        quotient = quotient + about(a - quotient * b);
    }
    let remainder = a - quotient * b;
    let mended = with_sign_of(remainder, b);
    let one = a.graph().constant_i32(1);
    let is_mended = mended.not_equal(remainder);
    let quotient = is_mended.select(quotient - one, quotient);
    let (is_none, zero) = (b.equal(0.0), a.graph().constant_i32(0));
    Division {
        quotient: is_none.select(a.equal(0.0).select(-one, -one - one), quotient),
        remainder: is_none.select(zero, mended),
    }
}

/// The quotient of whole numbers, rounded down.
pub(super) fn floor_quotient<'g>(a: Node<'g>, b: Node<'g>) -> Node<'g> {
    divide_whole(a, b).quotient
}

/// What is left of a whole number, with the sign of the divisor.
pub(super) fn floor_remainder<'g>(a: Node<'g>, b: Node<'g>) -> Node<'g> {
    divide_whole(a, b).remainder
}

fn divide<'g>(operands: &Operands<'_, 'g>) -> Result<(Node<'g>, Node<'g>, Division<'g>)> {
    let (a, b) = operands.numbers("x1", "x2")?;
    let division = match a.dtype() {
        DType::F32 => divide_floats(a, b),
        _ => divide_whole(a, b),
    };
    Ok((a, b, division))
}

kinds! { "ops.numpy";
    FloorDivide(x1, x2) => |o| Ok(vec![divide(o)?.2.quotient]);
    Mod(x1, x2) => |o| Ok(vec![divide(o)?.2.remainder]);
    Fmod(x1, x2) => |o| {
        // The remainder has the sign of `a` here.
        let (a, b, Division { remainder, .. }) = divide(o)?;
        let is_other = a.less(0.0).not_equal(b.less(0.0));
        let is_moved = remainder.not_equal(0.0).logical_and(is_other);
        let left = is_moved.select(remainder - b, remainder);
        Ok(vec![match a.dtype() {
            DType::F32 => is_beyond(a, b).select(a, left),
            _ => left,
        }])
    };
}
