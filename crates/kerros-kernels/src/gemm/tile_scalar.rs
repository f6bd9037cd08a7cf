//! Tiles of single lanes: the definition, on any machine.

use super::pack::Packing;
use super::tile::{Alike, DotRows, Start, Tile, Tiles};

#[derive(Clone, Copy)]
pub(crate) struct ScalarTiles;

impl Tiles for ScalarTiles {
    const LANES: usize = 1;
    const ROWS: usize = 4;
    const VECTORS: usize = 4;

    fn max_vectors(_rows: usize) -> usize {
        4
    }

    fn tiles(self, tile: &Tile<'_>, alike: Alike, out: &mut [f32]) {
        for (down, across) in
            (0..alike.down).flat_map(|down| (0..alike.across).map(move |across| (down, across)))
        {
            let (row, column) = (down * tile.rows, across * tile.columns);
            let extras = tile.extras.map(|extras| extras.at(row, column));
            let here = Tile {
                a: tile.a.get(down * alike.a_step..).unwrap_or(&[]),
                b: tile.b.get(across * alike.b_step..).unwrap_or(&[]),
                finish: tile.finish.at(row, column),
                extras: extras.as_ref(),
                ..*tile
            };
            one(&here, &mut out[row * tile.out_row_stride + column..]);
        }
    }

    fn pack_adjacent(self, packing: &Packing<'_>, packed: &mut [f32]) {
        packing.pack_elements(packed);
    }

    fn pack_transposed(self, packing: &Packing<'_>, packed: &mut [f32]) {
        packing.pack_elements(packed);
    }

    fn dot_rows(self, dot: &DotRows<'_>, out: &mut [f32]) {
        for (i, out) in out.iter_mut().enumerate() {
            let row = &dot.a[i * dot.row_stride..][..dot.k];
            let sum =
                (0..dot.k).fold(0.0f32, |sum, p| row[p].mul_add(dot.x[p * dot.x_stride], sum));
            *out = if dot.add_out { *out + sum } else { sum };
        }
    }
}

fn one(tile: &Tile<'_>, out: &mut [f32]) {
    let mut sums = [[0.0f32; 4]; 4];
    let extras = tile.extras.copied().unwrap_or_default();
    for (i, sums) in sums[..tile.rows].iter_mut().enumerate() {
        for (j, sum) in sums[..tile.columns].iter_mut().enumerate() {
            *sum = match extras.start {
                Start::Zero => 0.0,
                Start::Out => out[i * tile.out_row_stride + j],
                Start::Grid(grid) => grid.numbers[i * grid.row_stride + j],
            };
        }
    }
    let mut b_row = 0;
    for segment in tile.segments {
        for p in 0..segment.len {
            let b = &tile.b[b_row * tile.b_row_stride..][..tile.columns];
            b_row += 1;
            let a = &tile.a[segment.offset + p * tile.a_col_stride..];
            for (i, sums) in sums[..tile.rows].iter_mut().enumerate() {
                let a = a[i * tile.a_row_stride];
                for (sum, &b) in sums.iter_mut().zip(b) {
                    *sum = a.mul_add(b, *sum);
                }
            }
        }
    }
    let finish = tile.finish;
    for (i, sums) in sums[..tile.rows].iter().enumerate() {
        for (j, &sum) in sums[..tile.columns].iter().enumerate() {
            let out = &mut out[i * tile.out_row_stride + j];
            let mut x = sum;
            if let Some(total) = finish.total {
                x += total.numbers[i * total.row_stride + j];
            }
            if finish.add_out {
                x += *out;
            }
            if let Some(bias) = finish.bias {
                x += bias[j];
            }
            if finish.relu {
                x = relu(x);
            }
            *out = match extras.gate {
                Some(gate) => gated(gate.numbers[i * gate.row_stride + j], x),
                None => x,
            };
        }
    }
}

/// `max(x, 0)` as [`kerros_core::program::Binary::Max`] has it: NaN stays, `-0` becomes `+0`.
pub(super) fn relu(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

/// `x` where the gate is open; it is for NaN.
pub(super) fn gated(gate: f32, x: f32) -> f32 {
    if gate <= 0.0 { 0.0 } else { x }
}
