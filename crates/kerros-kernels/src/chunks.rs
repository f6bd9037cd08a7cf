//! Sums over rows that come a few at a time: how a thread that takes a few rows through many steps
//! adds up what each of them gives to a sum over all.
//!
//! The laws of contractions and of reductions cut a sum into parts ([`contraction_chunk`],
//! [`COLUMN_PIECE`]) and say how the parts are added. Within a part the rows come in order; so a
//! part may be left and taken up again: [`add_rows`], and for matrix products
//! [`Gemm::continues`](crate::gemm::Gemm::continues). [`combine`] adds the parts.
//!
//! [`contraction_chunk`]: kerros_core::law::contraction_chunk
//! [`COLUMN_PIECE`]: kerros_core::law::reduce::COLUMN_PIECE

use kerros_core::law::Lanes;

use crate::Isa;
use crate::lanes::{Kernel, dispatch};
use crate::reduce::fold::{Sum, Tree};
use crate::reduce::row::{load, store};

/// Adds rows to the sums of their columns, one row after the other: `s[i] = s[i] + x[r, i]`.
///
/// # Shape
/// `sums: [columns]`, `rows: [rows, columns]`.
///
/// # Parameters
/// With `fresh` the sums begin at 0, whatever they held.
///
/// # Panics
/// When `rows` is not a number of rows as long as `sums`.
pub fn add_rows(isa: Isa, rows: &[f32], fresh: bool, sums: &mut [f32]) {
    assert!(rows.len().is_multiple_of(sums.len().max(1)), "{} in {}", rows.len(), sums.len());
    dispatch(isa, AddRows { rows, fresh, sums });
}

struct AddRows<'a> {
    rows: &'a [f32],
    fresh: bool,
    sums: &'a mut [f32],
}

impl Kernel for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(mut self) {
        let mut first = 0;
        first = self.blocks::<V, 8>(first);
        first = self.blocks::<V, 4>(first);
        first = self.blocks::<V, 2>(first);
        first = self.blocks::<V, 1>(first);
        let AddRows { rows, fresh, sums } = self;
        let (columns, rest) = (sums.len(), &mut sums[first..]);
        if !rest.is_empty() {
            let len = rest.len();
            let mut total = if fresh { V::splat(0.0) } else { load(rest, len) };
            for row in rows.chunks_exact(columns) {
                total = total.add(load(&row[first..], len));
            }
            store(total, rest, len);
        }
    }
}

impl AddRows<'_> {
    /// Adds to blocks of `B` whole registers of sums from column `first` on. The column after them.
    #[inline(always)]
    fn blocks<V: Lanes, const B: usize>(&mut self, mut first: usize) -> usize {
        let columns = self.sums.len();
        while columns - first >= B * V::WIDTH {
            let sums = &mut self.sums[first..first + B * V::WIDTH];
            let mut totals = [V::splat(0.0); B];
            if !self.fresh {
                for (b, total) in totals.iter_mut().enumerate() {
                    *total = V::load(&sums[b * V::WIDTH..]);
                }
            }
            for row in self.rows.chunks_exact(columns) {
                let row = &row[first..first + B * V::WIDTH];
                for (b, total) in totals.iter_mut().enumerate() {
                    *total = total.add(V::load(&row[b * V::WIDTH..]));
                }
            }
            for (b, total) in totals.into_iter().enumerate() {
                total.store(&mut sums[b * V::WIDTH..]);
            }
            first += B * V::WIDTH;
        }
        first
    }
}

/// In which order parts of sums are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// One after the other: the law of contractions.
    InTurn,
    /// By [`tree`](kerros_core::law::reduce::tree): the law of reductions.
    Tree,
}

/// What happens to each sum of [`combine`] in the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish<'a> {
    /// `y = y + bias`, the sums being rows as long as the bias.
    pub bias: Option<&'a [f32]>,
    /// `y = max(y, 0)`.
    pub relu: bool,
}

