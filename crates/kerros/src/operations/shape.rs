//! `keras.ops.reshape` and its like: the same elements in another order or shape.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, axis_of, kinds};
use crate::object;

/// One result.
fn one<'g>(node: Node<'g>) -> Result<Vec<Node<'g>>> {
    Ok(vec![node])
}

/// The shape that a setting asks for; -1 or null is what is left.
fn reshape<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let wanted = operands.value("newshape");
    let dims = match wanted {
        Value::Array(dims) => dims.as_slice(),
        single => std::slice::from_ref(single),
    };
    let dim = |dim: &Value| match dim {
        Value::Null => Some(None),
        dim => object::whole(dim).map(|dim| usize::try_from(dim).ok()),
    };
    let wrong = || operands.wrong("newshape", "a list of lengths, one of which may be -1");
    let dims: Vec<Option<usize>> = dims.iter().map(dim).collect::<Option<_>>().ok_or_else(wrong)?;
    let known: usize = dims.iter().flatten().product();
    let total = x.shape().num_elements();
    let fits = match dims.iter().filter(|dim| dim.is_none()).count() {
        0 => total == known,
        1 => known > 0 && total.is_multiple_of(known),
        _ => false,
    };
    if !fits {
        return Err(Error::new(ErrorKind::Shape, format!("{} as {wanted}", x.shape()))
            .expected("as many elements"));
    }
    one(x.reshape(dims.into_iter().map(|dim| dim.unwrap_or(total / known)).collect::<Shape>()))
}

fn transpose<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let ndim = x.ndim();
    let axes = match operands.wholes("axes")? {
        None => (0..ndim).rev().collect(),
        Some(axes) => {
            axes.into_iter().map(|axis| axis_of(axis, ndim)).collect::<Result<Vec<_>>>()?
        }
    };
    one(x.transpose(&axes))
}

fn swapaxes<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let mut axes: Vec<usize> = (0..x.ndim()).collect();
    axes.swap(operands.axis("axis1", x.ndim())?, operands.axis("axis2", x.ndim())?);
    one(x.transpose(&axes))
}

fn moveaxis<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let places = |name: &str| -> Result<Vec<usize>> {
        let axes = operands.wholes(name)?.unwrap_or_default();
        axes.into_iter().map(|axis| axis_of(axis, x.ndim())).collect()
    };
    let (from, to) = (places("source")?, places("destination")?);
    let mut moved: Vec<(usize, usize)> = to.into_iter().zip(from.iter().copied()).collect();
    moved.sort_unstable();
    let mut order: Vec<usize> = (0..x.ndim()).filter(|axis| !from.contains(axis)).collect();
    moved.into_iter().for_each(|(to, from)| order.insert(to.min(order.len()), from));
    one(x.transpose(&order))
}

fn expand_dims<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let axes = operands.wholes("axis")?.unwrap_or_default();
    let ndim = x.ndim() + axes.len();
    let axes = axes.into_iter().map(|axis| axis_of(axis, ndim));
    let mut axes = axes.collect::<Result<Vec<_>>>()?;
    axes.sort_unstable();
    one(axes.into_iter().fold(x, |x, axis| x.expand_dims(axis)))
}

fn squeeze<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let shape = x.shape();
    let axes = match operands.value("axis") {
        Value::Null => (0..shape.ndim()).filter(|&axis| shape[axis] == 1).collect(),
        _ => operands.axes("axis", shape.ndim())?,
    };
    if let Some(&axis) = axes.iter().find(|&&axis| shape[axis] != 1) {
        return Err(Error::new(ErrorKind::Shape, format!("axis {axis} of {shape} is squeezed"))
            .expected("an axis of length 1"));
    }
    let left = (0..shape.ndim()).filter(|axis| !axes.contains(axis));
    one(x.reshape(left.map(|axis| shape[axis]).collect::<Shape>()))
}

fn flip<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    one(operands.axes("axis", x.ndim())?.into_iter().fold(x, Node::reverse))
}

/// Turned by quarters of a circle, from the first of two axes to the second.
fn rot90<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("array")?;
    let axes = operands.wholes("axes")?.unwrap_or_default().into_iter();
    let axes = axes.map(|axis| axis_of(axis, x.ndim())).collect::<Result<Vec<_>>>()?;
    let &[from, to] = &axes[..] else { return Err(operands.wrong("axes", "two axes")) };
    if from == to {
        return Err(operands.wrong("axes", "two different axes"));
    }
    let swapped = |x: Node<'g>| {
        let mut order: Vec<usize> = (0..x.ndim()).collect();
        order.swap(from, to);
        x.transpose(&order)
    };
    one(match operands.whole("k")?.rem_euclid(4) {
        0 => x,
        1 => swapped(x.reverse(to)),
        2 => x.reverse(from).reverse(to),
        _ => swapped(x).reverse(to),
    })
}

/// An axis turned by so many places.
fn rolled(x: Node<'_>, axis: usize, shift: isize) -> Node<'_> {
    let length = x.shape()[axis];
    let cut = length - shift.rem_euclid(length.max(1) as isize) as usize;
    Node::concat(&[x.slice(axis, cut, length), x.slice(axis, 0, cut)], axis)
}

fn roll<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let shifts = operands.wholes("shift")?.unwrap_or_default();
    let Some(axes) = operands.wholes("axis")? else {
        let flat = x.reshape([x.shape().num_elements()]);
        let turned = shifts.into_iter().fold(flat, |x, shift| rolled(x, 0, shift));
        return one(turned.reshape(x.shape()));
    };
    let mut result = x;
    for (at, axis) in axes.into_iter().enumerate() {
        let shift = shifts.get(at).or(shifts.first()).copied().unwrap_or(0);
        result = rolled(result, axis_of(axis, x.ndim())?, shift);
    }
    one(result)
}

fn broadcast_to<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let dims = operands.wholes("shape")?.unwrap_or_default();
    let dims: Option<Shape> = dims
        .into_iter()
        .map(|dim| usize::try_from(dim).ok())
        .collect::<Option<Vec<_>>>()
        .map(Shape::from);
    let shape = dims.ok_or_else(|| operands.wrong("shape", "lengths"))?;
    one(operands.node("x")?.broadcast_to(shape))
}

kinds! { "ops.numpy";
    Reshape(x) [newshape = "!"] => reshape;
    Transpose(x) [axes = "null"] => transpose;
    Swapaxes(x) [axis1 = "!", axis2 = "!"] => swapaxes;
    Moveaxis(x) [source = "!", destination = "!"] => moveaxis;
    ExpandDims(x) [axis = "!"] => expand_dims;
    Squeeze(x) [axis = "null"] => squeeze;
    Ravel(x) => |o| {
        let x = o.node("x")?;
        one(x.reshape([x.shape().num_elements()]))
    };
    Flip(x) [axis = "null"] => flip;
    Fliplr(x) => |o| one(o.node("x")?.reverse(1));
    Flipud(x) => |o| one(o.node("x")?.reverse(0));
    Rot90(array) [k = "1", axes = "[0, 1]"] => rot90;
    Roll(x) [shift = "!", axis = "null"] => roll;
    BroadcastTo(x) [shape = "!"] => broadcast_to;
}
