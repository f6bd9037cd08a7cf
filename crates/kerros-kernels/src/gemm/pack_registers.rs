//! Packing by registers: rows as they are, or a square of numbers transposed at a time; and with
//! the same transposition, products of rows and a vector.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use super::pack::Packing;
use super::register::Register;
use super::tile::{DotRows, extent};

/// See [`Tiles::pack_adjacent`](super::tile::Tiles::pack_adjacent).
#[inline(always)]
pub(super) fn pack_adjacent<R: Register>(packing: &Packing<'_>, packed: &mut [f32]) {
    assert!(packing.stride == 1 && packing.width <= packing.packed_stride);
    match packing.width / R::WIDTH {
        0 => pack_short_rows::<R, 0>(packing, packed),
        1 => pack_short_rows::<R, 1>(packing, packed),
        2 => pack_short_rows::<R, 2>(packing, packed),
        _ => pack_long_rows(packing, packed),
    }
}

/// Rows of `WHOLE` registers and a rest, as tiles are wide: a call to copy each of them would take
/// longer than the copy.
#[inline(always)]
fn pack_short_rows<R: Register, const WHOLE: usize>(packing: &Packing<'_>, packed: &mut [f32]) {
    let Packing { numbers, position_stride, k, width, packed_stride, .. } = *packing;
    let rest = width - WHOLE * R::WIDTH;
    let end = extent(k, packed_stride, width, 1);
    assert!(extent(k, position_stride, width, 1) <= numbers.len() && end <= packed.len());
    for p in 0..k {
        let from = numbers.as_ptr().wrapping_add(p * position_stride);
        let to = packed.as_mut_ptr().wrapping_add(p * packed_stride);
        for v in 0..WHOLE {
            // SAFETY: the assertion above proved `k` rows of `width` numbers.
            let row = unsafe { R::load_at(from.wrapping_add(v * R::WIDTH)) };
            // SAFETY: likewise for the places.
            unsafe { row.store_at(to.wrapping_add(v * R::WIDTH)) };
        }
        if rest > 0 {
            let whole = WHOLE * R::WIDTH;
            // SAFETY: the assertion above proved `k` rows of `width` numbers.
            let row = unsafe { R::load_first(from.wrapping_add(whole), rest) };
            // A whole register where what it spills over is padding, or written next.
            let stored = if p * packed_stride + whole + R::WIDTH <= end { R::WIDTH } else { rest };
            // SAFETY: `stored` places lie there: those of this position, or up to `end`.
            unsafe { row.store_first(to.wrapping_add(whole), stored) };
        }
    }
}

/// Rows of any length.
fn pack_long_rows(packing: &Packing<'_>, packed: &mut [f32]) {
    let Packing { numbers, position_stride, k, width, packed_stride, .. } = *packing;
    for p in 0..k {
        let row = &numbers[p * position_stride..][..width];
        packed[p * packed_stride..][..width].copy_from_slice(row);
    }
}

/// Element `p` of `rows` rows, at most `WIDTH`, for `cols` positions, at most `WIDTH`; other lanes
/// and registers hold any value.
#[inline(always)]
fn load_transposed_at_most<R: Register>(
    numbers: &[f32],
    row_stride: usize,
    rows: usize,
    cols: usize,
) -> R::Square {
    // Lanes without a row take the last row again; a short row reads on into what follows it,
    // except at the end of the numbers.
    let last_row = (rows - 1) * row_stride;
    if last_row + R::WIDTH <= numbers.len() {
        return R::load_transposed(numbers, row_stride, last_row);
    }
    let square = copy_square(numbers, row_stride, [rows, cols], R::WIDTH);
    R::load_transposed(&square, R::WIDTH, R::WIDTH * (R::WIDTH - 1))
}

