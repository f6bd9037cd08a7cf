//! The order in which steps must run: after what they read was written, and before what they
//! read is overwritten.

use std::collections::HashSet;

use kerros_core::program::Layout;

use crate::plan::{BufferId, Home, Kernel, Plan};

/// What must come before each step, and an order that obeys it.
pub(super) struct StepOrder {
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    /// The place of each step in an order in which all can run.
    place: Vec<usize>,
    /// By buffer: the step that makes it, for values in the arena; all that read it; all that
    /// write it.
    producer: Vec<Option<usize>>,
    readers: Vec<Vec<usize>>,
    writers: Vec<Vec<usize>>,
}

impl StepOrder {
    /// The order of a plan's steps, which are given so that they can run one after the other.
    pub fn new(plan: &Plan) -> Self {
        let mut order = StepOrder {
            before: Vec::new(),
            after: Vec::new(),
            place: Vec::new(),
            producer: Vec::new(),
            readers: Vec::new(),
            writers: Vec::new(),
        };
        while order.before.len() < plan.steps.len() {
            order.push(plan);
        }
        order
    }

    /// Takes in the next step of the plan.
    fn push(&mut self, plan: &Plan) {
        let at = self.before.len();
        self.producer.resize(plan.buffers.len(), None);
        self.readers.resize_with(plan.buffers.len(), Vec::new);
        self.writers.resize_with(plan.buffers.len(), Vec::new);
        self.before.push(Vec::new());
        self.after.push(Vec::new());
        self.place.push(at);
        let step = &plan.steps[at];
        for read in &step.reads {
            if let Some(producer) = self.producer[read.buffer] {
                self.before[at].push(producer);
                self.after[producer].push(at);
            }
            self.readers[read.buffer].push(at);
        }
        for write in &step.writes {
            if matches!(plan.buffers[write.buffer].home, Home::Arena(_)) {
                self.producer[write.buffer] = Some(at);
            }
            self.writers[write.buffer].push(at);
        }
    }

    /// Takes in the next step of the plan, which overwrites a state: it comes after all that
    /// read the old value.
    pub fn push_after_readers(&mut self, plan: &Plan, state: BufferId) {
        let at = self.before.len();
        self.push(plan);
        for reader in self.readers[state].clone() {
            self.require(reader, at);
        }
    }

    /// Puts `target`, a state, in the place of `from`, if every reader of the state's old value
    /// can come before the step that makes `from`.
    pub fn write_in_place(&mut self, plan: &mut Plan, from: BufferId, target: BufferId) -> bool {
        let Some(writer) = self.producer[from] else { return false };
        let step = &plan.steps[writer];
        let own_reads_fit = (0..step.reads.len())
            .filter(|&at| step.reads[at].buffer == target)
            .all(|at| matches!(&step.kernel, Kernel::Map(program) if program.inputs[at] == Layout::Same));
        let mut readers = self.readers[target].clone();
        readers.retain(|&reader| reader != writer);
        if !own_reads_fit || !self.writers[target].is_empty() || self.any_depends(&readers, writer)
        {
            return false;
        }
        for reader in readers {
            self.require(reader, writer);
        }
        for at in [&self.readers[from][..], &[writer]].concat() {
            let step = &mut plan.steps[at];
            let operands = step.reads.iter_mut().chain(&mut step.writes);
            operands.filter(|operand| operand.buffer == from).for_each(|operand| {
                operand.buffer = target;
            });
        }
        self.producer[from] = None;
        self.writers[target].push(writer);
        true
    }

    /// Whether any of some steps depends on another step.
    fn any_depends(&self, steps: &[usize], on: usize) -> bool {
        // Whatever depends on a step has a later place.
        let later = |step: &usize| self.place[*step] >= self.place[on];
        let mut stack: Vec<usize> = steps.iter().copied().filter(later).collect();
        let mut seen = HashSet::new();
        while let Some(step) = stack.pop() {
            if step == on {
                return true;
            }
            if seen.insert(step) {
                stack.extend(self.before[step].iter().copied().filter(later));
            }
        }
        false
    }

    /// Lets a step come before another that it does not depend on.
    ///
    /// # Source
    /// Pearce and Kelly 2007, "A dynamic topological sort algorithm for directed acyclic
    /// graphs", doi 10.1145/1187436.1210590: only what stands between the two is moved.
    fn require(&mut self, first: usize, second: usize) {
        self.before[second].push(first);
        self.after[first].push(second);
        let (low, high) = (self.place[second], self.place[first]);
        if high < low {
            return;
        }
        // What the first depends on goes before what depends on the second.
        let mut moved = self.connected(first, &self.before, |place| place > low);
        moved.extend(self.connected(second, &self.after, |place| place < high));
        let mut places: Vec<usize> = moved.iter().map(|&step| self.place[step]).collect();
        places.sort_unstable();
        for (step, place) in moved.into_iter().zip(places) {
            self.place[step] = place;
        }
    }

    /// A step and what is reached from it within some places, in the order of places.
    fn connected(
        &self,
        from: usize,
        edges: &[Vec<usize>],
        within: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let (mut stack, mut seen) = (vec![from], HashSet::from([from]));
        while let Some(step) = stack.pop() {
            let next = edges[step].iter().copied().filter(|&next| within(self.place[next]));
            stack.extend(next.filter(|&next| seen.insert(next)));
        }
        let mut found: Vec<usize> = seen.into_iter().collect();
        found.sort_unstable_by_key(|&step| self.place[step]);
        found
    }

    /// Sorts the plan's steps, keeping their order where nothing else decides.
    pub fn apply(self, plan: &mut Plan) {
        let mut steps: Vec<_> = plan.steps.drain(..).map(Some).collect();
        let mut done = vec![false; steps.len()];
        for at in 0..steps.len() {
            // Whatever must come before a step, then the step itself.
            let mut stack = vec![(at, 0)];
            while let Some((step, next)) = stack.pop() {
                if done[step] {
                    continue;
                }
                match self.before[step].get(next) {
                    Some(&earlier) => stack.extend([(step, next + 1), (earlier, 0)]),
                    None => {
                        done[step] = true;
                        plan.steps.extend(steps[step].take());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(count: usize, edges: &[(usize, usize)]) -> StepOrder {
        let mut order = StepOrder::new(&Plan::default());
        order.before = vec![Vec::new(); count];
        order.after = vec![Vec::new(); count];
        order.place = (0..count).collect();
        for &(first, second) in edges {
            order.require(first, second);
        }
        order
    }

    #[test]
    fn places_obey_what_is_required() {
        let edges = [(0, 1), (1, 2), (2, 5), (3, 4), (4, 5), (4, 0), (5, 6), (7, 3)];
        let order = order(8, &edges);
        for (first, second) in edges {
            assert!(order.place[first] < order.place[second], "{first} {second}");
        }
        let mut places = order.place.clone();
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn dependence_is_found_through_other_steps() {
        let order = order(6, &[(0, 1), (1, 4), (4, 2)]);
        assert!(order.any_depends(&[3, 2], 0));
        assert!(!order.any_depends(&[3, 5], 0));
        assert!(!order.any_depends(&[0, 1], 4));
    }
}
