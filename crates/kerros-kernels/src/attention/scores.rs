//! What happens to the scores of a block, and to their derivatives.

use std::ops::Range;

use kerros_core::law::Lanes;
use kerros_core::law::attention::MASKED_SCORE;

use super::{ScoreInput, ScoreView, Scoring, Sizes};
use crate::lanes::Kernel;
use crate::reduce::fold::Sum;
use crate::reduce::row::{Elements, fold_row, load, store};

impl Scoring<'_> {
    /// # Panics
    /// When there is no key, or a bias or mask is too short for these sizes.
    pub(super) fn check(&self, sizes: Sizes) {
        assert!(sizes.keys > 0, "at least one key");
        let lens = [sizes.batch, sizes.heads, sizes.queries, sizes.keys];
        if let ScoreInput::Bias(view) | ScoreInput::Mask(view) = self.input {
            let last: usize =
                lens.iter().zip(view.strides).map(|(len, by)| len.saturating_sub(1) * by).sum();
            // Where there is no score, none of the numbers is read.
            let fits = lens.contains(&0) || last < view.numbers.len();
            assert!(fits && view.strides[3] <= 1, "bias or mask");
        }
    }
}

impl<'a> ScoreView<'a> {
    /// The numbers of one query, from its first key on.
    #[inline(always)]
    fn row(&self, [batch, head]: [usize; 2], query: usize) -> &'a [f32] {
        let [of_batch, of_head, of_query, _] = self.strides;
        &self.numbers[batch * of_batch + head * of_head + query * of_query..]
    }

    /// Some numbers of such a row.
    #[inline(always)]
    fn at<V: Lanes>(&self, row: &[f32], at: usize, count: usize) -> V {
        if self.strides[3] == 0 { V::splat(row[0]) } else { load(&row[at..], count) }
    }
}

/// Products to scores, in place.
pub(super) struct Scale<'a> {
    pub(super) scoring: Scoring<'a>,
    /// Sequence and head.
    pub(super) place: [usize; 2],
    /// Which queries.
    pub(super) rows: Range<usize>,
    /// How many keys they reach.
    pub(super) reached: usize,
    /// `[rows, reached]`.
    pub(super) scores: &'a mut [f32],
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Scoring { scale, causal, input } = self.scoring;
        let scale = V::splat(scale);
        for (query, scores) in self.rows.zip(self.scores.chunks_exact_mut(self.reached)) {
            let len = scores.len();
            let seen = if causal { len.min(query + 1) } else { len };
            let mut at = 0;
            match input {
                ScoreInput::None => {
                    while at < seen {
                        let count = V::WIDTH.min(len - at);
                        let score = load::<V>(&scores[at..], count).mul(scale);
                        store(score, &mut scores[at..], count);
                        at += count;
                    }
                }
                ScoreInput::Bias(view) => {
                    let row = view.row(self.place, query);
                    while at < seen {
                        let count = V::WIDTH.min(len - at);
                        let score = load::<V>(&scores[at..], count).mul(scale);
                        store(score.add(view.at(row, at, count)), &mut scores[at..], count);
                        at += count;
                    }
                }
                ScoreInput::Mask(view) => {
                    let row = view.row(self.place, query);
                    while at < seen {
                        let count = V::WIDTH.min(len - at);
                        let score = load::<V>(&scores[at..], count).mul(scale);
                        let hidden = view.at::<V>(row, at, count).eq(V::splat(0.0));
                        let score = V::select(hidden, V::splat(MASKED_SCORE), score);
                        store(score, &mut scores[at..], count);
                        at += count;
                    }
                }
            }
            scores[seen..].fill(MASKED_SCORE);
        }
    }
}

/// `ds = (dp - sum(dp p)) p * scale`, 0 where a key is not to be seen; in the place of `dp`.
pub(super) struct Back<'a> {
    pub(super) scoring: Scoring<'a>,
    /// Sequence and head.
    pub(super) place: [usize; 2],
    /// Which queries.
    pub(super) rows: Range<usize>,
    /// How many keys they reach.
    pub(super) reached: usize,
    /// `[rows, reached]`.
    pub(super) weights: &'a [f32],
    /// `[rows, reached]`: `dp`, then `ds`.
    pub(super) derivatives: &'a mut [f32],
}

/// `a b`, element by element.
struct Products<'a>(&'a [f32], &'a [f32]);

impl<V: Lanes> Elements<V> for Products<'_> {
    #[inline(always)]
    fn at(&mut self, i: usize, count: usize) -> V {
        load::<V>(&self.0[i..], count).mul(load(&self.1[i..], count))
    }
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Scoring { scale, causal, input } = self.scoring;
        let (scale, zero) = (V::splat(scale), V::splat(0.0));
        let rows = self.weights.chunks_exact(self.reached);
        let rows = rows.zip(self.derivatives.chunks_exact_mut(self.reached));
        for (query, (p, dp)) in self.rows.zip(rows) {
            let len = p.len();
            let level = V::splat(fold_row::<V, Sum, 2>(&mut Products(dp, p), 0, len));
            let seen = if causal { len.min(query + 1) } else { len };
            let mask = match input {
                ScoreInput::Mask(view) => Some((view, view.row(self.place, query))),
                _ => None,
            };
            let mut at = 0;
            while at < seen {
                let count = V::WIDTH.min(len - at);
                let p: V = load(&p[at..], count);
                let mut ds = load::<V>(&dp[at..], count).sub(level).mul(p);
                if let Some((view, row)) = mask {
                    ds = V::select(view.at::<V>(row, at, count).eq(zero), zero, ds);
                }
                store(ds.mul(scale), &mut dp[at..], count);
                at += count;
            }
            // 0 times the scale: its sign is that of the scale.
            dp[seen..].fill(0.0 * self.scoring.scale);
        }
    }
}
