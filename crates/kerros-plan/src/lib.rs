//! How it is computed: from a graph to a plan, and the [`Device`] that runs it.
//!
//! [`compile()`] is the road: simplify, decompose, simplify, group and `lower` to steps, join
//! [`gates`] to products, cut sums over rows into [`chunks`] and [`column_sums`], let threads keep
//! their [`own_weights`], [`schedule`] into regions between barriers, [`place`] in the arena,
//! [`check`].
#![forbid(unsafe_code)]

pub mod attention;
pub mod check;
pub mod chunks;
pub mod column_sums;
pub mod compile;
pub mod device;
pub mod explain;
pub mod gates;
pub mod lives;
mod lower;
mod occupancy;
pub mod own_weights;
pub mod place;
pub mod plan;
pub mod recurrent;
pub mod reference;
pub mod schedule;
pub mod simplify;
pub mod units;

pub use chunks::ChunkLimits;
pub use compile::compile;
pub use device::{CompileOptions, Device, Executable, Feed, StateStore};
pub use plan::Plan;
pub use reference::Reference;
