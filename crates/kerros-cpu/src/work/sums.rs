//! Sums over all rows of a batch, or of a layer's weights, by a thread that has some of them.

use std::ops::Range;

use kerros_core::Result;
use kerros_core::law::CONTRACTION_CHUNK;
use kerros_core::law::reduce::COLUMN_PIECE;
use kerros_kernels::chunks::add_rows;
use kerros_kernels::gemm::{Gemm, Matrix, Operands, Pair, Scratch, gemm};

use super::Work;

impl Work<'_> {
    /// What these rows add to the products of their chunks, `aᵀ · b`.
    pub(super) fn chunk_products(&self, [m, n]: [usize; 2], scratch: &mut Scratch) -> Result<()> {
        let (a, b, c) = (self.read(0), self.read(1), self.write(0));
        for (part, own, fresh) in parts(&self.rows, CONTRACTION_CHUNK) {
            let product = Gemm {
                a: Matrix::row_major(m).transposed(),
                continues: !fresh,
                ..Gemm::row_major(m, n, own.len())
            };
            let operands = Operands {
                a: &a[own.start * m..own.end * m],
                b: &b[own.start * n..own.end * n],
                ..Operands::default()
            };
            let c = &mut c[part * m * n..(part + 1) * m * n];
            gemm(self.isa, &product, 0..m, &[Pair::default()], operands, c, scratch)?;
        }
        Ok(())
    }

    /// What these rows of b add to the products of their chunks, `a · b`.
    pub(super) fn part_products(
        &self,
        [m, n, k]: [usize; 3],
        chunk: usize,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (a, b, c) = (self.read(0), self.read(1), self.write(0));
        for (part, own, fresh) in parts(&self.rows, chunk) {
            let product = Gemm {
                a: Matrix::row_major(k),
                continues: !fresh,
                ..Gemm::row_major(m, n, own.len())
            };
            let operands = Operands {
                a: &a[self.rows.start + own.start..],
                b: &b[own.start * n..own.end * n],
                ..Operands::default()
            };
            let c = &mut c[part * m * n..(part + 1) * m * n];
            gemm(self.isa, &product, 0..m, &[Pair::default()], operands, c, scratch)?;
        }
        Ok(())
    }

    /// What these rows, each of so many to be added, add to the sums of their pieces.
    pub(super) fn piece_sums(&self, each: usize, inner: usize) {
        let (rows, sums) = (self.read(0), self.write(0));
        let added = self.rows.start * each..self.rows.end * each;
        for (part, own, fresh) in parts(&added, COLUMN_PIECE) {
            let sums = &mut sums[part * inner..(part + 1) * inner];
            add_rows(self.isa, &rows[own.start * inner..own.end * inner], fresh, sums);
        }
    }
}

/// Some rows by the parts of `len` rows that they belong to: the part, counted from that of the
/// first row; its rows, counted from the first; and whether it begins with them.
fn parts(rows: &Range<usize>, len: usize) -> impl Iterator<Item = (usize, Range<usize>, bool)> {
    let Range { start, end } = rows.clone();
    let first = start / len;
    (first..end.div_ceil(len)).map(move |part| {
        let own = start.max(part * len)..end.min((part + 1) * len);
        (part - first, own.start - start..own.end - start, own.start == part * len)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_where_parts_begin() {
        let cut = |rows: Range<usize>| parts(&rows, 10).collect::<Vec<_>>();
        assert_eq!(cut(20..25), [(0, 0..5, true)]);
        assert_eq!(cut(25..30), [(0, 0..5, false)]);
        assert_eq!(cut(25..41), [(0, 0..5, false), (1, 5..15, true), (2, 15..16, true)]);
    }
}
