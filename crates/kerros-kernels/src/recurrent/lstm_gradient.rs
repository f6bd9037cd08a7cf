//! The derivative of the long short-term memory.

use kerros_core::law::Lanes;
use kerros_core::law::functions::tanh;

use super::{Pass, Scratch, Sizes, begin, counts, part, part_mut, sigmoid_back, tanh_back};
use crate::Isa;
use crate::gemm::Matrix;
use crate::lanes::{self, dispatch};
use crate::product::{Panels, Product};
use crate::reduce::row::{load, store};

/// Some sequences back through a long short-term memory.
///
/// With `dh` and `dc` what flows into the state after a step: `dc += dh o (1 - tanh(c)^2)`;
/// the gates' derivatives `dc g`, `dc c_{t-1}`, `dc i` and `dh tanh(c)`, each back through its
/// own activation, are that step's `dx`; then `dh = dx · kernel^T + dstates_{t-1}` and
/// `dc = dc f`. Where a step does not count, `dx` is 0 and `dh`, `dc` pass.
#[derive(Debug)]
pub struct LstmGradient<'a> {
    /// How many sequences, steps and units.
    pub sizes: Sizes,
    /// `[sequences, time, 5 * units]`: what [`Lstm`](super::Lstm) kept.
    pub trace: &'a [f32],
    /// `[sequences, time + 2, units]`.
    pub dstates: &'a [f32],
    /// `[units, 4 * units]`.
    pub kernel: &'a [f32],
    /// `[sequences, units]`.
    pub initial_c: &'a [f32],
    /// `[sequences, time]`: whether each step counts, as 0 or another number.
    pub mask: Option<&'a [f32]>,
    /// `[sequences, time, 4 * units]`.
    pub dx: &'a mut [f32],
    /// `[sequences, 2, units]`: with respect to the first `h` and `c`.
    pub dinitial: &'a mut [f32],
}

impl LstmGradient<'_> {
    /// Computes `dx` and `dinitial`.
    ///
    /// # Panics
    /// When a slice has another length than its sizes say.
    pub fn run(self, isa: Isa, scratch: &mut Scratch) {
        let Sizes { sequences, time, units } = self.sizes;
        assert_eq!(self.trace.len(), sequences * time * 5 * units, "trace");
        assert_eq!(self.dstates.len(), sequences * (time + 2) * units, "derivative of states");
        assert_eq!(self.kernel.len(), units * 4 * units, "kernel");
        assert_eq!(self.initial_c.len(), sequences * units, "initial c");
        assert!(self.mask.is_none_or(|mask| mask.len() == sequences * time), "mask");
        assert_eq!(self.dx.len(), sequences * time * 4 * units, "derivative of x");
        assert_eq!(self.dinitial.len(), sequences * 2 * units, "derivative of initial states");
        if sequences * units == 0 {
            return;
        }
        let Scratch { kernel, sums, .. } = scratch;
        let (layout, m) = (Matrix::row_major(4 * units).transposed(), self.sizes.together());
        let kernel = Panels::pack(isa, self.kernel, layout, [4 * units, units], m, kernel);
        for (first, block) in self.sizes.blocks() {
            let dstates = part(self.dstates, first, block, (time + 2) * units);
            let mask = self.mask.map(|mask| part(mask, first, block, time));
            let dx = part_mut(self.dx, first, block, time * 4 * units);
            // `dh` and `dc` of each sequence, from the last step to before the first.
            let flowing = part_mut(self.dinitial, first, block, 2 * units);
            begin(flowing, 2 * units, &dstates[time * units..], (time + 2) * units);
            let product = sums.take(block.sequences * units);
            for step in (0..time).rev() {
                let gates = Gates {
                    sizes: block,
                    step,
                    trace: part(self.trace, first, block, time * 5 * units),
                    initial_c: part(self.initial_c, first, block, units),
                    mask,
                    flowing,
                    dx,
                };
                dispatch(isa, gates);
                let through = Product {
                    m: block.sequences,
                    n: units,
                    k: 4 * units,
                    a: &dx[step * 4 * units..],
                    a_layout: Matrix::row_major(time * 4 * units),
                    b: kernel,
                    bias: None,
                    accumulate: false,
                    c_row_stride: units,
                };
                through.run(isa, product);
                let (dh, dh_stride) = (&mut *flowing, 2 * units);
                let pass =
                    Pass { sizes: block, step, mask, kept: None, product, dstates, dh, dh_stride };
                dispatch(isa, pass);
            }
        }
    }
}

/// One step of a block: `dx`, and `dc` before the step.
struct Gates<'a> {
    sizes: Sizes,
    step: usize,
    trace: &'a [f32],
    initial_c: &'a [f32],
    mask: Option<&'a [f32]>,
    flowing: &'a mut [f32],
    dx: &'a mut [f32],
}

impl lanes::Kernel for Gates<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Sizes { sequences, time, units } = self.sizes;
        let step = self.step;
        for sequence in 0..sequences {
            let dx = &mut self.dx[(sequence * time + step) * 4 * units..][..4 * units];
            if !counts(self.mask, self.sizes, sequence, step) {
                dx.fill(0.0);
                continue;
            }
            let trace = &self.trace[(sequence * time + step) * 5 * units..][..5 * units];
            let c_before = match step {
                0 => &self.initial_c[sequence * units..][..units],
                _ => &self.trace[(sequence * time + step) * 5 * units - units..][..units],
            };
            let (dh, dc) = self.flowing[sequence * 2 * units..][..2 * units].split_at_mut(units);
            let mut at = 0;
            while at < units {
                let count = V::WIDTH.min(units - at);
                let i: V = load(&trace[at..], count);
                let f: V = load(&trace[units + at..], count);
                let g: V = load(&trace[2 * units + at..], count);
                let o: V = load(&trace[3 * units + at..], count);
                let squashed = tanh(load::<V>(&trace[4 * units + at..], count));
                let dh: V = load(&dh[at..], count);
                let dc_inside = load::<V>(&dc[at..], count).add(tanh_back(squashed, dh.mul(o)));
                let d_i = sigmoid_back(i, dc_inside.mul(g));
                let d_f = sigmoid_back(f, dc_inside.mul(load(&c_before[at..], count)));
                let d_g = tanh_back(g, dc_inside.mul(i));
                let d_o = sigmoid_back(o, dh.mul(squashed));
                store(d_i, &mut dx[at..], count);
                store(d_f, &mut dx[units + at..], count);
                store(d_g, &mut dx[2 * units + at..], count);
                store(d_o, &mut dx[3 * units + at..], count);
                store(dc_inside.mul(f), &mut dc[at..], count);
                at += count;
            }
        }
    }
}
