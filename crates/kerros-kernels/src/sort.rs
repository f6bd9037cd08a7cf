//! Sorting along the last axis.

/// What and how to sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SortOptions {
    /// The largest first.
    pub descending: bool,
    /// The words are `i32` (bits in `f32`).
    pub int: bool,
}

/// Sorts each row, giving the values, the indices that they came from (`i32` as bits in
/// `f32`), or both.
///
/// Equal elements keep their order. Floats are ordered by
/// [`kerros_core::law::rows::sorting_order`]: zeros of both signs are equal, NaN comes last
/// either way. Sorting only compares, so it is the same on every instruction set.
///
/// One allocation per call, of eight bytes per element of a row.
///
/// # Shape
/// `x: [rows, len] -> values, indices: [rows, len]`.
///
/// # Panics
/// When the slices differ in length or do not hold whole rows, or when a row has more than
/// `2^31` elements.
pub fn sort(
    len: usize,
    options: SortOptions,
    input: &[f32],
    mut values: Option<&mut [f32]>,
    mut indices: Option<&mut [f32]>,
) {
    assert!(input.len().checked_rem(len).unwrap_or(input.len()) == 0, "rows of {len}");
    assert!(len <= 1 << 31, "rows of {len}: an index is an int32");
    for output in [&values, &indices].into_iter().flatten() {
        assert_eq!(output.len(), input.len(), "lengths of input and output");
    }
    // The key above the index: all are different, so an unstable sort keeps the order of
    // equal elements.
    let mut keyed: Vec<u64> = Vec::with_capacity(len);
    for (row, x) in input.chunks_exact(len.max(1)).enumerate() {
        keyed.clear();
        keyed.extend(
            x.iter().enumerate().map(|(i, &x)| u64::from(key(options, x)) << 32 | i as u64),
        );
        keyed.sort_unstable();
        let places = keyed.iter().map(|&keyed| keyed as u32);
        if let Some(values) = &mut values {
            let row = &mut values[row * len..(row + 1) * len];
            row.iter_mut().zip(places.clone()).for_each(|(y, place)| *y = x[place as usize]);
        }
        if let Some(indices) = &mut indices {
            let row = &mut indices[row * len..(row + 1) * len];
            row.iter_mut().zip(places).for_each(|(y, place)| *y = f32::from_bits(place));
        }
    }
}

/// A word that orders as sorting does.
fn key(options: SortOptions, x: f32) -> u32 {
    const SIGN: u32 = 1 << 31;
    if !options.int && x.is_nan() {
        return u32::MAX;
    }
    let ascending = if options.int {
        x.to_bits() ^ SIGN
    } else {
        // Adding 0 turns -0 into 0. Negative floats order the other way round.
        let bits = (x + 0.0).to_bits();
        bits ^ if bits & SIGN == 0 { SIGN } else { u32::MAX }
    };
    // The extreme keys of floats belong to NaN, so NaN stays last in both orders.
    if options.descending { !ascending } else { ascending }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::tests::numbers;
    use kerros_core::law::rows::sorting_order;

    fn check(len: usize, x: &[f32]) {
        for variant in 0..4 {
            let options = SortOptions { descending: variant & 1 != 0, int: variant & 2 != 0 };
            let (mut values, mut indices) = (vec![9.0; x.len()], vec![9.0; x.len()]);
            sort(len, options, x, Some(&mut values), Some(&mut indices));
            for (row, x) in x.chunks(len.max(1)).enumerate() {
                let mut expected: Vec<usize> = (0..len).collect();
                expected.sort_by(|&a, &b| match options.int {
                    false => sorting_order(x[a], x[b], options.descending),
                    true => {
                        let order = (x[a].to_bits() as i32).cmp(&(x[b].to_bits() as i32));
                        if options.descending { order.reverse() } else { order }
                    }
                });
                for (i, expected) in expected.into_iter().enumerate() {
                    let at = row * len + i;
                    assert_eq!(indices[at].to_bits() as usize, expected, "{options:?} of {len}");
                    assert_eq!(values[at].to_bits(), x[expected].to_bits(), "{options:?} of {len}");
                }
            }
            // Each alone gives the same.
            let mut alone = vec![9.0; x.len()];
            sort(len, options, x, None, Some(&mut alone));
            assert!(alone.iter().zip(&indices).all(|(a, b)| a.to_bits() == b.to_bits()));
            sort(len, options, x, Some(&mut alone), None);
            assert!(alone.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }

    #[test]
    fn rows_of_every_length_with_ties() {
        for len in [0, 1, 2, 10, 15, 16, 17, 100, 4097, 10_000] {
            let x = numbers(31, 2 * len);
            check(len, &x);
            let coarse: Vec<f32> = x.iter().map(|x| x.round()).collect();
            check(len, &coarse);
        }
    }

    #[test]
    fn nan_infinities_and_zeros() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        let x = [nan, 0.0, -0.0, inf, -nan, -inf, -0.0, 1e-45, -1e-45, f32::MAX, f32::MIN, nan];
        check(x.len(), &x);
        check(4, &x);
        let mut values = [0.0; 12];
        let descending = SortOptions { descending: true, int: false };
        sort(12, descending, &x, Some(&mut values), None);
        assert_eq!(values[0], inf);
        assert!(values[9..].iter().all(|x| x.is_nan()));
    }
}
