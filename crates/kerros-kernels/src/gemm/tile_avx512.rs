//! Tiles of 16-lane registers.

use std::arch::x86_64::*;
use std::hint::black_box;

use super::pack::Packing;
use super::pack_avx512;
use super::tile::{DotRows, Start, Tile, Tiles};
use crate::{Isa, Level};

/// Proof of AVX-512 and the tiles made of it.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Tiles(());

impl Avx512Tiles {
    /// The tiles, when the token proves that this machine has AVX-512.
    pub(crate) fn new(isa: Isa) -> Option<Self> {
        (isa.level() == Level::Avx512).then_some(Avx512Tiles(()))
    }
}

/// Calls `sums::<ROWS, VECTORS, MASK_B, EXTRAS>` for the shape of a tile.
macro_rules! choose_shape {
    ($tile:expr, $out:expr; $($rows:literal: $($vectors:literal)*;)*) => {{
        let tile = $tile;
        let mask_b = !tile.b_padded && !tile.columns.is_multiple_of(LANES);
        match (tile.rows, tile.columns.div_ceil(LANES), mask_b, tile.extras.is_some()) {
            $($(
                ($rows, $vectors, false, false) => sums::<$rows, $vectors, false, false>(tile, $out),
                ($rows, $vectors, true, false) => sums::<$rows, $vectors, true, false>(tile, $out),
                ($rows, $vectors, false, true) => sums::<$rows, $vectors, false, true>(tile, $out),
                ($rows, $vectors, true, true) => sums::<$rows, $vectors, true, true>(tile, $out),
            )*)*
            (rows, vectors, ..) => unreachable!("no tile of {rows} x {vectors} vectors"),
        }
    }};
}

const LANES: usize = 16;
/// Where chains begin that have no earlier part.
const ZEROS: [f32; LANES] = [0.0; LANES];

impl Tiles for Avx512Tiles {
    const LANES: usize = LANES;
    const ROWS: usize = 12;
    const VECTORS: usize = 2;

    fn max_vectors(rows: usize) -> usize {
        match rows {
            1 | 2 => 8,
            3 | 4 => 4,
            _ => Self::VECTORS,
        }
    }

    fn tile(self, tile: &Tile<'_>, out: &mut [f32]) {
        // SAFETY: `Avx512Tiles` exists only where a token proved AVX-512.
        unsafe { choose_tile(tile, out) }
    }

    fn pack_adjacent(self, packing: &Packing<'_>, packed: &mut [f32]) {
        // SAFETY: `Avx512Tiles` exists only where a token proved AVX-512.
        unsafe { pack_avx512::pack_adjacent(packing, packed) }
    }

    fn pack_transposed(self, packing: &Packing<'_>, packed: &mut [f32]) {
        // SAFETY: `Avx512Tiles` exists only where a token proved AVX-512.
        unsafe { pack_avx512::pack_transposed(packing, packed) }
    }

    fn dot_rows(self, dot: &DotRows<'_>, out: &mut [f32]) {
        // SAFETY: `Avx512Tiles` exists only where a token proved AVX-512.
        unsafe { pack_avx512::dot_rows(dot, out) }
    }
}

#[target_feature(enable = "avx512f")]
fn choose_tile(tile: &Tile<'_>, out: &mut [f32]) {
    choose_shape!(tile, out;
        1: 1 2 3 4 5 6 7 8;
        2: 1 2 3 4 5 6 7 8;
        3: 1 2 3 4;
        4: 1 2 3 4;
        5: 1 2;
        6: 1 2;
        7: 1 2;
        8: 1 2;
        9: 1 2;
        10: 1 2;
        11: 1 2;
        12: 1 2;
    )
}

