//! Scaled dot-product attention and its derivative, a block of queries at a time.
//!
//! For a block of [`QUERY_BLOCK`] queries of one head the scores of all keys that it reaches
//! are computed, brought to weights and used at once, so that they never leave the cache and
//! no matrix of all queries by all keys exists. Rows of scores are whole: nothing is rescaled
//! on the way, and results are those of the plain formula, bit for bit. The derivative
//! computes the weights again. The order of roundings is in
//! [`kerros_core::law::attention`].

mod gradient;
mod scores;
#[cfg(test)]
mod tests;

pub use gradient::AttentionGradient;

use std::ops::Range;

use kerros_core::law::attention::{QUERY_BLOCK, keys_of_block};

use crate::Isa;
use crate::gemm::Matrix;
use crate::gemm::scratch::AlignedBuffer;
use crate::lanes::dispatch;
use crate::product::{Panels, Product};
use crate::softmax::softmax;
use scores::Scale;

/// The sizes of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Sequences side by side.
    pub batch: usize,
    /// Queries of each.
    pub queries: usize,
    /// Keys of each.
    pub keys: usize,
    /// Heads side by side.
    pub heads: usize,
    /// Length of queries and keys.
    pub dim: usize,
    /// Length of values.
    pub value_dim: usize,
}

impl Sizes {
    /// Where a head's row begins among `[batch, rows, heads, width]`, and how far it is from
    /// one row to the next.
    fn row(self, [batch, row, head]: [usize; 3], rows: usize, width: usize) -> (usize, usize) {
        (((batch * rows + row) * self.heads + head) * width, self.heads * width)
    }
}

/// How products become scores.
#[derive(Clone, Copy, Debug)]
pub struct Scoring<'a> {
    /// What products are multiplied by.
    pub scale: f32,
    /// Whether query `i` sees the keys `0..=i` only.
    pub causal: bool,
    /// What else bears on them.
    pub input: ScoreInput<'a>,
}

/// Numbers that bear on the scores.
#[derive(Clone, Copy, Debug)]
pub enum ScoreInput<'a> {
    /// None.
    None,
    /// Added to the scaled products.
    Bias(ScoreView<'a>),
    /// Whether a query may see a key, as 0 or another number.
    Mask(ScoreView<'a>),
}

/// Numbers of `[batch, heads, query, key]`, some of these axes stretched.
#[derive(Clone, Copy, Debug)]
pub struct ScoreView<'a> {
    /// The numbers.
    pub numbers: &'a [f32],
    /// Elements from one entry to the next on each axis: 0 where it is stretched; of keys 0
    /// or 1.
    pub strides: [usize; 4],
}

/// Memory that a thread lends to attention, grown as needed and used again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The keys of a head, transposed.
    keys: AlignedBuffer,
    /// The values of a head, in the derivative transposed.
    values: AlignedBuffer,
    /// The keys of a head as they are.
    rows: AlignedBuffer,
    /// Queries, or derivatives of results, of a block.
    block: AlignedBuffer,
    /// Scores of a block.
    scores: AlignedBuffer,
    /// Weights of a block.
    weights: AlignedBuffer,
}

/// `y = softmax(scale q · k^T + bias) · v` for each head.
#[derive(Debug)]
pub struct Attention<'a> {
    /// The sizes; `queries` is how many there are altogether.
    pub sizes: Sizes,
    /// Which queries to compute, of every sequence.
    pub range: Range<usize>,
    /// How products become scores.
    pub scoring: Scoring<'a>,
    /// `[batch, range, heads, dim]`.
    pub q: &'a [f32],
    /// `[batch, keys, heads, dim]`.
    pub k: &'a [f32],
    /// `[batch, keys, heads, value_dim]`.
    pub v: &'a [f32],
    /// `[batch, range, heads, value_dim]`.
    pub y: &'a mut [f32],
}

