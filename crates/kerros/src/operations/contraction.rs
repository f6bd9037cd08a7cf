//! `keras.ops.matmul` and its like: sums of products.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, axis_of, kinds};
use crate::einsum;

fn two<'g>(operands: &Operands<'_, 'g>) -> Result<(Node<'g>, Node<'g>)> {
    Ok((operands.float("x1")?, operands.float("x2")?))
}

/// A matrix product; a vector is a row on the left and a column on the right.
fn matmul<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = two(operands)?;
    let (is_row, is_column) = (a.ndim() == 1, b.ndim() == 1);
    let left = if is_row { a.expand_dims(0) } else { a };
    let right = if is_column { b.expand_dims(1) } else { b };
    let product = left.matmul(right);
    let mut dims = product.shape().to_vec();
    if is_column {
        dims.pop();
    }
    if is_row {
        dims.remove(dims.len().saturating_sub(if is_column { 1 } else { 2 }));
    }
    Ok(vec![product.reshape(dims)])
}

/// Sums over some axes of `a` and of `b`; the others of `a` come first.
fn tensordot<'g>(a: Node<'g>, b: Node<'g>, of_a: &[usize], of_b: &[usize]) -> Result<Node<'g>> {
    let (left, right) = (a.shape(), b.shape());
    let length = |shape: &Shape, axis: &usize| shape.get(*axis).copied();
    let fits = of_a.len() == of_b.len()
        && of_a.iter().zip(of_b).all(|(i, j)| length(&left, i) == length(&right, j));
    if !fits {
        return Err(Error::new(ErrorKind::Shape, format!("a product of {left} and {right}"))
            .expected("equal lengths of the axes that are summed over"));
    }
    let free = |x: Node<'g>, summed: &[usize]| -> Vec<usize> {
        (0..x.ndim()).filter(|axis| !summed.contains(axis)).collect()
    };
    let lengths = |shape: &Shape, axes: &[usize]| -> Vec<usize> {
        axes.iter().map(|&axis| shape[axis]).collect()
    };
    let (free_a, free_b) = (free(a, of_a), free(b, of_b));
    let (m, n) = (lengths(&left, &free_a), lengths(&right, &free_b));
    let k: usize = lengths(&left, of_a).iter().product();
    let a = a.transpose(&[&free_a[..], of_a].concat()).reshape([m.iter().product(), k]);
    let b = b.transpose(&[of_b, &free_b[..]].concat()).reshape([k, n.iter().product()]);
    Ok(a.matmul(b).reshape([m, n].concat()))
}

/// Over the last axis of `a` and the last but one of `b`.
fn dot<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = two(operands)?;
    if a.ndim() == 0 || b.ndim() == 0 {
        return Ok(vec![a * b]);
    }
    Ok(vec![tensordot(a, b, &[a.ndim() - 1], &[b.ndim().saturating_sub(2)])?])
}

fn tensordot_by_axes<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = two(operands)?;
    let wrong = || operands.wrong("axes", "a number of axes, or axes of each");
    let list = |value: &Value, ndim: usize| -> Option<Vec<usize>> {
        let place = |value: &Value| axis_of(value.as_i64()? as isize, ndim).ok();
        match value {
            Value::Array(axes) => axes.iter().map(place).collect(),
            value => place(value).map(|axis| vec![axis]),
        }
    };
    let (of_a, of_b): (Vec<usize>, Vec<usize>) = match operands.value("axes") {
        Value::Array(pair) if pair.len() == 2 => {
            list(&pair[0], a.ndim()).zip(list(&pair[1], b.ndim())).ok_or_else(wrong)?
        }
        value => {
            let count = value.as_u64().map(|count| count as usize).ok_or_else(wrong)?;
            let first = a.ndim().checked_sub(count).ok_or_else(wrong)?;
            ((first..a.ndim()).collect(), (0..count).collect())
        }
    };
    Ok(vec![tensordot(a, b, &of_a, &of_b)?])
}

/// Over the last axis of both.
fn inner<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = two(operands)?;
    if a.ndim() == 0 || b.ndim() == 0 {
        return Ok(vec![a * b]);
    }
    Ok(vec![tensordot(a, b, &[a.ndim() - 1], &[b.ndim() - 1])?])
}

/// Over all elements in a row.
fn vdot<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = two(operands)?;
    let flat = |x: Node<'g>| x.reshape([x.shape().num_elements()]);
    Ok(vec![tensordot(flat(a), flat(b), &[0], &[0])?])
}

fn outer<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = two(operands)?;
    let (m, n) = (a.shape().num_elements(), b.shape().num_elements());
    Ok(vec![a.reshape([m, 1]) * b.reshape([1, n])])
}

fn by_equation<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let equation = operands.value("subscripts").as_str();
    let equation = equation.ok_or_else(|| operands.wrong("subscripts", "an equation"))?;
    let inputs: Vec<Node<'g>> =
        operands.all()?.into_iter().map(|input| input.cast(DType::F32)).collect();
    Ok(vec![einsum(equation, &inputs)?])
}

kinds! { "ops.numpy";
    Matmul(x1, x2) => matmul;
    Dot(x1, x2) => dot;
    Tensordot(x1, x2) [axes = "2"] => tensordot_by_axes;
    Inner(x1, x2) => inner;
    Vdot(x1, x2) => vdot;
    Outer(x1, x2) => outer;
    Einsum() [subscripts = "!"] => by_equation;
}
