//! `keras.ops.i0`, `ldexp` and their like: rarer functions of numbers.

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};
use kerros_graph::Node;

use super::division::{floor_quotient, floor_remainder};
use super::elementwise::of_float;
use super::kind::{Operands, kinds};

/// A sum of Chebyshev's polynomials of `x / 2`, the highest first (Clenshaw's recurrence).
fn chebyshev<'g>(coefficients: &[f32], x: Node<'g>) -> Node<'g> {
    let zero = x * 0.0;
    let (mut newest, mut last, mut before) = (zero, zero, zero);
    for &coefficient in coefficients {
        (before, last) = (last, newest);
        newest = x * last - before + coefficient;
    }
    (newest - before) * 0.5
}

/// Coefficients of `e^-x I0(x)` within `[0, 8]`, and of that times `sqrt(x)` behind.
const NEAR: [f32; 18] = [
    -1.300_025e-8,
    6.046_995e-8,
    -2.670_794e-7,
    1.117_387_5e-6,
    -4.416_738_5e-6,
    1.644_844_8e-5,
    -5.754_195e-5,
    1.885_028_8e-4,
    -5.763_756e-4,
    1.639_475_7e-3,
    -4.324_31e-3,
    1.054_646e-2,
    -2.373_741_4e-2,
    4.930_528_5e-2,
    -9.490_104e-2,
    1.716_209e-1,
    -3.046_826_6e-1,
    6.767_953e-1,
];
const FAR: [f32; 7] = [
    3.396_232e-9,
    2.266_669e-8,
    2.048_918_6e-7,
    2.891_370_5e-6,
    6.889_758_3e-5,
    3.369_116_5e-3,
    8.044_904e-1,
];

/// Bessel's modified function of the first kind, of order 0 (Cephes, `i0f`).
fn bessel(x: Node<'_>) -> Node<'_> {
    let size = x.abs();
    let is_near = size.less_equal(8.0);
    let near = is_near.select(size, 8.0);
    let far = is_near.select(8.0, size);
    let share = chebyshev(&FAR, 32.0 / far - 2.0) / far.sqrt();
    is_near.select(chebyshev(&NEAR, near * 0.5 - 2.0), share) * size.exp()
}

/// `2^n` as a float for each whole `n` from -126 to 127; the nearest of these for others.
fn power_of_two<'g>(n: Node<'g>) -> Result<Node<'g>> {
    let powers: Vec<f32> = (-126..=127).map(|n| 2.0f32.powi(n)).collect();
    let table = n.graph().literal(Tensor::new([powers.len()], powers)?);
    Ok(table.gather(n + 126.0, 0))
}

/// `x1 * 2^x2`, in factors that are floats each.
fn scaled<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, n) = (operands.float("x1")?, operands.node("x2")?);
    if n.dtype() == DType::F32 {
        return Err(Error::new(ErrorKind::DType, "`x2` of floats").expected("whole numbers"));
    }
    let mut rest = n.cast(DType::I32).maximum(-300.0).minimum(300.0);
    let mut scaled = x;
    for _ in 0..3 {
        let part = rest.maximum(-126.0).minimum(127.0);
        scaled = scaled * power_of_two(part)?;
        rest = rest - part;
    }
    // As in JAX 0 and the infinities stay as they are, and so does what flows back to them.
    let is_scaled = x.is_finite().logical_and(x.not_equal(0.0));
    Ok(vec![is_scaled.select(scaled, x)])
}

/// How rows go with each other: 1 for the same, -1 for the opposite.
fn correlations<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    let (rows, columns) = match x.shape()[..] {
        [columns] => (1, columns),
        [rows, columns] => (rows, columns),
        _ => {
            return Err(Error::new(ErrorKind::Shape, format!("rows of shape {}", x.shape()))
                .expected("one axis or two"));
        }
    };
    let rest = x.reshape([rows, columns]);
    let rest = rest - rest.mean(&[1]).expand_dims(1);
    let covariances = rest.matmul_with(rest, false, true) / (columns as f32 - 1.0);
    let places = x.graph().iota(rows).reshape([rows, 1]);
    let widths = covariances.take_along_axis(places, 1).sqrt(); // [rows, 1]
    let made = covariances / widths / widths.reshape([1, rows]);
    let made = made.maximum(-1.0).minimum(1.0);
    Ok(vec![if x.ndim() == 1 { made.reshape(Vec::<usize>::new()) } else { made }])
}

/// The place along each axis of places in a row.
fn unravelled<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let indices = operands.node("indices")?.cast(DType::I32);
    let wrong = || operands.wrong("shape", "lengths from 1 on");
    let lengths = operands.wholes("shape")?.ok_or_else(wrong)?;
    let lengths: Vec<i32> = lengths.into_iter().filter_map(|n| n.try_into().ok()).collect();
    let total = lengths.iter().try_fold(1i32, |all, &length| all.checked_mul(length));
    let total = total.filter(|&total| total > 0 && lengths.iter().all(|&length| length > 0));
    let total = total.ok_or_else(wrong)?;
    let graph = indices.graph();
    let whole = |number: i32| graph.constant_i32(number);
    let inside = indices.maximum(whole(-total)).minimum(whole(total - 1));
    let mut rest = inside.less(0.0).select(inside + whole(total), inside);
    let mut places = Vec::new();
    for &length in lengths.iter().rev() {
        let length = whole(length).broadcast_to(rest.shape());
        places.push(floor_remainder(rest, length));
        rest = floor_quotient(rest, length);
    }
    places.reverse();
    Ok(places)
}

kinds! { "ops.numpy";
    I0(x) => |o| of_float(o, bessel);
    Ldexp(x1, x2) => scaled;
    Corrcoef(x) => correlations;
    UnravelIndex(indices) [shape = "!"] => unravelled;
}
