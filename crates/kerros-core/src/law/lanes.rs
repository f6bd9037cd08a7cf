//! The operations of a vector register, so that each formula is written once.

/// Some number of `f32` lanes that go through the same operations side by side.
///
/// `f32` itself is one lane: the scalar path and the definition. The kernels implement the
/// trait for AVX2 and AVX-512 registers. Every operation gives each lane exactly the bits
/// that the implementation for `f32` gives, so a formula over `Lanes` is the same function
/// everywhere.
///
/// Integer operations view the same 32 bits as `i32`; they wrap.
///
/// Implementations mark every method `#[inline(always)]`: they only become single
/// instructions inside a function compiled for the instruction set.
pub trait Lanes: Copy {
    /// The number of lanes.
    const WIDTH: usize;
    /// One truth value per lane.
    type Mask: Copy;

    /// All lanes the same number.
    fn splat(value: f32) -> Self;
    /// All lanes the same bits.
    fn splat_bits(bits: u32) -> Self;
    /// The first `WIDTH` numbers of a slice. Panics when there are fewer.
    fn load(from: &[f32]) -> Self;
    /// Writes the lanes to the first `WIDTH` places of a slice. Panics when there are fewer.
    fn store(self, to: &mut [f32]);
    /// The first `from.len()` lanes from a slice shorter than `WIDTH`, zeros after.
    fn load_part(from: &[f32]) -> Self;
    /// Writes the first `to.len()` lanes to a slice shorter than `WIDTH`.
    fn store_part(self, to: &mut [f32]);

    /// `self + other`.
    fn add(self, other: Self) -> Self;
    /// `self - other`.
    fn sub(self, other: Self) -> Self;
    /// `self * other`.
    fn mul(self, other: Self) -> Self;
    /// `self / other`, correctly rounded.
    fn div(self, other: Self) -> Self;
    /// `self * factor + addend` with one rounding.
    fn fma(self, factor: Self, addend: Self) -> Self;
    /// Square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// `if self > other { self } else { other }`: `other` when either is NaN, and for
    /// zeros of both signs.
    fn max_or_other(self, other: Self) -> Self;
    /// `if self < other { self } else { other }`: `other` when either is NaN, and for
    /// zeros of both signs.
    fn min_or_other(self, other: Self) -> Self;
    /// Largest whole number not above.
    fn floor(self) -> Self;
    /// Smallest whole number not below.
    fn ceil(self) -> Self;
    /// Nearest whole number, ties to even.
    fn round(self) -> Self;

