//! Compiling: the passes in order, from a graph to a checked plan.

use kerros_core::Result;
use kerros_graph::decompose::decompose_all;
use kerros_graph::verify::verify;
use kerros_graph::{Graph, NodeData, NodeId, Op, StateId};

use crate::check::check;
use crate::chunks::cut_into_chunks;
use crate::column_sums::sum_where_made;
use crate::device::CompileOptions;
use crate::gates::join_gates;
use crate::lower::lower;
use crate::own_weights::keep_weights;
use crate::place::place;
use crate::plan::Plan;
use crate::schedule::schedule;
use crate::simplify::simplify;

/// Makes a plan for `outputs` and the graph's updates. `has_kernel` says which composites
/// the device computes as a whole; the others are decomposed.
///
/// # Errors
/// A mistake in the graph. A broken invariant of a pass is reported, never run.
pub fn compile(
    graph: &Graph,
    outputs: &[NodeId],
    options: &CompileOptions,
    has_kernel: impl Fn(&NodeData) -> bool,
) -> Result<Plan> {
    verify(graph)?;
    let updates = graph.updates();
    let targets: Vec<StateId> = updates
        .iter()
        .map(|(state, _)| match &graph.nodes()[state.index()].op {
            Op::State(state) => StateId(state.id),
            _ => unreachable!("the verifier checked that updates go to states"),
        })
        .collect();
    let inputs = graph.inputs();
    let mut roots = outputs.to_vec();
    roots.extend(updates.iter().map(|(_, value)| *value));
    // Inputs are kept even when nothing reads them, so that their places stay.
    roots.extend(inputs.iter().map(|(id, ..)| *id));

    let (graph, roots) = simplify(graph, &roots)?;
    let (graph, roots) = decompose_all(&graph, &roots, |node| !(options.fuse && has_kernel(node)))?;
    let (graph, roots) = simplify(&graph, &roots)?;
    debug_assert!(verify(&graph).is_ok());

    let (output_roots, rest) = roots.split_at(outputs.len());
    let updates: Vec<(StateId, NodeId)> = targets.into_iter().zip(rest.iter().copied()).collect();
    let mut plan = lower(&graph, output_roots, &updates, options.fuse);
    plan.label = options.label.clone();
    if options.fuse {
        join_gates(&mut plan);
        if let Some(limits) = options.chunks {
            cut_into_chunks(&mut plan, limits);
            keep_weights(&mut plan, limits);
        }
        sum_where_made(&mut plan);
    }
    schedule(&mut plan);
    place(&mut plan);
    check(&plan)?;
    Ok(plan)
}
