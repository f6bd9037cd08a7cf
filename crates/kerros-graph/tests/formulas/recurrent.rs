//! Recurrent layers, one sequence and one unit at a time.

use kerros_graph::ops::{
    CellActivation, Gru, GruGradient, GruGradientResult, GruResult, Lstm, LstmGradient,
    LstmGradientResult, LstmResult, SimpleRnn, SimpleRnnGradient, SimpleRnnGradientResult,
};

use super::Grid;

fn act(kind: CellActivation, x: f64) -> f64 {
    match kind {
        CellActivation::Identity => x,
        CellActivation::Relu => x.max(0.0),
        CellActivation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        CellActivation::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        CellActivation::Tanh => x.tanh(),
    }
}

/// The derivative from the value.
fn slope(kind: CellActivation, y: f64) -> f64 {
    match kind {
        CellActivation::Identity => 1.0,
        CellActivation::Relu => f64::from(u8::from(y > 0.0)),
        CellActivation::Sigmoid => y * (1.0 - y),
        CellActivation::HardSigmoid => f64::from(u8::from(y > 0.0 && y < 1.0)) / 6.0,
        CellActivation::Tanh => 1.0 - y * y,
    }
}

/// `sum over k of row[k] * kernel[k, column]`.
fn times(row: &[f64], kernel: &Grid, column: usize) -> f64 {
    row.iter().enumerate().map(|(k, value)| value * kernel.at(&[k, column])).sum()
}

/// `sum over k of row[k] * kernel[unit, first + k]`.
fn times_turned(row: &[f64], kernel: &Grid, unit: usize, first: usize) -> f64 {
    row.iter().enumerate().map(|(k, value)| value * kernel.at(&[unit, first + k])).sum()
}

/// Whether a step counts.
fn counts(mask: Option<&Grid>, sequence: usize, step: usize) -> bool {
    mask.is_none_or(|mask| mask.at(&[sequence, step]) != 0.0)
}

/// A grid of one row of numbers after the other.
fn filled(shape: &[usize], rows: Vec<Vec<f64>>) -> Grid {
    Grid { shape: shape.to_vec(), values: rows.concat() }
}

fn row(grid: &Grid, sequence: usize, step: usize) -> Vec<f64> {
    (0..grid.shape[2]).map(|at| grid.at(&[sequence, step, at])).collect()
}

fn state(grid: &Grid, sequence: usize) -> Vec<f64> {
    (0..grid.shape[1]).map(|at| grid.at(&[sequence, at])).collect()
}

pub fn lstm(op: &Lstm, x: &[Grid], shape: &[usize]) -> Grid {
    let (act_of, rec) = (op.activation, op.recurrent_activation);
    let units = x[1].shape[0];
    let (mut states, mut trace) = (Vec::new(), Vec::new());
    for sequence in 0..x[0].shape[0] {
        let (mut h, mut c) = (state(&x[2], sequence), state(&x[3], sequence));
        states.push(h.clone());
        for step in 0..x[0].shape[1] {
            let z = |gate: usize, unit: usize| {
                let column = gate * units + unit;
                x[0].at(&[sequence, step, column]) + times(&h, &x[1], column)
            };
            let gates: Vec<[f64; 4]> = (0..units)
                .map(|u| {
                    [act(rec, z(0, u)), act(rec, z(1, u)), act(act_of, z(2, u)), act(rec, z(3, u))]
                })
                .collect();
            if counts(x.get(4), sequence, step) {
                for (u, [i, f, g, o]) in gates.iter().enumerate() {
                    c[u] = f * c[u] + i * g;
                    h[u] = o * act(act_of, c[u]);
                }
            }
            for gate in 0..4 {
                trace.push(gates.iter().map(|unit| unit[gate]).collect());
            }
            trace.push(c.clone());
            states.push(h.clone());
        }
        states.push(c);
    }
    filled(shape, if op.result == LstmResult::States { states } else { trace })
}

