//! `keras.ops.sum` and its like: one number of many.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, counted, kinds};
use super::value::in_dtype;
use crate::object::number;

/// Reduces `x` over the axes of the setting `axis`, which stay with length 1 where `keepdims`
/// says so.
fn reduced<'g>(
    operands: &Operands<'_, 'g>,
    x: Node<'g>,
    reduce: impl FnOnce(Node<'g>, &[isize]) -> Node<'g>,
) -> Result<Node<'g>> {
    let axes = operands.axes("axis", x.ndim())?;
    let signed: Vec<isize> = axes.iter().map(|&axis| axis as isize).collect();
    let result = reduce(x, &signed);
    Ok(match operands.flag("keepdims") {
        true => result.reshape(kept(&x.shape(), &axes)),
        false => result,
    })
}

/// A shape with these axes of length 1.
fn kept(shape: &Shape, axes: &[usize]) -> Shape {
    let dim = |(axis, &dim): (usize, &usize)| if axes.contains(&axis) { 1 } else { dim };
    shape.iter().enumerate().map(dim).collect()
}

fn of_number<'g>(
    operands: &Operands<'_, 'g>,
    reduce: impl FnOnce(Node<'g>, &[isize]) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let x = counted(operands.node("x")?);
    Ok(vec![reduced(operands, x, reduce)?])
}

pub(super) fn of_float<'g>(
    operands: &Operands<'_, 'g>,
    reduce: impl FnOnce(Node<'g>, &[isize]) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    Ok(vec![reduced(operands, operands.float("x")?, reduce)?])
}

fn of_truth<'g>(
    operands: &Operands<'_, 'g>,
    reduce: impl FnOnce(Node<'g>, &[isize]) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    Ok(vec![reduced(operands, operands.node("x")?.cast(DType::Bool), reduce)?])
}

/// The largest or smallest, or a number to begin with.
fn extreme<'g>(operands: &Operands<'_, 'g>, is_max: bool) -> Result<Vec<Node<'g>>> {
    let reduce = |x: Node<'g>, axes: &[isize]| if is_max { x.max(axes) } else { x.min(axes) };
    let mut results = of_number(operands, reduce)?;
    if let Some(initial) = number(operands.value("initial")) {
        let (result, initial) = (results[0], initial as f32);
        results[0] = if is_max { result.maximum(initial) } else { result.minimum(initial) };
    }
    Ok(results)
}

/// The mean of squared distances from the mean.
fn variance<'g>(x: Node<'g>, axes: &[isize]) -> Node<'g> {
    let kept_axes: Vec<usize> = axes.iter().map(|&axis| axis as usize).collect();
    let mean = x.mean(axes).reshape(kept(&x.shape(), &kept_axes));
    (x - mean).square().mean(axes)
}

/// The mean, each element counting by its weight; weights of one axis when they have one only.
fn average<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let Some(weights) = operands.maybe("weights")? else {
        return of_float(operands, |x, axes| x.mean(axes));
    };
    let x = operands.float("x")?;
    let axes = operands.axes("axis", x.ndim())?;
    let weights = weights.cast(DType::F32);
    let weights = match (weights.ndim(), &axes[..]) {
        (1, &[axis]) if x.ndim() > 1 => {
            let dim = |at: usize| if at == axis { x.shape()[axis] } else { 1 };
            weights.reshape((0..x.ndim()).map(dim).collect::<Shape>())
        }
        _ => weights,
    };
    let weights = weights.broadcast_to(x.shape());
    of_float(operands, |x, axes| (x * weights).sum(axes) / weights.sum(axes))
}

/// Mean and variance.
fn moments<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    let axes = operands.axes("axes", x.ndim())?;
    let signed: Vec<isize> = axes.iter().map(|&axis| axis as isize).collect();
    let results = [x.mean(&signed), variance(x, &signed)];
    Ok(match operands.flag("keepdims") {
        true => results.map(|result| result.reshape(kept(&x.shape(), &axes))).to_vec(),
        false => results.to_vec(),
    })
}

/// Differences of neighbours, several times.
fn differences<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = counted(operands.node("a")?);
    let axis = operands.axis("axis", x.ndim())?;
    let times = usize::try_from(operands.whole("n")?).unwrap_or(0);
    if times >= x.shape()[axis] {
        return Err(operands.wrong("n", "less than the length of the axis"));
    }
    Ok(vec![(0..times).fold(x, |x, _| {
        let length = x.shape()[axis];
        x.slice(axis, 1, length) - x.slice(axis, 0, length - 1)
    })])
}

/// The product over several axes, one after the other.
pub(super) fn product<'g>(x: Node<'g>, axes: &[isize]) -> Node<'g> {
    axes.iter().rev().fold(x, |x, &axis| x.prod(axis))
}

/// The place of the largest or smallest; of all elements in a row when no axis is named.
pub(super) fn place<'g>(
    operands: &Operands<'_, 'g>,
    x: Node<'g>,
    is_max: bool,
) -> Result<Node<'g>> {
    let (flat, axis) = match operands.value("axis") {
        Value::Null => (x.reshape([x.shape().num_elements()]), 0),
        _ => (x, operands.axis("axis", x.ndim())?),
    };
    // Whole numbers are compared as floats, which hold them up to 2^24.
    let flat = flat.cast(DType::F32);
    let at = if is_max { flat.argmax(axis as isize) } else { flat.argmin(axis as isize) };
    Ok(match (operands.flag("keepdims"), operands.value("axis").is_null()) {
        (true, true) => at.reshape(vec![1; x.ndim()]),
        (true, false) => at.expand_dims(axis),
        (false, _) => at,
    })
}

