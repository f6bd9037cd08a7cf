//! Packing by registers: rows as they are, or 16 x 16 numbers transposed at a time; and with
//! the same transposition, products of rows and a vector.

use std::arch::x86_64::*;

use super::pack::Packing;
use super::tile::{DotRows, extent};

const LANES: usize = 16;

/// A mask that admits the first `num` lanes, or all when there are fewer.
fn first_lanes(num: usize) -> __mmask16 {
    u16::MAX >> (LANES - num.min(LANES))
}

/// Sixteen registers of which register `p` holds element `p` of sixteen rows, one row per
/// lane; row `i` begins at `i * row_stride`, but not later than `last_row`.
///
/// The rows are loaded by quarters, so that lane group `q` of a register holds a quarter of
/// row `4 q + i`: that spares two of the four rounds of shuffles of a transposition.
#[target_feature(enable = "avx512f")]
#[inline]
fn load_transposed(numbers: &[f32], row_stride: usize, last_row: usize) -> [__m512; LANES] {
    assert!(last_row.checked_add(LANES).is_some_and(|end| end <= numbers.len()));
    let mut columns = [_mm512_setzero_ps(); LANES];
    for (quarter, columns) in columns.chunks_exact_mut(4).enumerate() {
        let quarter_of = |row: usize| {
            let start = row_stride.wrapping_mul(row).min(last_row);
            let from = numbers.as_ptr().wrapping_add(start + 4 * quarter);
            // SAFETY: the assertion above proved 16 elements from the last row on, and no
            // row begins later.
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

/// Element `p` of `rows` rows, at most 16, for `cols` positions, at most 16; other lanes and
/// registers hold any value.
#[target_feature(enable = "avx512f")]
#[inline]
fn load_transposed_at_most(
    numbers: &[f32],
    row_stride: usize,
    rows: usize,
    cols: usize,
) -> [__m512; LANES] {
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
#[target_feature(enable = "avx512f")]
pub(super) fn pack_adjacent(packing: &Packing<'_>, packed: &mut [f32]) {
    let Packing { numbers, position_stride, stride, k, width, packed_stride } = *packing;
    assert!(stride == 1 && width <= packed_stride);
    assert!(extent(k, position_stride, width, 1) <= numbers.len());
    assert!(extent(k, packed_stride, width, 1) <= packed.len());
    for p in 0..k {
        let from = numbers.as_ptr().wrapping_add(p * position_stride);
        let to = packed.as_mut_ptr().wrapping_add(p * packed_stride);
        for j in (0..width).step_by(LANES) {
            let mask = first_lanes(width - j);
            let (from, to) = (from.wrapping_add(j), to.wrapping_add(j));
            // SAFETY: the assertions above proved `k` rows of `width` numbers; the mask ends
            // with them.
            let row = unsafe { _mm512_maskz_loadu_ps(mask, from) };
            // SAFETY: likewise.
            unsafe { _mm512_mask_storeu_ps(to, mask, row) };
        }
    }
}

/// See [`Tiles::pack_transposed`](super::tile::Tiles::pack_transposed).
#[target_feature(enable = "avx512f")]
pub(super) fn pack_transposed(packing: &Packing<'_>, packed: &mut [f32]) {
    let Packing { position_stride, stride, k, width, packed_stride, .. } = *packing;
    assert!(position_stride == 1 && extent(k, packed_stride, width, 1) <= packed.len());
    for j in (0..width).step_by(LANES) {
        let lanes = (width - j).min(LANES);
        let mask = first_lanes(lanes);
        for p in (0..k).step_by(LANES) {
            let positions = (k - p).min(LANES);
            let rows = load_transposed_at_most(packing.from(p, j), stride, lanes, positions);
            for (i, &row) in rows[..positions].iter().enumerate() {
                let to = packed.as_mut_ptr().wrapping_add((p + i) * packed_stride + j);
                // SAFETY: the assertion above proved `k` rows of `width` numbers; the mask
                // ends with them.
                unsafe { _mm512_mask_storeu_ps(to, mask, row) };
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
            let mask = first_lanes(out.len());
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