pub fn lstm_gradient(op: &LstmGradient, x: &[Grid], shape: &[usize]) -> Grid {
    let (act_of, rec) = (op.activation, op.recurrent_activation);
    let (time, units) = (x[0].shape[1], x[2].shape[0]);
    let (mut projected, mut initial) = (Vec::new(), Vec::new());
    for sequence in 0..x[0].shape[0] {
        let mut dh = row(&x[1], sequence, time);
        let mut dc = row(&x[1], sequence, time + 1);
        let mut rows = vec![vec![0.0; 4 * units]; time];
        for step in (0..time).rev() {
            let kept = |part: usize, unit: usize| x[0].at(&[sequence, step, part * units + unit]);
            if counts(x.get(4), sequence, step) {
                let dz = &mut rows[step];
                for u in 0..units {
                    let [i, f, g, o, c] = [0, 1, 2, 3, 4].map(|part| kept(part, u));
                    let before = match step {
                        0 => x[3].at(&[sequence, u]),
                        _ => x[0].at(&[sequence, step - 1, 4 * units + u]),
                    };
                    let squashed = act(act_of, c);
                    dc[u] += dh[u] * o * slope(act_of, squashed);
                    dz[u] = dc[u] * g * slope(rec, i);
                    dz[units + u] = dc[u] * before * slope(rec, f);
                    dz[2 * units + u] = dc[u] * i * slope(act_of, g);
                    dz[3 * units + u] = dh[u] * squashed * slope(rec, o);
                    dc[u] *= f;
                }
                dh = (0..units).map(|u| times_turned(dz, &x[2], u, 0)).collect();
            }
            for (u, dh) in dh.iter_mut().enumerate() {
                *dh += x[1].at(&[sequence, step, u]);
            }
        }
        projected.extend(rows);
        initial.extend([dh, dc]);
    }
    filled(shape, if op.result == LstmGradientResult::Projected { projected } else { initial })
}

pub fn gru(op: &Gru, x: &[Grid], shape: &[usize]) -> Grid {
    let rec = op.recurrent_activation;
    let units = x[1].shape[0];
    let bias = x.get(3).filter(|_| op.bias);
    let mask = x.last().filter(|_| op.masked);
    let (mut states, mut trace) = (Vec::new(), Vec::new());
    for sequence in 0..x[0].shape[0] {
        let mut h = state(&x[2], sequence);
        states.push(h.clone());
        for step in 0..x[0].shape[1] {
            let x_at = |column: usize| x[0].at(&[sequence, step, column]);
            let product = |h: &[f64], column: usize| {
                times(h, &x[1], column) + bias.map_or(0.0, |bias| bias.at(&[column]))
            };
            let gate = |h: &[f64], column: usize| act(rec, x_at(column) + product(h, column));
            let z: Vec<f64> = (0..units).map(|u| gate(&h, u)).collect();
            let r: Vec<f64> = (0..units).map(|u| gate(&h, units + u)).collect();
            let s: Vec<f64> = match op.reset_after {
                true => (0..units).map(|u| product(&h, 2 * units + u)).collect(),
                false => (0..units).map(|u| r[u] * h[u]).collect(),
            };
            let candidate = |u: usize| match op.reset_after {
                true => r[u] * s[u],
                false => product(&s, 2 * units + u),
            };
            let n: Vec<f64> = (0..units)
                .map(|u| act(op.activation, x_at(2 * units + u) + candidate(u)))
                .collect();
            if counts(mask, sequence, step) {
                h = (0..units).map(|u| z[u] * h[u] + (1.0 - z[u]) * n[u]).collect();
            }
            trace.extend([z, r, n, s]);
            states.push(h.clone());
        }
    }
    filled(shape, if op.result == GruResult::States { states } else { trace })
}

