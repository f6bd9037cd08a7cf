//! The simple recurrent layer and its derivative.

use kerros_core::law::Lanes;
use kerros_core::law::functions::tanh;

use super::{Pass, Scratch, Sizes, begin, counts, part, part_mut, tanh_back};
use crate::Isa;
use crate::gemm::Matrix;
use crate::lanes::{self, dispatch};
use crate::product::{Panels, Product};
use crate::reduce::row::{load, store};

/// Some sequences through `h_t = tanh(x_t + h_{t-1} · kernel)`; where a step does not count,
/// `h` stays.
#[derive(Debug)]
pub struct SimpleRnn<'a> {
    /// How many sequences, steps and units.
    pub sizes: Sizes,
    /// `[sequences, time, units]`.
    pub x: &'a [f32],
    /// `[units, units]`.
    pub kernel: &'a [f32],
    /// `[sequences, units]`.
    pub initial_h: &'a [f32],
    /// `[sequences, time]`: whether each step counts, as 0 or another number.
    pub mask: Option<&'a [f32]>,
    /// `[sequences, time + 1, units]`: `h_0, .., h_time`.
    pub states: &'a mut [f32],
}

impl SimpleRnn<'_> {
    /// Computes `states`.
    ///
    /// # Panics
    /// When a slice has another length than its sizes say.
    pub fn run(self, isa: Isa, scratch: &mut Scratch) {
        let Sizes { sequences, time, units } = self.sizes;
        assert_eq!(self.x.len(), sequences * time * units, "x");
        assert_eq!(self.kernel.len(), units * units, "kernel");
        assert_eq!(self.initial_h.len(), sequences * units, "initial h");
        assert!(self.mask.is_none_or(|mask| mask.len() == sequences * time), "mask");
        assert_eq!(self.states.len(), sequences * (time + 1) * units, "states");
        if sequences * units == 0 {
            return;
        }
        let Scratch { kernel, sums, .. } = scratch;
        let (layout, m) = (Matrix::row_major(units), self.sizes.together());
        let kernel = Panels::pack(isa, self.kernel, layout, [units, units], m, kernel);
        for (first, block) in self.sizes.blocks() {
            let states = part_mut(self.states, first, block, (time + 1) * units);
            begin(states, (time + 1) * units, part(self.initial_h, first, block, units), units);
            let sums = sums.take(block.sequences * units);
            for step in 0..time {
                let product = Product {
                    m: block.sequences,
                    n: units,
                    k: units,
                    a: &states[step * units..],
                    a_layout: Matrix::row_major((time + 1) * units),
                    b: kernel,
                    bias: None,
                    accumulate: false,
                    c_row_stride: units,
                };
                product.run(isa, sums);
                let x = part(self.x, first, block, time * units);
                let mask = self.mask.map(|mask| part(mask, first, block, time));
                dispatch(isa, Squash { sizes: block, step, x, sums, mask, states });
            }
        }
    }
}

/// `h = tanh(x + sums)` for one step of a block.
struct Squash<'a> {
    sizes: Sizes,
    step: usize,
    x: &'a [f32],
    sums: &'a [f32],
    mask: Option<&'a [f32]>,
    states: &'a mut [f32],
}

impl lanes::Kernel for Squash<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Sizes { sequences, time, units } = self.sizes;
        for sequence in 0..sequences {
            let x = &self.x[(sequence * time + self.step) * units..][..units];
            let sums = &self.sums[sequence * units..][..units];
            let from = (sequence * (time + 1) + self.step) * units;
            let (h_before, h) = self.states[from..from + 2 * units].split_at_mut(units);
            if !counts(self.mask, self.sizes, sequence, self.step) {
                h.copy_from_slice(h_before);
                continue;
            }
            let mut at = 0;
            while at < units {
                let count = V::WIDTH.min(units - at);
                let z = load::<V>(&x[at..], count).add(load(&sums[at..], count));
                store(tanh(z), &mut h[at..], count);
                at += count;
            }
        }
    }
}

