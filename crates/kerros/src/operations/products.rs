//! `keras.ops.kron` and its like: products of small arrays with each other.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::ConvSpec;
use serde_json::Value;

use super::constants;
use super::kind::{Operands, axis_of, counted, kinds};

fn misfit(a: Node<'_>, b: Node<'_>, expected: &str) -> Error {
    let shapes = format!("operands of shapes {} and {}", a.shape(), b.shape());
    Error::new(ErrorKind::Shape, shapes).expected(expected)
}

/// The axes of `x` with one of them moved to the end, or with the last moved there.
fn moved<'g>(x: Node<'g>, from: usize, to: usize) -> Node<'g> {
    let mut order: Vec<usize> = (0..x.ndim()).filter(|&axis| axis != from).collect();
    order.insert(to, from);
    x.transpose(&order)
}

/// The vector at right angles to two others, of three components each; for two of two components
/// its third only.
fn cross<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = operands.numbers("x1", "x2")?;
    let named = |name: &str, ndim: usize| -> Result<usize> {
        let name = if operands.value("axis").is_null() { name } else { "axis" };
        axis_of(operands.whole(name)?, ndim)
    };
    let last = |x: Node<'g>, name: &str| -> Result<Node<'g>> {
        let axis = named(name, x.ndim())?;
        Ok(moved(x, axis, x.ndim() - 1))
    };
    let (a, b) = (last(a, "axisa")?, last(b, "axisb")?);
    let lengths = [a.shape().last(), b.shape().last()];
    if lengths.iter().any(|length| ![2, 3].contains(length)) {
        return Err(misfit(a, b, "two or three components"));
    }
    let part = |x: Node<'g>, at: usize| {
        let (last, at) = (x.ndim() - 1, at % 3);
        match at < x.shape().last() {
            true => x.slice(last, at, at + 1),
            false => x.slice(last, 0, 1) * 0.0,
        }
    };
    let component =
        |at: usize| part(a, at + 1) * part(b, at + 2) - part(a, at + 2) * part(b, at + 1);
    if lengths == [2, 2] {
        let third = component(2);
        let dims = third.shape()[..third.ndim() - 1].to_vec();
        return Ok(vec![third.reshape(dims)]);
    }
    let parts = [component(0), component(1), component(2)];
    let product = Node::concat(&parts, parts[0].ndim() - 1);
    Ok(vec![moved(product, product.ndim() - 1, named("axisc", product.ndim())?)])
}

/// Each element of `x1` times all of `x2`, as blocks.
fn kron<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = operands.numbers("x1", "x2")?;
    let ndim = a.ndim().max(b.ndim());
    let dims = |x: Node<'g>| [vec![1; ndim - x.ndim()], x.shape().to_vec()].concat();
    let (of_a, of_b) = (dims(a), dims(b));
    let outer: Vec<usize> = of_a.iter().flat_map(|&dim| [dim, 1]).collect();
    let inner: Vec<usize> = of_b.iter().flat_map(|&dim| [1, dim]).collect();
    let result: Vec<usize> = of_a.iter().zip(&of_b).map(|(a, b)| a * b).collect();
    Ok(vec![(a.reshape(outer) * b.reshape(inner)).reshape(result)])
}

/// Powers of each element as a row: the highest first, unless they increase.
fn vander<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = counted(operands.node("x")?);
    let [length] = x.shape()[..] else {
        return Err(Error::new(ErrorKind::Shape, format!("powers of shape {}", x.shape()))
            .expected("one axis"));
    };
    let count = match operands.value("N") {
        Value::Null => length,
        _ => usize::try_from(operands.whole("N")?).unwrap_or(0),
    };
    if count == 0 {
        return Err(operands.wrong("N", "at least 1"));
    }
    let column = x.reshape([length, 1]);
    let one = x.graph().constant(1.0).cast(x.dtype()).broadcast_to([length, 1]);
    let mut powers = vec![one];
    for at in 1..count {
        powers.push(powers[at - 1] * column);
    }
    if !operands.flag("increasing") {
        powers.reverse();
    }
    Ok(vec![Node::concat(&powers, 1)])
}

/// The area under lines through the points.
fn trapezoid<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let y = operands.float("y")?;
    let (axis, ndim) = (operands.axis("axis", y.ndim())?, y.ndim());
    let count = y.shape()[axis];
    if count == 0 {
        return Err(misfit(y, y, "at least one point"));
    }
    let sums = y.slice(axis, 1, count) + y.slice(axis, 0, count - 1);
    let widths = match operands.value("x") {
        Value::Null => y.graph().constant(operands.number("dx")? as f32),
        places => {
            let places = y.graph().literal(constants::tensor(places)?);
            let places = places.cast(DType::F32);
            let along = if places.ndim() == 1 { 0 } else { axis };
            if places.shape().get(along) != Some(&count) {
                return Err(misfit(y, places, "a place for each point"));
            }
            let widths = places.slice(along, 1, count) - places.slice(along, 0, count - 1);
            match places.ndim() {
                1 => {
                    let line = (0..ndim).map(|at| if at == axis { count - 1 } else { 1 });
                    widths.reshape(line.collect::<Shape>())
                }
                _ => widths,
            }
        }
    };
    Ok(vec![(sums * widths).sum(&[axis as isize]) * 0.5])
}

/// Sums of products of a sequence with another that is shifted along it.
fn correlate<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = (operands.float("x1")?, operands.float("x2")?);
    let ([m], [n]) = (&a.shape()[..], &b.shape()[..]) else {
        return Err(misfit(a, b, "one axis of each"));
    };
    let (m, n) = (*m, *n);
    if m == 0 || n == 0 {
        return Err(misfit(a, b, "at least one element of each"));
    }
    let is_turned = m < n;
    let (long, short) = if is_turned { (b, a) } else { (a, b) };
    let taps = m.min(n);
    let padding = match operands.value("mode").as_str() {
        Some("valid") => (0, 0),
        Some("same") => (taps / 2, taps - taps / 2 - 1),
        Some("full") => (taps - 1, taps - 1),
        _ => return Err(operands.wrong("mode", "\"valid\", \"same\" or \"full\"")),
    };
    let spec = ConvSpec::new(1).padding([(padding.0 as isize, padding.1 as isize)]);
    let sums = long.reshape([1, m.max(n), 1]).conv(short.reshape([taps, 1, 1]), spec);
    let sums = sums.reshape([sums.shape().num_elements()]);
    Ok(vec![if is_turned { sums.reverse(0) } else { sums }])
}

/// The distance of each row of `x` from each of `y`.
fn distances<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, y) = (operands.float("x")?, operands.float("y")?);
    if x.ndim() < 2 || y.ndim() < 2 || x.shape().last() != y.shape().last() {
        return Err(misfit(x, y, "at least two axes, the last of one length"));
    }
    let difference = x.expand_dims(x.ndim() - 1) - y.expand_dims(y.ndim() - 2);
    Ok(vec![difference.square().sum(&[-1]).sqrt()])
}

kinds! { "ops.numpy";
    Cross(x1, x2) [axisa = "-1", axisb = "-1", axisc = "-1", axis = "null"] => cross;
    Kron(x1, x2) => kron;
    Vander(x) [N = "null", increasing = "false"] => vander;
    Trapezoid(y) [x = "null", dx = "1.0", axis = "-1"] => trapezoid;
    Correlate(x1, x2) [mode = "\"valid\""] => correlate;
}

/// Those of mathematics.
pub(super) mod math {
    use super::{distances, kinds};

    kinds! { "ops.math";
        CDist(x, y) => distances;
    }
}