pub fn gru_gradient(op: &GruGradient, x: &[Grid], shape: &[usize]) -> Grid {
    let rec = op.recurrent_activation;
    let (time, units) = (x[0].shape[1], x[3].shape[0]);
    let (mut projected, mut recurrent, mut initial) = (Vec::new(), Vec::new(), Vec::new());
    for sequence in 0..x[0].shape[0] {
        let mut dh = row(&x[2], sequence, time);
        let mut dx = vec![vec![0.0; 3 * units]; time];
        let mut dp = dx.clone();
        for step in (0..time).rev() {
            if counts(x.get(4), sequence, step) {
                let kept = |part: usize, u: usize| x[0].at(&[sequence, step, part * units + u]);
                let h: Vec<f64> = row(&x[1], sequence, step);
                let (dx, dp) = (&mut dx[step], &mut dp[step]);
                for u in 0..units {
                    let [z, _, n, _] = [0, 1, 2, 3].map(|part| kept(part, u));
                    dx[u] = dh[u] * (h[u] - n) * slope(rec, z);
                    dx[2 * units + u] = dh[u] * (1.0 - z) * slope(op.activation, n);
                }
                let ds: Vec<f64> = (0..units)
                    .map(|u| times_turned(&dx[2 * units..], &x[3], u, 2 * units))
                    .collect();
                for u in 0..units {
                    let (r, s) = (kept(1, u), kept(3, u));
                    let dr = if op.reset_after { dx[2 * units + u] * s } else { ds[u] * h[u] };
                    dx[units + u] = dr * slope(rec, r);
                    dp[u] = dx[u];
                    dp[units + u] = dx[units + u];
                    dp[2 * units + u] = dx[2 * units + u] * if op.reset_after { r } else { 1.0 };
                }
                dh = (0..units)
                    .map(|u| {
                        let through = match op.reset_after {
                            true => times_turned(dp, &x[3], u, 0),
                            false => {
                                ds[u] * kept(1, u) + times_turned(&dx[..2 * units], &x[3], u, 0)
                            }
                        };
                        dh[u] * kept(0, u) + through
                    })
                    .collect();
            }
            for (u, dh) in dh.iter_mut().enumerate() {
                *dh += x[2].at(&[sequence, step, u]);
            }
        }
        projected.extend(dx);
        recurrent.extend(dp);
        initial.push(dh);
    }
    let rows = match op.result {
        GruGradientResult::Projected => projected,
        GruGradientResult::Recurrent => recurrent,
        GruGradientResult::Initial => initial,
    };
    filled(shape, rows)
}

pub fn simple_rnn(op: &SimpleRnn, x: &[Grid], shape: &[usize]) -> Grid {
    let mut states = Vec::new();
    for sequence in 0..x[0].shape[0] {
        let mut h = state(&x[2], sequence);
        states.push(h.clone());
        for step in 0..x[0].shape[1] {
            if counts(x.get(3), sequence, step) {
                let sum = |u: usize| x[0].at(&[sequence, step, u]) + times(&h, &x[1], u);
                h = (0..h.len()).map(|u| act(op.activation, sum(u))).collect();
            }
            states.push(h.clone());
        }
    }
    filled(shape, states)
}

pub fn simple_rnn_gradient(op: &SimpleRnnGradient, x: &[Grid], shape: &[usize]) -> Grid {
    let (time, units) = (x[0].shape[1] - 1, x[2].shape[0]);
    let (mut projected, mut initial) = (Vec::new(), Vec::new());
    for sequence in 0..x[0].shape[0] {
        let mut dh = row(&x[1], sequence, time);
        let mut dx = vec![vec![0.0; units]; time];
        for step in (0..time).rev() {
            if counts(x.get(3), sequence, step) {
                let value = |u: usize| x[0].at(&[sequence, step + 1, u]);
                dx[step] = (0..units).map(|u| dh[u] * slope(op.activation, value(u))).collect();
                dh = (0..units).map(|u| times_turned(&dx[step], &x[2], u, 0)).collect();
            }
            for (u, dh) in dh.iter_mut().enumerate() {
                *dh += x[1].at(&[sequence, step, u]);
            }
        }
        projected.extend(dx);
        initial.push(dh);
    }
    let projected_wanted = op.result == SimpleRnnGradientResult::Projected;
    filled(shape, if projected_wanted { projected } else { initial })
}
