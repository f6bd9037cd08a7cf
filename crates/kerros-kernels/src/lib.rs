//! CPU arithmetic on slices, by the law of [`kerros_core::law`]: knows neither graph nor
//! tensor nor thread.
//!
//! Every kernel takes an [`Isa`] token and works on the part of its output that it is
//! handed, so that a caller may split the work over threads as it likes.

pub mod arg_reduce;
pub mod attention;
mod cache;
pub mod chunks;
pub mod conv;
pub mod copy;
pub mod cross_entropy;
pub mod gemm;
pub mod index;
pub mod isa;
pub mod lanes;
pub mod map;
pub mod norm;
pub mod pool;
mod product;
pub mod recurrent;
pub mod reduce;
pub mod row_norm;
pub mod scan;
pub mod softmax;
pub mod sort;

pub use cache::l2_bytes;
pub use isa::{Isa, Level};
