//! `keras.ops.normalize`, `layer_normalization` and their like.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::kind::{Operands, kinds};
use crate::object::number;

/// Keras's `epsilon()`.
const EPSILON: f64 = 1e-7;

/// The setting `epsilon`, or Keras's own.
fn epsilon(operands: &Operands<'_, '_>) -> f64 {
    number(operands.value("epsilon")).unwrap_or(EPSILON)
}

/// Axes as reductions take them, and a shape in which they have length 1.
fn kept(shape: &Shape, axes: &[usize]) -> (Vec<isize>, Vec<usize>) {
    let mut dims = shape.to_vec();
    axes.iter().for_each(|&axis| dims[axis] = 1);
    (axes.iter().map(|&axis| axis as isize).collect(), dims)
}

/// `x / max(norm(x), epsilon)` along axes.
fn normalize<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    let order = operands.number("order")?;
    if order <= 0.0 {
        return Err(Error::new(ErrorKind::Argument, format!("`order` is {order}"))
            .expected("a number above 0"));
    }
    let epsilon = epsilon(operands) as f32;
    let (axes, dims) = kept(&x.shape(), &operands.axes("axis", x.ndim())?);
    if order == 2.0 {
        let squares = x.square().sum(&axes).reshape(dims);
        return Ok(vec![x * squares.maximum(epsilon * epsilon).rsqrt()]);
    }
    let sum = x.abs().pow(order as f32).sum(&axes);
    let norm = sum.pow((1.0 / order) as f32).reshape(dims);
    Ok(vec![x / norm.maximum(epsilon)])
}

/// The length of rows of the last axes, where the axes are the last ones and each of the tensors
/// has their shape.
fn row_length(shape: &Shape, axes: &[usize], beside: &[Option<Node<'_>>]) -> Option<usize> {
    let first = shape.ndim() - axes.len();
    let is_last = axes.iter().copied().eq(first..shape.ndim());
    let fits = beside.iter().flatten().all(|node| node.shape()[..] == shape[first..]);
    (is_last && fits && !axes.is_empty()).then(|| shape[first..].iter().product())
}

/// `x` as rows of this length.
fn rows(x: Node<'_>, length: usize) -> Node<'_> {
    x.reshape([x.shape().num_elements().checked_div(length).unwrap_or(0), length])
}

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` over axes; with `rms_scaling` without
/// the mean and `beta`.
fn layer_norm<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, is_scaling) = (operands.float("x")?, operands.flag("rms_scaling"));
    let floats = |name: &str| -> Result<Option<Node<'g>>> {
        Ok(operands.maybe(name)?.map(|node| node.cast(x.dtype())))
    };
    let (gamma, beta) = (floats("gamma")?, floats("beta")?);
    let (shape, epsilon) = (x.shape(), epsilon(operands) as f32);
    let axes = operands.axes("axis", shape.ndim())?;
    let length = row_length(&shape, &axes, &[gamma, beta]).filter(|_| !is_scaling);
    if let Some(length) = length {
        let place = |node: Option<Node<'g>>| node.map(|node| node.reshape([length]));
        let normed = rows(x, length).layer_norm(place(gamma), place(beta), epsilon);
        return Ok(vec![normed.reshape(shape)]);
    }
    let (signed, dims) = kept(&shape, &axes);
    let place = |node: Node<'g>| match node.ndim() == shape.ndim() || axes == [shape.ndim() - 1] {
        true => node,
        false => {
            let dim = |axis: usize| if axes.contains(&axis) { shape[axis] } else { 1 };
            node.reshape((0..shape.ndim()).map(dim).collect::<Shape>())
        }
    };
    let mean = x.mean(&signed).reshape(&dims[..]);
    let inverse = ((x - mean).square().mean(&signed).reshape(&dims[..]) + epsilon).rsqrt();
    if is_scaling {
        let scaled = x * inverse;
        return Ok(vec![gamma.map_or(scaled, |gamma| scaled * place(gamma))]);
    }
    let factor = gamma.map_or(inverse, |gamma| inverse * place(gamma));
    let summand = -mean * factor;
    Ok(vec![x * factor + beta.map_or(summand, |beta| summand + place(beta))])
}

/// `x / sqrt(mean(x^2) + epsilon) * scale` over axes.
fn rms_norm<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    let scale = operands.maybe("scale")?.map(|scale| scale.cast(x.dtype()));
    let (shape, epsilon) = (x.shape(), epsilon(operands) as f32);
    let axes = operands.axes("axis", shape.ndim())?;
    if let Some(length) = row_length(&shape, &axes, &[scale]) {
        let scale = scale.map(|scale| scale.reshape([length]));
        return Ok(vec![rows(x, length).rms_norm(scale, epsilon).reshape(shape)]);
    }
    let (signed, dims) = kept(&shape, &axes);
    let normed = x * (x.square().mean(&signed).reshape(dims) + epsilon).rsqrt();
    Ok(vec![scale.map_or(normed, |scale| normed * scale)])
}

/// `(x - mean) / sqrt(variance + epsilon) * scale + offset` with moments that are given.
fn batch_norm<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    let axis = operands.axis("axis", x.ndim())?;
    let mut dims = vec![1; x.ndim()];
    dims[axis] = x.shape()[axis];
    let place = |node: Node<'g>| node.cast(x.dtype()).reshape(&dims[..]);
    let (mean, variance) = (place(operands.node("mean")?), place(operands.node("variance")?));
    let (offset, scale) = (operands.maybe("offset")?, operands.maybe("scale")?);
    let inverse = (variance + operands.number("epsilon")? as f32).rsqrt();
    let factor = scale.map_or(inverse, |scale| inverse * place(scale));
    let summand = -mean * factor;
    Ok(vec![x * factor + offset.map_or(summand, |offset| summand + place(offset))])
}

kinds! { "ops.nn";
    Normalize(x) [axis = "-1", order = "2", epsilon = "null"] => normalize;
    LayerNorm(x, gamma, beta) [axis = "-1", epsilon = "null", rms_scaling = "false"] => layer_norm;
    RMSNorm(x, scale) [axis = "-1", epsilon = "null"] => rms_norm;
    BatchNorm(x, mean, variance, offset, scale) [axis = "!", epsilon = "0.001"] => batch_norm;
}