/// Some sequences back through a [`SimpleRnn`]: with `dh` what flows into the state after a
/// step, `dx = dh (1 - h_t^2)` and `dh = dx · kernel^T + dstates_{t-1}`. Where a step does not
/// count, `dx` is 0 and `dh` passes.
#[derive(Debug)]
pub struct SimpleRnnGradient<'a> {
    /// How many sequences, steps and units.
    pub sizes: Sizes,
    /// `[sequences, time + 1, units]`.
    pub states: &'a [f32],
    /// `[sequences, time + 1, units]`.
    pub dstates: &'a [f32],
    /// `[units, units]`.
    pub kernel: &'a [f32],
    /// `[sequences, time]`: whether each step counts, as 0 or another number.
    pub mask: Option<&'a [f32]>,
    /// `[sequences, time, units]`.
    pub dx: &'a mut [f32],
    /// `[sequences, units]`: with respect to the first `h`.
    pub dinitial: &'a mut [f32],
}

impl SimpleRnnGradient<'_> {
    /// Computes `dx` and `dinitial`.
    ///
    /// # Panics
    /// When a slice has another length than its sizes say.
    pub fn run(self, isa: Isa, scratch: &mut Scratch) {
        let Sizes { sequences, time, units } = self.sizes;
        assert_eq!(self.states.len(), sequences * (time + 1) * units, "states");
        assert_eq!(self.dstates.len(), sequences * (time + 1) * units, "derivative of states");
        assert_eq!(self.kernel.len(), units * units, "kernel");
        assert!(self.mask.is_none_or(|mask| mask.len() == sequences * time), "mask");
        assert_eq!(self.dx.len(), sequences * time * units, "derivative of x");
        assert_eq!(self.dinitial.len(), sequences * units, "derivative of the initial state");
        if sequences * units == 0 {
            return;
        }
        let Scratch { kernel, sums, .. } = scratch;
        let (layout, m) = (Matrix::row_major(units).transposed(), self.sizes.together());
        let kernel = Panels::pack(isa, self.kernel, layout, [units, units], m, kernel);
        for (first, block) in self.sizes.blocks() {
            let states = part(self.states, first, block, (time + 1) * units);
            let dstates = part(self.dstates, first, block, (time + 1) * units);
            let mask = self.mask.map(|mask| part(mask, first, block, time));
            let dx = part_mut(self.dx, first, block, time * units);
            let dh = part_mut(self.dinitial, first, block, units);
            begin(dh, units, &dstates[time * units..], (time + 1) * units);
            let product = sums.take(block.sequences * units);
            for step in (0..time).rev() {
                dispatch(isa, Back { sizes: block, step, states, mask, dh, dx });
                let through = Product {
                    m: block.sequences,
                    n: units,
                    k: units,
                    a: &dx[step * units..],
                    a_layout: Matrix::row_major(time * units),
                    b: kernel,
                    bias: None,
                    accumulate: false,
                    c_row_stride: units,
                };
                through.run(isa, product);
                let (dh, dh_stride) = (&mut *dh, units);
                dispatch(
                    isa,
                    Pass { sizes: block, step, mask, kept: None, product, dstates, dh, dh_stride },
                );
            }
        }
    }
}

/// `dx = dh (1 - h_t^2)` for one step of a block.
struct Back<'a> {
    sizes: Sizes,
    step: usize,
    states: &'a [f32],
    mask: Option<&'a [f32]>,
    dh: &'a [f32],
    dx: &'a mut [f32],
}

impl lanes::Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Sizes { sequences, time, units } = self.sizes;
        for sequence in 0..sequences {
            let dx = &mut self.dx[(sequence * time + self.step) * units..][..units];
            if !counts(self.mask, self.sizes, sequence, self.step) {
                dx.fill(0.0);
                continue;
            }
            let h = &self.states[(sequence * (time + 1) + self.step + 1) * units..][..units];
            let dh = &self.dh[sequence * units..][..units];
            let mut at = 0;
            while at < units {
                let count = V::WIDTH.min(units - at);
                let back = tanh_back(load::<V>(&h[at..], count), load(&dh[at..], count));
                store(back, &mut dx[at..], count);
                at += count;
            }
        }
    }
}