/// Numbers of `rows` rows and `cols` columns, in rows of `width`.
#[cold]
fn copy_square(
    numbers: &[f32],
    row_stride: usize,
    [rows, cols]: [usize; 2],
    width: usize,
) -> [f32; MAX_WIDTH * MAX_WIDTH] {
    let mut square = [0.0f32; MAX_WIDTH * MAX_WIDTH];
    for (i, to) in square.chunks_exact_mut(width).take(rows).enumerate() {
        to[..cols].copy_from_slice(&numbers[i * row_stride..][..cols]);
    }
    square
}

/// Lanes of the widest register.
const MAX_WIDTH: usize = 16;

/// See [`Tiles::pack_transposed`](super::tile::Tiles::pack_transposed).
#[inline(always)]
pub(super) fn pack_transposed<R: Register>(packing: &Packing<'_>, packed: &mut [f32]) {
    let Packing { position_stride, stride, k, width, packed_stride, .. } = *packing;
    let end = extent(k, packed_stride, width, 1);
    assert!(position_stride == 1 && end <= packed.len());
    for j in (0..width).step_by(R::WIDTH) {
        let lanes = (width - j).min(R::WIDTH);
        // Whole registers where what they spill over is padding, or written next.
        let may_spill = j + R::WIDTH <= packed_stride || width <= R::WIDTH;
        for p in (0..k).step_by(R::WIDTH) {
            let positions = (k - p).min(R::WIDTH);
            let rows = load_transposed_at_most::<R>(packing.from(p, j), stride, lanes, positions);
            for (i, &row) in rows.as_ref()[..positions].iter().enumerate() {
                let at = (p + i) * packed_stride + j;
                let stored = if may_spill && at + R::WIDTH <= end { R::WIDTH } else { lanes };
                // SAFETY: `stored` places lie there: those of this position, or up to `end`.
                unsafe { row.store_first(packed.as_mut_ptr().wrapping_add(at), stored) };
            }
        }
    }
}

/// Groups of rows, one to a lane, whose chains run side by side.
const GROUPS: usize = 2;
/// Numbers of a cache line.
const LINE_FLOATS: usize = 16;

/// See [`Tiles::dot_rows`](super::tile::Tiles::dot_rows).
#[inline(always)]
pub(super) fn dot_rows<R: Register>(dot: &DotRows<'_>, out: &mut [f32]) {
    let DotRows { k, a, row_stride, x, x_stride, add_out } = *dot;
    for (block, out) in out.chunks_mut(GROUPS * R::WIDTH).enumerate() {
        let mut sums = [R::splat(0.0); GROUPS];
        // The rows that come next: too many side by side for the processor to foresee them all.
        // Where a register is a whole line, the loads ask for lines early enough (measured).
        let next = (block + 1) * GROUPS * R::WIDTH;
        for p in (0..k).step_by(R::WIDTH) {
            let len = (k - p).min(R::WIDTH);
            if R::WIDTH < LINE_FLOATS && p.is_multiple_of(LINE_FLOATS) {
                for row in next..next + GROUPS * R::WIDTH {
                    let ahead = a.as_ptr().wrapping_add(row.wrapping_mul(row_stride) + p);
                    // SAFETY: a hint never faults, and every x86-64 has it.
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.cast()) };
                }
            }
            for (group, sum) in sums.iter_mut().enumerate() {
                let row = (block * GROUPS + group) * R::WIDTH;
                let rows = out.len().saturating_sub(group * R::WIDTH).min(R::WIDTH);
                if rows == 0 {
                    continue;
                }
                let columns =
                    load_transposed_at_most::<R>(&a[row * row_stride + p..], row_stride, rows, len);
                // In a variable of its own the chain stays in a register.
                let mut chain = *sum;
                for (i, &column) in columns.as_ref()[..len].iter().enumerate() {
                    chain = column.fma(R::splat(x[(p + i) * x_stride]), chain);
                }
                *sum = chain;
            }
        }
        for (&sum, out) in sums.iter().zip(out.chunks_mut(R::WIDTH)) {
            let total = if add_out { R::load_part(out).add(sum) } else { sum };
            total.store_part(out);
        }
    }
}