/// Adds parts of sums: `y[i] = x[0, i] + x[1, i] + ..`, in this order. `y` holds the elements from
/// `first` on, whole rows where there is a bias.
///
/// # Shape
/// `parts: [parts, len]`, at least one part; `y` a part of `[len]`.
///
/// # Panics
/// When a slice has not the length that is said.
pub fn combine(
    isa: Isa,
    (order, finish): (Order, Finish<'_>),
    len: usize,
    first: usize,
    parts: &[f32],
    y: &mut [f32],
) {
    assert!(first + y.len() <= len, "{} elements from {first} on, of {len}", y.len());
    assert!(parts.len() >= len && parts.len().is_multiple_of(len.max(1)), "parts of {len}");
    let row = finish.bias.map_or(1, <[f32]>::len).max(1);
    assert!(first.is_multiple_of(row) && y.len().is_multiple_of(row), "rows of {row} from {first}");
    dispatch(isa, Combine { order, finish, len, first, parts, y });
}

struct Combine<'a> {
    order: Order,
    finish: Finish<'a>,
    len: usize,
    first: usize,
    parts: &'a [f32],
    y: &'a mut [f32],
}

impl Combine<'_> {
    /// The sum of as many elements as a register has, or fewer, from here on.
    #[inline(always)]
    fn sum<V: Lanes>(&self, start: usize, count: usize) -> V {
        let mut parts = self.parts.chunks_exact(self.len);
        match self.order {
            Order::InTurn => {
                let mut total = load::<V>(&self.parts[start..], count);
                for part in parts.skip(1) {
                    total = total.add(load(&part[start..], count));
                }
                total
            }
            Order::Tree => {
                let mut tree = Tree::<V, 1>::new();
                for part in &mut parts {
                    tree.push::<Sum>([load(&part[start..], count)]);
                }
                let [total] = tree.finish::<Sum>();
                total
            }
        }
    }
}

