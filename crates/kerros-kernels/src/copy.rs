//! Elements moved, never changed: read with strides, or joined end to end.

use std::ops::Range;

/// Rows and columns of a tile of a transposition: 1 KB read and 1 KB written, each of 16
/// pieces that fill whole cache lines.
const TILE: usize = 16;

/// `y[i, j, ..] = x[first + i·strides[0] + j·strides[1] + ..]`: transpositions, slices,
/// reversals, stretched axes.
///
/// ```
/// use kerros_kernels::copy::Strided;
/// // A matrix of 2 rows and 3 columns, transposed.
/// let transpose = Strided::new(&[3, 2], &[1, 3], 0);
/// let mut y = [0.0; 6];
/// transpose.run(0..6, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &mut y);
/// assert_eq!(y, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strided {
    /// Axes of the result that do not continue one another, none of length 1; at least one.
    axes: Vec<Axis>,
    first: usize,
    /// Of a transposition: the axis that walks through `x` one by one, and the axes that are
    /// neither that nor the last.
    turned: Option<(Axis, Vec<Axis>)>,
}

/// An axis of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Axis {
    len: usize,
    /// Elements of `x` to skip per step.
    from: isize,
    /// Elements of the result to skip per step.
    to: usize,
}

impl Strided {
    /// Prepares a copy. `dims` are the lengths of the result's axes, `strides` the elements of
    /// `x` to skip per step along each, `first` the element that the copy begins with.
    pub fn new(dims: &[usize], strides: &[isize], first: usize) -> Self {
        let mut axes: Vec<Axis> = Vec::new();
        for (&len, &from) in dims.iter().zip(strides).filter(|(dim, _)| **dim != 1) {
            match axes.last_mut() {
                // One step along the axis before is the whole of this axis.
                Some(axis) if axis.from == len as isize * from => {
                    *axis = Axis { len: axis.len * len, from, to: 0 };
                }
                _ => axes.push(Axis { len, from, to: 0 }),
            }
        }
        if axes.is_empty() {
            axes.push(Axis { len: 1, from: 1, to: 0 });
        }
        let mut to = 1;
        for axis in axes.iter_mut().rev() {
            axis.to = to;
            to *= axis.len;
        }
        let (last, before) = axes.split_last().expect("there is an axis");
        let across = before.iter().find(|axis| axis.from == 1 && axis.len >= TILE / 2);
        let turned = across.filter(|_| last.from.unsigned_abs() > 1 && last.len >= TILE / 2);
        let turned = turned.map(|across| {
            let others = before.iter().filter(|axis| *axis != across);
            (*across, others.copied().collect())
        });
        Strided { axes, first, turned }
    }

    /// Copies the elements `range` of the result, which `output` holds; `input` is whole.
    ///
    /// # Panics
    /// When `output` is not as long as `range`, or an element lies outside the slices.
    pub fn run(&self, range: Range<usize>, input: &[f32], output: &mut [f32]) {
        assert_eq!(output.len(), range.len(), "length of the output for {range:?}");
        if range.is_empty() {
            return;
        }
        let (entry, start) = (self.axes[0].to, self.first as isize);
        match &self.turned {
            // Some entries of the first axis, whole.
            Some((across, others))
                if range.start.is_multiple_of(entry) && range.end.is_multiple_of(entry) =>
            {
                let entries = range.start / entry..range.end / entry;
                let from = start + entries.start as isize * self.axes[0].from;
                let (mut across, mut first, mut rest) = (*across, None, &others[..]);
                if across == self.axes[0] {
                    across.len = entries.len();
                } else {
                    first = Some(Axis { len: entries.len(), ..self.axes[0] });
                    rest = &others[1..];
                }
                let last = self.axes[self.axes.len() - 1];
                planes(first, rest, (across, last), from, 0, input, output);
            }
            _ => lines(&self.axes, start, range, input, output),
        }
    }
}

