//! `keras.ops.categorical_crossentropy` and its like: losses between tensors, one number for each
//! distribution.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;

use super::kind::{Operands, kinds};
use crate::activations::axes::to_last;
use crate::losses::clip_probability;

/// What is predicted and what should be, of one shape.
fn pair<'g>(operands: &Operands<'_, 'g>) -> Result<(Node<'g>, Node<'g>)> {
    let (target, output) = (operands.float("target")?, operands.float("output")?);
    match target.shape() == output.shape() {
        true => Ok((target, output)),
        false => Err(misfit(target, output, "the same shape")),
    }
}

fn misfit(target: Node<'_>, output: Node<'_>, expected: &str) -> Error {
    let shapes = format!("a target of shape {}, an output of {}", target.shape(), output.shape());
    Error::new(ErrorKind::Shape, shapes).expected(expected)
}

fn binary<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (target, output) = pair(operands)?;
    if operands.flag("from_logits") {
        return Ok(vec![output.sigmoid_cross_entropy(target)]);
    }
    let p = clip_probability(output);
    Ok(vec![-(target * p.log() + (1.0 - target) * (1.0 - p).log())])
}

/// Logarithms of probabilities along the last axis.
fn log_probabilities<'g>(operands: &Operands<'_, 'g>, output: Node<'g>) -> Node<'g> {
    match operands.flag("from_logits") {
        true => output.log_softmax(),
        false => {
            let sum = output.sum(&[-1]).expand_dims(output.ndim() - 1);
            clip_probability(output / sum).log()
        }
    }
}

fn categorical<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (target, output) = pair(operands)?;
    let axis = operands.axis("axis", output.ndim())? as isize;
    let (target, output) = (to_last(target, axis), to_last(output, axis));
    if operands.flag("from_logits") {
        return Ok(vec![output.softmax_cross_entropy(target)]);
    }
    Ok(vec![-(target * log_probabilities(operands, output)).sum(&[-1])])
}

/// Of classes as numbers; what is no class costs nothing.
fn sparse<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (target, output) = (operands.node("target")?.cast(DType::I32), operands.float("output")?);
    let (mut target, ndim) = (target, output.ndim());
    if target.ndim() == ndim && target.shape().last() == 1 {
        target = target.reshape(&target.shape()[..ndim - 1]);
    }
    if ndim == 0 || target.shape()[..] != output.shape()[..ndim - 1] {
        return Err(misfit(target, output, "the same shape but for the classes on the last axis"));
    }
    if operands.axis("axis", ndim)? + 1 != ndim {
        return Err(operands.wrong("axis", "the last axis"));
    }
    let hit = target.one_hot(output.shape().last());
    Ok(vec![-(hit * log_probabilities(operands, output)).sum(&[-1])])
}

kinds! { "ops.nn";
    BinaryCrossentropy(target, output) [from_logits = "false"] => binary;
    CategoricalCrossentropy(target, output) [from_logits = "false", axis = "-1"] => categorical;
    SparseCategoricalCrossentropy(target, output) [from_logits = "false", axis = "-1"] => sparse;
}
