//! The long short-term memory.

use kerros_core::law::Lanes;
use kerros_core::law::functions::{sigmoid, tanh};

use super::{Scratch, Sizes, begin, counts, part, part_mut};
use crate::Isa;
use crate::gemm::Matrix;
use crate::lanes::{self, dispatch};
use crate::product::{Panels, Product};
use crate::reduce::row::{load, store};

/// Some sequences through a long short-term memory.
///
/// With `z_t = x_t + h_{t-1} · kernel` in four parts: `i, f, o` are the sigmoids of the first,
/// second and fourth, `g` is the hyperbolic tangent of the third, `c_t = f c_{t-1} + i g` and
/// `h_t = o tanh(c_t)`; where a step does not count, `h` and `c` stay.
#[derive(Debug)]
pub struct Lstm<'a> {
    /// How many sequences, steps and units.
    pub sizes: Sizes,
    /// `[sequences, time, 4 * units]`.
    pub x: &'a [f32],
    /// `[units, 4 * units]`.
    pub kernel: &'a [f32],
    /// `[sequences, units]`.
    pub initial_h: &'a [f32],
    /// `[sequences, units]`.
    pub initial_c: &'a [f32],
    /// `[sequences, time]`: whether each step counts, as 0 or another number.
    pub mask: Option<&'a [f32]>,
    /// `[sequences, time + 2, units]`: `h_0, .., h_time` and the last `c`.
    pub states: &'a mut [f32],
    /// `[sequences, time, 5 * units]`: `i, f, g, o, c` of each step.
    pub trace: Option<&'a mut [f32]>,
}

impl Lstm<'_> {
    /// Computes `states` and `trace`.
    ///
    /// # Panics
    /// When a slice has another length than its sizes say.
    pub fn run(mut self, isa: Isa, scratch: &mut Scratch) {
        let Sizes { sequences, time, units } = self.sizes;
        assert_eq!(self.x.len(), sequences * time * 4 * units, "x");
        assert_eq!(self.kernel.len(), units * 4 * units, "kernel");
        assert_eq!(self.initial_h.len(), sequences * units, "initial h");
        assert_eq!(self.initial_c.len(), sequences * units, "initial c");
        assert!(self.mask.is_none_or(|mask| mask.len() == sequences * time), "mask");
        assert_eq!(self.states.len(), sequences * (time + 2) * units, "states");
        let trace_len = self.trace.as_ref().map(|trace| trace.len());
        assert!(trace_len.is_none_or(|len| len == sequences * time * 5 * units), "trace");
        if sequences * units == 0 {
            return;
        }
        let Scratch { kernel, sums, carried, .. } = scratch;
        let (layout, m) = (Matrix::row_major(4 * units), self.sizes.together());
        let kernel = Panels::pack(isa, self.kernel, layout, [units, 4 * units], m, kernel);
        for (first, block) in self.sizes.blocks() {
            let states = part_mut(self.states, first, block, (time + 2) * units);
            begin(states, (time + 2) * units, part(self.initial_h, first, block, units), units);
            let c = carried.take(block.sequences * units);
            c.copy_from_slice(part(self.initial_c, first, block, units));
            let sums = sums.take(block.sequences * 4 * units);
            for step in 0..time {
                let product = Product {
                    m: block.sequences,
                    n: 4 * units,
                    k: units,
                    a: &states[step * units..],
                    a_layout: Matrix::row_major((time + 2) * units),
                    b: kernel,
                    bias: None,
                    accumulate: false,
                    c_row_stride: 4 * units,
                };
                product.run(isa, sums);
                let trace = self.trace.as_deref_mut();
                let gates = Gates {
                    sizes: block,
                    step,
                    x: part(self.x, first, block, time * 4 * units),
                    sums,
                    mask: self.mask.map(|mask| part(mask, first, block, time)),
                    c,
                    states,
                    trace: trace.map(|trace| part_mut(trace, first, block, time * 5 * units)),
                };
                dispatch(isa, gates);
            }
            let last = states.chunks_exact_mut((time + 2) * units);
            for (states, c) in last.zip(c.chunks_exact(units)) {
                states[(time + 1) * units..].copy_from_slice(c);
            }
        }
    }
}

/// The gates of one step of a block.
struct Gates<'a> {
    sizes: Sizes,
    step: usize,
    x: &'a [f32],
    sums: &'a [f32],
    mask: Option<&'a [f32]>,
    c: &'a mut [f32],
    states: &'a mut [f32],
    trace: Option<&'a mut [f32]>,
}

impl lanes::Kernel for Gates<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(mut self) {
        let Sizes { sequences, time, units } = self.sizes;
        let step = self.step;
        for sequence in 0..sequences {
            let x = &self.x[(sequence * time + step) * 4 * units..][..4 * units];
            let sums = &self.sums[sequence * 4 * units..][..4 * units];
            let c = &mut self.c[sequence * units..][..units];
            let from = (sequence * (time + 2) + step) * units;
            let (h_before, h) = self.states[from..from + 2 * units].split_at_mut(units);
            let counts = counts(self.mask, self.sizes, sequence, step);
            let kept = (sequence * time + step) * 5 * units;
            let mut trace = self.trace.as_mut().map(|trace| &mut trace[kept..kept + 5 * units]);
            let mut at = 0;
            while at < units {
                let count = V::WIDTH.min(units - at);
                let [z_i, z_f, z_g, z_o]: [V; 4] = [
                    load::<V>(&x[at..], count).add(load(&sums[at..], count)),
                    load::<V>(&x[units + at..], count).add(load(&sums[units + at..], count)),
                    load::<V>(&x[2 * units + at..], count)
                        .add(load(&sums[2 * units + at..], count)),
                    load::<V>(&x[3 * units + at..], count)
                        .add(load(&sums[3 * units + at..], count)),
                ];
                let (i, f, g, o) = (sigmoid(z_i), sigmoid(z_f), tanh(z_g), sigmoid(z_o));
                if counts {
                    let next_c = f.mul(load(&c[at..], count)).add(i.mul(g));
                    store(next_c, &mut c[at..], count);
                    store(o.mul(tanh(next_c)), &mut h[at..], count);
                } else {
                    store(load::<V>(&h_before[at..], count), &mut h[at..], count);
                }
                if let Some(trace) = &mut trace {
                    store(i, &mut trace[at..], count);
                    store(f, &mut trace[units + at..], count);
                    store(g, &mut trace[2 * units + at..], count);
                    store(o, &mut trace[3 * units + at..], count);
                    store(load::<V>(&c[at..], count), &mut trace[4 * units + at..], count);
                }
                at += count;
            }
        }
    }
}
