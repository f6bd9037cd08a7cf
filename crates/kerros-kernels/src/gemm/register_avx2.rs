//! Eight lanes as tiles and packing use them.

use std::arch::x86_64::*;

use kerros_core::law::Lanes;

use super::chain_avx2::{five_rows, six_rows};
use super::register::{Positions, Register};
use crate::lanes::avx2::{Avx2, store_first};

impl Register for Avx2 {
    type Square = [Self; Self::WIDTH];

    #[inline(always)]
    unsafe fn load_at(from: *const f32) -> Self {
        // SAFETY: the caller's promise; a register exists only where the machine has AVX2.
        Avx2(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, num: usize) -> Self {
        let mask = Self::first_lanes(num.min(Self::WIDTH));
        // SAFETY: the mask admits only what the caller promises; AVX2 as above.
        Avx2(unsafe { _mm256_maskload_ps(from, mask) })
    }

    #[inline(always)]
    unsafe fn store_at(self, to: *mut f32) {
        // SAFETY: the caller's promise; AVX2 as above.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, num: usize) {
        // SAFETY: the caller's promise; AVX2 as above.
        unsafe { store_first(to, num, self.0) }
    }

    #[inline(always)]
    unsafe fn chain<const ROWS: usize, const VECTORS: usize>(
        sums: &mut [[Self; VECTORS]; ROWS],
        positions: Positions,
    ) -> usize {
        let sums = sums.as_mut_ptr();
        // SAFETY: the caller's promise; the pointer leads to as many sums as the branch says; AVX2
        // as above.
        unsafe {
            match (ROWS, VECTORS) {
                (5, 2) => five_rows(&mut *sums.cast(), positions),
                (6, 2) => six_rows(&mut *sums.cast(), positions),
                _ => 0,
            }
        }
    }

    /// The rows are loaded by halves, so that lane group `q` of a register holds a half of row
    /// `4 q + i`: that spares one of the three rounds of shuffles of a transposition.
    #[inline(always)]
    fn load_transposed(numbers: &[f32], row_stride: usize, last_row: usize) -> Self::Square {
        assert!(last_row.checked_add(Self::WIDTH).is_some_and(|end| end <= numbers.len()));
        let start = |row: usize| {
            let start = row_stride.wrapping_mul(row).min(last_row);
            numbers.as_ptr().wrapping_add(start)
        };
        let rows: [[*const f32; 4]; 2] =
            [[start(0), start(1), start(2), start(3)], [start(4), start(5), start(6), start(7)]];
        // SAFETY: the assertion above proved 8 elements from the last row on, and no row begins
        // later; AVX2 as above.
        let ([a, b, c, d], [e, f, g, h]) = unsafe { (columns(rows, 0), columns(rows, 4)) };
        [a, b, c, d, e, f, g, h]
    }
}

/// Four columns of eight rows, from the column `first` on.
///
/// # Safety
/// This machine has AVX2, and the columns lie in each row.
#[inline(always)]
unsafe fn columns(rows: [[*const f32; 4]; 2], first: usize) -> [Avx2; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut pairs = [_mm256_setzero_ps(); 4];
        for (i, pair) in pairs.iter_mut().enumerate() {
            let low = _mm_loadu_ps(rows[0][i].wrapping_add(first));
            let high = _mm_loadu_ps(rows[1][i].wrapping_add(first));
            *pair = _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high);
        }
        // Within each lane group: four rows of 4 elements each, transposed.
        let low01 = _mm256_castps_pd(_mm256_unpacklo_ps(pairs[0], pairs[1]));
        let high01 = _mm256_castps_pd(_mm256_unpackhi_ps(pairs[0], pairs[1]));
        let low23 = _mm256_castps_pd(_mm256_unpacklo_ps(pairs[2], pairs[3]));
        let high23 = _mm256_castps_pd(_mm256_unpackhi_ps(pairs[2], pairs[3]));
        [
            Avx2(_mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23))),
            Avx2(_mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23))),
            Avx2(_mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23))),
            Avx2(_mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23))),
        ]
    }
}
