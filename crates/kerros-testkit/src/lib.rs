//! What the tests of several crates share. For development only.
#![forbid(unsafe_code)]

pub mod draw;
pub mod gradients;
pub mod graphs;
pub mod sample;

pub use draw::Draw;
