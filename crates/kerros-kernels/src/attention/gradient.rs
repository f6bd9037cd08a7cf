//! The derivative of attention.

use kerros_core::law::attention::{QUERY_BLOCK, keys_of_block};

use super::scores::Back;
use super::{Scoring, Scratch, Sizes, Weights, blocks, strip};
use crate::Isa;
use crate::gemm::Matrix;
use crate::lanes::dispatch;
use crate::product::{Panels, Product};

/// The derivatives of [`Attention`](super::Attention) with respect to queries, keys and
/// values.
///
/// For a block of queries with the weights `p` and `dp = dy · v^T`:
/// `ds = (dp - sum(dp p)) p * scale`, 0 where a key is not to be seen; `dq = ds · k`, and
/// `ds^T · q` and `p^T · dy` are added to `dk` and `dv`, from the last block to the first.
#[derive(Debug)]
pub struct AttentionGradient<'a> {
    /// The sizes.
    pub sizes: Sizes,
    /// How products become scores.
    pub scoring: Scoring<'a>,
    /// `[batch, queries, heads, dim]`.
    pub q: &'a [f32],
    /// `[batch, keys, heads, dim]`.
    pub k: &'a [f32],
    /// `[batch, keys, heads, value_dim]`.
    pub v: &'a [f32],
    /// `[batch, queries, heads, value_dim]`.
    pub dy: &'a [f32],
    /// Like `q`.
    pub dq: &'a mut [f32],
    /// Like `k`.
    pub dk: &'a mut [f32],
    /// Like `v`.
    pub dv: &'a mut [f32],
}

impl AttentionGradient<'_> {
    /// Computes `dq`, `dk` and `dv`.
    ///
    /// # Panics
    /// When a slice has another length than its sizes say, or there is no key.
    pub fn run(mut self, isa: Isa, scratch: &mut Scratch) {
        let Sizes { batch, queries, keys, heads, dim, value_dim } = self.sizes;
        assert_eq!(self.q.len(), batch * queries * heads * dim, "queries");
        assert_eq!(self.k.len(), batch * keys * heads * dim, "keys");
        assert_eq!(self.v.len(), batch * keys * heads * value_dim, "values");
        assert_eq!(self.dy.len(), batch * queries * heads * value_dim, "derivative of results");
        assert_eq!(self.dq.len(), self.q.len(), "derivative of queries");
        assert_eq!(self.dk.len(), self.k.len(), "derivative of keys");
        assert_eq!(self.dv.len(), self.v.len(), "derivative of values");
        self.scoring.check(self.sizes);
        // Blocks write what they reach; where there is none, nothing does.
        if queries == 0 {
            self.dk.fill(0.0);
            self.dv.fill(0.0);
        }
        for b in 0..batch {
            for head in 0..heads {
                self.head(isa, [b, head], scratch);
            }
        }
    }

    fn head(&mut self, isa: Isa, [b, head]: [usize; 2], scratch: &mut Scratch) {
        let Sizes { queries, keys, dim, value_dim, .. } = self.sizes;
        let Scratch { keys: turned, values, rows: plain, block: packed, scores, weights } = scratch;
        let (key_first, key_stride) = self.sizes.row([b, 0, head], keys, dim);
        let (value_first, value_stride) = self.sizes.row([b, 0, head], keys, value_dim);
        let k = &self.k[key_first.min(self.k.len())..];
        let v = &self.v[value_first.min(self.v.len())..];
        let together = queries.min(QUERY_BLOCK);
        let layout = Matrix::row_major(key_stride);
        let plain_keys = Panels::pack(isa, k, layout, [keys, dim], together, plain);
        let layout = layout.transposed();
        let turned_keys = Panels::pack(isa, k, layout, [dim, keys], together, turned);
        let layout = Matrix::row_major(value_stride).transposed();
        let turned_values = Panels::pack(isa, v, layout, [value_dim, keys], together, values);
        for (rows, end) in blocks(0..queries, queries).rev() {
            let reached = keys_of_block(self.scoring.causal, end, keys);
            let is_last = end == queries;
            let m = rows.len();
            let (q_first, q_stride) = self.sizes.row([b, rows.start, head], queries, dim);
            let (dy_first, dy_stride) = self.sizes.row([b, rows.start, head], queries, value_dim);
            let (q, dy) =
                (&self.q[q_first.min(self.q.len())..], &self.dy[dy_first.min(self.dy.len())..]);
            let block = Weights {
                scoring: self.scoring,
                place: [b, head],
                rows: rows.clone(),
                reached,
                q,
                q_stride,
                dim,
                turned: turned_keys,
            };
            let weights = &*block.run(isa, scores, weights);
            // The scores are used up: their place is that of the derivatives.
            let derivatives = scores.take(m * reached);
            let through_values = Product {
                m,
                n: reached,
                k: value_dim,
                a: dy,
                a_layout: Matrix::row_major(dy_stride),
                b: turned_values,
                bias: None,
                accumulate: false,
                c_row_stride: reached,
            };
            through_values.run(isa, derivatives);
            let back = Back {
                scoring: self.scoring,
                place: [b, head],
                rows,
                reached,
                weights,
                derivatives,
            };
            dispatch(isa, back);
            let derivatives = &*derivatives;
            let to_queries = Product {
                m,
                n: dim,
                k: reached,
                a: derivatives,
                a_layout: Matrix::row_major(reached),
                b: plain_keys,
                bias: None,
                accumulate: false,
                c_row_stride: q_stride,
            };
            to_queries.run(isa, strip(self.dq, q_first, m, q_stride, dim));
            let columns = Matrix::row_major(reached).transposed();
            let to_keys = Product {
                m: reached,
                n: dim,
                k: m,
                a: derivatives,
                a_layout: columns,
                b: Panels::pack(isa, q, Matrix::row_major(q_stride), [m, dim], reached, packed),
                bias: None,
                accumulate: !is_last,
                c_row_stride: key_stride,
            };
            to_keys.run(isa, strip(self.dk, key_first, reached, key_stride, dim));
            let to_values = Product {
                m: reached,
                n: value_dim,
                k: m,
                a: weights,
                a_layout: columns,
                b: Panels::pack(
                    isa,
                    dy,
                    Matrix::row_major(dy_stride),
                    [m, value_dim],
                    reached,
                    packed,
                ),
                bias: None,
                accumulate: !is_last,
                c_row_stride: value_stride,
            };
            to_values.run(isa, strip(self.dv, value_first, reached, value_stride, value_dim));
            if is_last {
                for row in reached..keys {
                    self.dk[key_first + row * key_stride..][..dim].fill(0.0);
                    self.dv[value_first + row * value_stride..][..value_dim].fill(0.0);
                }
            }
        }
    }
}