/// Running sums or products; of all elements in a row when no axis is named.
pub(super) fn running<'g>(
    operands: &Operands<'_, 'g>,
    given: Node<'g>,
    run: impl Fn(Node<'g>, usize) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let given = in_dtype(operands, given)?;
    // Whole numbers run as floats, which hold them up to 2^24.
    let x = given.cast(DType::F32);
    let sums = match operands.value("axis") {
        Value::Null => run(x.reshape([x.shape().num_elements()]), 0),
        _ => run(x, operands.axis("axis", x.ndim())?),
    };
    Ok(vec![sums.cast(given.dtype())])
}

/// The length of vectors, or of all elements together.
fn norm<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let order = operands.value("ord");
    let unsupported = || {
        Error::new(ErrorKind::Unsupported, format!("a norm of order {order}"))
            .expected("null, 1, 2, \"fro\" or an infinity, of vectors")
    };
    let axes = operands.axes("axis", operands.node("x")?.ndim())?;
    let is_matrix = axes.len() == 2 && !order.is_null();
    let is_frobenius = order.as_str() == Some("fro") && axes.len() == 2;
    let formula: fn(Node<'g>, &[isize]) -> Node<'g> = match (order.as_f64(), order.as_str()) {
        _ if order.is_null() || is_frobenius => |x, axes| x.square().sum(axes).sqrt(),
        _ if is_matrix => return Err(unsupported()),
        (Some(1.0), _) => |x, axes| x.abs().sum(axes),
        (Some(2.0), _) => |x, axes| x.square().sum(axes).sqrt(),
        (_, Some("inf")) => |x, axes| x.abs().max(axes),
        (_, Some("-inf")) => |x, axes| x.abs().min(axes),
        _ => return Err(unsupported()),
    };
    of_float(operands, formula)
}

/// The ratio of the largest signal to the noise between two, in decibels.
fn signal_to_noise<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = (operands.float("x1")?, operands.float("x2")?);
    if a.shape() != b.shape() {
        let shapes = format!("signals of shapes {} and {}", a.shape(), b.shape());
        return Err(Error::new(ErrorKind::Shape, shapes).expected("the same shape"));
    }
    let decibels = |x: Node<'g>, factor: f32| x.log() * (factor / std::f32::consts::LN_10);
    let largest = a.graph().constant(operands.number("max_val")? as f32);
    Ok(vec![decibels(largest, 20.0) - decibels((a - b).square().mean_all(), 10.0)])
}

kinds! { "ops.numpy";
    Sum(x) [axis = "null", keepdims = "false"] => |o| of_number(o, |x, axes| x.sum(axes));
    Mean(x) [axis = "null", keepdims = "false"] => |o| of_float(o, |x, axes| x.mean(axes));
    Max(x) [axis = "null", keepdims = "false", initial = "null"] => |o| extreme(o, true);
    Min(x) [axis = "null", keepdims = "false", initial = "null"] => |o| extreme(o, false);
    Amax(x) [axis = "null", keepdims = "false"] => |o| extreme(o, true);
    Amin(x) [axis = "null", keepdims = "false"] => |o| extreme(o, false);
    Ptp(x) [axis = "null", keepdims = "false"] => |o| of_number(o, |x, axes| x.max(axes) - x.min(axes));
    Average(x, weights) [axis = "null"] => average;
    Diff(a) [n = "1", axis = "-1"] => differences;
    Prod(x) [axis = "null", keepdims = "false", dtype = "null"] => |o| {
        let x = in_dtype(o, o.node("x")?)?;
        let made = reduced(o, x.cast(DType::F32), product)?;
        Ok(vec![in_dtype(o, made)?])
    };
    Var(x) [axis = "null", keepdims = "false"] => |o| of_float(o, variance);
    Std(x) [axis = "null", keepdims = "false"] => |o| of_float(o, |x, axes| variance(x, axes).sqrt());
    Any(x) [axis = "null", keepdims = "false"] => |o| of_truth(o, |x, axes| x.any(axes));
    All(x) [axis = "null", keepdims = "false"] => |o| of_truth(o, |x, axes| x.all(axes));
    CountNonzero(x) [axis = "null"] => |o| of_truth(o, |x, axes| x.cast(DType::I32).sum(axes));
    Argmax(x) [axis = "null", keepdims = "false"] => |o| Ok(vec![place(o, counted(o.node("x")?), true)?]);
    Argmin(x) [axis = "null", keepdims = "false"] => |o| Ok(vec![place(o, counted(o.node("x")?), false)?]);
    Cumsum(x) [axis = "null", dtype = "null"] => |o| {
        running(o, counted(o.node("x")?), |x, axis| x.cumsum(axis))
    };
    Cumprod(x) [axis = "null", dtype = "null"] => |o| {
        running(o, counted(o.node("x")?), |x, axis| x.cumprod(axis as isize))
    };
}

/// Those of mathematics.
pub(super) mod math {
    use super::{kinds, of_float};

    kinds! { "ops.math";
        Logsumexp(x) [axis = "null", keepdims = "false"] => |o| of_float(o, |x, axes| x.logsumexp(axes));
    }
}

/// Those of neural networks.
pub(super) mod nn {
    use super::{kinds, moments, signal_to_noise};

    kinds! { "ops.nn";
        PSNR(x1, x2) [max_val = "!"] => signal_to_noise;
        Moments(x) [axes = "!", keepdims = "false", synchronized = "false"] => moments;
    }
}

/// Those of linear algebra.
pub(super) mod linalg {
    use super::{kinds, norm};

    kinds! { "ops.linalg";
        Norm(x) [ord = "null", axis = "null", keepdims = "false"] => norm;
    }
}
