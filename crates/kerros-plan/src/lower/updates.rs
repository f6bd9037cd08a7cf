//! What a run leaves behind: outputs in buffers of their own, and the states' next values,
//! written in place where every reader of the old value can come before.

use std::collections::HashMap;

use kerros_core::program::Layout;
use kerros_graph::{NodeId, StateId};

use super::Lowering;
use crate::plan::{BufferId, Home, Kernel, Plan, Step};

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
        for &(state, value) in updates {
            let target = self.state_buffer(state, &self.ty(value).clone());
            let mut from = self.buffer(value);
            if from == target {
                continue;
            }
            let taken = self.plan.outputs.iter().any(|(buffer, _)| *buffer == from)
                || values.iter().any(|&(_, _, other)| other == from);
            if taken || !matches!(self.plan.buffers[from].home, Home::Arena(_)) {
                from = self.copy_to_arena(value, from);
            }
            values.push((value, target, from));
        }
        let mut order = StepOrder::new(&self.plan);
        for (value, target, from) in values {
            if !order.write_in_place(&mut self.plan, from, target) {
                let (ty, origin) = (self.ty(value).clone(), &self.nodes[value.index()].origin);
                self.copy((from, Layout::Same), target, &ty, &origin.clone());
                order.push(&self.plan);
                let last = self.plan.steps.len() - 1;
                order.after_readers(&self.plan, last, target);
            }
        }
        order.apply(&mut self.plan);
    }
}

/// The order in which steps must run: after what they read was written, and before what
/// they read is overwritten.
struct StepOrder {
    /// For each step, the steps that come before it.
    before: Vec<Vec<usize>>,
    producer: HashMap<BufferId, usize>,
}

impl StepOrder {
    fn new(plan: &Plan) -> Self {
        let mut order = StepOrder { before: Vec::new(), producer: HashMap::new() };
        while order.before.len() < plan.steps.len() {
            order.push(plan);
        }
        order
    }

    /// Takes in the next step of the plan.
    fn push(&mut self, plan: &Plan) {
        let at = self.before.len();
        let step = &plan.steps[at];
        let reads = step.reads.iter().filter_map(|read| self.producer.get(&read.buffer));
        self.before.push(reads.copied().collect());
        for write in &step.writes {
            if matches!(plan.buffers[write.buffer].home, Home::Arena(_)) {
                self.producer.insert(write.buffer, at);
            }
        }
    }

    fn depends(&self, step: usize, on: usize) -> bool {
        let (mut stack, mut seen) = (vec![step], vec![false; self.before.len()]);
        while let Some(at) = stack.pop() {
            if at == on {
                return true;
            }
            if !std::mem::replace(&mut seen[at], true) {
                stack.extend(&self.before[at]);
            }
        }
        false
    }

    fn readers(plan: &Plan, buffer: BufferId) -> impl Iterator<Item = usize> + '_ {
        let reads = move |step: &Step| step.reads.iter().any(|read| read.buffer == buffer);
        plan.steps.iter().enumerate().filter(move |(_, step)| reads(step)).map(|(at, _)| at)
    }

    /// Lets a step that writes a state come after all that read the old value.
    fn after_readers(&mut self, plan: &Plan, writer: usize, target: BufferId) {
        let readers = Self::readers(plan, target).filter(|&reader| reader != writer);
        self.before[writer].extend(readers);
    }

    /// Puts `target`, a state, in the place of `from`, if the order allows.
    fn write_in_place(&mut self, plan: &mut Plan, from: BufferId, target: BufferId) -> bool {
        let Some(&writer) = self.producer.get(&from) else { return false };
        let step = &plan.steps[writer];
        let reads_target = |at: usize| step.reads[at].buffer == target;
        let own_reads_fit = (0..step.reads.len()).filter(|&at| reads_target(at)).all(
            |at| matches!(&step.kernel, Kernel::Map(program) if program.inputs[at] == Layout::Same),
        );
        let written_once =
            plan.steps.iter().flat_map(|step| &step.writes).all(|write| write.buffer != target);
        let late = Self::readers(plan, target)
            .any(|reader| reader != writer && self.depends(reader, writer));
        if !own_reads_fit || !written_once || late {
            return false;
        }
        self.after_readers(plan, writer, target);
        for step in &mut plan.steps {
            for operand in step.reads.iter_mut().chain(&mut step.writes) {
                if operand.buffer == from {
                    operand.buffer = target;
                }
            }
        }
        self.producer.remove(&from);
        true
    }

    /// Sorts the plan's steps, keeping their order where nothing else decides.
    fn apply(self, plan: &mut Plan) {
        fn visit(before: &[Vec<usize>], at: usize, done: &mut [bool], order: &mut Vec<usize>) {
            if std::mem::replace(&mut done[at], true) {
                return;
            }
            for &earlier in &before[at] {
                visit(before, earlier, done, order);
            }
            order.push(at);
        }
        let mut done = vec![false; plan.steps.len()];
        let mut order = Vec::with_capacity(plan.steps.len());
        for at in 0..plan.steps.len() {
            visit(&self.before, at, &mut done, &mut order);
        }
        plan.steps = order.into_iter().map(|at| plan.steps[at].clone()).collect();
    }
}
