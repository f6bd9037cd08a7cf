//! Sixteen lanes: AVX-512.

use std::arch::x86_64::*;

use kerros_core::law::Lanes;

/// A register of sixteen `f32`. Values exist only inside functions compiled for AVX-512: see
/// the module above.
#[derive(Clone, Copy)]
pub struct Avx512(pub(crate) __m512);

/// An intrinsic of AVX-512 F or DQ that works on registers alone.
macro_rules! register_op {
    ($op:expr) => {
        // SAFETY: values exist only in functions compiled for it: the machine has AVX-512.
        unsafe { $op }
    };
}

impl Avx512 {
    #[inline(always)]
    fn ints(self) -> __m512i {
        register_op!(_mm512_castps_si512(self.0))
    }
    #[inline(always)]
    fn from_ints(ints: __m512i) -> Self {
        Avx512(register_op!(_mm512_castsi512_ps(ints)))
    }
    /// A bit for each of the first `len` lanes.
    #[inline(always)]
    pub(crate) fn first_lanes(len: usize) -> __mmask16 {
        ((1u32 << len) - 1) as __mmask16
    }
}

impl Lanes for Avx512 {
    const WIDTH: usize = 16;
    /// One bit per lane.
    type Mask = __mmask16;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Avx512(register_op!(_mm512_set1_ps(value)))
    }
    #[inline(always)]
    fn splat_bits(bits: u32) -> Self {
        Self::from_ints(register_op!(_mm512_set1_epi32(bits as i32)))
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..Self::WIDTH];
        // SAFETY: sixteen numbers lie there; AVX-512 as above.
        Avx512(unsafe { _mm512_loadu_ps(from.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..Self::WIDTH];
        // SAFETY: sixteen places lie there; AVX-512 as above.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn load_part(from: &[f32]) -> Self {
        let mask = Self::first_lanes(from.len().min(Self::WIDTH));
        // SAFETY: only the first `from.len()` numbers are read; AVX-512 as above.
        Avx512(unsafe { _mm512_maskz_loadu_ps(mask, from.as_ptr()) })
    }
    #[inline(always)]
    fn store_part(self, to: &mut [f32]) {
        let mask = Self::first_lanes(to.len().min(Self::WIDTH));
        // SAFETY: only the first `to.len()` places are written; AVX-512 as above.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask, self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Avx512(register_op!(_mm512_add_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Avx512(register_op!(_mm512_sub_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Avx512(register_op!(_mm512_mul_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Avx512(register_op!(_mm512_div_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn fma(self, factor: Self, addend: Self) -> Self {
        Avx512(register_op!(_mm512_fmadd_ps(self.0, factor.0, addend.0)))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Avx512(register_op!(_mm512_sqrt_ps(self.0)))
    }
    #[inline(always)]
    fn max_or_other(self, other: Self) -> Self {
        Avx512(register_op!(_mm512_max_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn min_or_other(self, other: Self) -> Self {
        Avx512(register_op!(_mm512_min_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn floor(self) -> Self {
        const DOWN: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
        Avx512(register_op!(_mm512_roundscale_ps::<DOWN>(self.0)))
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        const UP: i32 = _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC;
        Avx512(register_op!(_mm512_roundscale_ps::<UP>(self.0)))
    }
    #[inline(always)]
    fn round(self) -> Self {
        const EVEN: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        Avx512(register_op!(_mm512_roundscale_ps::<EVEN>(self.0)))
    }

    #[inline(always)]
    fn lt(self, other: Self) -> __mmask16 {
        register_op!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn le(self, other: Self) -> __mmask16 {
        register_op!(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn eq(self, other: Self) -> __mmask16 {
        register_op!(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn is_nan(self) -> __mmask16 {
        register_op!(_mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0))
    }
    #[inline(always)]
    fn select(mask: __mmask16, if_true: Self, if_false: Self) -> Self {
        Avx512(register_op!(_mm512_mask_blend_ps(mask, if_false.0, if_true.0)))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Avx512(register_op!(_mm512_and_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Avx512(register_op!(_mm512_or_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Avx512(register_op!(_mm512_xor_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn int_add(self, other: Self) -> Self {
        Self::from_ints(register_op!(_mm512_add_epi32(self.ints(), other.ints())))
    }
    #[inline(always)]
    fn int_sub(self, other: Self) -> Self {
        Self::from_ints(register_op!(_mm512_sub_epi32(self.ints(), other.ints())))
    }
    #[inline(always)]
    fn int_mul(self, other: Self) -> Self {
        Self::from_ints(register_op!(_mm512_mullo_epi32(self.ints(), other.ints())))
    }
    #[inline(always)]
    fn int_max(self, other: Self) -> Self {
        Self::from_ints(register_op!(_mm512_max_epi32(self.ints(), other.ints())))
    }
    #[inline(always)]
    fn int_min(self, other: Self) -> Self {
        Self::from_ints(register_op!(_mm512_min_epi32(self.ints(), other.ints())))
    }
    #[inline(always)]
    fn int_lt(self, other: Self) -> __mmask16 {
        register_op!(_mm512_cmplt_epi32_mask(self.ints(), other.ints()))
    }
    #[inline(always)]
    fn int_eq(self, other: Self) -> __mmask16 {
        register_op!(_mm512_cmpeq_epi32_mask(self.ints(), other.ints()))
    }
    #[inline(always)]
    fn shl<const N: u32>(self) -> Self {
        Self::from_ints(register_op!(_mm512_slli_epi32::<N>(self.ints())))
    }
    #[inline(always)]
    fn shr<const N: u32>(self) -> Self {
        Self::from_ints(register_op!(_mm512_srli_epi32::<N>(self.ints())))
    }
    #[inline(always)]
    fn int_shr<const N: u32>(self) -> Self {
        Self::from_ints(register_op!(_mm512_srai_epi32::<N>(self.ints())))
    }
    #[inline(always)]
    fn int_to_float(self) -> Self {
        Avx512(register_op!(_mm512_cvtepi32_ps(self.ints())))
    }
    #[inline(always)]
    fn float_to_int(self) -> Self {
        Self::from_ints(register_op!(_mm512_cvttps_epi32(self.0)))
    }
}
