//! The checker: no two threads may touch the same bytes of a region when one writes.

use std::ops::Range;

use kerros_core::{Error, ErrorKind, Result};

use crate::plan::{Home, Operand, Plan, Split, Step, rows_of};

/// The thread counts for which plans are checked.
const THREAD_COUNTS: [usize; 4] = [1, 2, 3, 8];

/// Checks a plan: every value is written before it is read, and within a region no thread
/// writes what another touches.
///
/// # Errors
/// [`ErrorKind::Internal`] with the two steps: a bug in a pass.
pub fn check(plan: &Plan) -> Result<()> {
    written_before_read(plan)?;
    for count in THREAD_COUNTS {
        for region in &plan.regions {
            for a in region.steps.clone() {
                for b in region.steps.clone() {
                    disjoint(plan, a, b, count)?;
                }
            }
        }
    }
    Ok(())
}

fn written_before_read(plan: &Plan) -> Result<()> {
    let mut written = vec![false; plan.buffers.len()];
    for (at, step) in plan.steps.iter().enumerate() {
        for read in &step.reads {
            if matches!(plan.buffers[read.buffer].home, Home::Arena(_)) && !written[read.buffer] {
                return Err(broken(plan, at, at, "reads a buffer before it is written"));
            }
        }
        for write in &step.writes {
            written[write.buffer] = true;
        }
    }
    let missing = plan.outputs.iter().find(|(output, _)| !written[*output]);
    missing.map_or(Ok(()), |(output, _)| {
        Err(Error::new(ErrorKind::Internal, format!("output buffer {output} is never written")))
    })
}

fn disjoint(plan: &Plan, a: usize, b: usize, count: usize) -> Result<()> {
    let (step_a, step_b) = (&plan.steps[a], &plan.steps[b]);
    for write in &step_a.writes {
        for other in step_b.reads.iter().chain(&step_b.writes) {
            if (a == b && other == write) || !share_memory(plan, write, other) {
                continue;
            }
            for thread_a in 0..count {
                for thread_b in (0..count).filter(|&thread| thread != thread_a) {
                    let mine = bytes(plan, step_a, write, thread_a, count);
                    let theirs = bytes(plan, step_b, other, thread_b, count);
                    if let (Some(mine), Some(theirs)) = (mine, theirs)
                        && mine.0 == theirs.0
                        && mine.1.start < theirs.1.end
                        && theirs.1.start < mine.1.end
                    {
                        return Err(broken(plan, a, b, "are touched by two threads at once"));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Whether two operands' buffers overlap at all.
fn share_memory(plan: &Plan, a: &Operand, b: &Operand) -> bool {
    let (x, y) = (&plan.buffers[a.buffer], &plan.buffers[b.buffer]);
    match (x.home, y.home) {
        (Home::Arena(i), Home::Arena(j)) => i < j + 4 * y.len() && j < i + 4 * x.len(),
        (one, other) => one == other,
    }
}

/// The memory and the bytes of it that a thread touches; `None` when it touches none.
fn bytes(
    plan: &Plan,
    step: &Step,
    operand: &Operand,
    thread: usize,
    count: usize,
) -> Option<(Home, Range<usize>)> {
    let rows = match step.split {
        Split::Rows(rows) => rows,
        Split::Single if thread == 0 => 1,
        Split::Single => return None,
    };
    let range = match step.split {
        Split::Rows(rows) => rows_of(rows, thread, count),
        Split::Single => 0..1,
    };
    if range.is_empty() {
        return None;
    }
    let elements = plan.touched(operand, rows, &range);
    let (memory, base) = match plan.buffers[operand.buffer].home {
        Home::Arena(offset) => (Home::Arena(0), offset),
        other => (other, 0),
    };
    Some((memory, base + 4 * elements.start..base + 4 * elements.end))
}

fn broken(plan: &Plan, a: usize, b: usize, what: &str) -> Error {
    let text = |at: usize| crate::explain::step_line(plan, at);
    Error::new(ErrorKind::Internal, format!("{} and {}: buffers {what}", text(a), text(b)))
}