    /// `self < other`; false when either is NaN.
    fn lt(self, other: Self) -> Self::Mask;
    /// `self <= other`; false when either is NaN.
    fn le(self, other: Self) -> Self::Mask;
    /// `self == other`; false when either is NaN.
    fn eq(self, other: Self) -> Self::Mask;
    /// Whether the lane is NaN.
    fn is_nan(self) -> Self::Mask;
    /// `if mask { if_true } else { if_false }`.
    fn select(mask: Self::Mask, if_true: Self, if_false: Self) -> Self;

    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Bitwise or.
    fn or(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Sum as `i32`, wrapping.
    fn int_add(self, other: Self) -> Self;
    /// Difference as `i32`, wrapping.
    fn int_sub(self, other: Self) -> Self;
    /// Product as `i32`, low 32 bits.
    fn int_mul(self, other: Self) -> Self;
    /// The larger as `i32`.
    fn int_max(self, other: Self) -> Self;
    /// The smaller as `i32`.
    fn int_min(self, other: Self) -> Self;
    /// `self < other` as `i32`.
    fn int_lt(self, other: Self) -> Self::Mask;
    /// `self == other` as bits.
    fn int_eq(self, other: Self) -> Self::Mask;
    /// Bits shifted left, zeros in.
    fn shl<const N: u32>(self) -> Self;
    /// Bits shifted right, zeros in.
    fn shr<const N: u32>(self) -> Self;
    /// Bits shifted right as `i32`, sign in.
    fn int_shr<const N: u32>(self) -> Self;
    /// The `i32` in each lane as `f32`, rounded to nearest.
    fn int_to_float(self) -> Self;
    /// The `f32` in each lane as `i32`, truncated towards zero; `i32::MIN` when it does
    /// not fit or is NaN (what the hardware gives).
    fn float_to_int(self) -> Self;
}

impl Lanes for f32 {
    const WIDTH: usize = 1;
    type Mask = bool;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        value
    }
    #[inline(always)]
    fn splat_bits(bits: u32) -> Self {
        f32::from_bits(bits)
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        from[0]
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        to[0] = self;
    }
    #[inline(always)]
    fn load_part(_from: &[f32]) -> Self {
        0.0
    }
    #[inline(always)]
    fn store_part(self, _to: &mut [f32]) {}

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self + other
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self - other
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self * other
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self / other
    }
    #[inline(always)]
    fn fma(self, factor: Self, addend: Self) -> Self {
        self.mul_add(factor, addend)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn max_or_other(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
    #[inline(always)]
    fn min_or_other(self, other: Self) -> Self {
        if self < other { self } else { other }
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f32::floor(self)
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        f32::ceil(self)
    }
    #[inline(always)]
    fn round(self) -> Self {
        self.round_ties_even()
    }

    #[inline(always)]
    fn lt(self, other: Self) -> bool {
        self < other
    }
    #[inline(always)]
    fn le(self, other: Self) -> bool {
        self <= other
    }
    #[inline(always)]
    fn eq(self, other: Self) -> bool {
        self == other
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
    #[inline(always)]
    fn select(mask: bool, if_true: Self, if_false: Self) -> Self {
        if mask { if_true } else { if_false }
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        f32::from_bits(self.to_bits() & other.to_bits())
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        f32::from_bits(self.to_bits() | other.to_bits())
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        f32::from_bits(self.to_bits() ^ other.to_bits())
    }
    #[inline(always)]
    fn int_add(self, other: Self) -> Self {
        f32::from_bits(self.to_bits().wrapping_add(other.to_bits()))
    }
    #[inline(always)]
    fn int_sub(self, other: Self) -> Self {
        f32::from_bits(self.to_bits().wrapping_sub(other.to_bits()))
    }
    #[inline(always)]
    fn int_mul(self, other: Self) -> Self {
        f32::from_bits(self.to_bits().wrapping_mul(other.to_bits()))
    }
    #[inline(always)]
    fn int_max(self, other: Self) -> Self {
        f32::from_bits((self.to_bits() as i32).max(other.to_bits() as i32) as u32)
    }
    #[inline(always)]
    fn int_min(self, other: Self) -> Self {
        f32::from_bits((self.to_bits() as i32).min(other.to_bits() as i32) as u32)
    }
    #[inline(always)]
    fn int_lt(self, other: Self) -> bool {
        (self.to_bits() as i32) < other.to_bits() as i32
    }
    #[inline(always)]
    fn int_eq(self, other: Self) -> bool {
        self.to_bits() == other.to_bits()
    }
    #[inline(always)]
    fn shl<const N: u32>(self) -> Self {
        f32::from_bits(self.to_bits() << N)
    }
    #[inline(always)]
    fn shr<const N: u32>(self) -> Self {
        f32::from_bits(self.to_bits() >> N)
    }
    #[inline(always)]
    fn int_shr<const N: u32>(self) -> Self {
        f32::from_bits((self.to_bits() as i32 >> N) as u32)
    }
    #[inline(always)]
    fn int_to_float(self) -> Self {
        self.to_bits() as i32 as f32
    }
    #[inline(always)]
    fn float_to_int(self) -> Self {
        let fits = (-2_147_483_648.0..2_147_483_648.0).contains(&self);
        f32::from_bits(if fits { self as i32 } else { i32::MIN } as u32)
    }
}