/// The elements `range` of the part of the result that `axes` are, line by line along the
/// last; element 0 comes from `at`.
fn lines(axes: &[Axis], at: isize, range: Range<usize>, input: &[f32], output: &mut [f32]) {
    let (axis, inner) = axes.split_first().expect("an axis is left");
    if inner.is_empty() {
        return line(at + range.start as isize * axis.from, axis.from, input, output);
    }
    let mut rest = output;
    for entry in range.start / axis.to..range.end.div_ceil(axis.to) {
        let begin = entry * axis.to;
        let within = range.start.max(begin) - begin..range.end.min(begin + axis.to) - begin;
        let (part, later) = rest.split_at_mut(within.len());
        lines(inner, at + entry as isize * axis.from, within, input, part);
        rest = later;
    }
}

/// A line of the result from every `stride`-th element of the input.
fn line(at: isize, stride: isize, input: &[f32], output: &mut [f32]) {
    let (from, count) = (at as usize, output.len());
    match stride {
        0 => output.fill(input[from]),
        1 => output.copy_from_slice(&input[from..from + count]),
        -1 => {
            let back = input[from + 1 - count..from + 1].iter().rev();
            output.iter_mut().zip(back).for_each(|(y, x)| *y = *x);
        }
        _ => {
            let place = |i: usize| (at + i as isize * stride) as usize;
            output.iter_mut().enumerate().for_each(|(i, y)| *y = input[place(i)]);
        }
    }
}

/// For each position of `first` and `others`, a transposition of the two axes `turned`.
fn planes(
    first: Option<Axis>,
    others: &[Axis],
    turned: (Axis, Axis),
    from: isize,
    to: usize,
    input: &[f32],
    output: &mut [f32],
) {
    let (axis, rest) = match (first, others) {
        (Some(axis), rest) => (axis, rest),
        (None, [axis, rest @ ..]) => (*axis, rest),
        (None, []) => return tiles(turned, from, input, &mut output[to..]),
    };
    for entry in 0..axis.len {
        let (from, to) = (from + entry as isize * axis.from, to + entry * axis.to);
        planes(None, rest, turned, from, to, input, output);
    }
}

/// Transposes in tiles, so that both what is read and what is written are whole cache lines
/// while they are at hand.
fn tiles((across, along): (Axis, Axis), from: isize, input: &[f32], output: &mut [f32]) {
    for top in (0..across.len).step_by(TILE) {
        for left in (0..along.len).step_by(TILE) {
            let columns = TILE.min(along.len - left);
            for row in top..across.len.min(top + TILE) {
                let at = from + row as isize + left as isize * along.from;
                line(at, along.from, input, &mut output[row * across.to + left..][..columns]);
            }
        }
    }
}

/// A piece of every row of a [`join`].
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// So many zeros.
    Zeros(usize),
    /// The first `run` elements of each row of `row` elements.
    Rows {
        /// The rows.
        from: &'a [f32],
        /// The length of one.
        row: usize,
        /// How much of it is taken.
        run: usize,
    },
}

impl Piece<'_> {
    fn len(self) -> usize {
        match self {
            Piece::Zeros(len) | Piece::Rows { run: len, .. } => len,
        }
    }
}

