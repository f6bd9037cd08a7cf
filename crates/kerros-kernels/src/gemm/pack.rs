//! Copies operands into the order in which the tiles read them.

use super::tile::Tiles;

/// A part of an operand, and how it is packed: `k` positions of the contracted axis, each
/// with `width` numbers side by side.
///
/// Number `j` of position `p` is `numbers[p * position_stride + j * stride]`; it goes to
/// `packed[p * packed_stride + j]`. For B the numbers side by side are columns, for A rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packing<'a> {
    pub numbers: &'a [f32],
    pub position_stride: usize,
    pub stride: usize,
    pub k: usize,
    pub width: usize,
    /// At least `width`; what lies between is padding and gets any value.
    pub packed_stride: usize,
}

impl<'a> Packing<'a> {
    /// Packs in the fastest way that the strides allow.
    pub(crate) fn pack<T: Tiles>(&self, tiles: T, packed: &mut [f32]) {
        if self.k == 0 {
        } else if self.stride == 1 {
            tiles.pack_adjacent(self, packed);
        } else if self.position_stride == 1 {
            tiles.pack_transposed(self, packed);
        } else {
            self.pack_elements(packed);
        }
    }

    /// Packs one number at a time, whatever the strides.
    pub(crate) fn pack_elements(&self, packed: &mut [f32]) {
        for p in 0..self.k {
            let to = &mut packed[p * self.packed_stride..][..self.width];
            for (j, to) in to.iter_mut().enumerate() {
                *to = self.numbers[p * self.position_stride + j * self.stride];
            }
        }
    }

    /// The numbers from position `p` and side-by-side number `j` on.
    pub(crate) fn from(&self, p: usize, j: usize) -> &'a [f32] {
        &self.numbers[p * self.position_stride + j * self.stride..]
    }
}
