//! Each kernel against its formula, one number at a time by the law.

use kerros_core::law::dot_chain;
use kerros_core::law::functions::{sigmoid, tanh};

use super::*;
use crate::Isa;
use crate::reduce::tests::{numbers, words};

/// Sequences, steps, units: parts of registers, several blocks, contractions of several
/// chunks, rows that compete for cache lines.
const SIZES: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (2, 3, 5),
    (3, 4, 8),
    (7, 2, 17),
    (50, 3, 9),
    (97, 2, 3),
    (2, 2, 256),
    (2, 2, 300),
    (0, 2, 4),
];

/// Every size, with and without a mask: calls with the sizes, a source of numbers and the mask.
fn cases(mut check: impl FnMut(Sizes, &mut Numbers, Option<&[f32]>)) {
    for (sequences, time, units) in SIZES {
        let sizes = Sizes { sequences, time, units };
        let mask: Vec<f32> =
            (0..sequences * time).map(|at| f32::from(u8::from(at % 3 != 1))).collect();
        check(sizes, &mut Numbers(1), None);
        check(sizes, &mut Numbers(2), Some(&mask));
    }
}

/// Numbers between -1 and 1, other ones at each call.
struct Numbers(u32);

impl Numbers {
    fn take(&mut self, len: usize) -> Vec<f32> {
        self.0 += 10;
        numbers(self.0.into(), len)
    }

    /// A kernel whose products stay of usual size.
    fn kernel(&mut self, units: usize, gates: usize) -> Vec<f32> {
        let scale = 1.0 / (units as f32).sqrt();
        self.take(units * gates * units).into_iter().map(|x| scale * x).collect()
    }
}

/// `row · column j` of a matrix of `width` columns, `j` from `first` on.
fn times(row: &[f32], kernel: &[f32], width: usize, column: usize) -> f32 {
    dot_chain(row.len(), |k| row[k], |k| kernel[k * width + column])
}

/// `row · row j` of a matrix of `width` columns, from column `first` on.
fn times_turned(row: &[f32], kernel: &[f32], width: usize, j: usize, first: usize) -> f32 {
    dot_chain(row.len(), |k| row[k], |k| kernel[j * width + first + k])
}

fn back_sigmoid(y: f32, dy: f32) -> f32 {
    dy * (y * (1.0 - y))
}

fn back_tanh(y: f32, dy: f32) -> f32 {
    dy * (1.0 - y * y)
}

fn counted(mask: Option<&[f32]>, at: usize) -> bool {
    mask.is_none_or(|mask| mask[at] != 0.0)
}

/// Both results of a memory: all states, and the trace.
fn lstm(
    sizes: Sizes,
    x: &[f32],
    kernel: &[f32],
    start: [&[f32]; 2],
    mask: Option<&[f32]>,
) -> [Vec<f32>; 2] {
    let Sizes { sequences, time, units } = sizes;
    let (mut states, mut trace) = (Vec::new(), Vec::new());
    for s in 0..sequences {
        let [mut h, mut c] = start.map(|state| state[s * units..(s + 1) * units].to_vec());
        states.extend(&h);
        for t in 0..time {
            let z = |gate: usize, u: usize| {
                let column = gate * units + u;
                x[(s * time + t) * 4 * units + column] + times(&h, kernel, 4 * units, column)
            };
            let all = |gate: usize, act: fn(f32) -> f32| -> Vec<f32> {
                (0..units).map(|u| act(z(gate, u))).collect()
            };
            let (i, f, g, o) = (all(0, sigmoid), all(1, sigmoid), all(2, tanh), all(3, sigmoid));
            if counted(mask, s * time + t) {
                c = (0..units).map(|u| f[u] * c[u] + i[u] * g[u]).collect();
                h = (0..units).map(|u| o[u] * tanh(c[u])).collect();
            }
            trace.extend([i, f, g, o, c.clone()].concat());
            states.extend(&h);
        }
        states.extend(&c);
    }
    [states, trace]
}

