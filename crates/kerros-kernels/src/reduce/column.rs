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
    let mut done = 0;
    done += blocks::<V, F, 8>([len, inner], &columns, done, input, output);
    done += blocks::<V, F, 4>([len, inner], &columns, done, input, output);
    done += blocks::<V, F, 2>([len, inner], &columns, done, input, output);
    done += blocks::<V, F, 1>([len, inner], &columns, done, input, output);
    let rest = columns.len() - done;
    if rest > 0 {
        let first = columns.start + done;
        let [total] = fold_block::<V, F, 1>(len, |position, _| {
            load(&input[position * inner + first..], rest)
        });
        store(total, &mut output[done..], rest);
    }
}

/// Reduces blocks of `B` whole registers for as long as there are so many columns left after
/// the first `done`; how many columns it did.
#[inline(always)]
fn blocks<V: Lanes, F: Fold, const B: usize>(
    [len, inner]: [usize; 2],
    columns: &Range<usize>,
    done: usize,
    input: &[f32],
    output: &mut [f32],
) -> usize {
    let width = B * V::WIDTH;
    let whole = (columns.len() - done) / width * width;
    for (at, output) in output[done..done + whole].chunks_exact_mut(width).enumerate() {
        let first = columns.start + done + at * width;
        let totals = fold_block::<V, F, B>(len, |position, b| {
            V::load(&input[position * inner + first + b * V::WIDTH..])
        });
        for (b, total) in totals.into_iter().enumerate() {
            total.store(&mut output[b * V::WIDTH..]);
        }
    }
    whole
}

/// Folds `B` registers of columns by the law; `at(position, b)` loads one.
#[inline(always)]
fn fold_block<V: Lanes, F: Fold, const B: usize>(
    len: usize,
    at: impl Fn(usize, usize) -> V,
) -> [V; B] {
    let identity = V::splat_bits(F::IDENTITY);
    let piece = |start: usize, end: usize| {
        let mut totals = [identity; B];
        for position in start..end {
            for (b, total) in totals.iter_mut().enumerate() {
                *total = F::combine(*total, at(position, b));
            }
        }
        totals
    };
    if len <= COLUMN_PIECE {
        return piece(0, len);
    }
    let combine = |a: [V; B], b: [V; B]| std::array::from_fn(|i| F::combine(a[i], b[i]));
    let mut tree = Tree::new([identity; B]);
    for start in (0..len).step_by(COLUMN_PIECE) {
        tree.push(piece(start, len.min(start + COLUMN_PIECE)), combine);
    }
    tree.finish(combine)
}
