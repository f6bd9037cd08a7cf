//! Entries of an axis by index: picked, or added to.
//!
//! Indices are `i32` (bits in `f32`). Negative ones are outside the axis like those beyond its
//! end.

use std::ops::Range;

use kerros_core::law::Lanes;

use crate::Isa;
use crate::lanes::{Kernel, dispatch};
use crate::reduce::AxisView;
use crate::reduce::row::{load, store};

/// `y[o, p, i] = x[o, indices[p], i]`, and `outside` where the index is no position of the
/// axis.
///
/// # Shape
/// `x: [outer, len, inner]`, `indices: [n] -> y: [outer, n, inner]`. To compute a part, give
/// some of the indices when `outer` is 1, or the slices of some positions of `outer` and their
/// number.
///
/// # Panics
/// When a slice has not the length that the view says.
pub fn gather(view: AxisView, outside: f32, indices: &[f32], input: &[f32], output: &mut [f32]) {
    let AxisView { outer, len, inner } = view;
    let lengths = [outer * len * inner, outer * indices.len() * inner];
    assert_eq!([input.len(), output.len()], lengths, "lengths for {view:?}");
    if output.is_empty() {
        return;
    }
    for (o, output) in output.chunks_exact_mut(indices.len() * inner).enumerate() {
        let input = &input[o * len * inner..(o + 1) * len * inner];
        for (entry, index) in output.chunks_exact_mut(inner).zip(indices) {
            match position(*index, &(0..len)) {
                Some(at) => entry.copy_from_slice(&input[at * inner..(at + 1) * inner]),
                None => entry.fill(outside),
            }
        }
    }
}

/// `y[o, indices[p], i] += updates[o, p, i]` for each `p` in order; an index that is no
/// position of `rows` adds nothing.
///
/// # Shape
/// `indices: [n]`, `updates: [outer, n, inner] -> y: [outer, rows, inner]`. `rows` are the
/// positions of the axis that `output` holds: the whole axis, or some of it for one of several
/// threads, which then all read the same indices and updates.
///
/// # Parameters
/// With `int` the words are `i32` (bits in `f32`), and sums wrap.
///
/// # Panics
/// When a slice has not the length that the view says, or `rows` leave the axis.
pub fn scatter_add(
    isa: Isa,
    int: bool,
    view: AxisView,
    rows: Range<usize>,
    indices: &[f32],
    updates: &[f32],
    output: &mut [f32],
) {
    let AxisView { outer, len, inner } = view;
    assert!(rows.start <= rows.end && rows.end <= len, "{rows:?} of {view:?}");
    let lengths = [outer * indices.len() * inner, outer * rows.len() * inner];
    assert_eq!([updates.len(), output.len()], lengths, "lengths for {view:?}, {rows:?}");
    dispatch(isa, Scatter { int, inner, rows, indices, updates, output });
}

/// Where an index is among the positions `rows`, counted from their start.
#[inline(always)]
fn position(index: f32, rows: &Range<usize>) -> Option<usize> {
    // A negative index is a huge one.
    let at = (index.to_bits() as usize).wrapping_sub(rows.start);
    ((index.to_bits() as i32) >= 0 && at < rows.len()).then_some(at)
}

struct Scatter<'a> {
    int: bool,
    inner: usize,
    rows: Range<usize>,
    indices: &'a [f32],
    updates: &'a [f32],
    output: &'a mut [f32],
}

