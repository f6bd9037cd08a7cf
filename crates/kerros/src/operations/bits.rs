//! `keras.ops.bitwise_and` and its like: whole numbers bit by bit.
//!
//! The graph has no operation on bits. Bit `k` of a number is the sign of the number times
//! `2^(31 - k)`, of which the bits above are lost: what is made of that is exact for all numbers.

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};
use kerros_graph::Node;

use super::division::floor_quotient;
use super::kind::{Operands, counted, kinds};

const BITS: usize = 32;

/// Both arguments as whole numbers, or as truth values, of one shape.
fn two<'g>(operands: &Operands<'_, 'g>) -> Result<(Node<'g>, Node<'g>)> {
    let (a, b) = operands.pair("x", "y")?;
    match a.dtype() {
        DType::F32 => Err(Error::new(ErrorKind::DType, "the bits of floats")
            .expected("whole numbers or truth values")
            .hint("convert them with `cast`")),
        _ => Ok(a.broadcast_together(b)),
    }
}

/// The bits that both have.
fn common<'g>(a: Node<'g>, b: Node<'g>) -> Node<'g> {
    let graph = a.graph();
    let bit_of = |x: Node<'g>, bit: usize| {
        (x * graph.constant_i32(1i32.wrapping_shl((BITS - 1 - bit) as u32))).less(0.0)
    };
    let bits = (0..BITS).map(|bit| {
        let both = bit_of(a, bit).logical_and(bit_of(b, bit));
        both.select(graph.constant_i32(1i32.wrapping_shl(bit as u32)), graph.constant_i32(0))
    });
    bits.fold(graph.constant_i32(0), |sum, bit| sum + bit)
}

/// An operation on truth values, and what it is made of for whole numbers: both, and the common
/// bits of both.
fn bitwise<'g>(
    operands: &Operands<'_, 'g>,
    of_truths: fn(Node<'g>, Node<'g>) -> Node<'g>,
    of_bits: fn(Node<'g>, Node<'g>, Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let (a, b) = two(operands)?;
    Ok(vec![match a.dtype() {
        DType::Bool => of_truths(a, b),
        _ => of_bits(a, b, common(a, b)),
    }])
}

/// `2^n` for each `n` from 0 on of so many, 0 for other `n`.
fn power_of_two<'g>(n: Node<'g>, count: u32) -> Result<Node<'g>> {
    let powers: Vec<i32> = (0..count).map(|bit| 1i32.wrapping_shl(bit)).collect();
    let table = n.graph().literal(Tensor::new([powers.len()], powers)?);
    Ok(table.gather_or_zero(n, 0))
}

/// Bits moved up; nothing is left of a number that is moved by 32 places or more.
fn left<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = two(operands)?;
    let (a, b) = (counted(a), counted(b));
    Ok(vec![a * power_of_two(b, BITS as u32)?])
}

/// Bits moved down, the sign coming after; the sign alone is left of a number that is moved by
/// 31 places or more.
fn right<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = two(operands)?;
    let (a, b) = (counted(a), counted(b));
    let graph = a.graph();
    let divisor = power_of_two(b, BITS as u32 - 1)?;
    let sign = a.less(0.0).select(graph.constant_i32(-1), graph.constant_i32(0));
    let is_within = divisor.greater(0.0);
    let quotient = floor_quotient(a, is_within.select(divisor, graph.constant_i32(1)));
    Ok(vec![is_within.select(b.equal(0.0).select(a, quotient), sign)])
}

kinds! { "ops.numpy";
    BitwiseAnd(x, y) => |o| bitwise(o, |a, b| a.logical_and(b), |_, _, both| both);
    BitwiseOr(x, y) => |o| bitwise(o, |a, b| a.logical_or(b), |a, b, both| a + b - both);
    BitwiseXor(x, y) => |o| bitwise(o, |a, b| a.not_equal(b), |a, b, both| a + b - both - both);
    BitwiseLeftShift(x, y) => left;
    LeftShift(x, y) => left;
    BitwiseRightShift(x, y) => right;
    RightShift(x, y) => right;
}
