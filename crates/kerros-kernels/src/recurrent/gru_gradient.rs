//! The derivative of the gated recurrent unit.

use kerros_core::law::Lanes;

use super::{Pass, Scratch, Sizes, begin, counts, part, part_mut, sigmoid_back, tanh_back};
use crate::Isa;
use crate::gemm::Matrix;
use crate::lanes::{self, dispatch};
use crate::product::{Panels, Product};
use crate::reduce::row::{load, store};

/// Some sequences back through a gated recurrent unit.
///
/// With `dh` what flows into the state after a step and `h` the state before it:
/// `dx_z = dh (h - n)` and `dx_n = dh (1 - z)`, each back through its activation. The reset
/// gate after the product: `dx_r = dx_n s`, back through the sigmoid, `dp = dx_z, dx_r, dx_n r`
/// and `dh = dh z + dp · R^T + dstates_{t-1}`. Before it: `ds = dx_n · R_n^T`,
/// `dx_r = ds h`, likewise, and `dh = dh z + ds r + (dx_z, dx_r) · (R_z, R_r)^T +
/// dstates_{t-1}`. Where a step does not count, `dx` and `dp` are 0 and `dh` passes.
#[derive(Debug)]
pub struct GruGradient<'a> {
    /// How many sequences, steps and units.
    pub sizes: Sizes,
    /// `[sequences, time, 4 * units]`: what [`Gru`](super::Gru) kept.
    pub trace: &'a [f32],
    /// `[sequences, time + 1, units]`.
    pub states: &'a [f32],
    /// `[sequences, time + 1, units]`.
    pub dstates: &'a [f32],
    /// `[units, 3 * units]`.
    pub kernel: &'a [f32],
    /// `[sequences, time]`: whether each step counts, as 0 or another number.
    pub mask: Option<&'a [f32]>,
    /// `[sequences, time, 3 * units]`.
    pub dx: &'a mut [f32],
    /// `[sequences, time, 3 * units]`: with respect to the recurrent product, where the reset
    /// gate comes after it.
    pub dproduct: Option<&'a mut [f32]>,
    /// `[sequences, units]`: with respect to the first `h`.
    pub dinitial: &'a mut [f32],
}

impl GruGradient<'_> {
    /// Computes `dx`, `dproduct` and `dinitial`.
    ///
    /// # Panics
    /// When a slice has another length than its sizes say.
    pub fn run(mut self, isa: Isa, scratch: &mut Scratch) {
        let Sizes { sequences, time, units } = self.sizes;
        assert_eq!(self.trace.len(), sequences * time * 4 * units, "trace");
        assert_eq!(self.states.len(), sequences * (time + 1) * units, "states");
        assert_eq!(self.dstates.len(), sequences * (time + 1) * units, "derivative of states");
        assert_eq!(self.kernel.len(), units * 3 * units, "kernel");
        assert!(self.mask.is_none_or(|mask| mask.len() == sequences * time), "mask");
        assert_eq!(self.dx.len(), sequences * time * 3 * units, "derivative of x");
        let product_len = self.dproduct.as_ref().map(|product| product.len());
        assert!(product_len.is_none_or(|len| len == self.dx.len()), "derivative of the product");
        assert_eq!(self.dinitial.len(), sequences * units, "derivative of the initial state");
        if sequences * units == 0 {
            return;
        }
        let Scratch { kernel, sums, carried, inner, .. } = scratch;
        let (layout, m) = (Matrix::row_major(3 * units).transposed(), self.sizes.together());
        let kernel = Panels::pack(isa, self.kernel, layout, [3 * units, units], m, kernel);
        for (first, block) in self.sizes.blocks() {
            let states = part(self.states, first, block, (time + 1) * units);
            let dstates = part(self.dstates, first, block, (time + 1) * units);
            let trace = part(self.trace, first, block, time * 4 * units);
            let mask = self.mask.map(|mask| part(mask, first, block, time));
            let dx = part_mut(self.dx, first, block, time * 3 * units);
            let dproduct = self.dproduct.as_deref_mut();
            let mut dproduct = dproduct.map(|dp| part_mut(dp, first, block, time * 3 * units));
            let dh = part_mut(self.dinitial, first, block, units);
            begin(dh, units, &dstates[time * units..], (time + 1) * units);
            let product = sums.take(block.sequences * units);
            let kept = carried.take(block.sequences * units);
            let ds = inner.take(block.sequences * units);
            for step in (0..time).rev() {
                let own = Own { sizes: block, step, trace, states, mask };
                let (rows, k) = match &mut dproduct {
                    Some(dproduct) => {
                        dispatch(isa, After { own, dh, dx, dproduct, kept });
                        (&**dproduct, 3 * units)
                    }
                    None => {
                        dispatch(isa, Candidate { own, dh, dx });
                        let candidate = Product {
                            m: block.sequences,
                            n: units,
                            k: units,
                            a: &dx[(step * 3 + 2) * units..],
                            a_layout: Matrix::row_major(time * 3 * units),
                            b: kernel.starting_at(2 * units),
                            bias: None,
                            accumulate: false,
                            c_row_stride: units,
                        };
                        candidate.run(isa, ds);
                        dispatch(isa, Before { own, dh, ds, dx, kept });
                        (&*dx, 2 * units)
                    }
                };
                let through = Product {
                    m: block.sequences,
                    n: units,
                    k,
                    a: &rows[step * 3 * units..],
                    a_layout: Matrix::row_major(time * 3 * units),
                    b: kernel,
                    bias: None,
                    accumulate: false,
                    c_row_stride: units,
                };
                through.run(isa, product);
                let (kept, dh, dh_stride) = (Some(&*kept), &mut *dh, units);
                dispatch(
                    isa,
                    Pass { sizes: block, step, mask, kept, product, dstates, dh, dh_stride },
                );
            }
        }
    }
}

