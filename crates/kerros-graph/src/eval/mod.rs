//! The reference evaluator: each operation by its definition, one element at a time.
//!
//! In `f32` it follows the law of arithmetic, so every kernel must equal it bit for bit. In
//! `f64` it is the oracle against which derivatives are checked.

mod array;
mod real;

pub use array::{Array, Values};
pub use real::Real;

use std::collections::HashMap;

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};

use crate::decompose::decompose_all;
use crate::graph::{Graph, NodeId, StateId};
use crate::node::Node;
use crate::ops::Op;

/// Computes some nodes.
///
/// `inputs` are in the order of declaration; `states` are the values of the graph's states,
/// by id (those that the graph does not mention may be left out). Results are of
/// [`Real::DTYPE`], `i32` or `bool`.
///
/// # Errors
/// A mistake made while building; a missing or misshapen input or state.
pub fn evaluate<T: Real>(
    graph: &Graph,
    outputs: &[Node<'_>],
    inputs: &[Tensor],
    states: &[(StateId, Tensor)],
) -> Result<Vec<Tensor>> {
    graph.check()?;
    let ids: Vec<NodeId> = outputs.iter().map(|node| node.id()).collect();
    let (plain, roots) = decompose_all(graph, &ids, |_| true)?;
    let arrays = evaluate_primitives::<T>(&plain, &roots, inputs, states)?;
    Ok(arrays.iter().map(Array::to_tensor).collect())
}

fn evaluate_primitives<T: Real>(
    graph: &Graph,
    roots: &[NodeId],
    inputs: &[Tensor],
    states: &[(StateId, Tensor)],
) -> Result<Vec<Array<T>>> {
    let nodes = graph.nodes();
    let mut needed = vec![false; nodes.len()];
    let mut stack = roots.to_vec();
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut needed[id.index()], true) {
            stack.extend(&nodes[id.index()].inputs);
        }
    }
    let mut values: HashMap<NodeId, Array<T>> = HashMap::new();
    for (at, node) in nodes.iter().enumerate().filter(|(at, _)| needed[*at]) {
        let given = |found: Option<&Tensor>, what: &str| -> Result<Array<T>> {
            let tensor = found
                .ok_or_else(|| Error::new(ErrorKind::Argument, format!("{what} has no value")))?;
            if *tensor.shape() != node.ty.shape {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("{what} has shape {}", tensor.shape()),
                )
                .expected(node.ty.shape.to_string()));
            }
            Array::from_tensor(tensor, node.ty.dtype)
        };
        let value = match &node.op {
            Op::Input(input) => {
                given(inputs.get(input.index as usize), &format!("input `{}`", input.name))?
            }
            Op::State(state) => {
                let found = states.iter().find(|(id, _)| id.0 == state.id);
                given(found.map(|(_, tensor)| tensor), &format!("state `{}`", state.name))?
            }
            op => {
                let arguments: Vec<&Array<T>> = node.inputs.iter().map(|id| &values[id]).collect();
                op.eval(&arguments, &node.ty)
            }
        };
        debug_assert_eq!(value.shape, node.ty.shape, "{} broke its shape rule", node.op.name());
        values.insert(NodeId(at as u32), value);
    }
    Ok(roots.iter().map(|id| values[id].clone()).collect())
}

/// Evaluates a single primitive on tensors in `f32`: the fallback of devices that lack a
/// kernel.
///
/// # Errors
/// Tensors that do not fit the operation.
pub fn evaluate_primitive(op: &Op, inputs: &[Tensor]) -> Result<Tensor> {
    let types: Vec<_> =
        inputs.iter().map(|t| crate::graph::Type::new(t.dtype(), t.shape())).collect();
    let ty = op.infer(&types)?;
    let arrays: Vec<Array<f32>> = inputs
        .iter()
        .map(|tensor| Array::from_tensor(tensor, tensor.dtype()))
        .collect::<Result<_>>()?;
    let value = op.eval(&arrays.iter().collect::<Vec<_>>(), &ty);
    debug_assert!(value.dtype == ty.dtype || ty.dtype == DType::F32);
    Ok(value.to_tensor())
}
