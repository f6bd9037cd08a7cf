//! Taking a few rows at a time through several steps, so that what one step wrote is still
//! in the cache when the next reads it.

use std::collections::BTreeSet;
use std::ops::Range;

use kerros_kernels::l2_bytes;
use kerros_plan::Plan;
use kerros_plan::plan::{Access, Kernel, Split};

/// What part of the second-level cache a block of rows may touch; the rest is for weights.
const BLOCK_PART: usize = 2;
/// Weights of a larger part of it do not stay there beside a block.
const WEIGHT_PART: usize = 8;
/// Matrix products want blocks of multiples of this many of their rows, so that they have whole
/// tiles.
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
    groups.into_iter().flat_map(|group| size(plan, group)).collect()
}

/// Sets how many rows of a group to take at a time. Where few rows fill the cache, as with
/// images, they are too few for kernels that would read large weights anew for each block:
/// these are left out, and take all rows at once.
fn size(plan: &Plan, group: Group) -> Vec<Group> {
    let Split::Rows(rows) = group.split else { return vec![group] };
    if group.steps.len() == 1 {
        return vec![group];
    }
    let fitting = fitting_rows(plan, group.steps.clone(), rows);
    let blocks = if fitting >= BLOCK_GRAIN { fitting / BLOCK_GRAIN * BLOCK_GRAIN } else { fitting };
    let mut parts: Vec<(bool, Group)> = Vec::new();
    for at in group.steps {
        let alone = wants_more_rows(&plan.steps[at].kernel, rows, blocks);
        match parts.last_mut() {
            Some((same, last)) if *same == alone => last.steps.end = at + 1,
            _ => {
                let block_rows = if alone { usize::MAX } else { blocks.max(1) };
                parts.push((alone, Group { steps: at..at + 1, split: group.split, block_rows }));
            }
        }
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

/// Rows whose operands fill the cache together.
fn fitting_rows(plan: &Plan, steps: Range<usize>, rows: usize) -> usize {
    let mut touched = BTreeSet::new();
    for step in &plan.steps[steps] {
        let operands = step.reads.iter().chain(&step.writes);
        touched.extend(
            operands.filter(|operand| operand.access == Access::Part).map(|operand| operand.buffer),
        );
    }
    let row_bytes: usize =
        touched.into_iter().map(|buffer| 4 * plan.buffers[buffer].len() / rows).sum();
    l2_bytes() / BLOCK_PART / row_bytes.max(1)
}

/// Whether a kernel has too few rows to work with in a block: few rows of a matrix in each row of
/// its step, or weights so large that they are read again for each block, and that is more than
/// the rows themselves.
fn wants_more_rows(kernel: &Kernel, rows: usize, block_rows: usize) -> bool {
    let is_large = |weights: usize| 4 * weights > l2_bytes() / WEIGHT_PART;
    match kernel {
        Kernel::Gemm { batch: 1, m, n, k, .. } => {
            let matrix_rows = m / rows * block_rows;
            block_rows < BLOCK_GRAIN && (m / rows < BLOCK_GRAIN || is_large(n * k))
                || is_large(n * k) && matrix_rows * (n + k) < n * k
        }
        // A row is a whole sequence: it takes several to fill a tile at each step.
        Kernel::Recurrent(_) => true,
        Kernel::Conv { sizes, .. } | Kernel::ConvInputGradient { sizes } => {
            let taps = sizes.window.num_taps();
            block_rows < BLOCK_GRAIN && is_large(taps * sizes.inputs * sizes.out_channels())
        }
        _ => false,
    }
}
