//! What is computed: a graph of operations with shape rules and derivatives.
//!
//! Build one with [`Graph`] and the arithmetic of [`Node`]; differentiate it with [`grad()`];
//! print it with [`text::print`]; check it with [`verify::verify`]; compute it slowly and
//! surely with [`eval`]. How it is computed fast is the business of the floors above.
//!
//! ```
//! use kerros_graph::{Graph, eval::evaluate, grad};
//! use kerros_core::{DType, Tensor};
//! let graph = Graph::new();
//! let x = graph.input("x", [3], DType::F32);
//! let loss = (x * x).sum_all();
//! let dx = grad(loss, &[x])?[0]; // 2 x
//! let values = [Tensor::new([3], [1.0f32, 2.0, 3.0])?];
//! let out = evaluate::<f32>(&graph, &[dx], &values, &[])?;
//! assert_eq!(out[0].as_slice::<f32>()?, [2.0, 4.0, 6.0]);
//! # Ok::<(), kerros_core::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod attributes;
pub mod decompose;
pub mod eval;
mod formulas;
pub mod grad;
pub mod graph;
pub mod node;
pub mod operation;
pub mod ops;
pub mod text;
pub mod verify;
mod windows;

pub use grad::{grad, grad_where_connected};
pub use graph::{Graph, NodeData, NodeId, StateId, Type};
pub use node::Node;
pub use operation::{Backward, Operation, Sample, Tier};
pub use ops::Op;
