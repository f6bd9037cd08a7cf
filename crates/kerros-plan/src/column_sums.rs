//! The pass that adds up columns where their rows are made.
//!
//! A normalization over the batch takes the mean and the variance of each channel: sums over all
//! positions of all items. Divided by channels they wait until all threads have all items, which
//! then come back from memory. Their law cuts them into pieces of [`COLUMN_PIECE`] positions; where
//! each item has whole pieces, a thread adds up those of its items right after it made them. What
//! waits are the sums of the pieces, and what was made for the sum alone, such as the squares of a
//! variance, never leaves the cache.

use kerros_core::law::reduce::COLUMN_PIECE;
use kerros_graph::ops::ReduceKind;

use crate::chunks::{Parts, cut};
use crate::plan::{Access, Home, Kernel, Operand, Plan, Split, Step};

/// Elements from which on a sum is cut: fewer are near anyway.
const LEAST_ELEMENTS: usize = 1 << 16;

/// Cuts each such sum into that of its pieces and that of all.
pub fn sum_where_made(plan: &mut Plan) {
    let makers = makers(plan);
    // From the last on, so that the places of the others stay.
    for at in (0..plan.steps.len()).rev() {
        if let Some((rows, [len, inner])) = sum(&plan.steps[at], &makers) {
            cut(plan, at, Parts::of_columns(len, inner), Split::Rows(rows));
        }
    }
}

/// For each buffer of the arena how the only step that writes it is divided, where each thread
/// writes its own rows.
fn makers(plan: &Plan) -> Vec<Option<Split>> {
    let mut makers = vec![None; plan.buffers.len()];
    let mut is_written = vec![false; plan.buffers.len()];
    for step in &plan.steps {
        for &Operand { buffer, access } in &step.writes {
            let again = std::mem::replace(&mut is_written[buffer], true);
            let in_arena = matches!(plan.buffers[buffer].home, Home::Arena(_));
            let own = !again && in_arena && access == Access::Part;
            makers[buffer] = own.then_some(step.split);
        }
    }
    makers
}

/// The rows by which the operand of a step is made, and the step's sizes, if it is a sum down
/// columns of whole pieces in each of these rows.
fn sum(step: &Step, makers: &[Option<Split>]) -> Option<(usize, [usize; 2])> {
    let Kernel::Reduce { kind: ReduceKind::Sum, int: false, outer: 1, len, inner } = step.kernel
    else {
        return None;
    };
    let Some(Split::Rows(rows)) = makers[step.reads[0].buffer] else { return None };
    let pays = inner > 1 && len * inner >= LEAST_ELEMENTS;
    let is_whole = len.is_multiple_of(rows) && (len / rows).is_multiple_of(COLUMN_PIECE);
    (pays && is_whole).then_some((rows, [len, inner]))
}
