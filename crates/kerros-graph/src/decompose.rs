//! Rewriting a graph: copying what is needed while replacing some operations.

use kerros_core::Result;

use crate::graph::{Graph, NodeData, NodeId};
use crate::node::Node;
use crate::operation::Tier;

/// Copies what `roots` need into a fresh graph. For each node, `replace` may build something
/// else in its place from the copied inputs; `None` copies the node as it is.
///
/// # Errors
/// A mistake made while building the replacement.
pub fn rewrite(
    graph: &Graph,
    roots: &[NodeId],
    mut replace: impl for<'n> FnMut(&NodeData, &[Node<'n>]) -> Option<Node<'n>>,
) -> Result<(Graph, Vec<NodeId>)> {
    let nodes = graph.nodes();
    let mut needed = vec![false; nodes.len()];
    let mut stack = roots.to_vec();
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut needed[id.index()], true) {
            stack.extend(&nodes[id.index()].inputs);
        }
    }
    let fresh = Graph::new();
    fresh.reserve(nodes.len());
    let mut copies: Vec<Option<NodeId>> = vec![None; nodes.len()];
    for (at, node) in nodes.iter().enumerate().filter(|(at, _)| needed[*at]) {
        let inputs: Vec<Node<'_>> = node
            .inputs
            .iter()
            .map(|id| fresh.node(copies[id.index()].expect("inputs come before users")))
            .collect();
        let copy = fresh.scope(node.origin.clone(), || {
            replace(node, &inputs).unwrap_or_else(|| fresh.apply(node.op.clone(), &inputs))
        });
        copies[at] = Some(copy.id());
    }
    fresh.check()?;
    let roots = roots.iter().map(|id| copies[id.index()].expect("roots are needed")).collect();
    drop(nodes);
    Ok((fresh, roots))
}

/// Replaces the composites that `wanted` accepts by their decomposition, again and again
/// until none is left.
///
/// # Errors
/// A mistake in a decomposition: a bug of that operation.
pub fn decompose_all(
    graph: &Graph,
    roots: &[NodeId],
    wanted: impl Fn(&NodeData) -> bool,
) -> Result<(Graph, Vec<NodeId>)> {
    let is_wanted = |node: &NodeData| node.op.tier() == Tier::Composite && wanted(node);
    let (mut graph, mut roots) = rewrite(graph, roots, |_, _| None)?;
    while graph.nodes().iter().any(is_wanted) {
        (graph, roots) = rewrite(&graph, &roots, |node, inputs| {
            if is_wanted(node) { node.op.decompose(inputs) } else { None }
        })?;
    }
    Ok((graph, roots))
}
