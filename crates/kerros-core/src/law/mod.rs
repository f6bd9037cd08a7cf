//! The law of arithmetic: the exact sequence of roundings behind every `f32` result.
//!
//! A kernel may be as clever as it likes about registers, threads and memory, as long as
//! each output element goes through the sequence written down here. That is why results
//! are the same bits for any number of threads and on every instruction set, and why each
//! kernel can be checked for equality instead of closeness.
//!
//! Which rule applies depends on shapes alone, never on the machine.
//!
//! - **Contraction** (matrix products): [`dot_chain`].
//! - **Convolution and pooling**: [`window`].
//! - **Reductions**: [`reduce`].
//! - **Functions of whole rows** (softmax, cross-entropy, running sums ...): [`rows`].
//! - **Scattering** (entries added where indices say, as the derivative of an embedding needs):
//!   each element starts as it is in the base and takes its updates one rounding at a time, in
//!   the order of the indices.
//! - **Attention**: [`attention`].
//! - **Elementary functions**: [`functions`], written once over [`Lanes`].
//! - **Elementwise operators**: [`crate::program`], each one rounding (or one function).
//! - **Denormals** are kept; no flush-to-zero mode is ever set. What decays for ever (the moments
//!   of optimizers) is flushed where the formula says so, by
//!   [`Unary::Flush`](crate::program::Unary::Flush): below [`FLUSH_BELOW`] it is 0.

pub mod attention;
pub mod functions;
pub mod lanes;
pub mod reduce;
pub mod rows;
pub mod window;

pub use lanes::Lanes;

/// The longest chunk of a contraction: within it the products are added by one chain of
/// fused multiply-adds; the chunks' sums are then added in order.
///
/// Long chains lose accuracy with the square root of their length, and a chunk is what a
/// kernel keeps in registers at a stretch, and what a thread can do of a sum without the others.
pub const CONTRACTION_CHUNK: usize = 512;
/// Chunks begin at multiples of this many positions, so that they begin where vectors do.
const CHUNK_GRAIN: usize = 8;

/// How long the chunks of a contraction of `len` positions are: as few chunks of the same length as
/// there can be, so that threads which share them have as much to do each. The last has what is
/// left; at least 1, also where there is nothing to sum.
///
/// ```
/// use kerros_core::law::contraction_chunk;
///
/// assert_eq!(contraction_chunk(512), 512);
/// assert_eq!(contraction_chunk(784), 392);
/// assert_eq!(contraction_chunk(1500), 504);
/// ```
pub const fn contraction_chunk(len: usize) -> usize {
    let num = len.div_ceil(CONTRACTION_CHUNK);
    if num <= 1 {
        return CONTRACTION_CHUNK;
    }
    len.div_ceil(num).next_multiple_of(CHUNK_GRAIN)
}

/// Numbers below this size count as 0 where a formula flushes them: `2^-100`, about `8e-31`.
///
/// A moment whose gradient stays 0 shrinks by a constant factor at each step. Left alone it
/// would stick at the smallest denormals, where the arithmetic of most processors is a hundred
/// times slower. The limit lies above the denormals by `2^26`, so that the products within an
/// optimizer's rule (a moment times `1 - beta`, or times a learning rate) are normal numbers,
/// too; beside an epsilon of `1e-7` a moment of this size has no influence on a weight.
pub const FLUSH_BELOW: f32 = f32::from_bits((127 - 100) << 23);

/// One element of a matrix product: `sum over k of a(k) * b(k)`, by the law.
///
/// Within each chunk of [`contraction_chunk`] positions `c = fma(a(k), b(k), c)` with `k`
/// ascending from `c = 0`; the first chunk's sum is the total, and each later chunk's sum is
/// added to it in order. An empty contraction is 0.
pub fn dot_chain(len: usize, a: impl Fn(usize) -> f32, b: impl Fn(usize) -> f32) -> f32 {
    let mut total = 0.0f32;
    let mut start = 0;
    while start < len {
        let end = len.min(start + contraction_chunk(len));
        let chunk = (start..end).fold(0.0f32, |c, k| a(k).mul_add(b(k), c));
        total = if start == 0 { chunk } else { total + chunk };
        start = end;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_few_and_as_long_as_each_other() {
        for len in 0..5000 {
            let chunk = contraction_chunk(len);
            assert!((1..=CONTRACTION_CHUNK).contains(&chunk), "{len}: {chunk}");
            assert!(chunk.is_multiple_of(CHUNK_GRAIN), "{len}: {chunk}");
            assert_eq!(len.div_ceil(chunk), len.div_ceil(CONTRACTION_CHUNK), "{len}: {chunk}");
            let last = len - len.saturating_sub(1) / chunk * chunk;
            assert!(len <= chunk || chunk - last < CHUNK_GRAIN * len.div_ceil(chunk), "{len}");
        }
    }

    #[test]
    fn a_contraction_is_the_sum_of_its_chunks() {
        let a = |k: usize| (k % 17) as f32 - 8.3;
        let b = |k: usize| (k % 23) as f32 / 7.0 - 1.1;
        let halves =
            [0..392, 392..784].map(|chunk| chunk.fold(0.0f32, |sum, k| a(k).mul_add(b(k), sum)));
        assert_eq!(dot_chain(784, a, b), halves[0] + halves[1]);
        assert_eq!(dot_chain(0, a, b), 0.0);
    }
}
