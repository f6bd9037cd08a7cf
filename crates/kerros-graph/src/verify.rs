//! The verifier: what must hold of every graph, checked between passes.

use std::collections::HashSet;

use kerros_core::{Error, ErrorKind, Result};

use crate::graph::{Graph, Type};
use crate::ops::Op;

/// Checks that inputs come before users, that every node has the type its shape rule gives,
/// that input places are distinct, and that updates go to states of the same type.
///
/// # Errors
/// The first rule that is broken, with the node: [`ErrorKind::Internal`].
pub fn verify(graph: &Graph) -> Result<()> {
    graph.check()?;
    let nodes = graph.nodes();
    let broken = |at: usize, what: String| {
        Error::new(ErrorKind::Internal, format!("node %{at} ({}) {what}", nodes[at].op.name()))
            .at(&nodes[at].origin)
    };
    let mut places = HashSet::new();
    for (at, node) in nodes.iter().enumerate() {
        if let Some(late) = node.inputs.iter().find(|input| input.index() >= at) {
            return Err(broken(at, format!("uses %{} before it is made", late.0)));
        }
        let types: Vec<Type> =
            node.inputs.iter().map(|input| nodes[input.index()].ty.clone()).collect();
        let ruled = node.op.infer(&types).map_err(|error| error.context(format!("node %{at}")))?;
        if ruled != node.ty {
            return Err(broken(at, format!("is {}, its rule says {ruled}", node.ty)));
        }
        if let Op::Input(input) = &node.op
            && !places.insert(input.index)
        {
            return Err(broken(at, format!("shares input place {}", input.index)));
        }
    }
    for (state, value) in graph.updates() {
        let (target, source) = (&nodes[state.index()], &nodes[value.index()]);
        if !matches!(target.op, Op::State(_)) || target.ty != source.ty {
            return Err(broken(state.index(), format!("is updated with {}", source.ty)));
        }
    }
    Ok(())
}
