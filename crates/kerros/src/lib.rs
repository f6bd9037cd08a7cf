//! Keras for Rust: describe a network in Keras's words, `compile` it, `fit` it, `evaluate`
//! it, `predict` with it, save it.
#![forbid(unsafe_code)]

pub mod activations;
pub mod initializers;
pub mod layers;
pub mod losses;
pub mod metrics;
pub mod object;
pub mod optimizers;
pub mod regularizers;
pub mod schedules;

pub use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
pub use kerros_graph as graph;
pub use object::{Choice, Config, ConfigReader, Described, Entry, Registry};
