//! The pass that lets a thread take its rows through the whole of a training step before it meets
//! the others.
//!
//! The derivatives of a layer's weights are sums over all rows of the batch: `dw = xᵀ · dy`, and
//! the sum of `dy` for a bias. Divided by rows of `w` they wait until all threads have all of `x`
//! and `dy`, which lie in memory meanwhile. The laws cut both sums into chunks of rows
//! ([`CONTRACTION_CHUNK`], [`COLUMN_PIECE`]) and say how the chunks are added. So a thread that has
//! whole chunks of rows adds up those, a few rows at a time, right after it made them; what then
//! waits are the sums of the chunks. `x` and `dy` are needed no longer: the next rows take their
//! place, and they never leave the cache.

use kerros_core::law::CONTRACTION_CHUNK;
use kerros_core::law::reduce::COLUMN_PIECE;
use kerros_graph::Type;
use kerros_graph::ops::{MatMul, ReduceKind};

use crate::plan::{Access, Buffer, BufferId, Home, Kernel, Operand, Order, Plan, Split, Step};

/// When sums are cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// The number of threads, which must have as many chunks each.
    pub threads: usize,
    /// The most bytes of one chunk's sum: it is read and written again with every few rows.
    pub bytes: usize,
}

/// Cuts the largest sums over as many rows, and divides all steps of so many rows by chunks.
pub fn cut_into_chunks(plan: &mut Plan, limits: ChunkLimits) {
    let sums: Vec<(usize, Sum)> =
        (0..plan.steps.len()).filter_map(|at| Some((at, sum(plan, at, limits)?))).collect();
    let cost = |rows: usize| -> usize {
        let alike = sums.iter().filter(|(_, sum)| sum.rows == rows);
        alike.map(|(at, _)| plan.steps[*at].cost).sum()
    };
    let Some(rows) = sums.iter().map(|(_, sum)| sum.rows).max_by_key(|&rows| (cost(rows), rows))
    else {
        return;
    };
    let chunks = rows / CONTRACTION_CHUNK;
    for step in plan.steps.iter_mut().filter(|step| step.split == Split::Rows(rows)) {
        step.split = Split::Chunks { rows, chunks };
    }
    // From the last on, so that the places of the others stay.
    for (at, sum) in sums.into_iter().rev().filter(|(_, sum)| sum.rows == rows) {
        cut(plan, at, sum.parts, Split::Chunks { rows, chunks });
    }
}

/// A sum over all rows.
struct Sum {
    /// How many rows.
    rows: usize,
    parts: Parts,
}

/// The parts of a sum.
pub(crate) struct Parts {
    /// What gives them.
    pub kernel: Kernel,
    /// How many there are, how long each is, and how they are added.
    pub count: usize,
    pub len: usize,
    pub order: Order,
}

impl Parts {
    /// Those of a sum down the columns of `[rows, inner]`.
    pub(crate) fn of_columns(rows: usize, inner: usize) -> Self {
        let kernel = Kernel::PieceSums { rows, inner };
        Parts { kernel, count: rows / COLUMN_PIECE, len: inner, order: Order::Tree }
    }
}

/// What a step sums over rows, if it does, and if it pays to cut it into chunks.
fn sum(plan: &Plan, at: usize, limits: ChunkLimits) -> Option<Sum> {
    let step = &plan.steps[at];
    let found = match step.kernel {
        Kernel::Gemm {
            batch: 1,
            m,
            n,
            k: rows,
            op: MatMul { transpose_a: true, transpose_b: false },
            bias: false,
            relu: false,
            gate: false,
        } => Sum {
            rows,
            parts: Parts {
                kernel: Kernel::ChunkProducts { rows, m, n },
                count: rows / CONTRACTION_CHUNK,
                len: m * n,
                order: Order::InTurn,
            },
        },
        Kernel::Reduce { kind: ReduceKind::Sum, int: false, outer: 1, len: rows, inner }
            if inner > 1 =>
        {
            Sum { rows, parts: Parts::of_columns(rows, inner) }
        }
        _ => return None,
    };
    let chunks = found.rows / CONTRACTION_CHUNK;
    let pays = chunks > 1
        && found.rows.is_multiple_of(CONTRACTION_CHUNK)
        && chunks.is_multiple_of(limits.threads.max(1))
        && 4 * found.parts.len <= limits.bytes;
    // All steps before are looked at, so only for sums that could gain.
    let divided = || step.reads.iter().all(|read| by_rows(plan, read.buffer, found.rows, at));
    (pays && divided()).then_some(found)
}

/// Whether a buffer is divided by so many rows wherever it was touched before a step, so that a
/// thread has the rows that it made.
fn by_rows(plan: &Plan, buffer: BufferId, rows: usize, before: usize) -> bool {
    let is_temporary = matches!(plan.buffers[buffer].home, Home::Arena(_));
    let is_input = matches!(plan.buffers[buffer].home, Home::Input(_));
    let own = |step: &Step| {
        let mut writes = step.writes.iter().filter(|write| write.buffer == buffer);
        writes.all(|write| write.access == Access::Part && step.split == Split::Rows(rows))
    };
    plan.buffers[buffer].len().is_multiple_of(rows)
        && (is_input || is_temporary && plan.steps[..before].iter().all(own))
}

/// Puts two steps in place of a sum: its parts, divided so, and the sum of those.
pub(crate) fn cut(plan: &mut Plan, at: usize, parts: Parts, split: Split) {
    let Parts { kernel, count, len, order } = parts;
    let step = &plan.steps[at];
    let ty = Type::new(plan.buffers[step.writes[0].buffer].ty.dtype, [count, len]);
    let buffer = plan.buffers.len();
    let part = |buffer: BufferId| Operand { buffer, access: Access::Part };
    let of_parts = Step {
        kernel,
        reads: step.reads.iter().map(|read| part(read.buffer)).collect(),
        writes: vec![part(buffer)],
        split,
        cost: step.cost,
        origin: step.origin.clone(),
    };
    let whole = Step {
        kernel: Kernel::Combine { parts: count, len, order, bias: false, relu: false },
        reads: vec![Operand { buffer, access: Access::Whole }],
        writes: step.writes.clone(),
        split: step.split,
        cost: count * len,
        origin: step.origin.clone(),
    };
    plan.buffers.push(Buffer { home: Home::Arena(0), ty });
    plan.steps.splice(at..=at, [of_parts, whole]);
}
