//! Copies operands into the order in which the tiles read them.

use super::tile::Tiles;

/// `columns` columns of B whose elements are contiguous in memory (B is stored transposed):
/// element `(p, j)` is `numbers[p + j * col_stride]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transposed<'a> {
    pub numbers: &'a [f32],
    pub col_stride: usize,
    pub k: usize,
    pub columns: usize,
    /// Row stride of the panel; columns from `columns` up are padding of any value.
    pub panel_stride: usize,
}

impl Transposed<'_> {
    /// Packs one element at a time.
    pub(super) fn pack_elements(&self, panel: &mut [f32]) {
        for j in 0..self.columns {
            let column = &self.numbers[j * self.col_stride..][..self.k];
            for (p, &number) in column.iter().enumerate() {
                panel[p * self.panel_stride + j] = number;
            }
        }
    }
}

/// A `rows x cols` part of an operand: element `(i, j)` is
/// `numbers[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub numbers: &'a [f32],
    pub row_stride: usize,
    pub col_stride: usize,
    pub rows: usize,
    pub cols: usize,
}

/// Packs a part of B, `k x columns`, into a panel whose rows are `panel_stride` apart.
/// Columns from `columns` to `panel_stride` are padding: zeros, or what transposing leaves.
pub(super) fn pack_panel<T: Tiles>(
    tiles: T,
    source: Part<'_>,
    panel: &mut [f32],
    panel_stride: usize,
) {
    let Part { numbers, row_stride, col_stride, rows: k, cols: columns } = source;
    if col_stride == 1 {
        for p in 0..k {
            let to = &mut panel[p * panel_stride..][..panel_stride];
            to[..columns].copy_from_slice(&numbers[p * row_stride..][..columns]);
            to[columns..].fill(0.0);
        }
    } else if row_stride == 1 {
        tiles.pack_transposed(Transposed { numbers, col_stride, k, columns, panel_stride }, panel);
    } else {
        for p in 0..k {
            let to = &mut panel[p * panel_stride..][..panel_stride];
            for (j, to) in to[..columns].iter_mut().enumerate() {
                *to = numbers[p * row_stride + j * col_stride];
            }
            to[columns..].fill(0.0);
        }
    }
}

/// Packs rows of A one after the other, `packed_stride` apart.
pub(super) fn pack_rows(source: Part<'_>, packed: &mut [f32], packed_stride: usize) {
    for i in 0..source.rows {
        let row = &source.numbers[i * source.row_stride..][..source.cols];
        packed[i * packed_stride..][..source.cols].copy_from_slice(row);
    }
}

/// Packs a strip of A position by position: element `(i, p)` goes to `packed[p * rows + i]`.
pub(super) fn pack_strip(source: Part<'_>, packed: &mut [f32]) {
    let Part { numbers, row_stride, col_stride, rows, cols } = source;
    for (p, to) in packed[..rows * cols].chunks_exact_mut(rows.max(1)).enumerate() {
        if row_stride == 1 {
            to.copy_from_slice(&numbers[p * col_stride..][..rows]);
        } else {
            for (i, to) in to.iter_mut().enumerate() {
                *to = numbers[i * row_stride + p * col_stride];
            }
        }
    }
}
