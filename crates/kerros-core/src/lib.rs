//! The words every floor shares: [`Shape`], [`DType`], [`Tensor`], its [`Buffer`], [`Error`], the
//! [`philox`] random numbers, the [`law`] of arithmetic and the elementwise
//! [`program`] that the graph writes, the plan groups and the kernels run.
#![forbid(unsafe_code)]

pub mod buffer;
pub mod dtype;
pub mod error;
pub mod law;
pub mod philox;
pub mod program;
pub mod shape;
pub mod tensor;

pub use buffer::Buffer;
pub use dtype::{DType, Element};
pub use error::{Error, ErrorKind, Origin, Result};
pub use philox::Philox;
pub use shape::Shape;
pub use tensor::Tensor;
