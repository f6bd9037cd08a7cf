//! What a run leaves behind: outputs in buffers of their own, and the states' next values,
//! written in place where every reader of the old value can come before.

use std::collections::HashSet;

use kerros_core::program::Layout;
use kerros_graph::{NodeId, StateId};

use super::Lowering;
use super::step_order::StepOrder;
use crate::plan::{BufferId, Home};

impl Lowering<'_> {
    /// Gives every output a buffer of its own in the arena.
    pub(super) fn outputs(&mut self, outputs: &[NodeId]) {
        for &output in outputs {
            let buffer = self.buffer(output);
            // What lives elsewhere may change before it is handed out.
            let buffer = match self.plan.buffers[buffer].home {
                Home::Arena(_) => buffer,
                _ => self.copy_to_arena(output, buffer),
            };
            let ty = self.ty(output).clone();
            self.plan.outputs.push((buffer, ty));
        }
    }

    /// Carries out the updates: each value is made in its state itself where every reader
    /// of the old value can come before, and is copied there otherwise.
    pub(super) fn updates(&mut self, updates: &[(StateId, NodeId)]) {
        // A value that lives elsewhere, or is handed out as well, is copied first: its
        // owner may change.
        let mut values = Vec::with_capacity(updates.len());
        let mut taken: HashSet<BufferId> =
            self.plan.outputs.iter().map(|(buffer, _)| *buffer).collect();
        for &(state, value) in updates {
            let target = self.state_buffer(state, &self.ty(value).clone());
            let mut from = self.buffer(value);
            if from == target {
                continue;
            }
            if taken.contains(&from) || !matches!(self.plan.buffers[from].home, Home::Arena(_)) {
                from = self.copy_to_arena(value, from);
            }
            taken.insert(from);
            values.push((value, target, from));
        }
        let mut order = StepOrder::new(&self.plan);
        for (value, target, from) in values {
            if !order.write_in_place(&mut self.plan, from, target) {
                let (ty, origin) = (self.ty(value).clone(), &self.nodes[value.index()].origin);
                self.copy((from, Layout::Same), target, &ty, &origin.clone());
                order.push_after_readers(&self.plan, target);
            }
        }
        order.apply(&mut self.plan);
    }
}