/// Rows made of pieces end to end: joined tensors, zeros around an axis.
///
/// Computes the elements `range` of the result, which `output` holds; the pieces are whole.
///
/// # Panics
/// When `output` is not as long as `range`, or a piece has too few rows.
pub fn join(pieces: &[Piece<'_>], range: Range<usize>, output: &mut [f32]) {
    assert_eq!(output.len(), range.len(), "length of the output for {range:?}");
    let total: usize = pieces.iter().map(|piece| piece.len()).sum();
    if total == 0 {
        return;
    }
    let mut filled = 0;
    for row in range.start / total..range.end.div_ceil(total) {
        let mut start = row * total;
        for piece in pieces {
            let end = start + piece.len();
            // The part of this piece that lies in the range.
            let (from, to) = (start.max(range.start), end.min(range.end));
            if from < to {
                let line = &mut output[filled..filled + to - from];
                match *piece {
                    Piece::Zeros(_) => line.fill(0.0),
                    Piece::Rows { from: rows, row: len, .. } => {
                        let at = row * len + from - start;
                        line.copy_from_slice(&rows[at..at + line.len()]);
                    }
                }
                filled += to - from;
            }
            start = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::tests::numbers;

    fn check(dims: &[usize], strides: &[isize], first: usize, x: &[f32]) {
        let count: usize = dims.iter().product();
        let want: Vec<u32> = (0..count)
            .map(|i| {
                let (mut rest, mut at) = (i, first as isize);
                for (dim, stride) in dims.iter().zip(strides).rev() {
                    at += (rest % dim) as isize * stride;
                    rest /= dim;
                }
                x[at as usize].to_bits()
            })
            .collect();
        let copy = Strided::new(dims, strides, first);
        let entry = count / dims.first().copied().unwrap_or(1).max(1);
        let cuts = [0, count / 3, count / 3 / entry.max(1) * entry, count];
        for (start, end) in [(0, 3), (0, 1), (1, 3), (0, 2), (2, 3)] {
            let range = cuts[start]..cuts[end];
            let mut y = vec![9.0; range.len()];
            copy.run(range.clone(), x, &mut y);
            let same = y.iter().zip(&want[range.clone()]).all(|(y, want)| y.to_bits() == *want);
            assert!(same, "{dims:?} {strides:?} from {first}, {range:?}");
        }
    }

    #[test]
    fn any_strides() {
        let x = numbers(51, 40_000);
        // Permutations of [b, s, h, d] and of plain matrices, large and small.
        for sizes in [[2, 3, 4, 5], [2, 17, 3, 33], [1, 40, 1, 50], [3, 1, 70, 2], [2, 16, 16, 8]] {
            let mut strides = [0isize; 4];
            let mut stride = 1;
            for axis in (0..4).rev() {
                strides[axis] = stride;
                stride *= sizes[axis] as isize;
            }
            for order in
                [[0, 1, 2, 3], [0, 2, 1, 3], [0, 1, 3, 2], [3, 2, 1, 0], [1, 3, 0, 2], [0, 3, 1, 2]]
            {
                let (dims, strides) = (order.map(|axis| sizes[axis]), order.map(|a| strides[a]));
                check(&dims, &strides, 0, &x);
                check(&dims, &strides, 7, &x);
            }
            // Each axis reversed.
            for axis in 0..4 {
                let mut back = strides;
                back[axis] = -back[axis];
                let first = (sizes[axis] - 1) * strides[axis] as usize;
                check(&sizes, &back, first, &x);
            }
        }
        check(&[10, 7], &[21, 3], 2, &x);
        check(&[10, 7], &[0, 3], 2, &x);
        check(&[10, 7], &[3, 0], 2, &x);
        check(&[5, 6], &[30, -4], 25, &x);
        check(&[], &[], 3, &x);
        check(&[4, 0, 3], &[3, 3, 1], 0, &x);
        check(&[0], &[1], 0, &x);
    }

    #[test]
    fn rows_of_pieces() {
        let (a, b) = (numbers(52, 3 * 4), numbers(53, 3 * 5));
        let pieces = [
            Piece::Zeros(2),
            Piece::Rows { from: &a, row: 4, run: 4 },
            Piece::Rows { from: &b, row: 5, run: 3 },
            Piece::Zeros(0),
            Piece::Zeros(1),
        ];
        let mut want = Vec::new();
        for row in 0..3 {
            want.extend([0.0; 2]);
            want.extend(&a[4 * row..4 * row + 4]);
            want.extend(&b[5 * row..5 * row + 3]);
            want.push(0.0);
        }
        for start in 0..want.len() {
            for end in start..=want.len() {
                let mut y = vec![9.0; end - start];
                join(&pieces, start..end, &mut y);
                assert_eq!(y, want[start..end], "{start}..{end}");
            }
        }
        join(&[Piece::Zeros(0)], 0..0, &mut []);
    }
}
