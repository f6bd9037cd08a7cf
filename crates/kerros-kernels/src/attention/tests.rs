//! Attention and its derivative against their formulas, one number at a time by the law.

use kerros_core::law::attention::MASKED_SCORE;
use kerros_core::law::dot_chain;
use kerros_core::law::reduce::along_row;
use kerros_core::law::rows::softmax_row;

use super::*;
use crate::reduce::tests::{numbers, words};

/// Sizes around blocks and registers; heads whose rows compete for cache lines.
const SIZES: [[usize; 6]; 7] = [
    [2, 3, 4, 2, 3, 2],
    [1, 33, 70, 1, 8, 9],
    [2, 70, 33, 2, 16, 16],
    [1, 64, 64, 3, 5, 1],
    [1, 2, 3, 16, 64, 64],
    [1, 0, 3, 2, 2, 2],
    [1, 1, 1030, 1, 4, 4],
];

struct Case {
    sizes: Sizes,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    dy: Vec<f32>,
    extra: Vec<f32>,
    strides: [usize; 4],
}

impl Case {
    fn new(at: usize, [batch, queries, keys, heads, dim, value_dim]: [usize; 6]) -> Case {
        let sizes = Sizes { batch, queries, keys, heads, dim, value_dim };
        let seed = 10 * at as u64;
        // A bias for all, for every key of a sequence, or for every query of a head.
        let (len, strides) = match at % 3 {
            0 => {
                let strides = [heads * queries * keys, queries * keys, keys, 1];
                (batch * heads * queries * keys, strides)
            }
            1 => (batch * keys, [keys, 0, 0, 1]),
            _ => (heads * queries, [0, queries, 1, 0]),
        };
        Case {
            sizes,
            q: numbers(seed + 1, batch * queries * heads * dim),
            k: numbers(seed + 2, batch * keys * heads * dim),
            v: numbers(seed + 3, batch * keys * heads * value_dim),
            dy: numbers(seed + 4, batch * queries * heads * value_dim),
            extra: numbers(seed + 5, len),
            strides,
        }
    }

    /// Every way to score; the mask hides a third, and now and then all that a query sees.
    fn scorings(&self, check: impl Fn(Scoring<'_>)) {
        let mask: Vec<f32> = (0..self.extra.len())
            .map(|at| f32::from(u8::from(at % 3 == 1 && at % 5 != 1)))
            .collect();
        let view = |numbers| ScoreView { numbers, strides: self.strides };
        for causal in [false, true] {
            for input in [
                ScoreInput::None,
                ScoreInput::Bias(view(&self.extra)),
                ScoreInput::Mask(view(&mask)),
            ] {
                check(Scoring { scale: 0.37, causal, input });
            }
        }
    }

    fn row<'a>(&self, of: &'a [f32], place: [usize; 3], rows: usize, width: usize) -> &'a [f32] {
        &of[self.sizes.row(place, rows, width).0..][..width]
    }

    /// The weights of the keys that a query's block reaches, and which it may see.
    fn weights(&self, scoring: Scoring<'_>, [b, query, head]: [usize; 3]) -> (Vec<f32>, Vec<bool>) {
        let Sizes { queries, keys, dim, .. } = self.sizes;
        let end = queries.min(query / QUERY_BLOCK * QUERY_BLOCK + QUERY_BLOCK);
        let reached = keys_of_block(scoring.causal, end, keys);
        let q = self.row(&self.q, [b, query, head], queries, dim);
        let [of_batch, of_head, of_query, of_key] = self.strides;
        let place = |key| b * of_batch + head * of_head + query * of_query + key * of_key;
        let mut allowed = Vec::new();
        let scores: Vec<f32> = (0..reached)
            .map(|key| {
                let k = self.row(&self.k, [b, key, head], keys, dim);
                let mut score = dot_chain(dim, |i| q[i], |i| k[i]) * scoring.scale;
                let mut sees = !scoring.causal || key <= query;
                match scoring.input {
                    ScoreInput::Bias(view) => score += view.numbers[place(key)],
                    ScoreInput::Mask(view) => sees &= view.numbers[place(key)] != 0.0,
                    ScoreInput::None => {}
                }
                allowed.push(sees);
                if sees { score } else { MASKED_SCORE }
            })
            .collect();
        let mut weights = vec![0.0; reached];
        softmax_row(&scores, &mut weights);
        (weights, allowed)
    }

    fn forward(&self, scoring: Scoring<'_>) -> Vec<f32> {
        let Sizes { batch, queries, keys, heads, value_dim, .. } = self.sizes;
        let mut y = Vec::new();
        for b in 0..batch {
            for query in 0..queries {
                for head in 0..heads {
                    let (p, _) = self.weights(scoring, [b, query, head]);
                    for i in 0..value_dim {
                        let v = |key| self.row(&self.v, [b, key, head], keys, value_dim)[i];
                        y.push(dot_chain(p.len(), |key| p[key], v));
                    }
                }
            }
        }
        y
    }

    fn backward(&self, scoring: Scoring<'_>) -> [Vec<f32>; 3] {
        let Sizes { batch, queries, keys, heads, dim, value_dim } = self.sizes;
        let mut results = [&self.q, &self.k, &self.v].map(|like| vec![0.0; like.len()]);
        for (b, head) in (0..batch).flat_map(|b| (0..heads).map(move |head| (b, head))) {
            let mut is_last = true;
            for first in (0..queries).step_by(QUERY_BLOCK).rev() {
                let rows = first..queries.min(first + QUERY_BLOCK);
                let (mut p, mut ds) = (Vec::new(), Vec::new());
                for query in rows.clone() {
                    let (weights, allowed) = self.weights(scoring, [b, query, head]);
                    let dy = self.row(&self.dy, [b, query, head], queries, value_dim);
                    let dp: Vec<f32> = (0..weights.len())
                        .map(|key| {
                            let v = self.row(&self.v, [b, key, head], keys, value_dim);
                            dot_chain(value_dim, |i| dy[i], |i| v[i])
                        })
                        .collect();
                    let level =
                        along_row(dp.len(), 0.0f32, |key| dp[key] * weights[key], |a, b| a + b);
                    let row: Vec<f32> = (0..dp.len())
                        .map(|key| {
                            let ds = (dp[key] - level) * weights[key];
                            (if allowed[key] { ds } else { 0.0 }) * scoring.scale
                        })
                        .collect();
                    let to = self.sizes.row([b, query, head], queries, dim).0;
                    for i in 0..dim {
                        let k = |key| self.row(&self.k, [b, key, head], keys, dim)[i];
                        results[0][to + i] = dot_chain(row.len(), |key| row[key], k);
                    }
                    p.push(weights);
                    ds.push(row);
                }
                for key in 0..p[0].len() {
                    for (at, from, left, width) in
                        [(1, &self.q, &ds, dim), (2, &self.dy, &p, value_dim)]
                    {
                        let to = self.sizes.row([b, key, head], keys, width).0;
                        for i in 0..width {
                            let right =
                                |n: usize| self.row(from, [b, first + n, head], queries, width)[i];
                            let sum = dot_chain(rows.len(), |n| left[n][key], right);
                            let total = &mut results[at][to + i];
                            *total = if is_last { sum } else { *total + sum };
                        }
                    }
                }
                is_last = false;
            }
        }
        results
    }
}

