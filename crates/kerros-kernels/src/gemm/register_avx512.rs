//! Sixteen lanes as tiles and packing use them.

use std::arch::x86_64::*;

use kerros_core::law::Lanes;

use super::register::Register;
use crate::lanes::avx512::Avx512;

impl Register for Avx512 {
    type Square = [Self; Self::WIDTH];

    #[inline(always)]
    unsafe fn load_at(from: *const f32) -> Self {
        // SAFETY: the caller's promise; a register exists only where the machine has AVX-512.
        Avx512(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, num: usize) -> Self {
        let mask = Self::first_lanes(num.min(Self::WIDTH));
        // SAFETY: the mask admits only what the caller promises; AVX-512 as above.
        Avx512(unsafe { _mm512_maskz_loadu_ps(mask, from) })
    }

    #[inline(always)]
    unsafe fn store_at(self, to: *mut f32) {
        // SAFETY: the caller's promise; AVX-512 as above.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, num: usize) {
        let mask = Self::first_lanes(num.min(Self::WIDTH));
        // SAFETY: the mask admits only what the caller promises; AVX-512 as above.
        unsafe { _mm512_mask_storeu_ps(to, mask, self.0) }
    }

    /// The rows are loaded by quarters, so that lane group `q` of a register holds a quarter of
    /// row `4 q + i`: that spares two of the four rounds of shuffles of a transposition.
    #[inline(always)]
    fn load_transposed(numbers: &[f32], row_stride: usize, last_row: usize) -> Self::Square {
        assert!(last_row.checked_add(Self::WIDTH).is_some_and(|end| end <= numbers.len()));
        let mut columns = [Self::splat(0.0); Self::WIDTH];
        for (quarter, columns) in columns.chunks_exact_mut(4).enumerate() {
            let quarter_of = |row: usize| {
                let start = row_stride.wrapping_mul(row).min(last_row);
                let from = numbers.as_ptr().wrapping_add(start + 4 * quarter);
                // SAFETY: the assertion above proved 16 elements from the last row on, and no
                // row begins later.
                unsafe { _mm_loadu_ps(from) }
            };
            // SAFETY: works on registers alone; AVX-512 as above.
            let turned = unsafe {
                let row = |i: usize| {
                    let row = _mm512_castps128_ps512(quarter_of(i));
                    let row = _mm512_insertf32x4::<1>(row, quarter_of(4 + i));
                    let row = _mm512_insertf32x4::<2>(row, quarter_of(8 + i));
                    _mm512_insertf32x4::<3>(row, quarter_of(12 + i))
                };
                let rows = [row(0), row(1), row(2), row(3)];
                // Within each lane group: [r0 r1 r2 r3] of 4 elements each, transposed.
                let low01 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[0], rows[1]));
                let high01 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[0], rows[1]));
                let low23 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[2], rows[3]));
                let high23 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[2], rows[3]));
                [
                    Avx512(_mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23))),
                    Avx512(_mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23))),
                    Avx512(_mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23))),
                    Avx512(_mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23))),
                ]
            };
            columns.copy_from_slice(&turned);
        }
        columns
    }
}
