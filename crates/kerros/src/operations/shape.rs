//! `keras.ops.reshape` and its like: the same elements in another order or shape.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, axis_of, counted, kinds};

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
        dim => dim.as_i64().map(|dim| usize::try_from(dim).ok()),
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

/// The lower or upper triangle of the last two axes.
fn triangle<'g>(operands: &Operands<'_, 'g>, is_lower: bool) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let shape = x.shape();
    let [.., rows, columns] = shape[..] else {
        return Err(Error::new(ErrorKind::Shape, format!("a triangle of {shape}"))
            .expected("at least two axes"));
    };
    let graph = x.graph();
    let shift = graph.constant_i32(operands.whole("k")? as i32);
    let row = graph.iota(rows).reshape([rows, 1]).broadcast_to([rows, columns]) + shift;
    let column = graph.iota(columns).reshape([1, columns]).broadcast_to([rows, columns]);
    let stays = if is_lower { column.less_equal(row) } else { row.less_equal(column) };
    one(stays.select(x, graph.constant(0.0).cast(x.dtype())))
}

/// A diagonal of two axes, as the last axis.
fn diagonal<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
    let x = operands.node("x")?;
    let (first, second) = (operands.axis("axis1", x.ndim())?, operands.axis("axis2", x.ndim())?);
    let shape = x.shape();
    let (rows, columns, offset) = (shape[first], shape[second], operands.whole("offset")?);
    let (down, right) = ((-offset).max(0) as usize, offset.max(0) as usize);
    let length = rows.saturating_sub(down).min(columns.saturating_sub(right));
    if first == second || length == 0 {
        return Err(Error::new(ErrorKind::Shape, format!("diagonal {offset} of {shape}"))
            .expected("one that is there, of two axes"));
    }
    let others: Vec<usize> = (0..x.ndim()).filter(|axis| ![first, second].contains(axis)).collect();
    let outer: Vec<usize> = others.iter().map(|&axis| shape[axis]).collect();
    let flat = x
        .transpose(&[&others[..], &[first, second]].concat())
        .reshape([&outer[..], &[rows * columns]].concat());
    let start = down * columns + right;
    Ok(flat.slice_step(outer.len(), start, start + (length - 1) * (columns + 1) + 1, columns + 1))
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
    Diagonal(x) [offset = "0", axis1 = "0", axis2 = "1"] => |o| one(diagonal(o)?);
    Trace(x) [offset = "0", axis1 = "0", axis2 = "1"] => |o| one(counted(diagonal(o)?).sum(&[-1]));
    Roll(x) [shift = "!", axis = "null"] => roll;
    BroadcastTo(x) [shape = "!"] => broadcast_to;
    Tril(x) [k = "0"] => |o| triangle(o, true);
    Triu(x) [k = "0"] => |o| triangle(o, false);
}
