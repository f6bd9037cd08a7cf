//! Kernels with several results: each is a node of its own on the same inputs, and one step
//! writes them all.

use kerros_graph::{NodeId, Op, Type};

use super::Lowering;
use super::heavy::Call;
use crate::plan::BufferId;

impl Lowering<'_> {
    /// The node that is this operation on a call's inputs, if it is asked for.
    pub(super) fn sibling(&self, call: &Call<'_>, op: &Op) -> Option<NodeId> {
        let same = |at: &usize| {
            let node = &self.nodes[*at];
            node.op == *op && node.inputs == call.node.inputs && self.units.of[*at].is_some()
        };
        (0..self.nodes.len()).find(same).map(|at| NodeId(at as u32))
    }

    /// A buffer for what this operation gives on a call's inputs, for whoever asks for it.
    pub(super) fn result(&mut self, call: &Call<'_>, op: &Op, inputs: &[Type]) -> BufferId {
        let ty = op.infer(inputs).expect("a result of inputs that fit another of the same kernel");
        let buffer = self.new_buffer(ty);
        if let Some(sibling) = self.sibling(call, op) {
            self.buffers.insert(sibling, buffer);
        }
        buffer
    }
}
