//! Attention: each place of a sequence takes from the places that matter to it.

pub(super) mod additive_attention;
mod dot_product;
pub(super) mod group_query_attention;
pub(super) mod luong_attention;
mod masks;
pub(super) mod multi_head_attention;
pub(super) mod projections;
mod scores;

pub use additive_attention::AdditiveAttention;
pub use group_query_attention::GroupQueryAttention;
pub use luong_attention::Attention;
pub(crate) use multi_head_attention::LEAVES_MASKS;
pub use multi_head_attention::MultiHeadAttention;