/// What every part of a step reads of its own sequence.
#[derive(Clone, Copy)]
struct Own<'a> {
    sizes: Sizes,
    step: usize,
    trace: &'a [f32],
    states: &'a [f32],
    mask: Option<&'a [f32]>,
}

impl<'a> Own<'a> {
    /// Of one sequence: `z, r, n, s`, the state before the step, and whether it counts.
    #[inline(always)]
    fn of(&self, sequence: usize) -> (&'a [f32], &'a [f32], bool) {
        let Sizes { time, units, .. } = self.sizes;
        let trace = &self.trace[(sequence * time + self.step) * 4 * units..][..4 * units];
        let h = &self.states[(sequence * (time + 1) + self.step) * units..][..units];
        (trace, h, counts(self.mask, self.sizes, sequence, self.step))
    }

    /// Where the step of a sequence is among `[sequences, time, 3 * units]`.
    #[inline(always)]
    fn row<'b>(&self, numbers: &'b mut [f32], sequence: usize) -> &'b mut [f32] {
        let Sizes { time, units, .. } = self.sizes;
        &mut numbers[(sequence * time + self.step) * 3 * units..][..3 * units]
    }
}

/// The reset gate after the product: `dx`, `dp`, and `dh z`, which flows past the product.
struct After<'a> {
    own: Own<'a>,
    dh: &'a [f32],
    dx: &'a mut [f32],
    dproduct: &'a mut [f32],
    kept: &'a mut [f32],
}

impl lanes::Kernel for After<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Sizes { sequences, units, .. } = self.own.sizes;
        let one = V::splat(1.0);
        for sequence in 0..sequences {
            let (trace, h, counts) = self.own.of(sequence);
            let dx = self.own.row(self.dx, sequence);
            let dp = self.own.row(self.dproduct, sequence);
            if !counts {
                dx.fill(0.0);
                dp.fill(0.0);
                continue;
            }
            let dh = &self.dh[sequence * units..][..units];
            let kept = &mut self.kept[sequence * units..][..units];
            let mut at = 0;
            while at < units {
                let count = V::WIDTH.min(units - at);
                let z: V = load(&trace[at..], count);
                let r: V = load(&trace[units + at..], count);
                let n: V = load(&trace[2 * units + at..], count);
                let s: V = load(&trace[3 * units + at..], count);
                let (dh, h): (V, V) = (load(&dh[at..], count), load(&h[at..], count));
                let d_z = sigmoid_back(z, dh.mul(h.sub(n)));
                let d_n = tanh_back(n, dh.mul(one.sub(z)));
                let d_r = sigmoid_back(r, d_n.mul(s));
                store(d_z, &mut dx[at..], count);
                store(d_r, &mut dx[units + at..], count);
                store(d_n, &mut dx[2 * units + at..], count);
                store(d_z, &mut dp[at..], count);
                store(d_r, &mut dp[units + at..], count);
                store(d_n.mul(r), &mut dp[2 * units + at..], count);
                store(dh.mul(z), &mut kept[at..], count);
                at += count;
            }
        }
    }
}

/// The reset gate before the product: the candidate's part of `dx`.
struct Candidate<'a> {
    own: Own<'a>,
    dh: &'a [f32],
    dx: &'a mut [f32],
}

impl lanes::Kernel for Candidate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Sizes { sequences, units, .. } = self.own.sizes;
        for sequence in 0..sequences {
            let (trace, _, counts) = self.own.of(sequence);
            let dx = &mut self.own.row(self.dx, sequence)[2 * units..];
            if !counts {
                dx.fill(0.0);
                continue;
            }
            let dh = &self.dh[sequence * units..][..units];
            let mut at = 0;
            while at < units {
                let count = V::WIDTH.min(units - at);
                let z: V = load(&trace[at..], count);
                let n: V = load(&trace[2 * units + at..], count);
                let dh: V = load(&dh[at..], count);
                store(tanh_back(n, dh.mul(V::splat(1.0).sub(z))), &mut dx[at..], count);
                at += count;
            }
        }
    }
}

/// The reset gate before the product: the gates' part of `dx`, and `dh z + ds r`, which flows
/// past the product.
struct Before<'a> {
    own: Own<'a>,
    dh: &'a [f32],
    ds: &'a [f32],
    dx: &'a mut [f32],
    kept: &'a mut [f32],
}

impl lanes::Kernel for Before<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Sizes { sequences, units, .. } = self.own.sizes;
        for sequence in 0..sequences {
            let (trace, h, counts) = self.own.of(sequence);
            let dx = &mut self.own.row(self.dx, sequence)[..2 * units];
            let kept = &mut self.kept[sequence * units..][..units];
            if !counts {
                dx.fill(0.0);
                continue;
            }
            let dh = &self.dh[sequence * units..][..units];
            let ds = &self.ds[sequence * units..][..units];
            let mut at = 0;
            while at < units {
                let count = V::WIDTH.min(units - at);
                let z: V = load(&trace[at..], count);
                let r: V = load(&trace[units + at..], count);
                let n: V = load(&trace[2 * units + at..], count);
                let (dh, h): (V, V) = (load(&dh[at..], count), load(&h[at..], count));
                let ds: V = load(&ds[at..], count);
                store(sigmoid_back(z, dh.mul(h.sub(n))), &mut dx[at..], count);
                store(sigmoid_back(r, ds.mul(h)), &mut dx[units + at..], count);
                store(dh.mul(z).add(ds.mul(r)), &mut kept[at..], count);
                at += count;
            }
        }
    }
}
