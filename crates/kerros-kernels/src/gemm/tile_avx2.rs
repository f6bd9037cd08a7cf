//! Tiles of 8-lane registers.

use std::arch::x86_64::*;
use std::hint::black_box;

use super::pack::Packing;
use super::pack_avx2::{self, first_lanes};
use super::tile::{DotRows, Start, Tile, Tiles};
use crate::lanes::avx2::store_first;
use crate::{Isa, Level};

/// Proof of AVX2 and FMA and the tiles made of it.
#[derive(Clone, Copy)]
pub(crate) struct Avx2Tiles(());

impl Avx2Tiles {
    /// The tiles, when the token proves that this machine has AVX2 and FMA.
    pub(crate) fn new(isa: Isa) -> Option<Self> {
        (isa.level() == Level::Avx2).then_some(Avx2Tiles(()))
    }
}

/// Calls `sums::<ROWS, VECTORS, MASK_B, EXTRAS>` for the shape of a tile.
macro_rules! choose_shape {
    ($tile:expr, $num:expr, $b_step:expr, $out:expr; $($rows:literal: $($vectors:literal)*;)*) => {{
        let tile = $tile;
        let mask_b = !tile.b_padded && !tile.columns.is_multiple_of(LANES);
        match (tile.rows, tile.columns.div_ceil(LANES), mask_b, tile.extras.is_some()) {
            $($(
                ($rows, $vectors, false, false) => {
                    sums::<$rows, $vectors, false, false>(tile, $num, $b_step, $out)
                }
                ($rows, $vectors, true, false) => {
                    sums::<$rows, $vectors, true, false>(tile, $num, $b_step, $out)
                }
                ($rows, $vectors, false, true) => {
                    sums::<$rows, $vectors, false, true>(tile, $num, $b_step, $out)
                }
                ($rows, $vectors, true, true) => {
                    sums::<$rows, $vectors, true, true>(tile, $num, $b_step, $out)
                }
            )*)*
            (rows, vectors, ..) => unreachable!("no tile of {rows} x {vectors} vectors"),
        }
    }};
}

const LANES: usize = 8;
/// Where chains begin that have no earlier part.
const ZEROS: [f32; LANES] = [0.0; LANES];

impl Tiles for Avx2Tiles {
    const LANES: usize = LANES;
    const ROWS: usize = 6;
    const VECTORS: usize = 2;

    fn max_vectors(rows: usize) -> usize {
        match rows {
            1 => 8,
            2 => 4,
            3 => 3,
            _ => Self::VECTORS,
        }
    }

    fn tile(self, tile: &Tile<'_>, out: &mut [f32]) {
        // SAFETY: `Avx2Tiles` exists only where a token proved AVX2 and FMA.
        unsafe { choose_tile(tile, 1, 0, out) }
    }

    fn tiles(self, tile: &Tile<'_>, num: usize, b_step: usize, out: &mut [f32]) {
        // SAFETY: `Avx2Tiles` exists only where a token proved AVX2 and FMA.
        unsafe { choose_tile(tile, num, b_step, out) }
    }

    fn pack_adjacent(self, packing: &Packing<'_>, packed: &mut [f32]) {
        // SAFETY: `Avx2Tiles` exists only where a token proved AVX2 and FMA.
        unsafe { pack_avx2::pack_adjacent(packing, packed) }
    }

    fn pack_transposed(self, packing: &Packing<'_>, packed: &mut [f32]) {
        // SAFETY: `Avx2Tiles` exists only where a token proved AVX2 and FMA.
        unsafe { pack_avx2::pack_transposed(packing, packed) }
    }

    fn dot_rows(self, dot: &DotRows<'_>, out: &mut [f32]) {
        // SAFETY: `Avx2Tiles` exists only where a token proved AVX2 and FMA.
        unsafe { pack_avx2::dot_rows(dot, out) }
    }
}

#[target_feature(enable = "avx2,fma")]
fn choose_tile(tile: &Tile<'_>, num: usize, b_step: usize, out: &mut [f32]) {
    choose_shape!(tile, num, b_step, out;
        1: 1 2 3 4 5 6 7 8;
        2: 1 2 3 4;
        3: 1 2 3;
        4: 1 2;
        5: 1 2;
        6: 1 2;
    )
}

