//! Tiles of 16-lane registers.

use std::arch::x86_64::*;

use super::pack::Transposed;
use super::tile::{DotRows, Tile, Tiles};
use super::transpose_avx512;
use crate::{Isa, Level};

/// Proof of AVX-512 and the tiles made of it.
#[derive(Clone, Copy)]
pub(super) struct Avx512Tiles(());

impl Avx512Tiles {
    /// The tiles, when the token proves that this machine has AVX-512.
    pub(super) fn new(isa: Isa) -> Option<Self> {
        (isa.level() == Level::Avx512).then_some(Avx512Tiles(()))
    }
}

/// Calls `tile::<ROWS, VECTORS, MASK_B>` for the shape of a tile.
macro_rules! choose_shape {
    ($tile:expr, $out:expr; $($rows:literal: $($vectors:literal)*;)*) => {{
        let tile = $tile;
        let mask_b = !tile.b_padded && !tile.columns.is_multiple_of(LANES);
        match (tile.rows, tile.columns.div_ceil(LANES), mask_b) {
            $($(
                ($rows, $vectors, false) => sums::<$rows, $vectors, false>(tile, $out),
                ($rows, $vectors, true) => sums::<$rows, $vectors, true>(tile, $out),
            )*)*
            (rows, vectors, _) => unreachable!("no tile of {rows} x {vectors} vectors"),
        }
    }};
}

const LANES: usize = 16;

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

    fn pack_transposed(self, source: Transposed<'_>, panel: &mut [f32]) {
        // SAFETY: `Avx512Tiles` exists only where a token proved AVX-512.
        unsafe { transpose_avx512::pack(source, panel) }
    }

    fn dot_rows(self, dot: &DotRows<'_>, out: &mut [f32]) {
        // SAFETY: `Avx512Tiles` exists only where a token proved AVX-512.
        unsafe { transpose_avx512::dot_rows(dot, out) }
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

/// Rows of A that share a pointer; the others are a fixed multiple of the stride away. Four
/// pointers and one stride address twelve rows without running out of registers.
const ROWS_PER_POINTER: usize = 3;

/// A tile of `ROWS` rows and `VECTORS` registers side by side; `MASK_B` when the last vector
/// of B may only be read in part.
#[target_feature(enable = "avx512f")]
fn sums<const ROWS: usize, const VECTORS: usize, const MASK_B: bool>(
    tile: &Tile<'_>,
    out: &mut [f32],
) {
    tile.check(ROWS, VECTORS, LANES, out);
    let last_mask = u16::MAX >> (VECTORS * LANES - tile.columns);
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];

    let (a_row_stride, a_col_stride) = (tile.a_row_stride, tile.a_col_stride);
    let mut a_rows = [tile.a.as_ptr(); 4];
    for (group, pointer) in a_rows.iter_mut().enumerate() {
        *pointer = pointer.wrapping_add(group * ROWS_PER_POINTER * a_row_stride);
    }
    let mut b_row = tile.b.as_ptr();
    for _ in 0..tile.k {
        let mut b = [_mm512_setzero_ps(); VECTORS];
        for (v, b) in b.iter_mut().enumerate() {
            let from = b_row.wrapping_add(v * LANES);
            *b = if MASK_B && v + 1 == VECTORS {
                // SAFETY: `Tile::check` proved `columns` elements of each row of B.
                unsafe { _mm512_maskz_loadu_ps(last_mask, from) }
            } else {
                // SAFETY: `Tile::check` proved `columns` elements of each row of B, or whole
                // vectors where B is padded.
                unsafe { _mm512_loadu_ps(from) }
            };
        }
        for (i, sums) in sums.iter_mut().enumerate() {
            let from =
                a_rows[i / ROWS_PER_POINTER].wrapping_add(i % ROWS_PER_POINTER * a_row_stride);
            // SAFETY: `Tile::check` proved `ROWS x k` elements of A.
            let a = _mm512_set1_ps(unsafe { *from });
            for (sum, &b) in sums.iter_mut().zip(&b) {
                *sum = _mm512_fmadd_ps(a, b, *sum);
            }
        }
        for pointer in &mut a_rows {
            *pointer = pointer.wrapping_add(a_col_stride);
        }
        b_row = b_row.wrapping_add(tile.b_row_stride);
    }
    finish(tile, sums, last_mask, out);
}

/// Applies the tile's [`Finish`](super::tile::Finish) and writes the sums.
#[target_feature(enable = "avx512f")]
#[inline]
fn finish<const ROWS: usize, const VECTORS: usize>(
    tile: &Tile<'_>,
    sums: [[__m512; VECTORS]; ROWS],
    last_mask: __mmask16,
    out: &mut [f32],
) {
    let zero = _mm512_setzero_ps();
    let mask = |v: usize| if v + 1 == VECTORS { last_mask } else { u16::MAX };
    for (i, sums) in sums.iter().enumerate() {
        for (v, &sum) in sums.iter().enumerate() {
            let mut x = sum;
            if let Some(total) = tile.finish.total {
                let from = total.numbers.as_ptr().wrapping_add(i * total.row_stride + v * LANES);
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the total.
                x = _mm512_add_ps(unsafe { _mm512_maskz_loadu_ps(mask(v), from) }, x);
            }
            let to = out.as_mut_ptr().wrapping_add(i * tile.out_row_stride + v * LANES);
            if tile.finish.add_out {
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output.
                x = _mm512_add_ps(unsafe { _mm512_maskz_loadu_ps(mask(v), to) }, x);
            }
            if let Some(bias) = tile.finish.bias {
                let from = bias.as_ptr().wrapping_add(v * LANES);
                // SAFETY: `Tile::check` proved `columns` elements of the bias.
                x = _mm512_add_ps(x, unsafe { _mm512_maskz_loadu_ps(mask(v), from) });
            }
            if tile.finish.relu {
                // Not `x <= 0`: true for NaN, which stays.
                x = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(x, zero), x);
            }
            // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output.
            unsafe { _mm512_mask_storeu_ps(to, mask(v), x) };
        }
    }
}
