//! `keras.ops.take` and its like: entries by index, sorting, classes as rows.

use kerros_core::{DType, Result};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, axis_of, counted, kinds};
use super::value::in_dtype;
use crate::activations::axes::along;

/// The tensor and one of its axes; all elements in a row when none is named.
fn line<'g>(operands: &Operands<'_, 'g>) -> Result<(Node<'g>, usize)> {
    let x = operands.node("x")?;
    Ok(match operands.value("axis") {
        Value::Null => (x.reshape([x.shape().num_elements()]), 0),
        _ => (x, operands.axis("axis", x.ndim())?),
    })
}

/// Indices of an axis of this length; negative ones count from its end, as in Python.
fn indices<'g>(operands: &Operands<'_, 'g>, length: usize) -> Result<Node<'g>> {
    let indices = operands.node("indices")?.cast(DType::I32);
    let length = operands.inputs[0].graph().constant_i32(length as i32);
    Ok(indices.less(0.0).select(indices + length, indices))
}

fn take<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, axis) = line(operands)?;
    Ok(vec![x.gather(indices(operands, x.shape()[axis])?, axis)])
}

fn take_along_axis<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, axis) = line(operands)?;
    Ok(vec![x.take_along_axis(indices(operands, x.shape()[axis])?, axis)])
}

fn sorted<'g>(operands: &Operands<'_, 'g>, gives_places: bool) -> Result<Vec<Node<'g>>> {
    let (x, axis) = line(operands)?;
    let made = along(counted(x), &[axis as isize], |x| {
        if gives_places { sorting_places(x, false) } else { in_order(x, false) }
    });
    Ok(vec![if gives_places { made } else { made.cast(x.dtype()) }])
}

/// The places that sort along the last axis, equal numbers in their order. No float holds all
/// whole numbers: they are sorted by their lower 16 bits first, and then by those above.
pub(super) fn sorting_places(x: Node<'_>, descending: bool) -> Node<'_> {
    if x.dtype() != DType::I32 {
        return x.argsort(descending);
    }
    let up = (x * 65_536.0).cast(DType::F32);
    let low = up.less(0.0).select(up + 4_294_967_296.0, up) * (1.0 / 65_536.0);
    let high = (x - low.cast(DType::I32)).cast(DType::F32);
    let last = x.ndim().saturating_sub(1);
    let by_low = low.argsort(descending);
    let by_high = high.take_along_axis(by_low, last).argsort(descending);
    by_low.take_along_axis(by_high, last)
}

/// The numbers in order along the last axis.
fn in_order(x: Node<'_>, descending: bool) -> Node<'_> {
    match x.dtype() {
        DType::F32 => x.sort(descending),
        _ => x.take_along_axis(sorting_places(x, descending), x.ndim().saturating_sub(1)),
    }
}

/// The places of the `kth + 1` smallest, in their order, and then of the others.
fn partitioned<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, axis) = line(operands)?;
    let length = x.shape()[axis];
    let kth = axis_of(operands.whole("kth")?, length)?;
    Ok(vec![along(counted(x), &[axis as isize], |x| {
        let (places, last) = (sorting_places(x, false), x.ndim() - 1);
        let others = places.slice(last, kth + 1, length).cast(DType::F32).sort(false);
        Node::concat(&[places.slice(last, 0, kth + 1), others.cast(DType::I32)], last)
    })])
}

/// The largest entries of the last axis, and where they are.
fn top_k<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = counted(operands.node("x")?);
    let (axis, length) = (x.ndim().saturating_sub(1), x.shape().last());
    let k = usize::try_from(operands.whole("k")?).unwrap_or(0).min(length);
    // NaN counts as more than all numbers here.
    let keys = match x.dtype() {
        DType::F32 => x.is_nan().select(f32::INFINITY, x),
        _ => x,
    };
    let places = sorting_places(keys, true).slice(axis, 0, k);
    Ok(vec![x.take_along_axis(places, axis), places])
}

/// Labels as rows of 0 and 1, along an axis of their own.
fn one_hot<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let labels = operands.node("x")?.cast(DType::I32);
    Ok(vec![hot_rows(operands, labels)?])
}

fn hot_rows<'g>(operands: &Operands<'_, 'g>, labels: Node<'g>) -> Result<Node<'g>> {
    let classes = usize::try_from(operands.whole("num_classes")?).unwrap_or(0);
    let axis = operands.axis("axis", labels.ndim() + 1)?;
    let rows = labels.one_hot(classes);
    let mut order: Vec<usize> = (0..labels.ndim()).collect();
    order.insert(axis, labels.ndim());
    let is_last = axis == labels.ndim();
    in_dtype(operands, if is_last { rows } else { rows.transpose(&order) })
}

/// Several labels as one row of 0 and 1.
fn multi_hot<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let labels = operands.node("inputs")?.cast(DType::I32);
    let rows = hot_rows(operands, labels)?;
    Ok(vec![rows.max(&[isize::from(labels.ndim() > 1)])])
}

kinds! { "ops.numpy";
    Take(x, indices) [axis = "null"] => take;
    TakeAlongAxis(x, indices) [axis = "null"] => take_along_axis;
    Sort(x) [axis = "-1"] => |o| sorted(o, false);
    Argsort(x) [axis = "-1"] => |o| sorted(o, true);
    Argpartition(x) [kth = "!", axis = "-1"] => partitioned;
}

/// Those of mathematics.
pub(super) mod math {
    use super::{kinds, top_k};

    kinds! { "ops.math";
        TopK(x) [k = "!", sorted = "true"] => top_k;
    }
}

/// Those of neural networks.
pub(super) mod nn {
    use super::{kinds, multi_hot, one_hot};

    kinds! { "ops.nn";
        OneHot(x) [num_classes = "!", axis = "-1", dtype = "null", sparse = "false"] => one_hot;
        MultiHot(inputs) [num_classes = "!", axis = "-1", dtype = "null", sparse = "false"] => multi_hot;
    }
}
