//! What is said after a run: results, curves, a diagnosis.

pub mod confusion;
pub mod diagnosis;
pub mod panels;
pub mod svg;
pub mod terminal;
