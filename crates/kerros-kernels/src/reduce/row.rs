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

/// Folds `K` pieces of `len <= ROW_PIECE` elements side by side, so that the processor has
/// `K` chains of dependent operations to work on.
///
/// `at(k, i, count)` gives the elements `i..i + count` of piece `k`; what it puts into the
/// lanes from `count` on does not matter. It is called once per element, ascending.
#[inline(always)]
pub(crate) fn fold_pieces<V: Lanes, F: Fold, const K: usize>(
    len: usize,
    mut at: impl FnMut(usize, usize, usize) -> V,
) -> [f32; K] {
    let identity = V::splat_bits(F::IDENTITY);
    let registers = ROW_LANES / V::WIDTH;
    // Only the first `registers` of each are used.
    let mut lanes = [[identity; ROW_LANES]; K];
    let mut i = 0;
    while i + ROW_LANES <= len {
        for r in 0..registers {
            for (k, lanes) in lanes.iter_mut().enumerate() {
                lanes[r] = F::combine(lanes[r], at(k, i + r * V::WIDTH, V::WIDTH));
            }
        }
        i += ROW_LANES;
    }
    for r in 0..registers {
        let start = i + r * V::WIDTH;
        if start >= len {
            break;
        }
        // Combining with the identity changes nothing: no lane ever holds -0 of a sum.
        let count = V::WIDTH.min(len - start);
        for (k, lanes) in lanes.iter_mut().enumerate() {
            lanes[r] = F::combine(lanes[r], first_lanes(count, at(k, start, count), identity));
        }
    }
    lanes.map(|lanes| combine_lanes::<V, F>(lanes))
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

/// Folds a row of any length by the law, `K` pieces at a time where there are as many.
///
/// `at(i, count)` gives the elements `i..i + count`, as in [`fold_pieces`]; with `K == 1` it
/// is called in ascending order.
#[inline(always)]
pub(crate) fn fold_row<V: Lanes, F: Fold, const K: usize>(
    len: usize,
    mut at: impl FnMut(usize, usize) -> V,
) -> f32 {
    if len <= ROW_PIECE {
        let [total] = fold_pieces::<V, F, 1>(len, |_, i, count| at(i, count));
        return total;
    }
    let mut tree = Tree::new(0.0f32);
    let mut start = 0;
    if K > 1 {
        while len - start >= K * ROW_PIECE {
            let results = fold_pieces::<V, F, K>(ROW_PIECE, |k, i, count| {
                at(start + k * ROW_PIECE + i, count)
            });
            results.into_iter().for_each(|result| tree.push(result, F::combine));
            start += K * ROW_PIECE;
        }
    }
    while start < len {
        let piece = ROW_PIECE.min(len - start);
        let [result] = fold_pieces::<V, F, 1>(piece, |_, i, count| at(start + i, count));
        tree.push(result, F::combine);
        start += piece;
    }
    tree.finish(F::combine)
}

/// Reduces each row of `input: [rows, len]`.
#[inline(always)]
pub(super) fn fold_rows<V: Lanes, F: Fold>(len: usize, input: &[f32], output: &mut [f32]) {
    /// Rows taken together: four chains hide the latency of an addition.
    const TOGETHER: usize = 4;
    let mut row = 0;
    if V::WIDTH > 1 && len <= ROW_PIECE {
        while row + TOGETHER <= output.len() {
            let x: [&[f32]; TOGETHER] =
                std::array::from_fn(|k| &input[(row + k) * len..(row + k + 1) * len]);
            let results = fold_pieces::<V, F, TOGETHER>(len, |k, i, count| load(&x[k][i..], count));
            output[row..row + TOGETHER].copy_from_slice(&results);
            row += TOGETHER;
        }
    }
    for row in row..output.len() {
        let x = &input[row * len..(row + 1) * len];
        output[row] = fold_row::<V, F, TOGETHER>(len, |i, count| load(&x[i..], count));
    }
}
