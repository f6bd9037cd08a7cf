//! Transposing 16 x 16 numbers in registers: to pack a B that is stored transposed, and to
//! multiply rows of A with a vector.

use std::arch::x86_64::*;

use super::pack::Transposed;
use super::tile::{DotRows, extent};

const LANES: usize = 16;

/// Sixteen registers of which register `p` holds element `p` of sixteen rows, one row per
/// lane; the rows are `row_stride` apart.
///
/// The rows are loaded by quarters, so that lane group `q` of a register holds a quarter of
/// row `4 q + i`: that spares two of the four rounds of shuffles of a transposition.
#[target_feature(enable = "avx512f")]
#[inline]
fn load_transposed(numbers: &[f32], row_stride: usize) -> [__m512; LANES] {
    assert!(extent(LANES, row_stride, LANES, 1) <= numbers.len());
    let mut columns = [_mm512_setzero_ps(); LANES];
    for (quarter, columns) in columns.chunks_exact_mut(4).enumerate() {
        let quarter_of = |row: usize| {
            let from = numbers.as_ptr().wrapping_add(row * row_stride + 4 * quarter);
            // SAFETY: the assertion above proved 16 rows of 16 elements.
            unsafe { _mm_loadu_ps(from) }
        };
        let mut rows = [_mm512_setzero_ps(); 4];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = _mm512_castps128_ps512(quarter_of(i));
            *row = _mm512_insertf32x4::<1>(*row, quarter_of(4 + i));
            *row = _mm512_insertf32x4::<2>(*row, quarter_of(8 + i));
            *row = _mm512_insertf32x4::<3>(*row, quarter_of(12 + i));
        }
        // Within each lane group: [r0 r1 r2 r3] of 4 elements each, transposed.
        let low01 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[0], rows[1]));
        let high01 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[0], rows[1]));
        let low23 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[2], rows[3]));
        let high23 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[2], rows[3]));
        columns[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23));
        columns[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23));
        columns[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23));
        columns[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23));
    }
    columns
}

/// [`load_transposed`] of at most 16 rows and columns; the rest is zero.
#[target_feature(enable = "avx512f")]
fn load_transposed_part(
    numbers: &[f32],
    row_stride: usize,
    rows: usize,
    cols: usize,
) -> [__m512; LANES] {
    let mut square = [0.0f32; LANES * LANES];
    for (i, to) in square.chunks_exact_mut(LANES).take(rows).enumerate() {
        to[..cols].copy_from_slice(&numbers[i * row_stride..][..cols]);
    }
    load_transposed(&square, LANES)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load_transposed_at_most(
    numbers: &[f32],
    row_stride: usize,
    rows: usize,
    cols: usize,
) -> [__m512; LANES] {
    if rows == LANES && cols == LANES {
        load_transposed(numbers, row_stride)
    } else {
        load_transposed_part(numbers, row_stride, rows, cols)
    }
}

/// Packs a part of B that is stored transposed into a panel.
#[target_feature(enable = "avx512f")]
pub(super) fn pack(source: Transposed<'_>, panel: &mut [f32]) {
    let Transposed { numbers, col_stride, k, columns, panel_stride } = source;
    assert!(panel_stride.is_multiple_of(LANES));
    for j in (0..columns).step_by(LANES) {
        for p in (0..k).step_by(LANES) {
            let (width, len) = ((columns - j).min(LANES), (k - p).min(LANES));
            let part = &numbers[p + j * col_stride..];
            let rows = load_transposed_at_most(part, col_stride, width, len);
            for (i, &row) in rows[..len].iter().enumerate() {
                let to: &mut [f32] = &mut panel[(p + i) * panel_stride + j..][..LANES];
                // SAFETY: `to` is 16 elements long.
                unsafe { _mm512_storeu_ps(to.as_mut_ptr(), row) };
            }
        }
    }
}

/// Groups of 16 rows whose chains run side by side.
const GROUPS: usize = 2;

/// See [`Tiles::dot_rows`](super::tile::Tiles::dot_rows).
#[target_feature(enable = "avx512f")]
pub(super) fn dot_rows(dot: &DotRows<'_>, out: &mut [f32]) {
    let DotRows { k, a, row_stride, x, x_stride, add_out } = *dot;
    for (block, out) in out.chunks_mut(GROUPS * LANES).enumerate() {
        let mut sums = [_mm512_setzero_ps(); GROUPS];
        for p in (0..k).step_by(LANES) {
            let len = (k - p).min(LANES);
            for (group, sum) in sums.iter_mut().enumerate() {
                let row = (block * GROUPS + group) * LANES;
                let rows = out.len().saturating_sub(group * LANES).min(LANES);
                if rows == 0 {
                    continue;
                }
                let columns =
                    load_transposed_at_most(&a[row * row_stride + p..], row_stride, rows, len);
                for (i, &column) in columns[..len].iter().enumerate() {
                    *sum = _mm512_fmadd_ps(column, _mm512_set1_ps(x[(p + i) * x_stride]), *sum);
                }
            }
        }
        for (&sum, out) in sums.iter().zip(out.chunks_mut(LANES)) {
            let mask = u16::MAX >> (LANES - out.len());
            let mut total = sum;
            if add_out {
                // SAFETY: the mask admits the length of `out`.
                let before = unsafe { _mm512_maskz_loadu_ps(mask, out.as_ptr()) };
                total = _mm512_add_ps(before, sum);
            }
            // SAFETY: the mask admits the length of `out`.
            unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, total) };
        }
    }
}