impl Kernel for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let (first, finish) = (self.first, self.finish);
        let num = self.y.len();
        let row = finish.bias.map_or(num, <[f32]>::len).max(1);
        let zero = V::splat(0.0);
        for row_start in (0..num).step_by(row) {
            for column in (0..row).step_by(V::WIDTH) {
                let count = V::WIDTH.min(row - column);
                let at = row_start + column;
                let mut total: V = self.sum(first + at, count);
                if let Some(bias) = finish.bias {
                    total = total.add(load(&bias[column..], count));
                }
                if finish.relu {
                    total = V::select(total.le(zero), zero, total);
                }
                store(total, &mut self.y[at..at + count], count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::law::contraction_chunk;
    use kerros_core::law::reduce::{COLUMN_PIECE, down_column};

    use super::*;
    use crate::gemm::{Gemm, Matrix, Operands, Pair, Scratch, gemm};
    use crate::reduce::tests::{numbers, words};

    /// Where blocks of at most this many rows begin and end that do not cross these bounds.
    fn blocks(rows: usize, most: usize, bound: usize) -> Vec<std::ops::Range<usize>> {
        let mut blocks = Vec::new();
        let mut start = 0;
        while start < rows {
            let end = rows.min(start + most).min((start / bound + 1) * bound);
            blocks.push(start..end);
            start = end;
        }
        blocks
    }

    #[test]
    fn rows_a_few_at_a_time_are_the_reduction_of_all() {
        for (rows, columns, most) in [(1, 1, 1), (300, 7, 11), (1024, 33, 64), (1500, 70, 256)] {
            let x = numbers(1, rows * columns);
            let want: Vec<f32> = (0..columns)
                .map(|i| down_column(rows, 0.0, |r| x[r * columns + i], |a, b| a + b))
                .collect();
            for isa in Isa::available() {
                let pieces = rows.div_ceil(COLUMN_PIECE);
                let mut sums = vec![f32::NAN; pieces * columns];
                for block in blocks(rows, most, COLUMN_PIECE) {
                    let piece = block.start / COLUMN_PIECE;
                    let sums = &mut sums[piece * columns..(piece + 1) * columns];
                    let fresh = block.start.is_multiple_of(COLUMN_PIECE);
                    add_rows(isa, &x[block.start * columns..block.end * columns], fresh, sums);
                }
                let mut y = vec![f32::NAN; columns];
                let (left, right) = y.split_at_mut(columns / 2);
                combine(isa, (Order::Tree, Finish::default()), columns, 0, &sums, left);
                let end = (Order::Tree, Finish::default());
                combine(isa, end, columns, columns / 2, &sums, right);
                assert_eq!(words(&y), words(&want), "{rows} x {columns} {isa:?}");
            }
        }
    }

    #[test]
    fn sums_end_as_a_layer_does() {
        let special = [f32::NAN, -0.0, 0.0, f32::INFINITY, f32::NEG_INFINITY, -1e-45];
        for (rows, columns) in [(1, 1), (3, 5), (4, 8), (2, 37)] {
            let len = rows * columns;
            let mut parts = numbers(3, 2 * len);
            // What is added to these is -0: they arrive as they are.
            for (at, special) in special.into_iter().enumerate().take(len) {
                (parts[at], parts[len + at]) = (special, -0.0);
            }
            let mut bias = numbers(4, columns);
            bias[0] = -0.0;
            for (with_bias, relu) in [(false, false), (true, false), (false, true), (true, true)] {
                let want: Vec<f32> = (0..len)
                    .map(|at| {
                        let sum = parts[at] + parts[len + at];
                        let sum = if with_bias { sum + bias[at % columns] } else { sum };
                        if relu && sum <= 0.0 { 0.0 } else { sum }
                    })
                    .collect();
                for isa in Isa::available() {
                    let end = Finish { bias: with_bias.then_some(&bias[..]), relu };
                    let mut y = vec![f32::NAN; len];
                    let (upper, lower) = y.split_at_mut(rows / 2 * columns);
                    let first = upper.len();
                    combine(isa, (Order::InTurn, end), len, 0, &parts, upper);
                    combine(isa, (Order::InTurn, end), len, first, &parts, lower);
                    assert_eq!(words(&y), words(&want), "{rows} x {columns} {end:?} {isa:?}");
                }
            }
        }
    }

    #[test]
    fn products_a_few_rows_at_a_time_are_the_product_of_all() {
        for (rows, m, n, most) in
            [(1, 1, 1, 1), (1500, 7, 40, 48), (2048, 30, 1, 64), (2100, 13, 33, 300)]
        {
            let (a, b) = (numbers(1, rows * m), numbers(2, rows * n));
            let product =
                Gemm { a: Matrix::row_major(m).transposed(), ..Gemm::row_major(m, n, rows) };
            for isa in Isa::available() {
                let (mut scratch, mut want) = (Scratch::new(), vec![f32::NAN; m * n]);
                let all = Operands { a: &a, b: &b, ..Operands::default() };
                let pairs = [Pair::default()];
                gemm(isa, &product, 0..m, &pairs, all, &mut want, &mut scratch).unwrap();
                let chunk_len = contraction_chunk(rows);
                let mut parts = vec![f32::NAN; rows.div_ceil(chunk_len) * m * n];
                for block in blocks(rows, most, chunk_len) {
                    let chunk = block.start / chunk_len;
                    let fresh = block.start.is_multiple_of(chunk_len);
                    let own = Gemm { k: block.len(), continues: !fresh, ..product };
                    let operands = Operands {
                        a: &a[block.start * m..block.end * m],
                        b: &b[block.start * n..block.end * n],
                        ..Operands::default()
                    };
                    let c = &mut parts[chunk * m * n..(chunk + 1) * m * n];
                    gemm(isa, &own, 0..m, &pairs, operands, c, &mut scratch).unwrap();
                }
                let mut found = vec![f32::NAN; m * n];
                combine(isa, (Order::InTurn, Finish::default()), m * n, 0, &parts, &mut found);
                assert_eq!(words(&found), words(&want), "{rows} x {m} x {n} {isa:?}");
            }
        }
    }
}
