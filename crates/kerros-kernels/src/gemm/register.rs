//! What tiles and packing ask of a register beyond [`Lanes`].

use kerros_core::law::Lanes;

/// A register that reads and writes wherever a pointer leads, and turns squares of numbers round.
///
/// Like all of [`Lanes`], its methods belong inside functions compiled for the instruction set of
/// the register: see [`crate::lanes`].
pub(super) trait Register: Lanes {
    /// As many registers as one of them has lanes.
    type Square: AsRef<[Self]>;

    /// The numbers from here on.
    ///
    /// # Safety
    /// `WIDTH` of them lie there.
    unsafe fn load_at(from: *const f32) -> Self;

    /// The first `num` numbers from here on, all when `num` is `WIDTH` or more, and zeros.
    ///
    /// # Safety
    /// They lie there.
    unsafe fn load_first(from: *const f32, num: usize) -> Self;

    /// Writes all lanes from here on.
    ///
    /// # Safety
    /// `WIDTH` places lie there.
    unsafe fn store_at(self, to: *mut f32);

    /// Writes the first `num` lanes from here on, all when `num` is `WIDTH` or more.
    ///
    /// # Safety
    /// As many places lie there.
    unsafe fn store_first(self, to: *mut f32, num: usize);

    /// Registers of which number `p` holds element `p` of `WIDTH` rows, one row per lane; row `i`
    /// begins at `i * row_stride`, but not later than `last_row`.
    fn load_transposed(numbers: &[f32], row_stride: usize, last_row: usize) -> Self::Square;

    /// Adds the products of the first of some positions to the sums of a tile; gives how many they
    /// were, perhaps none.
    ///
    /// # Safety
    /// At each position `ROWS` elements of A and `VECTORS` registers of B can be read.
    #[inline(always)]
    unsafe fn chain<const ROWS: usize, const VECTORS: usize>(
        _sums: &mut [[Self; VECTORS]; ROWS],
        _positions: Positions,
    ) -> usize {
        0
    }

    /// `x` where the gate is more than 0 or NaN, otherwise 0.
    #[inline(always)]
    fn gated(self, gate: Self) -> Self {
        let zero = Self::splat(0.0);
        Self::select(gate.le(zero), zero, self)
    }
}

/// Positions of a chain, and where their operands are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Positions {
    /// How many.
    pub len: usize,
    pub a: *const f32,
    pub a_row_stride: usize,
    pub a_col_stride: usize,
    pub b: *const f32,
    pub b_row_stride: usize,
    /// How many elements of B ahead to fetch into the L1 cache; 0 where that is not needed.
    pub ahead: usize,
}
