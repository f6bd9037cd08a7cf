//! Attention: queries in blocks, so that no matrix of all queries by all keys is needed.
//!
//! The scores of a query are whole rows: their maximum and sum follow
//! [`reduce::along_row`](super::reduce::along_row), with no running rescaling, and each
//! product is one contraction. What blocks decide is how far rows reach and how derivatives
//! are added:
//!
//! - Queries are cut into blocks of [`QUERY_BLOCK`]. When attention is causal, the queries of
//!   a block see the keys up to the block's last query ([`keys_of_block`]): rows of scores end
//!   there, and those behind a query but within its block score [`MASKED_SCORE`].
//! - The derivatives with respect to keys and values are sums over blocks of queries: each
//!   block's products by themselves, the last block's first, each earlier one's added to it.

/// Queries that are worked on together.
pub const QUERY_BLOCK: usize = 32;

/// The score of a key that a query must not see: `-0.7` times the largest number, finite so
/// that a query that sees nothing has equal weights instead of none. The value of JAX.
pub const MASKED_SCORE: f32 = -0.7 * f32::MAX;

/// How many keys, from the first on, the queries up to `end` (exclusive) of a block see.
pub fn keys_of_block(causal: bool, end: usize, keys: usize) -> usize {
    if causal { keys.min(end) } else { keys }
}
