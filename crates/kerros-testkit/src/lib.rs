//! What the tests of several crates share. For development only.
#![forbid(unsafe_code)]

pub mod draw;
pub mod gradients;
pub mod graphs;
pub mod sample;

pub use draw::Draw;

/// The README's program must compile: a documentation test, and nothing else.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
