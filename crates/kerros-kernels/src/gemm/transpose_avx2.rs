//! Transposing 8 x 8 numbers in registers: to pack a B that is stored transposed, and to
//! multiply rows of A with a vector.

use std::arch::x86_64::*;

use super::pack::Transposed;
use super::tile::{DotRows, extent};
use super::tile_avx2::first_lanes;

const LANES: usize = 8;

/// Eight registers of which register `p` holds element `p` of eight rows, one row per
/// lane; the rows are `row_stride` apart.
///
/// The rows are loaded by halves, so that lane group `q` of a register holds a half of row
/// `4 q + i`: that spares one of the three rounds of shuffles of a transposition.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn load_transposed(numbers: &[f32], row_stride: usize) -> [__m256; LANES] {
    assert!(extent(LANES, row_stride, LANES, 1) <= numbers.len());
    let mut columns = [_mm256_setzero_ps(); LANES];
    for (half, columns) in columns.chunks_exact_mut(4).enumerate() {
        let half_of = |row: usize| {
            let from = numbers.as_ptr().wrapping_add(row * row_stride + 4 * half);
            // SAFETY: the assertion above proved 8 rows of 8 elements.
            unsafe { _mm_loadu_ps(from) }
        };
        let mut rows = [_mm256_setzero_ps(); 4];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = _mm256_castps128_ps256(half_of(i));
            *row = _mm256_insertf128_ps::<1>(*row, half_of(4 + i));
        }
        // Within each lane group: [r0 r1 r2 r3] of 4 elements each, transposed.
        let low01 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[0], rows[1]));
        let high01 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[0], rows[1]));
        let low23 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[2], rows[3]));
        let high23 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[2], rows[3]));
        columns[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23));
        columns[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23));
        columns[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23));
        columns[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23));
    }
    columns
}

/// [`load_transposed`] of at most 8 rows and columns; the rest is zero.
#[target_feature(enable = "avx2,fma")]
fn load_transposed_part(
    numbers: &[f32],
    row_stride: usize,
    rows: usize,
    cols: usize,
) -> [__m256; LANES] {
    let mut square = [0.0f32; LANES * LANES];
    for (i, to) in square.chunks_exact_mut(LANES).take(rows).enumerate() {
        to[..cols].copy_from_slice(&numbers[i * row_stride..][..cols]);
    }
    load_transposed(&square, LANES)
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn load_transposed_at_most(
    numbers: &[f32],
    row_stride: usize,
    rows: usize,
    cols: usize,
) -> [__m256; LANES] {
    if rows == LANES && cols == LANES {
        load_transposed(numbers, row_stride)
    } else {
        load_transposed_part(numbers, row_stride, rows, cols)
    }
}

/// Packs a part of B that is stored transposed into a panel.
#[target_feature(enable = "avx2,fma")]
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
                // SAFETY: `to` is 8 elements long.
                unsafe { _mm256_storeu_ps(to.as_mut_ptr(), row) };
            }
        }
    }
}

/// Groups of 8 rows whose chains run side by side.
const GROUPS: usize = 2;

/// See [`Tiles::dot_rows`](super::tile::Tiles::dot_rows).
#[target_feature(enable = "avx2,fma")]
pub(super) fn dot_rows(dot: &DotRows<'_>, out: &mut [f32]) {
    let DotRows { k, a, row_stride, x, x_stride, add_out } = *dot;
    for (block, out) in out.chunks_mut(GROUPS * LANES).enumerate() {
        let mut sums = [_mm256_setzero_ps(); GROUPS];
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
                    *sum = _mm256_fmadd_ps(column, _mm256_set1_ps(x[(p + i) * x_stride]), *sum);
                }
            }
        }
        for (&sum, out) in sums.iter().zip(out.chunks_mut(LANES)) {
            let mask = first_lanes(out.len());
            let mut total = sum;
            if add_out {
                // SAFETY: the mask admits the length of `out`.
                let before = unsafe { _mm256_maskload_ps(out.as_ptr(), mask) };
                total = _mm256_add_ps(before, sum);
            }
            // SAFETY: the mask admits the length of `out`.
            unsafe { _mm256_maskstore_ps(out.as_mut_ptr(), mask, total) };
        }
    }
}
