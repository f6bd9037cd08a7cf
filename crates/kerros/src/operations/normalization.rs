//! `keras.ops.normalize`.

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

use super::kind::{Operands, kinds};

/// Keras's `epsilon()`.
const EPSILON: f64 = 1e-7;

/// `x / max(norm(x), epsilon)` along axes.
fn normalize<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    let order = operands.number("order")?;
    if order <= 0.0 {
        return Err(Error::new(ErrorKind::Argument, format!("`order` is {order}"))
            .expected("a number above 0"));
    }
    let epsilon = operands.value("epsilon").as_f64().unwrap_or(EPSILON) as f32;
    let axes = operands.axes("axis", x.ndim())?;
    let signed: Vec<isize> = axes.iter().map(|&axis| axis as isize).collect();
    let mut dims = x.shape().to_vec();
    axes.iter().for_each(|&axis| dims[axis] = 1);
    if order == 2.0 {
        let squares = x.square().sum(&signed).reshape(dims);
        return Ok(vec![x * squares.maximum(epsilon * epsilon).rsqrt()]);
    }
    let sum = x.abs().pow(order as f32).sum(&signed);
    let norm = sum.pow((1.0 / order) as f32).reshape(dims);
    Ok(vec![x / norm.maximum(epsilon)])
}

kinds! { "ops.nn";
    Normalize(x) [axis = "-1", order = "2", epsilon = "null"] => normalize;
}
