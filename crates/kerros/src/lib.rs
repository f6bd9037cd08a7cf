//! Keras for Rust: describe a network in Keras's words, `compile` it, `fit` it, `evaluate`
//! it, `predict` with it, save it.
#![forbid(unsafe_code)]

pub mod activations;
pub mod callbacks;
pub mod constraints;
pub mod device;
mod einsum;
pub mod initializers;
pub mod layers;
pub mod losses;
pub mod metrics;
pub mod model;
pub mod object;
pub mod operations;
pub mod optimizers;
pub mod prelude;
pub mod regularizers;
pub mod saving;
pub mod schedules;
pub mod trainer;

pub use device::{default_device, set_default_device};
pub use einsum::einsum;
pub use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
pub use kerros_data as data;
pub use kerros_graph as graph;
pub use model::{Model, Sequential, set_random_seed};
pub use object::{Choice, Config, ConfigReader, Described, Entry, Registry};
pub use operations::ops;
pub use saving::{Load, load_model};
pub use trainer::{Compile, Evaluate, Fit, Function, History, Metrics, Variables, Verbose};
