//! Data for training: [`Samples`] and [`Dataset`] in host memory, the built-in [`datasets`],
//! [`split`]ting, shuffling into [`Batches`], [`labels`], and files ([`npy`], [`csv`]).
//!
//! Every random choice is a pure function of a seed (Philox, see [`kerros_core::philox`]), so a
//! split or an order of rows can be had again from the seed and the epoch alone.
#![forbid(unsafe_code)]

pub mod atomic;
pub mod batches;
pub mod csv;
pub mod dataset;
pub mod datasets;
pub mod finite;
pub mod labels;
pub mod npy;
pub mod samples;
pub mod sorted_tail;
pub mod source;
pub mod split;

pub use batches::{Batch, Batches};
pub use dataset::{Dataset, Split};
pub use finite::first_non_finite;
pub use labels::{balanced_class_weights, class_weights, one_hot};
pub use samples::Samples;
pub use sorted_tail::tail_differs;
pub use source::BatchSource;
pub use split::{split_random, split_stratified, validation_split};