#[test]
fn lstm_is_its_formula() {
    cases(|sizes, draw, mask| {
        let Sizes { sequences, time, units } = sizes;
        let (x, kernel) = (draw.take(sequences * time * 4 * units), draw.kernel(units, 4));
        let [h, c] = [draw.take(sequences * units), draw.take(sequences * units)];
        let [want, want_trace] = lstm(sizes, &x, &kernel, [&h, &c], mask);
        for isa in Isa::available() {
            let mut scratch = Scratch::default();
            for traced in [true, false] {
                let (mut states, mut trace) = (vec![9.0; want.len()], vec![9.0; want_trace.len()]);
                let call = Lstm {
                    sizes,
                    x: &x,
                    kernel: &kernel,
                    initial_h: &h,
                    initial_c: &c,
                    mask,
                    states: &mut states,
                    trace: traced.then_some(&mut trace),
                };
                call.run(isa, &mut scratch);
                assert_eq!(words(&states), words(&want), "{sizes:?} {isa:?}");
                if traced {
                    assert_eq!(words(&trace), words(&want_trace), "{sizes:?} {isa:?}");
                }
            }
        }
    });
}

#[test]
fn lstm_gradient_is_its_formula() {
    cases(|sizes, draw, mask| {
        let Sizes { sequences, time, units } = sizes;
        let (trace, kernel) = (draw.take(sequences * time * 5 * units), draw.kernel(units, 4));
        let (dstates, start) =
            (draw.take(sequences * (time + 2) * units), draw.take(sequences * units));
        let mut want = vec![0.0; sequences * time * 4 * units];
        let mut want_initial = Vec::new();
        for s in 0..sequences {
            let state = |t: usize| dstates[(s * (time + 2) + t) * units..][..units].to_vec();
            let (mut dh, mut dc) = (state(time), state(time + 1));
            for t in (0..time).rev() {
                let kept = |t: usize, part: usize, u: usize| {
                    trace[((s * time + t) * 5 + part) * units + u]
                };
                if counted(mask, s * time + t) {
                    let dx = &mut want[(s * time + t) * 4 * units..][..4 * units];
                    for u in 0..units {
                        let [i, f, g, o, c] = [0, 1, 2, 3, 4].map(|part| kept(t, part, u));
                        let before = if t == 0 { start[s * units + u] } else { kept(t - 1, 4, u) };
                        dc[u] += back_tanh(tanh(c), dh[u] * o);
                        dx[u] = back_sigmoid(i, dc[u] * g);
                        dx[units + u] = back_sigmoid(f, dc[u] * before);
                        dx[2 * units + u] = back_tanh(g, dc[u] * i);
                        dx[3 * units + u] = back_sigmoid(o, dh[u] * tanh(c));
                        dc[u] *= f;
                    }
                    dh = (0..units).map(|u| times_turned(dx, &kernel, 4 * units, u, 0)).collect();
                }
                dh = dh.iter().zip(state(t)).map(|(dh, more)| dh + more).collect();
            }
            want_initial.extend([dh, dc].concat());
        }
        for isa in Isa::available() {
            let (mut dx, mut dinitial) = (vec![9.0; want.len()], vec![9.0; want_initial.len()]);
            let call = LstmGradient {
                sizes,
                trace: &trace,
                dstates: &dstates,
                kernel: &kernel,
                initial_c: &start,
                mask,
                dx: &mut dx,
                dinitial: &mut dinitial,
            };
            call.run(isa, &mut Scratch::default());
            assert_eq!(words(&dx), words(&want), "{sizes:?} {isa:?}");
            assert_eq!(words(&dinitial), words(&want_initial), "{sizes:?} {isa:?}");
        }
    });
}

