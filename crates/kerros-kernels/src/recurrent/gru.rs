//! The gated recurrent unit.

use kerros_core::law::Lanes;
use kerros_core::law::functions::{sigmoid, tanh};

use super::{Scratch, Sizes, begin, counts, part, part_mut};
use crate::Isa;
use crate::gemm::Matrix;
use crate::lanes::{self, dispatch};
use crate::product::{Panels, Product};
use crate::reduce::row::{load, store};

/// Some sequences through a gated recurrent unit.
///
/// With the kernel's parts `R_z, R_r, R_n`: `z = sigmoid(x_z + h · R_z)`,
/// `r = sigmoid(x_r + h · R_r)`; the reset gate after the product, `s = h · R_n` and
/// `n = tanh(x_n + r s)`, with the bias added to all three products; before it, `s = r h` and
/// `n = tanh(x_n + s · R_n)`. Then `h = z h + (1 - z) n`; where a step does not count, `h`
/// stays.
#[derive(Debug)]
pub struct Gru<'a> {
    /// How many sequences, steps and units.
    pub sizes: Sizes,
    /// Whether the reset gate comes after the recurrent product.
    pub reset_after: bool,
    /// `[sequences, time, 3 * units]`.
    pub x: &'a [f32],
    /// `[units, 3 * units]`.
    pub kernel: &'a [f32],
    /// `[sequences, units]`.
    pub initial_h: &'a [f32],
    /// `[3 * units]`; only when the reset gate comes after the product.
    pub bias: Option<&'a [f32]>,
    /// `[sequences, time]`: whether each step counts, as 0 or another number.
    pub mask: Option<&'a [f32]>,
    /// `[sequences, time + 1, units]`: `h_0, .., h_time`.
    pub states: &'a mut [f32],
    /// `[sequences, time, 4 * units]`: `z, r, n, s` of each step.
    pub trace: Option<&'a mut [f32]>,
}

impl Gru<'_> {
    /// Computes `states` and `trace`.
    ///
    /// # Panics
    /// When a slice has another length than its sizes say, or there is a bias without a
    /// product that it could be added to.
    pub fn run(mut self, isa: Isa, scratch: &mut Scratch) {
        let Sizes { sequences, time, units } = self.sizes;
        assert_eq!(self.x.len(), sequences * time * 3 * units, "x");
        assert_eq!(self.kernel.len(), units * 3 * units, "kernel");
        assert_eq!(self.initial_h.len(), sequences * units, "initial h");
        assert!(self.bias.is_none_or(|bias| bias.len() == 3 * units && self.reset_after), "bias");
        assert!(self.mask.is_none_or(|mask| mask.len() == sequences * time), "mask");
        assert_eq!(self.states.len(), sequences * (time + 1) * units, "states");
        let trace_len = self.trace.as_ref().map(|trace| trace.len());
        assert!(trace_len.is_none_or(|len| len == sequences * time * 4 * units), "trace");
        if sequences * units == 0 {
            return;
        }
        let Scratch { kernel, second_kernel, sums, carried, inner } = scratch;
        // What the candidate's product is of, and the product, when the gate comes before it.
        let (inner_len, parts) = if self.reset_after { (0, 3) } else { (1, 2) };
        let (layout, m) = (Matrix::row_major(3 * units), self.sizes.together());
        let gates = Panels::pack(isa, self.kernel, layout, [units, parts * units], m, kernel);
        let rest = &self.kernel[2 * units..];
        let rest = Panels::pack(isa, rest, layout, [units, inner_len * units], m, second_kernel);
        for (first, block) in self.sizes.blocks() {
            let states = part_mut(self.states, first, block, (time + 1) * units);
            begin(states, (time + 1) * units, part(self.initial_h, first, block, units), units);
            let sums = sums.take(block.sequences * parts * units);
            let reset = inner.take(inner_len * block.sequences * units);
            let candidate = carried.take(inner_len * block.sequences * units);
            for step in 0..time {
                let product = Product {
                    m: block.sequences,
                    n: parts * units,
                    k: units,
                    a: &states[step * units..],
                    a_layout: Matrix::row_major((time + 1) * units),
                    b: gates,
                    bias: self.bias,
                    accumulate: false,
                    c_row_stride: parts * units,
                };
                product.run(isa, sums);
                if !self.reset_after {
                    let gate = Reset {
                        sizes: block,
                        step,
                        x: part(self.x, first, block, time * 3 * units),
                        sums,
                        states,
                        reset,
                    };
                    dispatch(isa, gate);
                    let product = Product {
                        m: block.sequences,
                        n: units,
                        k: units,
                        a: reset,
                        a_layout: Matrix::row_major(units),
                        b: rest,
                        bias: None,
                        accumulate: false,
                        c_row_stride: units,
                    };
                    product.run(isa, candidate);
                }
                let trace = self.trace.as_deref_mut();
                let step_gates = Gates {
                    sizes: block,
                    step,
                    x: part(self.x, first, block, time * 3 * units),
                    sums,
                    before: (!self.reset_after).then_some((&*reset, &*candidate)),
                    mask: self.mask.map(|mask| part(mask, first, block, time)),
                    states,
                    trace: trace.map(|trace| part_mut(trace, first, block, time * 4 * units)),
                };
                dispatch(isa, step_gates);
            }
        }
    }
}

