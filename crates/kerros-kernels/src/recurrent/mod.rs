//! Recurrent layers over whole sequences, and their derivatives.
//!
//! The inputs are projected already, by one large matrix product over all steps; what is
//! left for each step is the product of the state with the recurrent kernel and
//! the gates. A caller shares out the sequences: each thread takes its own through all steps
//! and never waits. A block of `SEQUENCES` sequences goes through time together, so that
//! their states and the kernel stay in the cache.
//!
//! What is computed is the unrolled formula of each function, every operator rounded by
//! itself and every product by [`crate::gemm`]'s law.

mod gru;
mod gru_gradient;
mod lstm;
mod lstm_gradient;
mod simple_rnn;
#[cfg(test)]
mod tests;

pub use gru::Gru;
pub use gru_gradient::GruGradient;
pub use lstm::Lstm;
pub use lstm_gradient::LstmGradient;
pub use simple_rnn::{SimpleRnn, SimpleRnnGradient};

use kerros_core::law::Lanes;

use crate::gemm::scratch::AlignedBuffer;
use crate::lanes::Kernel;
use crate::reduce::row::{load, store};

/// Sequences that go through time together: whole register tiles, few enough for the cache.
const SEQUENCES: usize = 48;

/// The sizes of what one call computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Sequences side by side.
    pub sequences: usize,
    /// Steps of each.
    pub time: usize,
    /// Numbers in the state of each.
    pub units: usize,
}

impl Sizes {
    /// How many sequences go through time together at most.
    fn together(self) -> usize {
        SEQUENCES.min(self.sequences)
    }

    /// Blocks of sequences: the first of each, and the sizes with that many.
    fn blocks(self) -> impl Iterator<Item = (usize, Sizes)> {
        (0..self.sequences).step_by(SEQUENCES).map(move |first| {
            let sequences = SEQUENCES.min(self.sequences - first);
            (first, Sizes { sequences, ..self })
        })
    }
}

/// Memory that a thread lends to its recurrent layers, grown as needed and used again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The recurrent kernel in the order in which the products read it.
    kernel: AlignedBuffer,
    /// The part of the kernel for a second product of each step.
    second_kernel: AlignedBuffer,
    /// Results of the products of one step.
    sums: AlignedBuffer,
    /// What is carried from step to step, or the result of a second product.
    carried: AlignedBuffer,
    /// What a second product of a step is of.
    inner: AlignedBuffer,
}

/// Copies the first numbers of each sequence: `[.., units]` with `from_stride` numbers for each
/// to the front of those with `to_stride`, as many as the shorter has.
fn begin(to: &mut [f32], to_stride: usize, from: &[f32], from_stride: usize) {
    let len = to_stride.min(from_stride);
    for (to, from) in to.chunks_mut(to_stride).zip(from.chunks(from_stride)) {
        to[..len].copy_from_slice(&from[..len]);
    }
}

/// Whether a step of a sequence counts.
#[inline(always)]
fn counts(mask: Option<&[f32]>, sizes: Sizes, sequence: usize, step: usize) -> bool {
    match mask {
        Some(mask) => mask[sequence * sizes.time + step] != 0.0,
        None => true,
    }
}

/// The part of an operand with `per_sequence` numbers for each sequence that a block reads.
fn part(numbers: &[f32], first: usize, block: Sizes, per_sequence: usize) -> &[f32] {
    &numbers[first * per_sequence..(first + block.sequences) * per_sequence]
}

/// The same, to write.
fn part_mut(numbers: &mut [f32], first: usize, block: Sizes, per_sequence: usize) -> &mut [f32] {
    &mut numbers[first * per_sequence..(first + block.sequences) * per_sequence]
}

/// `dy (y (1 - y))`: back through the logistic function, from its value.
#[inline(always)]
fn sigmoid_back<V: Lanes>(y: V, dy: V) -> V {
    dy.mul(y.mul(V::splat(1.0).sub(y)))
}

/// `dy (1 - y y)`: back through the hyperbolic tangent, from its value.
#[inline(always)]
fn tanh_back<V: Lanes>(y: V, dy: V) -> V {
    dy.mul(V::splat(1.0).sub(y.mul(y)))
}

/// `dh = (kept + product where the step counts, else dh) + dstates`, for all sequences of a
/// block.
struct Pass<'a> {
    sizes: Sizes,
    step: usize,
    mask: Option<&'a [f32]>,
    /// `[sequences, units]`: what flows past the product, if anything.
    kept: Option<&'a [f32]>,
    /// `[sequences, units]`.
    product: &'a [f32],
    /// `[sequences, steps, units]`.
    dstates: &'a [f32],
    /// `[sequences, ..]`, `dh` in front.
    dh: &'a mut [f32],
    dh_stride: usize,
}

impl Kernel for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Sizes { sequences, units, .. } = self.sizes;
        let states = self.dstates.len() / sequences.max(1);
        for sequence in 0..sequences {
            let counts = counts(self.mask, self.sizes, sequence, self.step);
            let product = &self.product[sequence * units..][..units];
            let kept = self.kept.map(|kept| &kept[sequence * units..][..units]);
            let dstates = &self.dstates[sequence * states + self.step * units..][..units];
            let dh = &mut self.dh[sequence * self.dh_stride..][..units];
            let mut at = 0;
            while at < units {
                let count = V::WIDTH.min(units - at);
                let flowing: V = match kept {
                    _ if !counts => load(&dh[at..], count),
                    Some(kept) => load::<V>(&kept[at..], count).add(load(&product[at..], count)),
                    None => load(&product[at..], count),
                };
                store(flowing.add(load(&dstates[at..], count)), &mut dh[at..], count);
                at += count;
            }
        }
    }
}