#[test]
fn attention_is_its_formula_however_queries_are_shared_out() {
    for (at, sizes) in SIZES.into_iter().enumerate() {
        let case = Case::new(at, sizes);
        case.scorings(|scoring| {
            let want = case.forward(scoring);
            for isa in Isa::available() {
                let mut scratch = Scratch::default();
                let Sizes { batch, queries, heads, dim, value_dim, .. } = case.sizes;
                let mut y = vec![9.0; want.len()];
                // A sequence alone may be cut anywhere.
                let cuts =
                    if batch == 1 { vec![0, queries / 3, queries] } else { vec![0, queries] };
                for cut in cuts.windows(2) {
                    let part = |width: usize| cut[0] * heads * width..cut[1] * heads * width;
                    let whole = batch > 1;
                    let call = Attention {
                        sizes: case.sizes,
                        range: cut[0]..cut[1],
                        scoring,
                        q: if whole { &case.q } else { &case.q[part(dim)] },
                        k: &case.k,
                        v: &case.v,
                        y: if whole { &mut y } else { &mut y[part(value_dim)] },
                    };
                    call.run(isa, &mut scratch);
                }
                assert_eq!(words(&y), words(&want), "{:?} {scoring:?} {isa:?}", case.sizes);
            }
        });
    }
}

#[test]
fn the_gradient_is_its_formula() {
    for (at, sizes) in SIZES.into_iter().enumerate() {
        let case = Case::new(at, sizes);
        case.scorings(|scoring| {
            let want = case.backward(scoring);
            for isa in Isa::available() {
                let mut found = want.clone().map(|result| vec![9.0; result.len()]);
                let [dq, dk, dv] = &mut found;
                let Case { sizes, q, k, v, dy, .. } = &case;
                let call = AttentionGradient { sizes: *sizes, scoring, q, k, v, dy, dq, dk, dv };
                call.run(isa, &mut Scratch::default());
                for (name, found, want) in [
                    ("q", &found[0], &want[0]),
                    ("k", &found[1], &want[1]),
                    ("v", &found[2], &want[2]),
                ] {
                    assert_eq!(words(found), words(want), "d{name} {sizes:?} {scoring:?} {isa:?}");
                }
            }
        });
    }
}

#[test]
#[should_panic(expected = "bias or mask")]
fn short_biases_are_refused() {
    let case = Case::new(0, SIZES[0]);
    let view = ScoreView { numbers: &case.extra[1..], strides: case.strides };
    Scoring { scale: 1.0, causal: false, input: ScoreInput::Bias(view) }.check(case.sizes);
}
