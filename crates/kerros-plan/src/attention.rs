//! The kernel of attention.

use std::fmt;

use kerros_graph::ops::{AttentionSizes, ScoreInput};

/// Attention, or its derivative: reads are the inputs of its operation in order.
///
/// Forward it writes the result, divided by sequences; with a single sequence it is divided by
/// queries, and each thread reads all keys and values. Backward the writes are the derivatives
/// with respect to queries, keys and values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// The sizes.
    pub sizes: AttentionSizes,
    /// What products are multiplied by.
    pub scale: f32,
    /// Whether query `i` sees the keys `0..=i` only.
    pub causal: bool,
    /// What the last read is.
    pub input: ScoreInput,
    /// Elements of it from one entry to the next along batch, heads, queries and keys: 0 where
    /// it is stretched.
    pub strides: [usize; 4],
    /// Whether it is the derivative.
    pub backward: bool,
}

impl fmt::Display for Attention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AttentionSizes { batch, queries, keys, heads, dim, .. } = self.sizes;
        let gradient = if self.backward { "_gradient" } else { "" };
        let causal = if self.causal { ", causal" } else { "" };
        let input = match self.input {
            ScoreInput::None => "",
            ScoreInput::Bias => ", bias",
            ScoreInput::Mask => ", mask",
        };
        let size = format!("{batch} x {heads} x {queries} x {keys} x {dim}");
        write!(f, "attention{gradient}{{{size}{causal}{input}}}")
    }
}
