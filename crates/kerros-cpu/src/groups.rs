//! Taking a few rows at a time through several steps, so that what one step wrote is still
//! in the cache when the next reads it.

use std::collections::BTreeSet;
use std::ops::Range;

use kerros_plan::Plan;
use kerros_plan::plan::{Access, Split};

/// Bytes that a block of rows may touch: half of a second-level cache of 2 MB, the other
/// half being for weights.
const BLOCK_BYTES: usize = 1 << 20;
/// Blocks are multiples of this many rows, so that matrix products have whole tiles.
const BLOCK_GRAIN: usize = 48;

/// Neighbouring steps of a region that are divided alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which steps of the plan.
    pub steps: Range<usize>,
    /// How they are divided.
    pub split: Split,
    /// How many rows to take through all of them at a time.
    pub block_rows: usize,
}

/// The groups of each region.
pub fn groups(plan: &Plan) -> Vec<Vec<Group>> {
    plan.regions.iter().map(|region| cut(plan, region.steps.clone())).collect()
}

fn cut(plan: &Plan, steps: Range<usize>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for at in steps {
        let split = plan.steps[at].split;
        match groups.last_mut() {
            Some(last) if last.split == split => last.steps.end = at + 1,
            _ => groups.push(Group { steps: at..at + 1, split, block_rows: usize::MAX }),
        }
    }
    for group in &mut groups {
        if let Split::Rows(rows) = group.split {
            group.block_rows = block_rows(plan, group.steps.clone(), rows);
        }
    }
    groups
}

fn block_rows(plan: &Plan, steps: Range<usize>, rows: usize) -> usize {
    if steps.len() == 1 {
        return usize::MAX;
    }
    let mut touched = BTreeSet::new();
    for step in &plan.steps[steps] {
        let operands = step.reads.iter().chain(&step.writes);
        touched.extend(
            operands.filter(|operand| operand.access == Access::Part).map(|operand| operand.buffer),
        );
    }
    let row_bytes: usize =
        touched.into_iter().map(|buffer| 4 * plan.buffers[buffer].len() / rows).sum();
    let fitting = BLOCK_BYTES / row_bytes.max(1);
    (fitting / BLOCK_GRAIN * BLOCK_GRAIN).max(BLOCK_GRAIN)
}
