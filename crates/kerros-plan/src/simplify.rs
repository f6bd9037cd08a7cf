//! The pass that folds constants and drops what changes nothing.
//!
//! Every rule keeps the exact bits: `x * 1` is `x`, but `x + 0` is not (`-0 + 0` is `0`).

use kerros_core::program::Binary as Function;
use kerros_core::{DType, Result, Tensor};
use kerros_graph::decompose::rewrite;
use kerros_graph::eval::evaluate_primitive;
use kerros_graph::ops::{Broadcast, Literal, Select};
use kerros_graph::{Graph, Node, NodeData, NodeId, Op, Tier};

/// Results of up to this many elements are folded into constants.
const FOLDED_ELEMENTS: usize = 64;

/// Copies what `roots` need, simplified.
///
/// # Errors
/// None for a graph that the verifier accepts.
pub fn simplify(graph: &Graph, roots: &[NodeId]) -> Result<(Graph, Vec<NodeId>)> {
    rewrite(graph, roots, simpler)
}

fn simpler<'g>(node: &NodeData, inputs: &[Node<'g>]) -> Option<Node<'g>> {
    let graph = inputs.first()?.graph();
    if node.op.tier() == Tier::Composite {
        return None;
    }
    if let Some(folded) = fold(node, inputs) {
        return Some(graph.literal(folded).broadcast_to(&node.ty.shape));
    }
    match &node.op {
        Op::Binary(binary) => match binary.function {
            Function::Mul if is_one(inputs[1]) => Some(inputs[0]),
            Function::Mul if is_one(inputs[0]) => Some(inputs[1]),
            Function::Div if is_one(inputs[1]) => Some(inputs[0]),
            _ => None,
        },
        // A view of a view is one view.
        Op::Reshape(_) => match operand_of(inputs[0], |op| matches!(op, Op::Reshape(_))) {
            Some(below) => Some(below.reshape(&node.ty.shape)),
            None => (inputs[0].shape() == node.ty.shape).then_some(inputs[0]),
        },
        Op::Broadcast(_) => {
            let below = operand_of(inputs[0], |op| matches!(op, Op::Broadcast(_)))?;
            Some(graph.apply(Broadcast { shape: node.ty.shape.clone() }, &[below]))
        }
        Op::Select(_) => gated_by_result(inputs),
        // Derivatives have been taken: these only pass a value on.
        Op::StopGradient(_) | Op::ReplaceGradient(_) => Some(inputs[0]),
        _ => None,
    }
}

/// `select(x <= 0, 0, dy)` as `select(y <= 0, 0, dy)`, where `y = select(x <= 0, 0, x)` is there: on
/// the way back through relu its result, which most often is kept anyway, says the same as
/// `x <= 0`, which then need not be.
fn gated_by_result<'g>(inputs: &[Node<'g>]) -> Option<Node<'g>> {
    let &[closed, zero, value] = inputs else { return None };
    let graph = closed.graph();
    let (below, x, limit) = {
        let nodes = graph.nodes();
        let data = &nodes[closed.id().index()];
        let Op::Binary(below) = &data.op else { return None };
        (below.clone(), graph.node(data.inputs[0]), graph.node(data.inputs[1]))
    };
    if below.function != Function::Le
        || value.id() == x.id()
        || !is_scalar(zero, 0.0)
        || !is_scalar(limit, 0.0)
    {
        return None;
    }
    let y = graph.find(Select, &[closed, zero, x])?;
    let closed = graph.apply(below, &[y, limit]);
    Some(graph.apply(Select, &[closed, zero, value]))
}

/// The first operand of a node, if its operation is one of some.
fn operand_of<'g>(node: Node<'g>, is_one: impl Fn(&Op) -> bool) -> Option<Node<'g>> {
    let graph = node.graph();
    let nodes = graph.nodes();
    let data = &nodes[node.id().index()];
    is_one(&data.op).then(|| graph.node(data.inputs[0]))
}

/// The constant that every element of a node is, or that a small node is as a whole.
fn constant(node: Node<'_>) -> Option<Tensor> {
    let nodes = node.graph().nodes();
    let data = &nodes[node.id().index()];
    match &data.op {
        Op::Literal(Literal { value }) => Some(value.clone()),
        Op::Broadcast(_) => match &nodes[data.inputs[0].index()].op {
            Op::Literal(Literal { value }) if value.shape().ndim() == 0 => Some(value.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn is_one(node: Node<'_>) -> bool {
    is_scalar(node, 1.0)
}

/// Whether every element of a node is this number.
fn is_scalar(node: Node<'_>, number: f64) -> bool {
    constant(node).is_some_and(|value| {
        value.dtype() == DType::F32 && value.num_elements() == 1 && value.to_vec_f64()[0] == number
    })
}

fn fold(node: &NodeData, inputs: &[Node<'_>]) -> Option<Tensor> {
    let constants: Vec<Tensor> =
        inputs.iter().map(|&input| constant(input)).collect::<Option<_>>()?;
    let elementwise = matches!(node.op, Op::Unary(_) | Op::Binary(_) | Op::Select(_) | Op::Cast(_));
    let all_scalar = constants.iter().all(|value| value.shape().ndim() == 0);
    if elementwise && all_scalar {
        return evaluate_primitive(&node.op, &constants).ok();
    }
    let whole = constants.iter().zip(inputs).all(|(value, input)| *value.shape() == input.shape());
    let small = node.ty.shape.num_elements() <= FOLDED_ELEMENTS;
    let folds = whole && small && !matches!(node.op, Op::Broadcast(_) | Op::RandomBits(_));
    folds.then(|| evaluate_primitive(&node.op, &constants).ok()).flatten()
}
