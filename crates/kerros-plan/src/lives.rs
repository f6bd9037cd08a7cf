//! When buffers are needed, and how threads divide them: what placing decides by, and what the
//! checker checks.

use std::ops::RangeInclusive;

use crate::plan::{Access, Operand, Plan, Split, Step};

/// The time in which a buffer's value is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// From the region that first touches it to the last; to `usize::MAX` when it is handed
    /// out.
    pub regions: RangeInclusive<usize>,
    /// Likewise the steps.
    pub steps: RangeInclusive<usize>,
    /// How every step that touches it divides it, each thread touching its own rows; `None` where
    /// that is not so.
    pub split: Option<Split>,
}

impl Life {
    fn at(region: usize, step: usize, split: Option<Split>) -> Self {
        Life { regions: region..=region, steps: step..=step, split }
    }

    /// Whether this value is needed in one region only, with every thread touching its own
    /// rows: then another such value can take its place afterwards, without a barrier.
    pub fn gives_way(&self) -> bool {
        self.regions.start() == self.regions.end() && self.split.is_some()
    }

    /// Whether another value of as many elements can take this one's place afterwards.
    pub fn gives_way_to(&self, other: &Life) -> bool {
        self.gives_way()
            && self.regions == other.regions
            && self.split == other.split
            && self.steps.end() < other.steps.start()
    }
}

/// The lives of all buffers; `None` for those that nothing touches.
pub fn lives(plan: &Plan) -> Vec<Option<Life>> {
    let mut lives: Vec<Option<Life>> = vec![None; plan.buffers.len()];
    for (region, steps) in plan.regions.iter().map(|region| region.steps.clone()).enumerate() {
        for at in steps {
            let step = &plan.steps[at];
            for operand in step.reads.iter().chain(&step.writes) {
                let split = own_rows(step, operand);
                let life = &mut lives[operand.buffer];
                let life = life.get_or_insert_with(|| Life::at(region, at, split));
                life.regions = *life.regions.start()..=region;
                life.steps = *life.steps.start()..=at;
                life.split = life.split.filter(|_| life.split == split);
            }
        }
    }
    for &(output, _) in &plan.outputs {
        if let Some(life) = &mut lives[output] {
            life.regions = *life.regions.start()..=usize::MAX;
            life.steps = *life.steps.start()..=usize::MAX;
        }
    }
    lives
}

/// How a step divides an operand over the threads, if it does.
fn own_rows(step: &Step, operand: &Operand) -> Option<Split> {
    let divides = step.split != Split::Single && operand.access == Access::Part;
    divides.then_some(step.split)
}
