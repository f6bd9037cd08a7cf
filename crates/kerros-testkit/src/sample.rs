//! An operation's sample as a graph of its own.

use kerros_core::{DType, Tensor};
use kerros_graph::operation::Sample;
use kerros_graph::{Graph, Node, Op, Type};

use crate::Draw;

/// Declares one input `x0, x1, ..` per type.
pub fn inputs<'g>(graph: &'g Graph, types: &[Type]) -> Vec<Node<'g>> {
    let declare = |(at, ty): (usize, &Type)| graph.input(&format!("x{at}"), &ty.shape, ty.dtype);
    types.iter().enumerate().map(declare).collect()
}

/// The sample's operation on inputs of a graph: the inputs and the result.
pub fn apply<'g>(graph: &'g Graph, sample: &Sample<Op>) -> (Vec<Node<'g>>, Node<'g>) {
    let nodes = inputs(graph, &sample.inputs);
    let result = graph.apply(sample.op.clone(), &nodes);
    (nodes, result)
}

/// Values for the sample's inputs.
pub fn values(draw: &mut Draw, sample: &Sample<Op>) -> Vec<Tensor> {
    sample.inputs.iter().map(|ty| draw.tensor(ty, sample.range)).collect()
}

/// `sum(y * weights)` with seeded weights: one number that depends on every element of `y`
/// in a way of its own.
pub fn weighted_sum<'g>(draw: &mut Draw, y: Node<'g>) -> Node<'g> {
    let ty = Type::new(DType::F32, y.shape());
    (y * y.graph().literal(draw.tensor(&ty, (0.5, 1.5)))).sum_all()
}
