//! The CPU device.

pub mod team;