#[test]
fn gru_is_its_formula() {
    cases(|sizes, draw, mask| {
        for (reset_after, with_bias) in [(true, true), (true, false), (false, false)] {
            let Sizes { sequences, time, units } = sizes;
            let (x, kernel) = (draw.take(sequences * time * 3 * units), draw.kernel(units, 3));
            let (start, bias) = (draw.take(sequences * units), draw.take(3 * units));
            let bias = with_bias.then_some(&bias[..]);
            let (mut want, mut want_trace) = (Vec::new(), Vec::new());
            for s in 0..sequences {
                let mut h = start[s * units..(s + 1) * units].to_vec();
                want.extend(&h);
                for t in 0..time {
                    let x = &x[(s * time + t) * 3 * units..][..3 * units];
                    let product = |row: &[f32], column: usize| {
                        let sum = times(row, &kernel, 3 * units, column);
                        bias.map_or(sum, |bias| sum + bias[column])
                    };
                    let gate = |column: usize| sigmoid(x[column] + product(&h, column));
                    let z: Vec<f32> = (0..units).map(gate).collect();
                    let r: Vec<f32> = (units..2 * units).map(gate).collect();
                    let reset = |u: usize| match reset_after {
                        true => product(&h, 2 * units + u),
                        false => r[u] * h[u],
                    };
                    let state: Vec<f32> = (0..units).map(reset).collect();
                    let inner = |u: usize| match reset_after {
                        true => r[u] * state[u],
                        false => product(&state, 2 * units + u),
                    };
                    let n: Vec<f32> =
                        (0..units).map(|u| tanh(x[2 * units + u] + inner(u))).collect();
                    if counted(mask, s * time + t) {
                        h = (0..units).map(|u| z[u] * h[u] + (1.0 - z[u]) * n[u]).collect();
                    }
                    want_trace.extend([z, r, n, state].concat());
                    want.extend(&h);
                }
            }
            for isa in Isa::available() {
                let (mut states, mut trace) = (vec![9.0; want.len()], vec![9.0; want_trace.len()]);
                let call = Gru {
                    sizes,
                    reset_after,
                    x: &x,
                    kernel: &kernel,
                    initial_h: &start,
                    bias,
                    mask,
                    states: &mut states,
                    trace: Some(&mut trace),
                };
                call.run(isa, &mut Scratch::default());
                assert_eq!(words(&states), words(&want), "{sizes:?} {reset_after} {isa:?}");
                assert_eq!(words(&trace), words(&want_trace), "{sizes:?} {reset_after} {isa:?}");
            }
        }
    });
}

#[test]
fn gru_gradient_is_its_formula() {
    cases(|sizes, draw, mask| {
        for reset_after in [true, false] {
            let Sizes { sequences, time, units } = sizes;
            let (trace, kernel) = (draw.take(sequences * time * 4 * units), draw.kernel(units, 3));
            let [states, dstates] = [(); 2].map(|()| draw.take(sequences * (time + 1) * units));
            let mut want = vec![0.0; sequences * time * 3 * units];
            let mut want_product = want.clone();
            let mut want_initial = Vec::new();
            for s in 0..sequences {
                let at =
                    |of: &[f32], t: usize| of[(s * (time + 1) + t) * units..][..units].to_vec();
                let mut dh = at(&dstates, time);
                for t in (0..time).rev() {
                    let row = (s * time + t) * 3 * units..(s * time + t + 1) * 3 * units;
                    if counted(mask, s * time + t) {
                        let (dx, dp) = (&mut want[row.clone()], &mut want_product[row]);
                        let h = at(&states, t);
                        let kept =
                            |part: usize, u: usize| trace[((s * time + t) * 4 + part) * units + u];
                        for u in 0..units {
                            let (z, n) = (kept(0, u), kept(2, u));
                            dx[u] = back_sigmoid(z, dh[u] * (h[u] - n));
                            dx[2 * units + u] = back_tanh(n, dh[u] * (1.0 - z));
                        }
                        let ds: Vec<f32> = (0..units)
                            .map(|u| {
                                times_turned(&dx[2 * units..], &kernel, 3 * units, u, 2 * units)
                            })
                            .collect();
                        for u in 0..units {
                            let (r, state) = (kept(1, u), kept(3, u));
                            let dr = match reset_after {
                                true => dx[2 * units + u] * state,
                                false => ds[u] * h[u],
                            };
                            dx[units + u] = back_sigmoid(r, dr);
                            dp[u] = dx[u];
                            dp[units + u] = dx[units + u];
                            dp[2 * units + u] = dx[2 * units + u] * r;
                        }
                        let flowing = |u: usize| match reset_after {
                            true => dh[u] * kept(0, u) + times_turned(dp, &kernel, 3 * units, u, 0),
                            false => {
                                let gates =
                                    times_turned(&dx[..2 * units], &kernel, 3 * units, u, 0);
                                dh[u] * kept(0, u) + ds[u] * kept(1, u) + gates
                            }
                        };
                        dh = (0..units).map(flowing).collect();
                    }
                    dh = dh.iter().zip(at(&dstates, t)).map(|(dh, more)| dh + more).collect();
                }
                want_initial.extend(dh);
            }
            for isa in Isa::available() {
                let mut found = vec![9.0; want.len()];
                let mut product = found.clone();
                let mut dinitial = vec![9.0; want_initial.len()];
                let call = GruGradient {
                    sizes,
                    trace: &trace,
                    states: &states,
                    dstates: &dstates,
                    kernel: &kernel,
                    mask,
                    dx: &mut found,
                    dproduct: reset_after.then_some(&mut product),
                    dinitial: &mut dinitial,
                };
                call.run(isa, &mut Scratch::default());
                assert_eq!(words(&found), words(&want), "{sizes:?} {reset_after} {isa:?}");
                assert_eq!(words(&dinitial), words(&want_initial), "{sizes:?} {isa:?}");
                if reset_after {
                    assert_eq!(words(&product), words(&want_product), "{sizes:?} {isa:?}");
                }
            }
        }
    });
}

