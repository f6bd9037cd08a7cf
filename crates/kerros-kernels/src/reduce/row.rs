//! Reduction along rows: sixteen virtual lanes in however many registers they take.

use kerros_core::law::Lanes;
use kerros_core::law::reduce::{ROW_LANES, ROW_PIECE};

use super::fold::{Fold, Tree};

/// 0, 1, 2 .. as the bits of `i32`.
const COUNTING: [f32; ROW_LANES] = {
    let mut counting = [0.0; ROW_LANES];
    let mut i = 0;
    while i < ROW_LANES {
        counting[i] = f32::from_bits(i as u32);
        i += 1;
    }
    counting
};

/// The numbers of the lanes, as `i32`.
#[inline(always)]
pub(crate) fn lane_numbers<V: Lanes>() -> V {
    V::load(&COUNTING)
}

/// `x` in the first `count` lanes, `rest` in the others.
#[inline(always)]
pub(crate) fn first_lanes<V: Lanes>(count: usize, x: V, rest: V) -> V {
    if count == V::WIDTH {
        return x;
    }
    V::select(lane_numbers::<V>().int_lt(V::splat_bits(count as u32)), x, rest)
}

/// The first `count <= WIDTH` numbers.
#[inline(always)]
pub(crate) fn load<V: Lanes>(from: &[f32], count: usize) -> V {
    if count == V::WIDTH { V::load(from) } else { V::load_part(&from[..count]) }
}

/// Writes the first `count <= WIDTH` lanes.
#[inline(always)]
pub(crate) fn store<V: Lanes>(x: V, to: &mut [f32], count: usize) {
    if count == V::WIDTH { x.store(to) } else { x.store_part(&mut to[..count]) }
}

/// What is folded along a row: a trait and no closure, because a closure cannot be marked
/// `#[inline(always)]`, and would then be compiled without the instruction set.
pub(crate) trait Elements<V> {
    /// The elements `i..i + count`. What is put into the lanes from `count` on does not
    /// matter. Called once for each element.
    fn at(&mut self, i: usize, count: usize) -> V;
}

/// The numbers of a slice.
pub(crate) struct Numbers<'a>(pub(crate) &'a [f32]);

impl<V: Lanes> Elements<V> for Numbers<'_> {
    #[inline(always)]
    fn at(&mut self, i: usize, count: usize) -> V {
        load(&self.0[i..], count)
    }
}

/// Folds `K` pieces of `len <= ROW_PIECE` elements each, from `starts` on, side by side, so
/// that the processor has `K` chains of dependent operations to work on.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "`r` and `k` count places of several arrays")]
pub(crate) fn fold_pieces<V: Lanes, F: Fold, const K: usize>(
    elements: &mut impl Elements<V>,
    starts: [usize; K],
    len: usize,
) -> [f32; K] {
    let identity = V::splat_bits(F::IDENTITY);
    let registers = ROW_LANES / V::WIDTH;
    // Only the first `registers` of each are used.
    let mut lanes = [[identity; ROW_LANES]; K];
    let mut i = 0;
    while i + ROW_LANES <= len {
        for r in 0..registers {
            for k in 0..K {
                let x = elements.at(starts[k] + i + r * V::WIDTH, V::WIDTH);
                lanes[k][r] = F::combine(lanes[k][r], x);
            }
        }
        i += ROW_LANES;
    }
    for r in 0..registers {
        let rest = i + r * V::WIDTH;
        if rest >= len {
            break;
        }
        // Combining with the identity changes nothing: no lane ever holds -0 of a sum.
        let count = V::WIDTH.min(len - rest);
        for k in 0..K {
            let x = first_lanes(count, elements.at(starts[k] + rest, count), identity);
            lanes[k][r] = F::combine(lanes[k][r], x);
        }
    }
    let mut results = [0.0; K];
    for (result, lanes) in results.iter_mut().zip(lanes) {
        *result = combine_lanes::<V, F>(lanes);
    }
    results
}

/// Lane `l` with `l + 8`, then 4, 2, 1.
#[inline(always)]
fn combine_lanes<V: Lanes, F: Fold>(mut lanes: [V; ROW_LANES]) -> f32 {
    let mut half = ROW_LANES / V::WIDTH;
    while half > 1 {
        half /= 2;
        for r in 0..half {
            lanes[r] = F::combine(lanes[r], lanes[r + half]);
        }
    }
    let mut single = [0.0f32; ROW_LANES];
    lanes[0].store(&mut single);
    let mut half = V::WIDTH / 2;
    while half > 0 {
        for l in 0..half {
            single[l] = F::combine(single[l], single[l + half]);
        }
        half /= 2;
    }
    single[0]
}

/// Folds a row of any length by the law, `K` pieces at a time where there are as many. With
/// `K == 1` the elements are asked for in ascending order.
#[inline(always)]
pub(crate) fn fold_row<V: Lanes, F: Fold, const K: usize>(
    elements: &mut impl Elements<V>,
    first: usize,
    len: usize,
) -> f32 {
    let end = first + len;
    let mut start = first;
    let mut tree = Tree::<f32, 1>::new();
    if K > 1 {
        while end - start >= K * ROW_PIECE {
            let mut starts = [start; K];
            for (k, start) in starts.iter_mut().enumerate() {
                *start += k * ROW_PIECE;
            }
            for result in fold_pieces::<V, F, K>(elements, starts, ROW_PIECE) {
                tree.push::<F>([result]);
            }
            start += K * ROW_PIECE;
        }
    }
    loop {
        let piece = ROW_PIECE.min(end - start);
        let [result] = fold_pieces::<V, F, 1>(elements, [start], piece);
        if piece == len {
            return result;
        }
        if piece > 0 {
            tree.push::<F>([result]);
        }
        start += piece;
        if start == end {
            return tree.finish::<F>()[0];
        }
    }
}

/// Reduces each row of `input: [rows, len]`.
#[inline(always)]
pub(super) fn fold_rows<V: Lanes, F: Fold>(len: usize, input: &[f32], output: &mut [f32]) {
    /// Rows taken together: four chains hide the latency of an addition.
    const TOGETHER: usize = 4;
    let mut x = Numbers(input);
    let mut row = 0;
    if V::WIDTH > 1 && len <= ROW_PIECE {
        while row + TOGETHER <= output.len() {
            let starts = [row * len, (row + 1) * len, (row + 2) * len, (row + 3) * len];
            let results = fold_pieces::<V, F, TOGETHER>(&mut x, starts, len);
            output[row..row + TOGETHER].copy_from_slice(&results);
            row += TOGETHER;
        }
    }
    for (row, output) in output.iter_mut().enumerate().skip(row) {
        *output = fold_row::<V, F, TOGETHER>(&mut x, row * len, len);
    }
}
