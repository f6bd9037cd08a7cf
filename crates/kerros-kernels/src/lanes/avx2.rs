//! Eight lanes: AVX2 with FMA.

use std::arch::x86_64::*;

use kerros_core::law::Lanes;

/// A register of eight `f32`. Values exist only inside functions compiled for AVX2 and FMA:
/// see the module above.
#[derive(Clone, Copy)]
pub struct Avx2(pub(crate) __m256);

/// An intrinsic of AVX, AVX2 or FMA that works on registers alone.
macro_rules! register_op {
    ($op:expr) => {
        // SAFETY: values exist only in functions compiled for it: the machine has AVX2, FMA.
        unsafe { $op }
    };
}

impl Avx2 {
    #[inline(always)]
    fn ints(self) -> __m256i {
        register_op!(_mm256_castps_si256(self.0))
    }
    #[inline(always)]
    fn from_ints(ints: __m256i) -> Self {
        Avx2(register_op!(_mm256_castsi256_ps(ints)))
    }
    #[inline(always)]
    fn shift_count(count: u32) -> __m128i {
        register_op!(_mm_cvtsi32_si128(count as i32))
    }
    /// All bits of the first `len` lanes.
    #[inline(always)]
    pub(crate) fn first_lanes(len: usize) -> __m256i {
        register_op!(_mm256_cmpgt_epi32(
            _mm256_set1_epi32(len as i32),
            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
        ))
    }
}

impl Lanes for Avx2 {
    const WIDTH: usize = 8;
    /// All bits of a lane that is true, none of a lane that is false.
    type Mask = __m256;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Avx2(register_op!(_mm256_set1_ps(value)))
    }
    #[inline(always)]
    fn splat_bits(bits: u32) -> Self {
        Self::from_ints(register_op!(_mm256_set1_epi32(bits as i32)))
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..Self::WIDTH];
        // SAFETY: eight numbers lie there; AVX2 as above.
        Avx2(unsafe { _mm256_loadu_ps(from.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..Self::WIDTH];
        // SAFETY: eight places lie there; AVX2 as above.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn load_part(from: &[f32]) -> Self {
        let mask = Self::first_lanes(from.len().min(Self::WIDTH));
        // SAFETY: only the first `from.len()` numbers are read; AVX2 as above.
        Avx2(unsafe { _mm256_maskload_ps(from.as_ptr(), mask) })
    }
    #[inline(always)]
    fn store_part(self, to: &mut [f32]) {
        // SAFETY: only the first `to.len()` places are written; AVX2 as above.
        unsafe { store_first(to.as_mut_ptr(), to.len(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Avx2(register_op!(_mm256_add_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Avx2(register_op!(_mm256_sub_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Avx2(register_op!(_mm256_mul_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Avx2(register_op!(_mm256_div_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn fma(self, factor: Self, addend: Self) -> Self {
        Avx2(register_op!(_mm256_fmadd_ps(self.0, factor.0, addend.0)))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Avx2(register_op!(_mm256_sqrt_ps(self.0)))
    }
    #[inline(always)]
    fn max_or_other(self, other: Self) -> Self {
        Avx2(register_op!(_mm256_max_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn min_or_other(self, other: Self) -> Self {
        Avx2(register_op!(_mm256_min_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn floor(self) -> Self {
        Avx2(register_op!(_mm256_floor_ps(self.0)))
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        Avx2(register_op!(_mm256_ceil_ps(self.0)))
    }
    #[inline(always)]
    fn round(self) -> Self {
        const EVEN: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        Avx2(register_op!(_mm256_round_ps::<EVEN>(self.0)))
    }

    #[inline(always)]
    fn lt(self, other: Self) -> __m256 {
        register_op!(_mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn le(self, other: Self) -> __m256 {
        register_op!(_mm256_cmp_ps::<_CMP_LE_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn eq(self, other: Self) -> __m256 {
        register_op!(_mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn is_nan(self) -> __m256 {
        register_op!(_mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0))
    }
    #[inline(always)]
    fn select(mask: __m256, if_true: Self, if_false: Self) -> Self {
        Avx2(register_op!(_mm256_blendv_ps(if_false.0, if_true.0, mask)))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Avx2(register_op!(_mm256_and_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Avx2(register_op!(_mm256_or_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Avx2(register_op!(_mm256_xor_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn int_add(self, other: Self) -> Self {
        Self::from_ints(register_op!(_mm256_add_epi32(self.ints(), other.ints())))
    }
    #[inline(always)]
    fn int_sub(self, other: Self) -> Self {
        Self::from_ints(register_op!(_mm256_sub_epi32(self.ints(), other.ints())))
    }
    #[inline(always)]
    fn int_mul(self, other: Self) -> Self {
        Self::from_ints(register_op!(_mm256_mullo_epi32(self.ints(), other.ints())))
    }
    #[inline(always)]
    fn int_max(self, other: Self) -> Self {
        Self::from_ints(register_op!(_mm256_max_epi32(self.ints(), other.ints())))
    }
    #[inline(always)]
    fn int_min(self, other: Self) -> Self {
        Self::from_ints(register_op!(_mm256_min_epi32(self.ints(), other.ints())))
    }
    #[inline(always)]
    fn int_lt(self, other: Self) -> __m256 {
        Self::from_ints(register_op!(_mm256_cmpgt_epi32(other.ints(), self.ints()))).0
    }
    #[inline(always)]
    fn int_eq(self, other: Self) -> __m256 {
        Self::from_ints(register_op!(_mm256_cmpeq_epi32(self.ints(), other.ints()))).0
    }
    // The counts are constants: these become shifts by an immediate.
    #[inline(always)]
    fn shl<const N: u32>(self) -> Self {
        Self::from_ints(register_op!(_mm256_sll_epi32(self.ints(), Self::shift_count(N))))
    }
    #[inline(always)]
    fn shr<const N: u32>(self) -> Self {
        Self::from_ints(register_op!(_mm256_srl_epi32(self.ints(), Self::shift_count(N))))
    }
    #[inline(always)]
    fn int_shr<const N: u32>(self) -> Self {
        Self::from_ints(register_op!(_mm256_sra_epi32(self.ints(), Self::shift_count(N))))
    }
    #[inline(always)]
    fn int_to_float(self) -> Self {
        Avx2(register_op!(_mm256_cvtepi32_ps(self.ints())))
    }
    #[inline(always)]
    fn float_to_int(self) -> Self {
        Self::from_ints(register_op!(_mm256_cvttps_epi32(self.0)))
    }
}

/// Stores the first `num` lanes of a register, or all when there are fewer.
///
/// By halves, not by a masked store: some processors take as long for one of those as for a
/// dozen plain ones.
///
/// # Safety
/// This machine has AVX2, and `num` places, at most 8, lie at `to`.
#[inline(always)]
pub(crate) unsafe fn store_first(to: *mut f32, num: usize, lanes: __m256) {
    // SAFETY: each store writes only as many places as the caller says there are.
    unsafe {
        if num >= 8 {
            return _mm256_storeu_ps(to, lanes);
        }
        let (mut to, mut rest) = (to, _mm256_castps256_ps128(lanes));
        if num & 4 != 0 {
            _mm_storeu_ps(to, rest);
            (to, rest) = (to.add(4), _mm256_extractf128_ps::<1>(lanes));
        }
        if num & 2 != 0 {
            _mm_storel_epi64(to.cast(), _mm_castps_si128(rest));
            (to, rest) = (to.add(2), _mm_movehl_ps(rest, rest));
        }
        if num & 1 != 0 {
            _mm_store_ss(to, rest);
        }
    }
}
