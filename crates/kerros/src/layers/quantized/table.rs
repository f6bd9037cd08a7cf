//! How a table of weights lies in memory, and what of it shares a scale.

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

/// A table of floats as a layer has it before it is quantized, and what of it shares a scale: all
/// entries that are summed over together in a product with it, or a part of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    /// Keras's name for it.
    pub(super) name: &'static str,
    /// Its shape.
    shape: Vec<usize>,
    /// The axes that are summed over in a product.
    summed: Vec<usize>,
    /// The shape of the scales of `int8`: as they lie in the product.
    pub(super) scale: Vec<usize>,
    /// The axes of `scale` at which the table's other axes are, in their order.
    scale_axes: Vec<usize>,
    /// Which axis of the table as a matrix is summed over.
    pub(super) along: usize,
    /// Along which axis of that matrix `int4` puts two entries into a byte.
    pub(super) packed: usize,
    /// Whether products are divided by the scales of `int4`, instead of the table.
    pub(super) divides: bool,
    /// Whether it is a layer's second table, which says nothing of its own of blocks.
    pub(super) is_second: bool,
}

/// A table of more numbers than a machine could address is refused.
const MAX_NUMBERS: usize = isize::MAX as usize / 8;

impl Table {
    /// A kernel `[width, units]`.
    pub(crate) fn dense(width: usize, units: usize) -> Self {
        Table {
            name: "kernel",
            shape: vec![width, units],
            summed: vec![0],
            scale: vec![units],
            scale_axes: vec![0],
            along: 0,
            packed: 1,
            divides: true,
            is_second: false,
        }
    }

    /// A kernel of an equation: these of its axes are summed over; `scale` and `scale_axes` say
    /// how the others lie in the result.
    pub(crate) fn einsum(
        shape: Vec<usize>,
        summed: Vec<usize>,
        scale: Vec<usize>,
        scale_axes: Vec<usize>,
    ) -> Self {
        Table { shape, summed, scale, scale_axes, divides: false, ..Table::dense(0, 0) }
    }

    /// Vectors `[entries, length]`.
    pub(crate) fn vectors(entries: usize, length: usize) -> Self {
        Table {
            name: "embeddings",
            shape: vec![entries, length],
            summed: vec![1],
            scale: vec![entries],
            along: 1,
            ..Table::dense(0, 0)
        }
    }

    /// The way back from vectors to entries: `[length, entries]`.
    pub(crate) fn reversed(entries: usize, length: usize) -> Self {
        Table {
            name: "reverse_embeddings",
            packed: 0,
            is_second: true,
            ..Table::dense(length, entries)
        }
    }

    /// The shape of the table of floats.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Checks that it can be addressed.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for one that cannot.
    pub(super) fn check(&self) -> Result<()> {
        let size = self.shape.iter().try_fold(1usize, |size, &axis| size.checked_mul(axis));
        match size.is_some_and(|size| size < MAX_NUMBERS) {
            true => Ok(()),
            false => {
                let (name, shape) = (self.name, &self.shape);
                Err(Error::new(ErrorKind::Argument, format!("`{name}` has the shape {shape:?}"))
                    .expected(format!("a table of fewer than {MAX_NUMBERS} numbers")))
            }
        }
    }

    /// Rows and columns as a matrix: the axis that is summed over, and the other.
    pub(super) fn matrix(&self) -> [usize; 2] {
        let length = |summed: bool| -> usize {
            let axes = (0..self.shape.len()).filter(|axis| self.summed.contains(axis) == summed);
            axes.map(|axis| self.shape[axis]).product()
        };
        match self.along {
            0 => [length(true), length(false)],
            _ => [length(false), length(true)],
        }
    }

    /// The scales of `int8` as they lie in the table, with length 1 where it is summed over.
    pub(super) fn in_table<'g>(&self, scale: Node<'g>) -> Node<'g> {
        let rest = (0..self.scale.len()).filter(|axis| !self.scale_axes.contains(axis));
        let axes: Vec<usize> = self.scale_axes.iter().copied().chain(rest).collect();
        let is_summed = |axis: usize| self.summed.contains(&axis);
        let dims = self.shape.iter().enumerate();
        let dims: Vec<usize> =
            dims.map(|(axis, &dim)| if is_summed(axis) { 1 } else { dim }).collect();
        scale.transpose(&axes).reshape(dims)
    }

    /// The place of the scale of `int8` of each entry, in the table's order.
    pub(super) fn scale_places(&self) -> impl Iterator<Item = usize> + '_ {
        let mut kept = self.scale_axes.iter();
        let strides: Vec<usize> = (0..self.shape.len())
            .map(|axis| match self.summed.contains(&axis) {
                true => 0,
                false => kept.next().map_or(0, |&at| self.scale[at + 1..].iter().product()),
            })
            .collect();
        let count: usize = self.shape.iter().product();
        (0..count).map(move |entry| {
            let mut rest = entry;
            let mut place = 0;
            for (&dim, stride) in self.shape.iter().zip(&strides).rev() {
                place += rest % dim * stride;
                rest /= dim;
            }
            place
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_lie_as_in_the_result() {
        // "abc,dce->aebd": c is summed over.
        let table = Table::einsum(vec![2, 3, 2], vec![1], vec![1, 2, 1, 2], vec![3, 1]);
        let places: Vec<usize> = table.scale_places().collect();
        assert_eq!(places, [0, 2, 0, 2, 0, 2, 1, 3, 1, 3, 1, 3]);
        assert_eq!(table.matrix(), [3, 4]);
        let vectors = Table::vectors(3, 2);
        assert_eq!(vectors.scale_places().collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2]);
        assert_eq!(vectors.matrix(), [3, 2]);
        assert_eq!(Table::reversed(3, 2).matrix(), [2, 3]);
    }
}