#[test]
fn simple_rnn_and_its_gradient_are_their_formulas() {
    cases(|sizes, draw, mask| {
        let Sizes { sequences, time, units } = sizes;
        let (x, kernel) = (draw.take(sequences * time * units), draw.kernel(units, 1));
        let (start, dstates) =
            (draw.take(sequences * units), draw.take(sequences * (time + 1) * units));
        let (mut want, mut want_dx) = (Vec::new(), vec![0.0; x.len()]);
        let mut want_initial = Vec::new();
        for s in 0..sequences {
            let mut h = start[s * units..(s + 1) * units].to_vec();
            let first = want.len();
            want.extend(&h);
            for t in 0..time {
                if counted(mask, s * time + t) {
                    let x = &x[(s * time + t) * units..][..units];
                    let next = |u: usize| tanh(x[u] + times(&h, &kernel, units, u));
                    h = (0..units).map(next).collect();
                }
                want.extend(&h);
            }
            let more = |t: usize| dstates[(s * (time + 1) + t) * units..][..units].to_vec();
            let mut dh = more(time);
            for t in (0..time).rev() {
                if counted(mask, s * time + t) {
                    let dx = &mut want_dx[(s * time + t) * units..][..units];
                    let h = &want[first + (t + 1) * units..][..units];
                    for u in 0..units {
                        dx[u] = back_tanh(h[u], dh[u]);
                    }
                    dh = (0..units).map(|u| times_turned(dx, &kernel, units, u, 0)).collect();
                }
                dh = dh.iter().zip(more(t)).map(|(dh, more)| dh + more).collect();
            }
            want_initial.extend(dh);
        }
        for isa in Isa::available() {
            let mut states = vec![9.0; want.len()];
            let mut scratch = Scratch::default();
            let call = SimpleRnn {
                sizes,
                x: &x,
                kernel: &kernel,
                initial_h: &start,
                mask,
                states: &mut states,
            };
            call.run(isa, &mut scratch);
            assert_eq!(words(&states), words(&want), "{sizes:?} {isa:?}");
            let (mut dx, mut dinitial) = (vec![9.0; x.len()], vec![9.0; want_initial.len()]);
            let call = SimpleRnnGradient {
                sizes,
                states: &states,
                dstates: &dstates,
                kernel: &kernel,
                mask,
                dx: &mut dx,
                dinitial: &mut dinitial,
            };
            call.run(isa, &mut scratch);
            assert_eq!(words(&dx), words(&want_dx), "{sizes:?} {isa:?}");
            assert_eq!(words(&dinitial), words(&want_initial), "{sizes:?} {isa:?}");
        }
    });
}

#[test]
#[should_panic(expected = "kernel")]
fn other_lengths_are_refused() {
    let call = SimpleRnn {
        sizes: Sizes { sequences: 1, time: 1, units: 2 },
        x: &[0.0; 2],
        kernel: &[0.0; 3],
        initial_h: &[0.0; 2],
        mask: None,
        states: &mut [0.0; 4],
    };
    call.run(Isa::detect(), &mut Scratch::default());
}
