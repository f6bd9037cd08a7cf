//! Matrix products as parts of other kernels: one matrix, packed once, multiplied with many
//! others.
//!
//! The law is that of [`crate::gemm`]; what is saved is the packing, and the cutting up, at
//! every product.

use kerros_core::law::{CONTRACTION_CHUNK, contraction_chunk};

use crate::Isa;
use crate::gemm::Matrix;
use crate::gemm::cuts::Cuts;
use crate::gemm::pack::Packing;
use crate::gemm::scratch::AlignedBuffer;
use crate::gemm::tile::{Finish, Segment, Tile, TileJob, Tiles, with_tiles};

/// A matrix of `[rows, columns]` in the order in which tiles read it: panels of columns, one
/// after the other, the rows of each padded to whole registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panels<'a> {
    numbers: &'a [f32],
    rows: usize,
    columns: usize,
    /// Columns of every panel but the last.
    width: usize,
    /// The row that products begin with.
    first_row: usize,
}

impl<'a> Panels<'a> {
    /// Packs a matrix for products with others of up to `m` rows.
    pub(crate) fn pack(
        isa: Isa,
        numbers: &[f32],
        layout: Matrix,
        [rows, columns]: [usize; 2],
        m: usize,
        buffer: &'a mut AlignedBuffer,
    ) -> Panels<'a> {
        with_tiles(isa, Pack { numbers, layout, rows, columns, m, buffer })
    }

    /// The same from this row on.
    pub(crate) fn starting_at(self, row: usize) -> Panels<'a> {
        Panels { first_row: self.first_row + row, ..self }
    }
}

struct Pack<'a, 'b> {
    numbers: &'b [f32],
    layout: Matrix,
    rows: usize,
    columns: usize,
    m: usize,
    buffer: &'a mut AlignedBuffer,
}

/// The rows of the highest strip that `m` rows are cut into.
fn highest_strip<T: Tiles>(m: usize) -> usize {
    m.div_ceil(Cuts::new(m, T::ROWS).num().max(1))
}

impl<'a> TileJob for Pack<'a, '_> {
    type Output = Panels<'a>;

    fn run<T: Tiles>(self, tiles: T) -> Panels<'a> {
        let Pack { numbers, layout, rows, columns, m, buffer } = self;
        let width = T::max_vectors(highest_strip::<T>(m)) * T::LANES;
        let padded = columns.next_multiple_of(T::LANES);
        let packed = buffer.take(rows * padded);
        for first in (0..columns).step_by(width) {
            let own = width.min(columns - first);
            let packing = Packing {
                numbers: numbers.get(first * layout.col_stride..).unwrap_or(&[]),
                position_stride: layout.row_stride,
                stride: layout.col_stride,
                k: rows,
                width: own,
                packed_stride: own.next_multiple_of(T::LANES),
            };
            packing.pack(tiles, &mut packed[first * rows..]);
        }
        Panels { numbers: packed, rows, columns, width, first_row: 0 }
    }
}

/// `c = a · b + bias`, or that added to `c`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product<'a> {
    /// Rows of `a` and `c`.
    pub(crate) m: usize,
    /// Columns of `c`: the first of `b`.
    pub(crate) n: usize,
    /// Columns of `a`, rows of `b`.
    pub(crate) k: usize,
    pub(crate) a: &'a [f32],
    pub(crate) a_layout: Matrix,
    pub(crate) b: Panels<'a>,
    pub(crate) bias: Option<&'a [f32]>,
    /// Only for contractions of a single chunk.
    pub(crate) accumulate: bool,
    pub(crate) c_row_stride: usize,
}

impl Product<'_> {
    /// Computes the product.
    ///
    /// # Panics
    /// When an operand is shorter than the sizes say: each tile checks its part.
    pub(crate) fn run(self, isa: Isa, c: &mut [f32]) {
        assert!(self.n <= self.b.columns && self.b.first_row + self.k <= self.b.rows);
        assert!(!self.accumulate || self.k <= CONTRACTION_CHUNK);
        with_tiles(isa, Multiply { product: self, c });
    }
}

struct Multiply<'a> {
    product: Product<'a>,
    c: &'a mut [f32],
}

