//! `keras.ops.matmul` and its like: sums of products.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, as_truth_of_truths, axis_of, counted, kinds};
use super::whole_products::matmul_with;
use crate::einsum;
use crate::object;

/// Both arguments as floats, or as whole numbers.
fn two<'g>(operands: &Operands<'_, 'g>) -> Result<(Node<'g>, Node<'g>)> {
    operands.numbers("x1", "x2")
}

/// A product of both: of truth values whether any pair holds.
fn product<'g>(
    operands: &Operands<'_, 'g>,
    product: fn(&Operands<'_, 'g>) -> Result<Node<'g>>,
) -> Result<Vec<Node<'g>>> {
    let (a, b) = operands.pair("x1", "x2")?;
    Ok(vec![as_truth_of_truths([a, b], product(operands)?)])
}

/// A matrix product; a vector is a row on the left and a column on the right.
fn matmul<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
    let (a, b) = two(operands)?;
    let (is_row, is_column) = (a.ndim() == 1, b.ndim() == 1);
    let left = if is_row { a.expand_dims(0) } else { a };
    let right = if is_column { b.expand_dims(1) } else { b };
    let product = matmul_with(left, right, false, false);
    let mut dims = product.shape().to_vec();
    if is_column {
        dims.pop();
    }
    if is_row {
        dims.remove(dims.len().saturating_sub(if is_column { 1 } else { 2 }));
    }
    Ok(product.reshape(dims))
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
    Ok(matmul_with(a, b, false, false).reshape([m, n].concat()))
}

/// Over the last axis of `a` and the last but one of `b`.
fn dot<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
    let (a, b) = two(operands)?;
    if a.ndim() == 0 || b.ndim() == 0 {
        return Ok(a * b);
    }
    tensordot(a, b, &[a.ndim() - 1], &[b.ndim().saturating_sub(2)])
}

fn tensordot_by_axes<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
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
            let count = object::length(value).ok_or_else(wrong)?;
            let first = a.ndim().checked_sub(count).ok_or_else(wrong)?;
            ((first..a.ndim()).collect(), (0..count).collect())
        }
    };
    tensordot(a, b, &of_a, &of_b)
}

/// Over the last axis of both.
fn inner<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
    let (a, b) = two(operands)?;
    if a.ndim() == 0 || b.ndim() == 0 {
        return Ok(a * b);
    }
    tensordot(a, b, &[a.ndim() - 1], &[b.ndim() - 1])
}

/// Over all elements in a row.
fn vdot<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
    let (a, b) = two(operands)?;
    let flat = |x: Node<'g>| x.reshape([x.shape().num_elements()]);
    tensordot(flat(a), flat(b), &[0], &[0])
}

fn outer<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
    let (a, b) = two(operands)?;
    let (m, n) = (a.shape().num_elements(), b.shape().num_elements());
    Ok(a.reshape([m, 1]) * b.reshape([1, n]))
}

fn by_equation<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let equation = operands.value("subscripts").as_str();
    let equation = equation.ok_or_else(|| operands.wrong("subscripts", "an equation"))?;
    let given = operands.all()?;
    let is_truth = given.iter().all(|input| input.dtype() == DType::Bool);
    let inputs: Vec<Node<'g>> = given.into_iter().map(counted).collect();
    let is_whole = inputs.iter().all(|input| input.dtype() == DType::I32);
    let dtype = if is_whole { DType::I32 } else { DType::F32 };
    let inputs: Vec<Node<'g>> = inputs.into_iter().map(|input| input.cast(dtype)).collect();
    let sum = einsum(equation, &inputs)?;
    Ok(vec![if is_truth { sum.cast(DType::Bool) } else { sum }])
}

kinds! { "ops.numpy";
    Matmul(x1, x2) => |o| product(o, matmul);
    Dot(x1, x2) => |o| product(o, dot);
    Tensordot(x1, x2) [axes = "2"] => |o| product(o, tensordot_by_axes);
    Inner(x1, x2) => |o| product(o, inner);
    Vdot(x1, x2) => |o| product(o, vdot);
    Outer(x1, x2) => |o| product(o, outer);
    Einsum() [subscripts = "!"] => by_equation;
}
