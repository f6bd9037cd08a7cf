//! Reductions along an axis: sums, products, largest and smallest, by the law of
//! [`kerros_core::law::reduce`].

mod column;
pub(crate) mod fold;
pub(crate) mod row;
pub(crate) mod short;
#[cfg(test)]
pub(crate) mod tests;

use std::marker::PhantomData;
use std::ops::Range;

use kerros_core::law::Lanes;

use self::fold::Fold;
use crate::Isa;
use crate::lanes::{Kernel, dispatch};

/// Which reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    /// The sum; 0 of nothing.
    Sum,
    /// The product; 1 of nothing.
    Prod,
    /// The largest, NaN when any is; `-inf` (or `i32::MIN`) of nothing.
    Max,
    /// The smallest, NaN when any is; `inf` (or `i32::MAX`) of nothing.
    Min,
}

/// A row-major array seen from one axis (or several neighbouring ones): `[outer, len, inner]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AxisView {
    /// Positions before the axis.
    pub outer: usize,
    /// Positions along the axis.
    pub len: usize,
    /// Positions after the axis.
    pub inner: usize,
}

impl AxisView {
    /// How many parts the result can be cut into: `outer`, or `inner` columns when `outer`
    /// is 1.
    pub const fn num_parts(self) -> usize {
        if self.outer == 1 { self.inner } else { self.outer }
    }

    /// The lengths of the input and of the output that belong to a part.
    fn part_lengths(self, part: &Range<usize>) -> [usize; 2] {
        match self.outer {
            1 => [self.len * self.inner, part.len()],
            _ => [part.len() * self.len * self.inner, part.len() * self.inner],
        }
    }

    /// Checks a part and its slices.
    #[track_caller]
    pub(crate) fn check_part(self, part: &Range<usize>, input: &[f32], output: &[f32]) {
        assert!(part.start <= part.end && part.end <= self.num_parts(), "{part:?} of {self:?}");
        assert_eq!(
            [input.len(), output.len()],
            self.part_lengths(part),
            "lengths of input and output for {part:?} of {self:?}"
        );
    }
}

/// `y[o, i] = x[o, 0, i] ∘ x[o, 1, i] ∘ ..` with `∘` the sum, product, larger or smaller.
///
/// # Shape
/// `x: [outer, len, inner] -> y: [outer, inner]`. `part` is the part of the result to
/// compute: a range of `outer` when that is not 1, and then `input` and `output` hold just
/// these; otherwise a range of columns out of `inner`, where `input` is whole and `output`
/// holds just these.
///
/// # Parameters
/// With `int` the words are `i32` (bits in `f32`), and arithmetic wraps.
///
/// # Panics
/// When a slice has not the length that the view and the part say.
pub fn reduce(
    isa: Isa,
    kind: ReduceKind,
    int: bool,
    view: AxisView,
    part: Range<usize>,
    input: &[f32],
    output: &mut [f32],
) {
    view.check_part(&part, input, output);
    match (kind, int) {
        (ReduceKind::Sum, false) => run::<fold::Sum>(isa, view, part, input, output),
        (ReduceKind::Prod, false) => run::<fold::Prod>(isa, view, part, input, output),
        (ReduceKind::Max, false) => run::<fold::Max>(isa, view, part, input, output),
        (ReduceKind::Min, false) => run::<fold::Min>(isa, view, part, input, output),
        (ReduceKind::Sum, true) => run::<fold::IntSum>(isa, view, part, input, output),
        (ReduceKind::Prod, true) => run::<fold::IntProd>(isa, view, part, input, output),
        (ReduceKind::Max, true) => run::<fold::IntMax>(isa, view, part, input, output),
        (ReduceKind::Min, true) => run::<fold::IntMin>(isa, view, part, input, output),
    }
}

fn run<F: Fold>(isa: Isa, view: AxisView, part: Range<usize>, input: &[f32], output: &mut [f32]) {
    dispatch(isa, Reduce::<F> { view, part, input, output, fold: PhantomData });
}

struct Reduce<'a, F> {
    view: AxisView,
    part: Range<usize>,
    input: &'a [f32],
    output: &'a mut [f32],
    fold: PhantomData<F>,
}

impl<F: Fold> Kernel for Reduce<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Reduce { view: AxisView { outer, len, inner }, part, input, output, .. } = self;
        if inner == 1 {
            row::fold_rows::<V, F>(len, input, output);
            return;
        }
        // One matrix and some of its columns, or several matrices and all of their columns.
        let columns = if outer == 1 { part } else { 0..inner };
        if columns.is_empty() {
            return;
        }
        for (at, output) in output.chunks_exact_mut(columns.len()).enumerate() {
            let input = &input[at * len * inner..(at + 1) * len * inner];
            column::fold_columns::<V, F>([len, inner], columns.clone(), input, output);
        }
    }
}
