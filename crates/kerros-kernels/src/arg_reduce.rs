//! The place of the largest or smallest along an axis.

use std::ops::Range;

use kerros_core::law::Lanes;
use kerros_core::law::reduce::ROW_LANES;

use crate::Isa;
use crate::lanes::{Kernel, dispatch};
use crate::reduce::AxisView;
use crate::reduce::row::{first_lanes, lane_numbers, load, store};
use crate::reduce::short::ShortRows;

/// Which place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgKind {
    /// Of the largest.
    Max,
    /// Of the smallest.
    Min,
}

/// The index along the axis of the largest or smallest, as `i32` (bits in `f32`): the first
/// of equals, or the first NaN. Defined by [`kerros_core::law::rows::argmax`] and `argmin`.
///
/// # Shape
/// `x: [outer, len, inner] -> y: [outer, inner]`; `part` as in [`crate::reduce::reduce`].
/// An empty axis gives 0.
///
/// # Parameters
/// With `int` the input's words are `i32` too.
///
/// # Panics
/// When a slice has not the length that the view and the part say.
pub fn arg_reduce(
    isa: Isa,
    kind: ArgKind,
    int: bool,
    view: AxisView,
    part: Range<usize>,
    input: &[f32],
    output: &mut [f32],
) {
    view.check_part(&part, input, output);
    dispatch(isa, ArgReduce { kind, int, view, part, input, output });
}

struct ArgReduce<'a> {
    kind: ArgKind,
    int: bool,
    view: AxisView,
    part: Range<usize>,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Kernel for ArgReduce<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        match (self.kind, self.int) {
            (ArgKind::Max, false) => self.run_with::<V, FloatMax>(),
            (ArgKind::Min, false) => self.run_with::<V, FloatMin>(),
            (ArgKind::Max, true) => self.run_with::<V, IntMax>(),
            (ArgKind::Min, true) => self.run_with::<V, IntMin>(),
        }
    }
}

/// Turns words into `i32` that are the larger the better.
trait Key {
    fn of<V: Lanes>(x: V) -> V;
}

struct FloatMax;
struct FloatMin;
struct IntMax;
struct IntMin;

impl Key for FloatMax {
    /// Orders as the floats do, with zeros of both signs equal and NaN on top.
    #[inline(always)]
    fn of<V: Lanes>(x: V) -> V {
        // Adding 0 turns -0 into 0. The bits of positive floats order as integers do; those
        // of negative ones the other way, until all but the sign are flipped.
        let bits = x.add(V::splat(0.0));
        let key = bits.xor(bits.int_shr::<31>().shr::<1>());
        V::select(x.is_nan(), V::splat_bits(i32::MAX as u32), key)
    }
}

impl Key for FloatMin {
    #[inline(always)]
    fn of<V: Lanes>(x: V) -> V {
        FloatMax::of(x.xor(V::splat_bits(1 << 31)))
    }
}

impl Key for IntMax {
    #[inline(always)]
    fn of<V: Lanes>(x: V) -> V {
        x
    }
}

impl Key for IntMin {
    /// Flipping all bits turns the order of integers round.
    #[inline(always)]
    fn of<V: Lanes>(x: V) -> V {
        x.xor(V::splat_bits(u32::MAX))
    }
}

impl ArgReduce<'_> {
    #[inline(always)]
    fn run_with<V: Lanes, K: Key>(self) {
        let ArgReduce { view: AxisView { outer, len, inner }, part, input, output, .. } = self;
        if inner == 1 && ShortRows::<V>::worth(len) {
            for (block, places) in output.chunks_mut(V::WIDTH).enumerate() {
                let first = block * V::WIDTH;
                let rows = &input[first * len..(first + places.len()) * len];
                let mut best = Best::<V>::none();
                for (position, &mut x) in
                    ShortRows::<V>::gather(len, rows).used().iter_mut().enumerate()
                {
                    best.offer(K::of(x), V::splat_bits(position as u32));
                }
                store(best.place, places, places.len());
            }
            return;
        }
        if inner == 1 {
            for (row, place) in output.iter_mut().enumerate() {
                let x = &input[row * len..(row + 1) * len];
                *place = f32::from_bits(best_of_row::<V, K>(x));
            }
            return;
        }
        let columns = if outer == 1 { part } else { 0..inner };
        if columns.is_empty() {
            return;
        }
        for (at, output) in output.chunks_exact_mut(columns.len()).enumerate() {
            let x = &input[at * len * inner..(at + 1) * len * inner];
            for start in (0..columns.len()).step_by(V::WIDTH) {
                let count = V::WIDTH.min(columns.len() - start);
                let first = columns.start + start;
                let mut best = Best::<V>::none();
                for position in 0..len {
                    let keys = K::of(load(&x[position * inner + first..], count));
                    best.offer(keys, V::splat_bits(position as u32));
                }
                store(best.place, &mut output[start..], count);
            }
        }
    }
}

/// The best key so far in each lane, and where it was.
#[derive(Clone, Copy)]
struct Best<V> {
    key: V,
    place: V,
}

impl<V: Lanes> Best<V> {
    #[inline(always)]
    fn none() -> Self {
        Best { key: V::splat_bits(i32::MIN as u32), place: V::splat_bits(0) }
    }

