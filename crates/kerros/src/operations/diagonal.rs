//! `keras.ops.diagonal`, `tril` and their like: parts of matrices.

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

use super::kind::{Operands, counted, kinds};

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
    Ok(vec![stays.select(x, graph.constant(0.0).cast(x.dtype()))])
}

/// The diagonal of the axes that the settings name.
fn named<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
    let x = operands.node("x")?;
    let axes = [operands.axis("axis1", x.ndim())?, operands.axis("axis2", x.ndim())?];
    diagonal(x, axes, operands.whole("offset")?)
}

/// A diagonal of two axes, as the last axis.
fn diagonal<'g>(x: Node<'g>, [first, second]: [usize; 2], offset: isize) -> Result<Node<'g>> {
    let shape = x.shape();
    let (rows, columns) = (shape[first], shape[second]);
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

/// A matrix with these numbers on a diagonal and zeros elsewhere.
fn matrix(x: Node<'_>, offset: isize) -> Node<'_> {
    let (graph, length) = (x.graph(), x.shape().num_elements());
    let (right, down) = (offset.max(0) as usize, (-offset).max(0) as usize);
    let side = length + right + down;
    let columns = graph.iota(side) - graph.constant_i32(offset as i32);
    let is_on = graph.iota(side).reshape([side, 1]).equal(columns);
    let along = x.reshape([length]).pad(0, right, down, 1);
    is_on.select(along, graph.constant(0.0).cast(x.dtype()))
}

/// The diagonal of a matrix, or the matrix of a diagonal.
fn diag<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, offset) = (operands.node("x")?, operands.whole("k")?);
    match x.ndim() {
        1 => Ok(vec![matrix(x, offset)]),
        2 => Ok(vec![diagonal(x, [0, 1], offset)?]),
        _ => Err(Error::new(ErrorKind::Shape, format!("a diagonal of shape {}", x.shape()))
            .expected("one axis or two")),
    }
}

kinds! { "ops.numpy";
    Tril(x) [k = "0"] => |o| triangle(o, true);
    Triu(x) [k = "0"] => |o| triangle(o, false);
    Diagonal(x) [offset = "0", axis1 = "0", axis2 = "1"] => |o| Ok(vec![named(o)?]);
    Trace(x) [offset = "0", axis1 = "0", axis2 = "1"] => |o| Ok(vec![counted(named(o)?).sum(&[-1])]);
    Diag(x) [k = "0"] => diag;
    Diagflat(x) [k = "0"] => |o| Ok(vec![matrix(o.node("x")?, o.whole("k")?)]);
}