impl TileJob for Multiply<'_> {
    type Output = ();

    fn run<T: Tiles>(self, tiles: T) {
        let Product { m, n, k, a, a_layout, b, bias, accumulate, c_row_stride } = self.product;
        let strips = Cuts::new(m, T::ROWS);
        let chunk = contraction_chunk(k);
        for start in (0..k.max(1)).step_by(chunk) {
            let len = chunk.min(k - start);
            let is_last = start + len == k;
            for first in (0..n).step_by(b.width) {
                // A panel's rows lie as they were packed, also when not all of them are used.
                let stride = b.width.min(b.columns - first).next_multiple_of(T::LANES);
                let from = first * b.rows + (b.first_row + start) * stride;
                for strip in 0..strips.num() {
                    let rows = strips.range(strip);
                    let from_a = rows.start * a_layout.row_stride + start * a_layout.col_stride;
                    let tile = Tile {
                        rows: rows.len(),
                        columns: b.width.min(n - first),
                        segments: &[Segment { offset: 0, len }],
                        a: a.get(from_a..).unwrap_or(&[]),
                        a_row_stride: a_layout.row_stride,
                        a_col_stride: a_layout.col_stride,
                        b: &b.numbers[from..],
                        b_row_stride: stride,
                        b_padded: true,
                        out_row_stride: c_row_stride,
                        finish: Finish {
                            add_out: accumulate || start > 0,
                            bias: bias.filter(|_| is_last).map(|bias| &bias[first..]),
                            ..Finish::default()
                        },
                        extras: None,
                    };
                    tiles.tile(&tile, &mut self.c[rows.start * c_row_stride + first..]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::law::dot_chain;

    use super::*;
    use crate::reduce::tests::{numbers, words};

    #[test]
    fn products_of_packed_matrices_are_chains() {
        for (m, k, n) in [(1, 3, 1), (2, 5, 40), (3, 0, 9), (5, 17, 33), (13, 64, 70), (2, 2050, 5)]
        {
            let (a, b) = (numbers(1, m * k + 1), numbers(2, k * n + 1));
            let bias = numbers(3, n);
            let want: Vec<f32> = (0..m * n)
                .map(|at| {
                    let (i, j) = (at / n, at % n);
                    dot_chain(k, |p| a[i * k + p], |p| b[p * n + j]) + bias[j]
                })
                .collect();
            for isa in Isa::available() {
                let mut buffer = AlignedBuffer::default();
                let layout = Matrix::row_major(n);
                let b = Panels::pack(isa, &b, layout, [k, n], m, &mut buffer);
                let mut c = vec![9.0; m * n];
                let product = Product {
                    m,
                    n,
                    k,
                    a: &a,
                    a_layout: Matrix::row_major(k),
                    b,
                    bias: Some(&bias),
                    accumulate: false,
                    c_row_stride: n,
                };
                product.run(isa, &mut c);
                assert_eq!(words(&c), words(&want), "{m} x {k} x {n} {isa:?}");
            }
        }
    }

    #[test]
    fn parts_of_a_packed_transpose_add_up() {
        let (m, k, n) = (7, 9, 21);
        // B is the transpose of `[n, k]`; rows from 2 on, and columns up to 19.
        let (a, b, c) = (numbers(4, m * 5), numbers(5, n * k), numbers(6, m * 30));
        for isa in Isa::available() {
            let mut buffer = AlignedBuffer::default();
            let turned = Matrix::row_major(k).transposed();
            let panels = Panels::pack(isa, &b, turned, [k, n], m, &mut buffer);
            let mut found = c.clone();
            let product = Product {
                m,
                n: 19,
                k: 5,
                a: &a,
                a_layout: Matrix::row_major(m).transposed(),
                b: panels.starting_at(2),
                bias: None,
                accumulate: true,
                c_row_stride: 30,
            };
            product.run(isa, &mut found);
            let want: Vec<f32> = (0..m * 30)
                .map(|at| {
                    let (i, j) = (at / 30, at % 30);
                    let sum = |j: usize| dot_chain(5, |p| a[p * m + i], |p| b[j * k + p + 2]);
                    if j < 19 { c[at] + sum(j) } else { c[at] }
                })
                .collect();
            assert_eq!(words(&found), words(&want), "{isa:?}");
        }
    }
}
