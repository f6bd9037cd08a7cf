//! `keras.ops.sum` and its like: one number of many.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, axis_of, counted, kinds};
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
    let is_truth = operands.node("x")?.dtype() == DType::Bool;
    if let Some(initial) = number(operands.value("initial")) {
        let (result, initial) = (results[0], initial as f32);
        results[0] = if is_max { result.maximum(initial) } else { result.minimum(initial) };
    } else if is_truth {
        results[0] = results[0].cast(DType::Bool);
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
    let given = operands.node("a")?;
    let x = counted(given);
    let axis = operands.axis("axis", x.ndim())?;
    let times = usize::try_from(operands.whole("n")?).unwrap_or(0);
    if times >= x.shape()[axis] {
        return Err(operands.wrong("n", "less than the length of the axis"));
    }
    let made = (0..times).fold(x, |x, _| {
        let length = x.shape()[axis];
        let (later, before) = (x.slice(axis, 1, length), x.slice(axis, 0, length - 1));
        // Truth values differ or not.
        if given.dtype() == DType::Bool { (later - before).abs() } else { later - before }
    });
    Ok(vec![made.cast(given.dtype())])
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
    let flat = match flat.dtype() {
        DType::F32 => flat,
        // No float holds all whole numbers: the first that equals the end is looked for.
        _ => {
            let axes = [axis as isize];
            let end = if is_max { flat.max(&axes) } else { flat.min(&axes) };
            let hit = flat.equal(end.expand_dims(axis)).cast(DType::F32);
            if is_max { hit } else { -hit }
        }
    };
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
    let x = counted(given);
    let sums = match operands.value("axis") {
        Value::Null => run(x.reshape([x.shape().num_elements()]), 0),
        _ => run(x, operands.axis("axis", x.ndim())?),
    };
    Ok(vec![sums.cast(given.dtype())])
}

/// Running sums along an axis. Those of whole numbers are made of sums over twice as many each
/// time: what is added wraps, so that the order does not matter.
pub(super) fn running_sums(x: Node<'_>, axis: usize) -> Node<'_> {
    if x.dtype() == DType::F32 {
        return x.cumsum(axis);
    }
    let length = x.shape()[axis];
    let (mut sums, mut shift) = (x, 1);
    while shift < length {
        let later = sums.slice(axis, shift, length) + sums.slice(axis, 0, length - shift);
        sums = Node::concat(&[sums.slice(axis, 0, shift), later], axis);
        shift *= 2;
    }
    sums
}

/// The length of vectors, or a size of matrices: over one axis that of vectors, over two that of
/// matrices, over all axes with no order that of all elements together.
fn norm<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (order, ndim) = (operands.value("ord"), operands.node("x")?.ndim());
    let unsupported = || {
        Error::new(ErrorKind::Unsupported, format!("a norm of order {order}")).expected(
            "null, or a number for vectors; null, 1, -1, \"fro\" or an infinity for matrices",
        )
    };
    let named = operands
        .wholes("axis")?
        .map(|axes| axes.into_iter().map(|axis| axis_of(axis, ndim)).collect::<Result<Vec<_>>>());
    let axes = named.unwrap_or_else(|| Ok((0..ndim).collect()))?;
    if order.is_null() || order.as_str() == Some("fro") && axes.len() == 2 {
        return of_float(operands, |x, axes| x.square().sum(axes).sqrt());
    }
    let order = number(order).ok_or_else(unsupported)? as f32;
    match axes[..] {
        [_] => of_float(operands, |x, axes| vector_norm(x, axes, order)),
        [rows, columns] if rows != columns && [1.0, f32::INFINITY].contains(&order.abs()) => {
            // Sums down the columns, or along the rows, and the end of them.
            let summed = if order.abs() == 1.0 { rows } else { columns };
            let left = if order.abs() == 1.0 { columns } else { rows };
            of_float(operands, |x, _| {
                let sums = x.abs().sum(&[summed as isize]);
                let left = [if left > summed { left - 1 } else { left } as isize];
                if order > 0.0 { sums.max(&left) } else { sums.min(&left) }
            })
        }
        _ => Err(unsupported()),
    }
}

/// `(sum |x|^p)^(1/p)`; the largest, the smallest, and how many are not 0 at the ends.
fn vector_norm<'g>(x: Node<'g>, axes: &[isize], order: f32) -> Node<'g> {
    match order {
        f32::INFINITY => x.abs().max(axes),
        f32::NEG_INFINITY => x.abs().min(axes),
        0.0 => x.not_equal(0.0).cast(DType::F32).sum(axes),
        1.0 => x.abs().sum(axes),
        2.0 => x.square().sum(axes).sqrt(),
        _ => x.abs().pow(order).sum(axes).pow(1.0 / order),
    }
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
        let made = reduced(o, counted(x), product)?;
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
        running(o, counted(o.node("x")?), running_sums)
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