    #[inline(always)]
    fn offer(&mut self, key: V, place: V) {
        let better = self.key.int_lt(key);
        self.key = V::select(better, key, self.key);
        self.place = V::select(better, place, self.place);
    }
}

/// The first place of the largest key: each lane finds its own first, then the lanes are
/// compared. Only comparisons, so their order does not matter.
#[inline(always)]
fn best_of_row<V: Lanes, K: Key>(x: &[f32]) -> u32 {
    let mut best = Best::<V>::none();
    let mut places = lane_numbers::<V>();
    let registers = x.chunks_exact(V::WIDTH);
    let rest = registers.remainder();
    for x in registers {
        best.offer(K::of(V::load(x)), places);
        places = places.int_add(V::splat_bits(V::WIDTH as u32));
    }
    if !rest.is_empty() {
        let keys = K::of(V::load_part(rest));
        best.offer(first_lanes(rest.len(), keys, V::splat_bits(i32::MIN as u32)), places);
    }
    let (mut keys, mut places) = ([0.0f32; ROW_LANES], [0.0f32; ROW_LANES]);
    best.key.store(&mut keys);
    best.place.store(&mut places);
    let lanes = keys.iter().zip(&places).take(V::WIDTH);
    let (_, place) = lanes.map(|(key, place)| (key.to_bits() as i32, place.to_bits())).fold(
        (i32::MIN, 0),
        |best, new| {
            let better = new.0 > best.0 || (new.0 == best.0 && new.0 > i32::MIN && new.1 < best.1);
            if better { new } else { best }
        },
    );
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::tests::numbers;
    use kerros_core::law::rows;

    fn by_law(kind: ArgKind, int: bool, view: AxisView, x: &[f32]) -> Vec<u32> {
        let AxisView { outer, len, inner } = view;
        let mut places = Vec::new();
        for o in 0..outer {
            for i in 0..inner {
                let at = |position: usize| x[(o * len + position) * inner + i];
                let int_at = |position: usize| at(position).to_bits() as i32;
                let place = match (kind, int) {
                    (ArgKind::Max, false) => rows::argmax(len, at),
                    (ArgKind::Min, false) => rows::argmin(len, at),
                    // `min_by_key` gives the first of equals.
                    (ArgKind::Max, true) => {
                        (0..len).min_by_key(|&p| -i64::from(int_at(p))).unwrap_or(0)
                    }
                    (ArgKind::Min, true) => (0..len).min_by_key(|&p| int_at(p)).unwrap_or(0),
                };
                places.push(place as u32);
            }
        }
        places
    }

    fn check(view: AxisView, x: &[f32]) {
        for kind in [ArgKind::Max, ArgKind::Min] {
            for int in [false, true] {
                let expected = by_law(kind, int, view, x);
                for isa in Isa::available() {
                    let parts = view.num_parts();
                    let mut y = Vec::new();
                    for part in [0..parts / 3, parts / 3..parts] {
                        let row = view.len * view.inner;
                        let (input, outputs) = if view.outer == 1 {
                            (x, part.len())
                        } else {
                            (&x[part.start * row..part.end * row], part.len() * view.inner)
                        };
                        let mut part_y = vec![9.0; outputs];
                        arg_reduce(isa, kind, int, view, part, input, &mut part_y);
                        y.extend(part_y.iter().map(|y| y.to_bits()));
                    }
                    assert_eq!(y, expected, "{kind:?} int {int} of {view:?} on {isa:?}");
                }
            }
        }
    }

    #[test]
    fn rows_and_columns_with_ties() {
        for (outer, len, inner) in [
            (1, 0, 1),
            (3, 0, 2),
            (2, 1, 1),
            (5, 10, 1),
            (4, 15, 1),
            (4, 16, 1),
            (4, 17, 1),
            (2, 4095, 1),
            (2, 4097, 1),
            (1, 10_000, 1),
            (1, 7, 2),
            (2, 9, 15),
            (1, 40, 16),
            (3, 5, 17),
            (1, 6, 70),
            (2, 300, 33),
            (0, 3, 2),
            (2, 3, 0),
        ] {
            let view = AxisView { outer, len, inner };
            let x = numbers(11, outer * len * inner);
            check(view, &x);
            // Many equal values.
            let coarse: Vec<f32> = x.iter().map(|x| x.round()).collect();
            check(view, &coarse);
            check(view, &vec![0.0; x.len()]);
            check(view, &vec![f32::from_bits(i32::MIN as u32); x.len()]);
        }
    }

    #[test]
    fn nan_wins_and_zeros_are_equal() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        let rows: [&[f32]; 7] = [
            &[1.0, nan, 9.0, nan, -9.0],
            &[-0.0, 0.0, -0.0],
            &[0.0, -0.0, 0.0],
            &[-inf, -inf],
            &[inf, nan],
            &[-nan, nan, 3.0],
            &[f32::MIN, -1e-45, 1e-45, f32::MAX, inf, -inf],
        ];
        for row in rows {
            check(AxisView { outer: 1, len: row.len(), inner: 1 }, row);
            let twice: Vec<f32> = row.iter().flat_map(|&x| [x, -x]).collect();
            check(AxisView { outer: 1, len: row.len(), inner: 2 }, &twice);
            // The same far along a row.
            let mut long = vec![-inf; 100];
            long[60..60 + row.len()].copy_from_slice(row);
            check(AxisView { outer: 1, len: 100, inner: 1 }, &long);
        }
    }
}