impl Kernel for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Scatter { int, inner, rows, indices, updates, output } = self;
        let (slab, updates_slab) = (rows.len() * inner, indices.len() * inner);
        if slab == 0 || updates_slab == 0 {
            return;
        }
        let slabs = output.chunks_exact_mut(slab).zip(updates.chunks_exact(updates_slab));
        for (output, updates) in slabs {
            for (index, update) in indices.iter().zip(updates.chunks_exact(inner)) {
                let Some(at) = position(*index, &rows) else { continue };
                let entry = &mut output[at * inner..(at + 1) * inner];
                for start in (0..inner).step_by(V::WIDTH) {
                    let count = V::WIDTH.min(inner - start);
                    let old: V = load(&entry[start..], count);
                    let new: V = load(&update[start..], count);
                    let sum = if int { old.int_add(new) } else { old.add(new) };
                    store(sum, &mut entry[start..], count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::tests::{numbers, words};
    use kerros_core::Philox;

    /// Indices from one before the axis to one beyond.
    fn some_indices(seed: u64, count: usize, len: usize) -> Vec<f32> {
        let random = Philox::new(seed);
        let index = |i| random.below(0, 0, i as u64, len as u64 + 2) as i32 - 1;
        (0..count).map(|i| f32::from_bits(index(i) as u32)).collect()
    }

    const SHAPES: [(usize, usize, usize, usize); 10] = [
        // outer, len, inner, indices
        (1, 5, 1, 40),
        (1, 5, 7, 9),
        (1, 50, 8, 200),
        (1, 3, 16, 30),
        (1, 4, 33, 30),
        (3, 4, 17, 10),
        (2, 6, 1, 20),
        (1, 0, 3, 4),
        (2, 3, 0, 4),
        (2, 3, 4, 0),
    ];

    #[test]
    fn entries_are_picked() {
        for (outer, len, inner, count) in SHAPES {
            let view = AxisView { outer, len, inner };
            let x = numbers(41, outer * len * inner);
            let indices = some_indices(42, count, len);
            let mut y = vec![9.0; outer * count * inner];
            gather(view, f32::NAN, &indices, &x, &mut y);
            for (at, y) in y.iter().enumerate() {
                let (o, p, i) = (at / (count * inner), at / inner % count, at % inner);
                let index = indices[p].to_bits() as i32;
                match usize::try_from(index).ok().filter(|&index| index < len) {
                    Some(index) => {
                        assert_eq!(y.to_bits(), x[(o * len + index) * inner + i].to_bits());
                    }
                    None => assert!(y.is_nan()),
                }
            }
        }
    }

    #[test]
    fn updates_are_added_in_order_whole_and_in_parts() {
        for (outer, len, inner, count) in SHAPES {
            let view = AxisView { outer, len, inner };
            let base = numbers(43, outer * len * inner);
            let updates = numbers(44, outer * count * inner);
            let indices = some_indices(45, count, len);
            for int in [false, true] {
                let mut want = base.clone();
                for o in 0..outer {
                    for (p, index) in indices.iter().enumerate() {
                        let index = index.to_bits() as i32;
                        if index < 0 || index as usize >= len {
                            continue;
                        }
                        for i in 0..inner {
                            let to = &mut want[(o * len + index as usize) * inner + i];
                            let update = updates[(o * count + p) * inner + i];
                            *to = match int {
                                false => *to + update,
                                true => f32::from_bits(to.to_bits().wrapping_add(update.to_bits())),
                            };
                        }
                    }
                }
                let same = |found: &[f32]| match int {
                    true => found.iter().map(|y| y.to_bits()).eq(want.iter().map(|y| y.to_bits())),
                    false => words(found) == words(&want),
                };
                for isa in Isa::available() {
                    let mut found = base.clone();
                    scatter_add(isa, int, view, 0..len, &indices, &updates, &mut found);
                    assert!(same(&found), "{view:?} on {isa:?}");
                    if outer > 1 {
                        continue;
                    }
                    let mut found = base.clone();
                    let cut = len / 3;
                    let (first, second) = found.split_at_mut(cut * inner);
                    scatter_add(isa, int, view, 0..cut, &indices, &updates, first);
                    scatter_add(isa, int, view, cut..len, &indices, &updates, second);
                    assert!(same(&found), "{view:?} in parts on {isa:?}");
                }
            }
        }
    }
}
