//! A B that is packed once, for several products with it.

use super::scratch::AlignedBuffer;
use super::tile::{TileJob, Tiles, with_tiles};
use super::{Gemm, blocking};
use crate::Isa;

/// The B of a product in the order in which the tiles read it.
///
/// A product packs its B where that pays. Who multiplies one B with several A, one after the
/// other, packs it once: [`PackedB::pack`], then [`Operands::packed_b`](super::Operands::packed_b).
#[derive(Debug, Default)]
pub struct PackedB {
    numbers: AlignedBuffer,
    /// The instruction set whose tiles it is for.
    isa: Option<Isa>,
    k: usize,
    n: usize,
}

impl PackedB {
    /// Nothing is packed yet.
    pub fn new() -> Self {
        PackedB::default()
    }

    /// Packs the B of a product, in place of what was packed before. It then serves products that
    /// differ in the number of rows at most.
    ///
    /// # Panics
    /// When `b` is shorter than the product says.
    pub fn pack(&mut self, isa: Isa, gemm: &Gemm, b: &[f32]) {
        (self.isa, self.k, self.n) = (Some(isa), gemm.k, gemm.n);
        if gemm.k > 0 && gemm.n > 0 {
            with_tiles(isa, Pack { gemm, b, numbers: &mut self.numbers });
        }
    }

    /// The rows and columns that were packed.
    pub(super) fn sizes(&self) -> [usize; 2] {
        [self.k, self.n]
    }

    /// Whether it is for the tiles of this instruction set.
    pub(super) fn is_for(&self, isa: Isa) -> bool {
        self.isa.is_some_and(|own| own.level() == isa.level())
    }

    /// The panels from this column, the first of one, and this row on.
    pub(super) fn panels(&self, first_column: usize, first_row: usize) -> Panels<'_> {
        Panels { numbers: &self.numbers.taken()[first_column * self.k..], rows: self.k, first_row }
    }
}

struct Pack<'a> {
    gemm: &'a Gemm,
    b: &'a [f32],
    numbers: &'a mut AlignedBuffer,
}

impl TileJob for Pack<'_> {
    type Output = ();

    fn run<T: Tiles>(self, tiles: T) {
        blocking::pack(tiles, self.gemm, self.b, self.numbers);
    }
}

/// Panels of B, one after the other: each has all rows of its columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panels<'a> {
    pub numbers: &'a [f32],
    /// Rows of each panel.
    pub rows: usize,
    /// The row that a product begins with.
    pub first_row: usize,
}

impl<'a> Panels<'a> {
    /// The panel of this column and those that follow it, from the first row on.
    pub(super) fn from(self, column: usize, width: usize) -> Option<&'a [f32]> {
        self.numbers.get(column * self.rows + self.first_row * width..)
    }

    /// From one panel to the next.
    pub(super) fn step(self, width: usize) -> usize {
        self.rows * width
    }
}
