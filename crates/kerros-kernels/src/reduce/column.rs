//! Reduction down columns: neighbouring columns side by side in registers.

use std::ops::Range;

use kerros_core::law::Lanes;
use kerros_core::law::reduce::COLUMN_PIECE;

use super::fold::{Fold, Tree};
use super::row::{load, store};

/// Reduces the given columns of `input: [len, inner]`.
#[inline(always)]
pub(super) fn fold_columns<V: Lanes, F: Fold>(
    [len, inner]: [usize; 2],
    columns: Range<usize>,
    input: &[f32],
    output: &mut [f32],
) {
    let mut output = output;
    let mut first = columns.start;
    first = blocks::<V, F, 8>([len, inner], first, input, &mut output);
    first = blocks::<V, F, 4>([len, inner], first, input, &mut output);
    first = blocks::<V, F, 2>([len, inner], first, input, &mut output);
    first = blocks::<V, F, 1>([len, inner], first, input, &mut output);
    if !output.is_empty() {
        let [total] = fold_block::<V, F, 1>([len, inner], first, output.len(), input);
        store(total, output, output.len());
    }
}

/// Reduces blocks of `B` whole registers from column `first` on, for as long as `output` has
/// room, and takes that off the output. The column after them.
#[inline(always)]
fn blocks<V: Lanes, F: Fold, const B: usize>(
    shape: [usize; 2],
    first: usize,
    input: &[f32],
    output: &mut &mut [f32],
) -> usize {
    let width = B * V::WIDTH;
    let mut first = first;
    while output.len() >= width {
        let (block, rest) = std::mem::take(output).split_at_mut(width);
        *output = rest;
        let totals = fold_block::<V, F, B>(shape, first, V::WIDTH, input);
        for (total, to) in totals.into_iter().zip(block.chunks_exact_mut(V::WIDTH)) {
            total.store(to);
        }
        first += width;
    }
    first
}

/// Folds `B` registers of columns from `first` on, by the law; `count` columns in each.
#[inline(always)]
fn fold_block<V: Lanes, F: Fold, const B: usize>(
    [len, inner]: [usize; 2],
    first: usize,
    count: usize,
    input: &[f32],
) -> [V; B] {
    let mut tree = Tree::<V, B>::new();
    let mut start = 0;
    loop {
        let end = len.min(start + COLUMN_PIECE);
        let mut totals = [V::splat_bits(F::IDENTITY); B];
        for position in start..end {
            let row = &input[position * inner + first..];
            for (b, total) in totals.iter_mut().enumerate() {
                *total = F::combine(*total, load(&row[b * V::WIDTH..], count));
            }
        }
        if len <= COLUMN_PIECE {
            return totals;
        }
        tree.push::<F>(totals);
        if end == len {
            return tree.finish::<F>();
        }
        start = end;
    }
}
