//! Packing by registers: rows as they are, or 8 x 8 numbers transposed at a time; and with
//! the same transposition, products of rows and a vector.

use std::arch::x86_64::*;

use super::pack::Packing;
use super::tile::{DotRows, extent};
use crate::lanes::avx2::store_first;

const LANES: usize = 8;

/// A mask that admits the first `num` lanes, or all when there are fewer.
#[target_feature(enable = "avx2,fma")]
#[inline]
pub(super) fn first_lanes(num: usize) -> __m256i {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(num.min(LANES) as i32), lanes)
}

/// Eight registers of which register `p` holds element `p` of eight rows, one row per
/// lane; row `i` begins at `i * row_stride`, but not later than `last_row`.
///
/// The rows are loaded by halves, so that lane group `q` of a register holds a half of row
/// `4 q + i`: that spares one of the three rounds of shuffles of a transposition.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn load_transposed(numbers: &[f32], row_stride: usize, last_row: usize) -> [__m256; LANES] {
    assert!(last_row.checked_add(LANES).is_some_and(|end| end <= numbers.len()));
    let mut columns = [_mm256_setzero_ps(); LANES];
    for (half, columns) in columns.chunks_exact_mut(4).enumerate() {
        let half_of = |row: usize| {
            let start = row_stride.wrapping_mul(row).min(last_row);
            let from = numbers.as_ptr().wrapping_add(start + 4 * half);
            // SAFETY: the assertion above proved 8 elements from the last row on, and no
            // row begins later.
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

/// Element `p` of `rows` rows, at most 8, for `cols` positions, at most 8; other lanes and
/// registers hold any value.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn load_transposed_at_most(
    numbers: &[f32],
    row_stride: usize,
    rows: usize,
    cols: usize,
) -> [__m256; LANES] {
    // Lanes without a row take the last row again; a short row reads on into what follows it,
    // except at the end of the numbers.
    let last_row = (rows - 1) * row_stride;
    if last_row + LANES <= numbers.len() {
        return load_transposed(numbers, row_stride, last_row);
    }
    let mut square = [0.0f32; LANES * LANES];
    for (i, to) in square.chunks_exact_mut(LANES).take(rows).enumerate() {
        to[..cols].copy_from_slice(&numbers[i * row_stride..][..cols]);
    }
    load_transposed(&square, LANES, LANES * (LANES - 1))
}

/// See [`Tiles::pack_adjacent`](super::tile::Tiles::pack_adjacent).
#[target_feature(enable = "avx2,fma")]
pub(super) fn pack_adjacent(packing: &Packing<'_>, packed: &mut [f32]) {
    let Packing { numbers, position_stride, stride, k, width, packed_stride } = *packing;
    assert!(stride == 1 && width <= packed_stride);
    assert!(extent(k, position_stride, width, 1) <= numbers.len());
    let end = extent(k, packed_stride, width, 1);
    assert!(end <= packed.len());
    let (whole, rest) = (width / LANES * LANES, width % LANES);
    let mask = first_lanes(rest);
    for p in 0..k {
        let from = numbers.as_ptr().wrapping_add(p * position_stride);
        let to = packed.as_mut_ptr().wrapping_add(p * packed_stride);
        for j in (0..whole).step_by(LANES) {
            // SAFETY: the assertions above proved `k` rows of `width` numbers.
            let row = unsafe { _mm256_loadu_ps(from.wrapping_add(j)) };
            // SAFETY: likewise for the places.
            unsafe { _mm256_storeu_ps(to.wrapping_add(j), row) };
        }
        if rest > 0 {
            // SAFETY: the assertions above proved `k` rows of `width` numbers; the mask ends
            // with them.
            let row = unsafe { _mm256_maskload_ps(from.wrapping_add(whole), mask) };
            // A whole register where what it spills over is padding, or written next.
            let stored = if p * packed_stride + whole + LANES <= end { LANES } else { rest };
            // SAFETY: `stored` places lie there: those of this position, or up to `end`.
            unsafe { store_first(to.wrapping_add(whole), stored, row) };
        }
    }
}

/// See [`Tiles::pack_transposed`](super::tile::Tiles::pack_transposed).
#[target_feature(enable = "avx2,fma")]
pub(super) fn pack_transposed(packing: &Packing<'_>, packed: &mut [f32]) {
    let Packing { position_stride, stride, k, width, packed_stride, .. } = *packing;
    let end = extent(k, packed_stride, width, 1);
    assert!(position_stride == 1 && end <= packed.len());
    for j in (0..width).step_by(LANES) {
        let lanes = (width - j).min(LANES);
        // Whole registers where what they spill over is padding, or written next.
        let may_spill = j + LANES <= packed_stride || width <= LANES;
        for p in (0..k).step_by(LANES) {
            let positions = (k - p).min(LANES);
            let rows = load_transposed_at_most(packing.from(p, j), stride, lanes, positions);
            for (i, &row) in rows[..positions].iter().enumerate() {
                let at = (p + i) * packed_stride + j;
                let stored = if may_spill && at + LANES <= end { LANES } else { lanes };
                // SAFETY: `stored` places lie there: those of this position, or up to `end`.
                unsafe { store_first(packed.as_mut_ptr().wrapping_add(at), stored, row) };
            }
        }
    }
}

/// Groups of 8 rows whose chains run side by side.
const GROUPS: usize = 2;
/// Numbers of a cache line.
const LINE_FLOATS: usize = 16;

/// See [`Tiles::dot_rows`](super::tile::Tiles::dot_rows).
#[target_feature(enable = "avx2,fma")]
pub(super) fn dot_rows(dot: &DotRows<'_>, out: &mut [f32]) {
    let DotRows { k, a, row_stride, x, x_stride, add_out } = *dot;
    for (block, out) in out.chunks_mut(GROUPS * LANES).enumerate() {
        let mut sums = [_mm256_setzero_ps(); GROUPS];
        // The rows that come next: too many side by side for the processor to foresee them all.
        let next = (block + 1) * GROUPS * LANES;
        for p in (0..k).step_by(LANES) {
            let len = (k - p).min(LANES);
            if p.is_multiple_of(LINE_FLOATS) {
                for row in next..next + GROUPS * LANES {
                    let ahead = a.as_ptr().wrapping_add(row * row_stride + p);
                    _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                }
            }
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
            // SAFETY: no more places than `out` has.
            unsafe { store_first(out.as_mut_ptr(), out.len(), total) };
        }
    }
}
