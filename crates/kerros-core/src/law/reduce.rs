//! Reductions: the order in which many numbers become one.
//!
//! A reduction over some axes is seen as `[outer, len, inner]`: `len` positions are
//! reduced, `inner` neighbours in memory are reduced side by side.
//!
//! - `inner == 1` (**along a row**): the row is cut into pieces of [`ROW_PIECE`]. Within a
//!   piece element `i` goes to lane `i % 16`, each lane in ascending order starting from
//!   the identity; the lanes are combined `l` with `l + 8`, then 4, 2, 1. The pieces are
//!   combined by [`tree`].
//! - `inner > 1` (**down columns**): the positions are cut into pieces of [`COLUMN_PIECE`];
//!   within a piece each column is reduced in ascending order starting from the identity;
//!   the pieces are combined by [`tree`].
//!
//! The combination of `a` and `b` is always `combine(a, b)` with `a` from the lower
//! positions.

/// Positions along a row that are reduced at a stretch.
pub const ROW_PIECE: usize = 4096;
/// Virtual lanes of a reduction along a row, whatever the register width.
pub const ROW_LANES: usize = 16;
/// Positions down a column that are reduced at a stretch.
pub const COLUMN_PIECE: usize = 256;

/// Combines partial results pairwise: neighbours first, then neighbours of the results; an
/// odd one at the end moves up unchanged. The result is in `partials[0]`.
pub fn tree<T: Copy>(partials: &mut [T], combine: impl Fn(T, T) -> T) {
    let mut len = partials.len();
    while len > 1 {
        for pair in 0..len / 2 {
            partials[pair] = combine(partials[2 * pair], partials[2 * pair + 1]);
        }
        if len % 2 == 1 {
            partials[len / 2] = partials[len - 1];
        }
        len = len.div_ceil(2);
    }
}

/// Reduces `len` positions along a row by the law.
pub fn along_row<T: Copy>(
    len: usize,
    identity: T,
    at: impl Fn(usize) -> T,
    combine: impl Fn(T, T) -> T,
) -> T {
    let piece = |start: usize, end: usize| {
        let mut lanes = [identity; ROW_LANES];
        for position in start..end {
            let lane = &mut lanes[(position - start) % ROW_LANES];
            *lane = combine(*lane, at(position));
        }
        let mut half = ROW_LANES / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] = combine(lanes[lane], lanes[lane + half]);
            }
            half /= 2;
        }
        lanes[0]
    };
    pieces(len, ROW_PIECE, identity, piece, &combine)
}

/// Reduces `len` positions down a column by the law.
pub fn down_column<T: Copy>(
    len: usize,
    identity: T,
    at: impl Fn(usize) -> T,
    combine: impl Fn(T, T) -> T,
) -> T {
    let piece = |start: usize, end: usize| {
        (start..end).fold(identity, |sum, position| combine(sum, at(position)))
    };
    pieces(len, COLUMN_PIECE, identity, piece, &combine)
}

fn pieces<T: Copy>(
    len: usize,
    piece_len: usize,
    identity: T,
    piece: impl Fn(usize, usize) -> T,
    combine: &impl Fn(T, T) -> T,
) -> T {
    if len <= piece_len {
        return piece(0, len);
    }
    let mut partials: Vec<T> =
        (0..len).step_by(piece_len).map(|start| piece(start, len.min(start + piece_len))).collect();
    tree(&mut partials, combine);
    partials.first().copied().unwrap_or(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_counts_once_and_in_order() {
        for len in [0, 1, 15, 16, 17, 4095, 4096, 4097, 20_000] {
            let want = len * (len.max(1) - 1) / 2;
            assert_eq!(along_row(len, 0, |i| i, |a, b| a + b), want);
            assert_eq!(down_column(len, 0, |i| i, |a, b| a + b), want);
        }
        let mut parts = [1, 2, 3, 4, 5];
        tree(&mut parts, |a, b| 10 * a + b);
        // ((1 2)(3 4)) 5
        assert_eq!(parts[0], 10 * (10 * 12 + 34) + 5);
    }
}
