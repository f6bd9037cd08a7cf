//! Products whose C is a single column: `y = A * x`.
//!
//! Each element of `y` is a chain of its own, so the lanes of a vector take a row of A each:
//! where A is stored transposed its columns are loaded as they are, otherwise the rows are
//! transposed in registers on the way.

use kerros_core::law::CONTRACTION_CHUNK;

use super::blocking::Product;
use super::scratch::Scratch;
use super::tile::{DotRows, Extras, Finish, Segment, Start, Tile, Tiles};
use super::tile_scalar::{gated, relu};
use super::{Activation, Matrix};

/// Whether the product is a single column, and long enough to fill vectors.
pub(super) fn suits<T: Tiles>(product: &Product<'_>) -> bool {
    let Matrix { row_stride, col_stride } = product.gemm.a;
    let contiguous = row_stride == 1 || col_stride == 1;
    // Rows of A that lie side by side have no chains that could go on.
    let contiguous = contiguous && (!product.gemm.continues || col_stride != 1);
    product.gemm.n == 1 && product.rows.len() >= T::LANES && T::LANES > 1 && contiguous
}

/// Computes the product into `c`, whose first element is the first of the product's rows.
pub(super) fn multiply<T: Tiles>(
    tiles: T,
    product: &Product<'_>,
    c: &mut [f32],
    scratch: &mut Scratch,
) {
    let gemm = product.gemm;
    let y = scratch.totals.take(product.rows.len());
    if gemm.continues {
        y.iter_mut().zip(c.iter().step_by(gemm.c_row_stride.max(1))).for_each(|(y, c)| *y = *c);
    }
    let extras = gemm.continues.then_some(Extras { start: Start::Out, gate: None });
    for chunk in product.parts(CONTRACTION_CHUNK) {
        let (k, add_out) = (chunk.len, !chunk.in_first_chunk);
        let (x, x_stride) = (chunk.b, gemm.b.row_stride);
        if gemm.a.col_stride == 1 {
            let row_stride = gemm.a.row_stride;
            tiles.dot_rows(&DotRows { k, a: chunk.a, row_stride, x, x_stride, add_out }, y);
        } else {
            let width = T::max_vectors(1) * T::LANES;
            for (panel, y) in y.chunks_mut(width).enumerate() {
                let tile = Tile {
                    rows: 1,
                    columns: y.len(),
                    segments: &[Segment { offset: 0, len: k }],
                    a: x,
                    a_row_stride: 0,
                    a_col_stride: x_stride,
                    b: chunk.a.get(panel * width..).unwrap_or(&[]),
                    b_row_stride: gemm.a.col_stride,
                    b_padded: false,
                    out_row_stride: 0,
                    finish: Finish { add_out, ..Finish::default() },
                    extras: extras.as_ref(),
                };
                tiles.tile(&tile, y);
            }
        }
    }

    let bias = product.operands.bias.map(|bias| bias[0]);
    for (i, &mut y) in y.iter_mut().enumerate() {
        let c = &mut c[i * gemm.c_row_stride];
        let mut sum = if gemm.accumulate { *c + y } else { y };
        if let Some(bias) = bias {
            sum += bias;
        }
        if gemm.activation == Activation::Relu {
            sum = relu(sum);
        }
        *c = match product.operands.gate {
            Some(gate) => gated(gate[i], sum),
            None => sum,
        };
    }
}