/// Repeats a block for the indexes `0..$count`, at most 12, without a loop: as long as every
/// index into the sums is a constant, the compiler keeps them in registers.
macro_rules! unrolled {
    ($count:expr, |$index:ident| $body:block) => {
        unrolled!(@ $count, $index, $body, 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    (@ $count:expr, $index:ident, $body:block, $($number:literal)*) => {$(
        if $number < $count {
            let $index = $number;
            $body
        }
    )*};
}

/// Rows of A that share a pointer; the others are a fixed multiple of the stride away. Four
/// pointers and one stride address twelve rows without running out of registers.
const ROWS_PER_POINTER: usize = 3;

/// How many rows of B ahead to fetch into the L1 cache: a panel's rows are often too far apart
/// for the processor to foresee.
const PREFETCH_STEPS: usize = 8;
/// Tiles of fewer rows are bound by the load ports themselves.
const PREFETCH_MIN_ROWS: usize = 5;

/// A tile of `ROWS` rows and `VECTORS` registers side by side; `MASK_B` when the last vector
/// of B may only be read in part. Short tiles are quicker without what few of them need: `EXTRAS`.
#[target_feature(enable = "avx512f")]
#[inline(never)]
fn sums<const ROWS: usize, const VECTORS: usize, const MASK_B: bool, const EXTRAS: bool>(
    tile: &Tile<'_>,
    out: &mut [f32],
) {
    tile.check([ROWS, VECTORS, LANES], 1, 0, out);
    let last_mask = u16::MAX >> (VECTORS * LANES - tile.columns);
    let mask = |v: usize| if v + 1 == VECTORS { last_mask } else { u16::MAX };
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    if EXTRAS && let Some(extras) = tile.extras {
        let (from, row_stride) = match extras.start {
            Start::Zero => (ZEROS.as_ptr(), 0),
            Start::Out => (out.as_ptr(), tile.out_row_stride),
            Start::Grid(grid) => (grid.from(0), grid.row_stride),
        };
        let width = if matches!(extras.start, Start::Zero) { 0 } else { LANES };
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| {
                let from = from.wrapping_add(i * row_stride + v * width);
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output, and of the
                // grid.
                sums[i][v] = unsafe { _mm512_maskz_loadu_ps(mask(v), from) };
            });
        });
    }

    // The gate comes from where nobody may have been for long: its lines are on their way meanwhile.
    if EXTRAS && let Some(gate) = tile.extras.and_then(|extras| extras.gate) {
        for i in 0..ROWS {
            let from = gate.from(0).wrapping_add(i * gate.row_stride);
            _mm_prefetch::<_MM_HINT_T0>(from.cast());
            _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(tile.columns - 1).cast());
        }
    }

    let (a_row_stride, a_col_stride) = (tile.a_row_stride, tile.a_col_stride);
    let mut a_rows = [tile.a.as_ptr(); 4];
    let num_pointers = ROWS.div_ceil(ROWS_PER_POINTER);
    let mut b_row = tile.b.as_ptr();
    for segment in tile.segments {
        let first = tile.a.as_ptr().wrapping_add(segment.offset);
        for (group, pointer) in a_rows[..num_pointers].iter_mut().enumerate() {
            // The compiler must not know how the pointers relate, or it would derive one from
            // the other at each step, with additions that compete with the multiply-adds.
            *pointer = black_box(first.wrapping_add(group * ROWS_PER_POINTER * a_row_stride));
        }
        for _ in 0..segment.len {
            let mut b = [_mm512_setzero_ps(); VECTORS];
            unrolled!(VECTORS, |v| {
                let from = b_row.wrapping_add(v * LANES);
                if ROWS >= PREFETCH_MIN_ROWS {
                    let ahead = from.wrapping_add(tile.b_row_stride.wrapping_mul(PREFETCH_STEPS));
                    _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                }
                b[v] = if MASK_B && v + 1 == VECTORS {
                    // SAFETY: `Tile::check` proved `columns` elements of each row of B.
                    unsafe { _mm512_maskz_loadu_ps(last_mask, from) }
                } else {
                    // SAFETY: `Tile::check` proved `columns` elements of each row of B, or whole
                    // vectors where B is padded.
                    unsafe { _mm512_loadu_ps(from) }
                };
            });
            unrolled!(ROWS, |i| {
                let pointer = a_rows[i / ROWS_PER_POINTER];
                let from = pointer.wrapping_add(i % ROWS_PER_POINTER * a_row_stride);
                // SAFETY: `Tile::check` proved `ROWS` elements of A at each position.
                let a = _mm512_set1_ps(unsafe { *from });
                unrolled!(VECTORS, |v| { sums[i][v] = _mm512_fmadd_ps(a, b[v], sums[i][v]) });
            });
            for pointer in &mut a_rows[..num_pointers] {
                *pointer = pointer.wrapping_add(a_col_stride);
            }
            b_row = b_row.wrapping_add(tile.b_row_stride);
        }
    }

    let finish = tile.finish;
    if let Some(total) = finish.total {
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| {
                let from = total.numbers.as_ptr().wrapping_add(i * total.row_stride + v * LANES);
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the total.
                let total = unsafe { _mm512_maskz_loadu_ps(mask(v), from) };
                sums[i][v] = _mm512_add_ps(total, sums[i][v]);
            });
        });
    }
    if finish.add_out {
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| {
                let from = out.as_ptr().wrapping_add(i * tile.out_row_stride + v * LANES);
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output.
                let before = unsafe { _mm512_maskz_loadu_ps(mask(v), from) };
                sums[i][v] = _mm512_add_ps(before, sums[i][v]);
            });
        });
    }
    if let Some(bias) = finish.bias {
        unrolled!(VECTORS, |v| {
            let from = bias.as_ptr().wrapping_add(v * LANES);
            // SAFETY: `Tile::check` proved `columns` elements of the bias.
            let bias = unsafe { _mm512_maskz_loadu_ps(mask(v), from) };
            unrolled!(ROWS, |i| { sums[i][v] = _mm512_add_ps(sums[i][v], bias) });
        });
    }
    if finish.relu {
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| {
                // Not `x <= 0`: true for NaN, which stays.
                let keep = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(sums[i][v], _mm512_setzero_ps());
                sums[i][v] = _mm512_maskz_mov_ps(keep, sums[i][v]);
            });
        });
    }
    if EXTRAS && let Some(gate) = tile.extras.and_then(|extras| extras.gate) {
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| {
                let from = gate.numbers.as_ptr().wrapping_add(i * gate.row_stride + v * LANES);
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the gate.
                let gate = unsafe { _mm512_maskz_loadu_ps(mask(v), from) };
                let open = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(gate, _mm512_setzero_ps());
                sums[i][v] = _mm512_maskz_mov_ps(open, sums[i][v]);
            });
        });
    }
    unrolled!(ROWS, |i| {
        unrolled!(VECTORS, |v| {
            let to = out.as_mut_ptr().wrapping_add(i * tile.out_row_stride + v * LANES);
            // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output.
            unsafe { _mm512_mask_storeu_ps(to, mask(v), sums[i][v]) };
        });
    });
}
