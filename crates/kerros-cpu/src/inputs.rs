//! Where the inputs of a run lie: in the caller's tensors, or gathered row by row.

use kerros_core::{Error, ErrorKind, Result, Tensor};
use kerros_graph::Type;
use kerros_plan::Feed;
use kerros_plan::plan::{Access, Home, Kernel, Plan, Split};

use crate::memory::Block;

/// Bytes of a cache line.
const LINE_BYTES: usize = 64;
/// How much of the rows to come is on its way while one is copied.
const ROWS_AHEAD_BYTES: usize = 6144;
const MAX_ROWS_AHEAD: usize = 16;

/// Checks a feed against its input; the address of its first element when it lies in one
/// piece, `None` when rows must be gathered.
pub fn address(at: usize, ty: &Type, feed: &Feed<'_>) -> Result<Option<*const u8>> {
    let (Feed::Whole(tensor) | Feed::From { tensor, .. } | Feed::Rows { tensor, .. }) = *feed;
    let fits = |rows_fit: bool| {
        let same_row = tensor.shape().ndim() == ty.shape.ndim()
            && tensor.shape().get(1..) == ty.shape.get(1..);
        if tensor.dtype() == ty.dtype && same_row && rows_fit {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Shape,
            format!("input {at} was given {}{}", tensor.dtype(), tensor.shape()),
        )
        .expected(ty.to_string()))
    };
    let have = tensor.shape().first().copied().unwrap_or(1);
    let want = ty.shape.first().copied().unwrap_or(1);
    match *feed {
        Feed::Whole(_) => {
            fits(have == want)?;
            Ok(Some(tensor.bytes().as_ptr()))
        }
        Feed::From { start, .. } => {
            fits(ty.shape.ndim() > 0 && start <= have && want <= have - start)?;
            Ok(Some(tensor.bytes()[start * tensor.row_bytes()..].as_ptr()))
        }
        Feed::Rows { rows, .. } => {
            fits(ty.shape.ndim() > 0 && rows.len() == want)?;
            if let Some(row) = rows.iter().find(|&&row| row as usize >= have) {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("row {row} of input {at} was asked for"),
                )
                .expected(format!("rows below {have}")));
            }
            Ok(None)
        }
    }
}

/// A place to gather the rows of an input into.
pub fn staging(ty: &Type) -> Block {
    Block::zeroed(4 * ty.shape.num_elements())
}

/// The feed's truth values as numbers, row by row as they are asked for.
pub fn truths(feed: &Feed<'_>, ty: &Type) -> Result<Tensor> {
    let taken = match *feed {
        Feed::Whole(tensor) => tensor.clone(),
        Feed::From { tensor, start } => tensor.slice_rows(start..start + ty.shape[0])?,
        Feed::Rows { tensor, rows } => tensor.take_rows(rows)?,
    };
    Ok(taken.to_f32())
}

/// Copies to `to`, the start of the staging place, what is one thread's of the rows of the batch.
///
/// Rows from anywhere are far apart in memory: while one is copied, the same part of a later one
/// is fetched.
///
/// # Safety
/// `to` is valid for the whole batch, and no other thread touches this thread's part of it.
pub unsafe fn gather(
    tensor: &Tensor,
    rows: &[u32],
    gathering: Gathering,
    (index, count): (usize, usize),
    to: *mut u8,
) {
    let row_bytes = tensor.row_bytes();
    let from = tensor.bytes();
    let (range, bytes) = match gathering {
        Gathering::Rows(split) => (split.own(index, count), 0..row_bytes),
        Gathering::Columns(split) => {
            let own = split.own(index, count);
            let column_bytes = row_bytes / split.rows();
            (0..rows.len(), column_bytes * own.start..column_bytes * own.end)
        }
    };
    let row = |at: usize| &from[rows[at] as usize * row_bytes..][bytes.clone()];
    let ahead = (ROWS_AHEAD_BYTES / bytes.len().max(1)).clamp(1, MAX_ROWS_AHEAD);
    for at in range.clone() {
        let later = if at + ahead < range.end { row(at + ahead) } else { &[] };
        let mut later = later.chunks(LINE_BYTES);
        let (lines, rest) = row(at).as_chunks::<LINE_BYTES>();
        // SAFETY: row `at` lies within the staging place.
        let mut to = unsafe { to.add(at * row_bytes + bytes.start) };
        for line in lines {
            if let Some(later) = later.next() {
                prefetch(later);
            }
            // SAFETY: lines and rest fill what is this thread's own of the row, as the caller promises.
            unsafe {
                to.cast::<[u8; LINE_BYTES]>().write_unaligned(*line);
                to = to.add(LINE_BYTES);
            }
        }
        // SAFETY: likewise.
        unsafe { std::ptr::copy_nonoverlapping(rest.as_ptr(), to, rest.len()) };
    }
}

/// Asks for the cache line of the first of these bytes.
fn prefetch(line: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint never faults, and every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// How an input is divided over the threads that gather it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gathering {
    /// By rows of the batch.
    Rows(Split),
    /// By columns, which are rows of the weights that they are multiplied with.
    Columns(Split),
}

/// How each input is divided over the threads that gather it, and whether the threads must meet
/// then: not when each reads only what it gathered.
pub fn gathering(plan: &Plan) -> (Vec<Gathering>, bool) {
    let rows = |ty: &Type| ty.shape.first().copied().unwrap_or(0);
    let mut gathered: Vec<Gathering> =
        plan.inputs.iter().map(|ty| Gathering::Rows(Split::Rows(rows(ty)))).collect();
    let first = plan.regions.first().map_or(0..0, |region| region.steps.clone());
    // What a thread reads of an input before it meets the others; `None` if all of it.
    let mut reads: Vec<(usize, Option<Gathering>)> = Vec::new();
    for step in &plan.steps[first] {
        for (at, read) in step.reads.iter().enumerate() {
            let Home::Input(input) = plan.buffers[read.buffer].home else { continue };
            let own = match step.kernel {
                Kernel::PartProducts { m, .. } if at == 0 && m == rows(&plan.inputs[input]) => {
                    Some(Gathering::Columns(step.split))
                }
                _ if read.access == Access::Part => Some(Gathering::Rows(step.split)),
                _ => None,
            };
            reads.push((input, own));
        }
    }
    for (input, own) in &reads {
        match own {
            Some(Gathering::Rows(split)) if split.rows() != rows(&plan.inputs[*input]) => {}
            Some(own) => gathered[*input] = *own,
            None => {}
        }
    }
    let meet = !reads.iter().all(|(input, own)| *own == Some(gathered[*input]));
    (gathered, meet)
}