impl Attention<'_> {
    /// Computes `y`.
    ///
    /// # Panics
    /// When a slice has another length than its sizes say, or there is no key.
    pub fn run(self, isa: Isa, scratch: &mut Scratch) {
        let Sizes { batch, queries, keys, heads, dim, value_dim } = self.sizes;
        assert!(self.range.start <= self.range.end && self.range.end <= queries, "range");
        let own = self.range.len();
        assert_eq!(self.q.len(), batch * own * heads * dim, "queries");
        assert_eq!(self.k.len(), batch * keys * heads * dim, "keys");
        assert_eq!(self.v.len(), batch * keys * heads * value_dim, "values");
        assert_eq!(self.y.len(), batch * own * heads * value_dim, "results");
        self.scoring.check(self.sizes);
        let Scratch { keys: turned, values, scores, weights, .. } = scratch;
        let m = own.min(QUERY_BLOCK);
        for b in 0..batch {
            for head in 0..heads {
                let (first, stride) = self.sizes.row([b, 0, head], keys, dim);
                let k = &self.k[first.min(self.k.len())..];
                let layout = Matrix::row_major(stride).transposed();
                let turned = Panels::pack(isa, k, layout, [dim, keys], m, turned);
                let (first, stride) = self.sizes.row([b, 0, head], keys, value_dim);
                let v = &self.v[first.min(self.v.len())..];
                let layout = Matrix::row_major(stride);
                let values = Panels::pack(isa, v, layout, [keys, value_dim], m, values);
                for (rows, end) in blocks(self.range.clone(), queries) {
                    let reached = keys_of_block(self.scoring.causal, end, keys);
                    let place = [b, rows.start - self.range.start, head];
                    let (first, stride) = self.sizes.row(place, own, dim);
                    let block = Weights {
                        scoring: self.scoring,
                        place: [b, head],
                        rows: rows.clone(),
                        reached,
                        q: &self.q[first.min(self.q.len())..],
                        q_stride: stride,
                        dim,
                        turned,
                    };
                    let weights = block.run(isa, scores, weights);
                    let (first, stride) = self.sizes.row(place, own, value_dim);
                    let product = Product {
                        m: rows.len(),
                        n: value_dim,
                        k: reached,
                        a: weights,
                        a_layout: Matrix::row_major(reached),
                        b: values,
                        bias: None,
                        accumulate: false,
                        c_row_stride: stride,
                    };
                    let y = strip(self.y, first, rows.len(), stride, value_dim);
                    product.run(isa, y);
                }
            }
        }
    }
}

/// The parts of blocks that lie in a range of queries, and where each block ends.
fn blocks(
    range: Range<usize>,
    queries: usize,
) -> impl DoubleEndedIterator<Item = (Range<usize>, usize)> {
    let numbers = range.start / QUERY_BLOCK..range.end.div_ceil(QUERY_BLOCK);
    numbers.filter_map(move |number| {
        let (first, end) = (number * QUERY_BLOCK, queries.min((number + 1) * QUERY_BLOCK));
        let rows = first.max(range.start)..end.min(range.end);
        (!rows.is_empty()).then_some((rows, end))
    })
}

/// `rows` rows of `width` numbers, `stride` apart, and what lies between them.
fn strip(
    numbers: &mut [f32],
    first: usize,
    rows: usize,
    stride: usize,
    width: usize,
) -> &mut [f32] {
    if rows == 0 || width == 0 {
        return &mut [];
    }
    &mut numbers[first..first + (rows - 1) * stride + width]
}

/// The weights that some queries of one head give to keys.
struct Weights<'a> {
    scoring: Scoring<'a>,
    /// Sequence and head.
    place: [usize; 2],
    /// Which queries.
    rows: Range<usize>,
    /// How many keys they reach.
    reached: usize,
    /// From the first of these queries on.
    q: &'a [f32],
    q_stride: usize,
    dim: usize,
    /// The keys, transposed.
    turned: Panels<'a>,
}

impl Weights<'_> {
    /// `[rows, reached]`.
    fn run<'b>(
        &self,
        isa: Isa,
        scores: &mut AlignedBuffer,
        weights: &'b mut AlignedBuffer,
    ) -> &'b mut [f32] {
        let (m, n) = (self.rows.len(), self.reached);
        let product = Product {
            m,
            n,
            k: self.dim,
            a: self.q,
            a_layout: Matrix::row_major(self.q_stride),
            b: self.turned,
            bias: None,
            accumulate: false,
            c_row_stride: n,
        };
        let scores = scores.take(m * n);
        product.run(isa, scores);
        let (scoring, place) = (self.scoring, self.place);
        dispatch(isa, Scale { scoring, place, rows: self.rows.clone(), reached: n, scores });
        let weights = weights.take(m * n);
        softmax(isa, n, scores, weights);
        weights
    }
}
