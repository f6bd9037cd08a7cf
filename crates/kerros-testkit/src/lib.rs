//! What the tests of several crates share. For development only.
#![forbid(unsafe_code)]

pub mod draw;

pub use draw::Draw;
