//! Attention, one query and one head at a time.

use kerros_graph::ops::{Attention, AttentionGradient, AttentionOperand, ScoreInput};

use super::Grid;

/// The weights of all keys for one query, and which of them it may see.
fn weights(op: &Attention, x: &[&Grid], [b, query, h]: [usize; 3]) -> (Vec<f64>, Vec<bool>) {
    let (q, k) = (x[0], x[1]);
    let extra = |key: usize| {
        let grid = x[2];
        let full = [b, h, query, key];
        let index: Vec<usize> =
            (0..4).map(|axis| if grid.shape[axis] == 1 { 0 } else { full[axis] }).collect();
        grid.at(&index)
    };
    let keys = 0..k.shape[1];
    let allowed: Vec<bool> = keys
        .clone()
        .map(|key| {
            let by_mask = op.input != ScoreInput::Mask || extra(key) != 0.0;
            by_mask && (!op.causal || key <= query)
        })
        .collect();
    let powers: Vec<f64> = keys
        .map(|key| {
            let product: f64 =
                (0..q.shape[3]).map(|i| q.at(&[b, query, h, i]) * k.at(&[b, key, h, i])).sum();
            let bias = if op.input == ScoreInput::Bias { extra(key) } else { 0.0 };
            let score = product * f64::from(op.scale.get()) + bias;
            if allowed[key] { score.exp() } else { 0.0 }
        })
        .collect();
    let total: f64 = powers.iter().sum();
    if total == 0.0 {
        // Nothing to see: equal weights. The samples have no block in between.
        return (vec![1.0 / powers.len() as f64; powers.len()], allowed);
    }
    (powers.into_iter().map(|power| power / total).collect(), allowed)
}

pub fn attention(op: &Attention, x: &[Grid], shape: &[usize]) -> Grid {
    let parts: Vec<&Grid> = x[..2].iter().chain(x.get(3)).collect();
    Grid::build(shape, |index| {
        let &[b, query, h, i] = index else { unreachable!("four axes") };
        let (weights, _) = weights(op, &parts, [b, query, h]);
        weights.iter().enumerate().map(|(key, weight)| weight * x[2].at(&[b, key, h, i])).sum()
    })
}

pub fn gradient(op: &AttentionGradient, x: &[Grid], shape: &[usize]) -> Grid {
    let AttentionGradient { of, scale, causal, input } = *op;
    let forward = Attention { scale, causal, input };
    let parts: Vec<&Grid> = x[..2].iter().chain(x.get(4)).collect();
    let (v, dy) = (&x[2], &x[3]);
    let mut found = Grid { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] };
    let mut add = |index: [usize; 4], value: f64| {
        let flat = index.iter().zip(shape).fold(0, |flat, (at, len)| flat * len + at);
        found.values[flat] += value;
    };
    let [batch, queries, heads, dim] = x[0].shape[..] else { unreachable!("four axes") };
    for b in 0..batch {
        for h in 0..heads {
            for query in 0..queries {
                let (p, allowed) = weights(&forward, &parts, [b, query, h]);
                let dp: Vec<f64> = (0..p.len())
                    .map(|key| {
                        let value = |i| dy.at(&[b, query, h, i]) * v.at(&[b, key, h, i]);
                        (0..v.shape[3]).map(value).sum()
                    })
                    .collect();
                let level: f64 = p.iter().zip(&dp).map(|(p, dp)| p * dp).sum();
                for key in 0..p.len() {
                    let ds = match allowed[key] {
                        true => (dp[key] - level) * p[key] * f64::from(scale.get()),
                        false => 0.0,
                    };
                    match of {
                        AttentionOperand::Query => (0..dim).for_each(|i| {
                            add([b, query, h, i], ds * x[1].at(&[b, key, h, i]));
                        }),
                        AttentionOperand::Key => (0..dim).for_each(|i| {
                            add([b, key, h, i], ds * x[0].at(&[b, query, h, i]));
                        }),
                        AttentionOperand::Value => (0..v.shape[3]).for_each(|i| {
                            add([b, key, h, i], p[key] * dy.at(&[b, query, h, i]));
                        }),
                    }
                }
            }
        }
    }
    found
}