/// Repeats a block for the indexes `0..$count`, at most 8, without a loop: as long as every
/// index into the sums is a constant, the compiler keeps them in registers.
macro_rules! unrolled {
    ($count:expr, |$index:ident| $body:block) => {
        unrolled!(@ $count, $index, $body, 0 1 2 3 4 5 6 7)
    };
    (@ $count:expr, $index:ident, $body:block, $($number:literal)*) => {$(
        if $number < $count {
            let $index = $number;
            $body
        }
    )*};
}

/// Rows of A that share a pointer; the others are a fixed multiple of the stride away. Two
/// pointers and one stride address six rows without running out of registers.
const ROWS_PER_POINTER: usize = 3;

/// How many rows of B ahead to fetch into the L1 cache: a panel's rows are often too far apart
/// for the processor to foresee.
const PREFETCH_STEPS: usize = 8;
/// Tiles of fewer rows are bound by the load ports themselves, and so are those that mask.
const PREFETCH_MIN_ROWS: usize = 5;

/// Tiles side by side of `ROWS` rows and `VECTORS` registers each; `MASK_B` when the last vector
/// of B may only be read in part. Short tiles are quicker without what few of them need: `EXTRAS`.
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
fn sums<const ROWS: usize, const VECTORS: usize, const MASK_B: bool, const EXTRAS: bool>(
    tile: &Tile<'_>,
    num: usize,
    b_step: usize,
    out: &mut [f32],
) {
    if num == 0 {
        return;
    }
    tile.check([ROWS, VECTORS, LANES], num, b_step, out);
    let last_lanes = tile.columns - (VECTORS - 1) * LANES;
    let last_mask = first_lanes(last_lanes);
    let last_is_whole = tile.columns.is_multiple_of(LANES);
    let is_whole = |v: usize| v + 1 < VECTORS || last_is_whole;

    for index in 0..num {
        let first_column = index * tile.columns;
        let out_start = out.as_mut_ptr().wrapping_add(first_column);
        let mut sums = [[_mm256_setzero_ps(); VECTORS]; ROWS];
        if EXTRAS && let Some(extras) = tile.extras {
            let (from, row_stride) = match extras.start {
                Start::Zero => (ZEROS.as_ptr(), 0),
                Start::Out => (out_start.cast_const(), tile.out_row_stride),
                Start::Grid(grid) => (grid.from(first_column), grid.row_stride),
            };
            let width = if matches!(extras.start, Start::Zero) { 0 } else { LANES };
            unrolled!(ROWS, |i| {
                unrolled!(VECTORS, |v| {
                    let from = from.wrapping_add(i * row_stride + v * width);
                    // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output, and of
                    // the grid.
                    sums[i][v] = unsafe { load(from, is_whole(v), last_mask) };
                });
            });
        }

        // The sums go where nobody may have been for long: the lines are on their way meanwhile.
        for i in 0..ROWS {
            let to = out_start.wrapping_add(i * tile.out_row_stride);
            _mm_prefetch::<_MM_HINT_T0>(to.cast());
            _mm_prefetch::<_MM_HINT_T0>(to.wrapping_add(tile.columns - 1).cast());
        }
        // The gate comes from such a place.
        if EXTRAS && let Some(gate) = tile.extras.and_then(|extras| extras.gate) {
            for i in 0..ROWS {
                let from = gate.from(first_column).wrapping_add(i * gate.row_stride);
                _mm_prefetch::<_MM_HINT_T0>(from.cast());
                _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(tile.columns - 1).cast());
            }
        }

        let (a_row_stride, a_col_stride) = (tile.a_row_stride, tile.a_col_stride);
        let mut a_rows = [tile.a.as_ptr(); 3];
        let num_pointers = ROWS.div_ceil(ROWS_PER_POINTER);
        let mut b_row = tile.b.as_ptr().wrapping_add(index * b_step);
        for segment in tile.segments {
            let first = tile.a.as_ptr().wrapping_add(segment.offset);
            for (group, pointer) in a_rows[..num_pointers].iter_mut().enumerate() {
                // The compiler must not know how the pointers relate, or it would derive one from
                // the other at each step, with additions that compete with the multiply-adds.
                *pointer = black_box(first.wrapping_add(group * ROWS_PER_POINTER * a_row_stride));
            }
            for _ in 0..segment.len {
                let mut b = [_mm256_setzero_ps(); VECTORS];
                unrolled!(VECTORS, |v| {
                    let from = b_row.wrapping_add(v * LANES);
                    if ROWS >= PREFETCH_MIN_ROWS && !MASK_B {
                        let ahead =
                            from.wrapping_add(tile.b_row_stride.wrapping_mul(PREFETCH_STEPS));
                        _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                    }
                    b[v] = if MASK_B && v + 1 == VECTORS {
                        // SAFETY: `Tile::check` proved `columns` elements of each row of B.
                        unsafe { _mm256_maskload_ps(from, last_mask) }
                    } else {
                        // SAFETY: `Tile::check` proved `columns` elements of each row of B, or whole
                        // vectors where B is padded.
                        unsafe { _mm256_loadu_ps(from) }
                    };
                });
                unrolled!(ROWS, |i| {
                    let pointer = a_rows[i / ROWS_PER_POINTER];
                    let from = pointer.wrapping_add(i % ROWS_PER_POINTER * a_row_stride);
                    // SAFETY: `Tile::check` proved `ROWS` elements of A at each position.
                    let a = _mm256_set1_ps(unsafe { *from });
                    unrolled!(VECTORS, |v| { sums[i][v] = _mm256_fmadd_ps(a, b[v], sums[i][v]) });
                });
                for pointer in &mut a_rows[..num_pointers] {
                    *pointer = pointer.wrapping_add(a_col_stride);
                }
                b_row = b_row.wrapping_add(tile.b_row_stride);
            }
        }

        let finish = tile.finish;
        if let Some(total) = finish.total {
            let from = total.from(first_column);
            unrolled!(ROWS, |i| {
                unrolled!(VECTORS, |v| {
                    let from = from.wrapping_add(i * total.row_stride + v * LANES);
                    // SAFETY: `Tile::check` proved `ROWS x columns` elements of the total.
                    let total = unsafe { load(from, is_whole(v), last_mask) };
                    sums[i][v] = _mm256_add_ps(total, sums[i][v]);
                });
            });
        }
        if finish.add_out {
            unrolled!(ROWS, |i| {
                unrolled!(VECTORS, |v| {
                    let from = out_start.wrapping_add(i * tile.out_row_stride + v * LANES);
                    // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output.
                    let before = unsafe { load(from, is_whole(v), last_mask) };
                    sums[i][v] = _mm256_add_ps(before, sums[i][v]);
                });
            });
        }
        if let Some(bias) = finish.bias {
            unrolled!(VECTORS, |v| {
                let from = bias.as_ptr().wrapping_add(first_column).wrapping_add(v * LANES);
                // SAFETY: `Tile::check` proved `columns` elements of the bias.
                let bias = unsafe { load(from, is_whole(v), last_mask) };
                unrolled!(ROWS, |i| { sums[i][v] = _mm256_add_ps(sums[i][v], bias) });
            });
        }
        if finish.relu {
            unrolled!(ROWS, |i| {
                unrolled!(VECTORS, |v| {
                    // Not `x <= 0`: true for NaN, which stays.
                    let keep = _mm256_cmp_ps::<_CMP_NLE_UQ>(sums[i][v], _mm256_setzero_ps());
                    sums[i][v] = _mm256_and_ps(keep, sums[i][v]);
                });
            });
        }
        if EXTRAS && let Some(gate) = tile.extras.and_then(|extras| extras.gate) {
            let from = gate.from(first_column);
            unrolled!(ROWS, |i| {
                unrolled!(VECTORS, |v| {
                    let from = from.wrapping_add(i * gate.row_stride + v * LANES);
                    // SAFETY: `Tile::check` proved `ROWS x columns` elements of the gate.
                    let gate = unsafe { load(from, is_whole(v), last_mask) };
                    let open = _mm256_cmp_ps::<_CMP_NLE_UQ>(gate, _mm256_setzero_ps());
                    sums[i][v] = _mm256_and_ps(open, sums[i][v]);
                });
            });
        }
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| {
                let to = out_start.wrapping_add(i * tile.out_row_stride + v * LANES);
                if is_whole(v) {
                    // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output.
                    unsafe { _mm256_storeu_ps(to, sums[i][v]) };
                } else {
                    // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output.
                    unsafe { store_first(to, last_lanes, sums[i][v]) };
                }
            });
        });
    }
}

/// A whole vector, or the lanes of a mask and zeros.
///
/// # Safety
/// `LANES` elements lie at `from`, or those of the mask when it is not whole.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn load(from: *const f32, is_whole: bool, mask: __m256i) -> __m256 {
    if is_whole {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_ps(from) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { _mm256_maskload_ps(from, mask) }
    }
}
