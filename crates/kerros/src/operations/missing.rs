//! `keras.ops.nansum` and its like: what passes over NaN.

use kerros_core::{DType, Result};
use kerros_graph::Node;

use super::kind::{Operands, kinds};
use super::reduction::{of_float, place, product, running};

/// A reduction of what is not NaN; NaN counts as `neutral`. The second argument of `reduce` is 1
/// for each number and 0 for each NaN.
fn of_numbers<'g>(
    operands: &Operands<'_, 'g>,
    neutral: f32,
    reduce: impl FnOnce(Node<'g>, Node<'g>, &[isize]) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    of_float(operands, |x, axes| {
        let is_nan = x.is_nan();
        reduce(is_nan.select(neutral, x), 1.0 - is_nan.cast(DType::F32), axes)
    })
}

/// The mean of squared distances from the mean.
fn variance<'g>(x: Node<'g>, count: Node<'g>, axes: &[isize]) -> Node<'g> {
    let mut dims = x.shape().to_vec();
    axes.iter().for_each(|&axis| dims[axis as usize] = 1);
    let counts = count.sum(axes);
    let mean = (x.sum(axes) / counts).reshape(dims);
    ((x - mean) * count).square().sum(axes) / counts
}

/// The place of the largest or smallest number; -1 where there is none.
fn place_of_number<'g>(operands: &Operands<'_, 'g>, is_max: bool) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    let neutral = if is_max { f32::NEG_INFINITY } else { f32::INFINITY };
    let found = place(operands, x.is_nan().select(neutral, x), is_max)?;
    let axes = match operands.value("axis").is_null() {
        true => (0..x.ndim() as isize).collect(),
        false => vec![operands.axis("axis", x.ndim())? as isize],
    };
    let none = x.is_nan().all(&axes).reshape(found.shape());
    Ok(vec![none.select(x.graph().constant_i32(-1), found)])
}

/// Running sums or products in which NaN counts as `neutral`.
fn running_numbers<'g>(
    operands: &Operands<'_, 'g>,
    neutral: f32,
    run: impl Fn(Node<'g>, usize) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    running(operands, x.is_nan().select(neutral, x), run)
}

kinds! { "ops.numpy";
    Nansum(x) [axis = "null", keepdims = "false"] => |o| of_numbers(o, 0.0, |x, _, axes| x.sum(axes));
    Nanmean(x) [axis = "null", keepdims = "false"] => |o| {
        of_numbers(o, 0.0, |x, count, axes| x.sum(axes) / count.sum(axes))
    };
    Nanmax(x) [axis = "null", keepdims = "false"] => |o| {
        of_numbers(o, f32::NEG_INFINITY, |x, _, axes| x.max(axes))
    };
    Nanmin(x) [axis = "null", keepdims = "false"] => |o| {
        of_numbers(o, f32::INFINITY, |x, _, axes| x.min(axes))
    };
    Nanprod(x) [axis = "null", keepdims = "false"] => |o| of_numbers(o, 1.0, |x, _, axes| product(x, axes));
    Nanvar(x) [axis = "null", keepdims = "false"] => |o| of_numbers(o, 0.0, variance);
    Nanstd(x) [axis = "null", keepdims = "false"] => |o| {
        of_numbers(o, 0.0, |x, count, axes| variance(x, count, axes).sqrt())
    };
    Nanargmax(x) [axis = "null", keepdims = "false"] => |o| place_of_number(o, true);
    Nanargmin(x) [axis = "null", keepdims = "false"] => |o| place_of_number(o, false);
    Nancumsum(x) [axis = "null", dtype = "null"] => |o| running_numbers(o, 0.0, |x, axis| x.cumsum(axis));
    Nancumprod(x) [axis = "null", dtype = "null"] => |o| {
        running_numbers(o, 1.0, |x, axis| x.cumprod(axis as isize))
    };
}
