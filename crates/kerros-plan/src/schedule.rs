//! Cutting the steps into regions: a barrier stands only where threads must meet.

use std::collections::{BTreeSet, HashMap};

use crate::plan::{Access, BufferId, Home, Operand, Plan, Region, Split, Step};

/// Orders the steps by the number of barriers before them, and cuts the list there.
///
/// Steps are in a sequentially valid order; where two touch the same buffer and one writes
/// it, that order must hold. It holds without a barrier when each thread touches the same
/// part in both.
pub fn schedule(plan: &mut Plan) {
    let homes: Vec<Home> = plan.buffers.iter().map(|buffer| buffer.home).collect();
    let mut touched = Touched { homes: &homes, uses: vec![Vec::new(); homes.len()] };
    let mut regions: Vec<Vec<usize>> = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let region = touched.earliest_region(step);
        touched.add(step, region);
        if regions.len() <= region {
            regions.resize_with(region + 1, Vec::new);
        }
        regions[region].push(at);
    }
    let mut order = Vec::with_capacity(plan.steps.len());
    plan.regions.clear();
    for members in regions {
        let start = order.len();
        order.extend(gather_rows(&plan.steps, &homes, &members));
        let cost = order[start..].iter().map(|&at| plan.steps[at].cost).sum();
        plan.regions.push(Region { steps: start..order.len(), cost });
    }
    let mut steps: Vec<Option<Step>> = plan.steps.drain(..).map(Some).collect();
    let taken = order.into_iter().map(|at| steps[at].take().expect("each step is in one region"));
    plan.steps = taken.collect();
}

/// How a step touches a buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Use {
    split: Split,
    access: Access,
    writes: bool,
}

impl Use {
    /// Whether the order of two uses matters.
    fn conflicts(self, other: Use) -> bool {
        self.writes || other.writes
    }

    /// Whether each thread touches the same part in both.
    fn together(self, other: Use) -> bool {
        let own = self.access == Access::Part && other.access == Access::Part;
        self.split == other.split && (own || self.split == Split::Single)
    }
}

/// The uses of a step's buffers. Inputs are only ever read: their order never matters.
fn uses<'a>(homes: &'a [Home], step: &'a Step) -> impl Iterator<Item = (BufferId, Use)> + 'a {
    let of = |operand: &Operand, writes| {
        (operand.buffer, Use { split: step.split, access: operand.access, writes })
    };
    let reads = step.reads.iter().map(move |read| of(read, false));
    let writes = step.writes.iter().map(move |write| of(write, true));
    reads.chain(writes).filter(|(buffer, _)| !matches!(homes[*buffer], Home::Input(_)))
}

/// For each buffer the different uses so far, with the last region of each.
struct Touched<'a> {
    homes: &'a [Home],
    uses: Vec<Vec<(Use, usize)>>,
}

impl Touched<'_> {
    /// The first region in which a step finds all that must come before it done.
    fn earliest_region(&self, step: &Step) -> usize {
        let mut earliest = 0;
        for (buffer, mine) in uses(self.homes, step) {
            for &(other, region) in
                self.uses[buffer].iter().filter(|(use_, _)| use_.conflicts(mine))
            {
                earliest = earliest.max(region + usize::from(!other.together(mine)));
            }
        }
        earliest
    }

    fn add(&mut self, step: &Step, region: usize) {
        for (buffer, mine) in uses(self.homes, step) {
            let known = &mut self.uses[buffer];
            match known.iter_mut().find(|(other, _)| *other == mine) {
                Some((_, last)) => *last = region.max(*last),
                None => known.push((mine, region)),
            }
        }
    }
}

/// An order of a region's steps in which those of as many rows stand together, so that a
/// thread can take a few rows through all of them at a time.
fn gather_rows(steps: &[Step], homes: &[Home], members: &[usize]) -> Vec<usize> {
    let split = |at: usize| steps[members[at]].split;
    // Steps by their place in the region: who waits for each, and for how many each waits.
    let (after, mut open) = waits(steps, homes, members);
    let mut ready: BTreeSet<usize> = (0..members.len()).filter(|&at| open[at] == 0).collect();
    let mut alike: HashMap<Split, BTreeSet<usize>> = HashMap::new();
    for &at in &ready {
        alike.entry(split(at)).or_default().insert(at);
    }
    let mut order: Vec<usize> = Vec::with_capacity(members.len());
    let mut current: Option<Split> = None;
    while let Some(&first) = ready.first() {
        let same = current.and_then(|split| alike.get(&split)?.first().copied());
        let chosen = same.unwrap_or(first);
        ready.remove(&chosen);
        alike.entry(split(chosen)).or_default().remove(&chosen);
        current = Some(split(chosen));
        order.push(members[chosen]);
        for &next in &after[chosen] {
            open[next] -= 1;
            if open[next] == 0 {
                ready.insert(next);
                alike.entry(split(next)).or_default().insert(next);
            }
        }
    }
    order
}

/// For each of some steps those that must come after it, and how many must come before it.
fn waits(steps: &[Step], homes: &[Home], members: &[usize]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); members.len()];
    let mut open = vec![0; members.len()];
    // Of each buffer the last step that wrote it, and those that have read it since.
    let mut last: HashMap<BufferId, (Option<usize>, Vec<usize>)> = HashMap::new();
    for (at, &member) in members.iter().enumerate() {
        for (buffer, mine) in uses(homes, &steps[member]) {
            let (writer, readers) = last.entry(buffer).or_default();
            let before = writer.iter().chain(readers.iter().filter(|_| mine.writes));
            for &earlier in before.filter(|&&earlier| earlier != at) {
                after[earlier].push(at);
                open[at] += 1;
            }
            if mine.writes {
                *writer = Some(at);
                readers.clear();
            } else {
                readers.push(at);
            }
        }
    }
    (after, open)
}