/// `s = r h`, the reset gate before the product.
struct Reset<'a> {
    sizes: Sizes,
    step: usize,
    x: &'a [f32],
    sums: &'a [f32],
    states: &'a [f32],
    reset: &'a mut [f32],
}

impl lanes::Kernel for Reset<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Sizes { sequences, time, units } = self.sizes;
        for sequence in 0..sequences {
            let x = &self.x[((sequence * time + self.step) * 3 + 1) * units..][..units];
            let sums = &self.sums[(sequence * 2 + 1) * units..][..units];
            let h = &self.states[(sequence * (time + 1) + self.step) * units..][..units];
            let s = &mut self.reset[sequence * units..][..units];
            let mut at = 0;
            while at < units {
                let count = V::WIDTH.min(units - at);
                let r = sigmoid(load::<V>(&x[at..], count).add(load(&sums[at..], count)));
                store(r.mul(load(&h[at..], count)), &mut s[at..], count);
                at += count;
            }
        }
    }
}

/// The gates of one step of a block.
struct Gates<'a> {
    sizes: Sizes,
    step: usize,
    x: &'a [f32],
    /// `h · R + bias`; without the candidate's part when the reset gate comes before.
    sums: &'a [f32],
    /// When the reset gate comes before the product: `s` and `s · R_n`.
    before: Option<(&'a [f32], &'a [f32])>,
    mask: Option<&'a [f32]>,
    states: &'a mut [f32],
    trace: Option<&'a mut [f32]>,
}

impl lanes::Kernel for Gates<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(mut self) {
        let Sizes { sequences, time, units } = self.sizes;
        let step = self.step;
        let parts = if self.before.is_some() { 2 } else { 3 };
        for sequence in 0..sequences {
            let x = &self.x[(sequence * time + step) * 3 * units..][..3 * units];
            let sums = &self.sums[sequence * parts * units..][..parts * units];
            let from = (sequence * (time + 1) + step) * units;
            let (h_before, h) = self.states[from..from + 2 * units].split_at_mut(units);
            let counts = counts(self.mask, self.sizes, sequence, step);
            let kept = (sequence * time + step) * 4 * units;
            let mut trace = self.trace.as_mut().map(|trace| &mut trace[kept..kept + 4 * units]);
            let mut at = 0;
            while at < units {
                let count = V::WIDTH.min(units - at);
                let x_n: V = load(&x[2 * units + at..], count);
                let z = sigmoid(load::<V>(&x[at..], count).add(load(&sums[at..], count)));
                let z_r = load::<V>(&x[units + at..], count).add(load(&sums[units + at..], count));
                let r = sigmoid(z_r);
                let (s, n): (V, V) = match self.before {
                    Some((reset, candidate)) => {
                        let product: V = load(&candidate[sequence * units + at..], count);
                        (load(&reset[sequence * units + at..], count), tanh(x_n.add(product)))
                    }
                    None => {
                        let s: V = load(&sums[2 * units + at..], count);
                        (s, tanh(x_n.add(r.mul(s))))
                    }
                };
                let h_old: V = load(&h_before[at..], count);
                let next = z.mul(h_old).add(V::splat(1.0).sub(z).mul(n));
                store(if counts { next } else { h_old }, &mut h[at..], count);
                if let Some(trace) = &mut trace {
                    store(z, &mut trace[at..], count);
                    store(r, &mut trace[units + at..], count);
                    store(n, &mut trace[2 * units + at..], count);
                    store(s, &mut trace[3 * units + at..], count);
                }
                at += count;
            }
        }
    }
}
