//! `keras.ops.gcd` and `lcm`: what whole numbers have in common.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;

use super::division::{floor_quotient, floor_remainder};
use super::kind::{Operands, kinds};

/// How many divisions there are for numbers of 32 bits at most: as many as numbers of Fibonacci
/// that are so small.
const STEPS: usize = 46;

/// Sizes of both numbers, and the largest number that divides both: Euclid's, written out.
fn common<'g>(operands: &Operands<'_, 'g>) -> Result<[Node<'g>; 3]> {
    let (a, b) = operands.numbers("x1", "x2")?;
    if a.dtype() != DType::I32 {
        return Err(Error::new(ErrorKind::DType, "divisors of floats").expected("whole numbers"));
    }
    let (a, b) = a.broadcast_together(b);
    let [a, b] = [a, b].map(|x| x.maximum(-x));
    let one = a.graph().constant_i32(1);
    let (mut large, mut small) = (a, b);
    for _ in 0..STEPS {
        let is_done = small.equal(0.0);
        let rest = floor_remainder(large, is_done.select(one, small));
        (large, small) = (is_done.select(large, small), is_done.select(small, rest));
    }
    Ok([a, b, large])
}

kinds! { "ops.numpy";
    Gcd(x1, x2) => |o| Ok(vec![common(o)?[2]]);
    Lcm(x1, x2) => |o| {
        let [a, b, both] = common(o)?;
        let one = a.graph().constant_i32(1);
        Ok(vec![floor_quotient(a, both.equal(0.0).select(one, both)) * b])
    };
}
