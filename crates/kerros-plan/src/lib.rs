//! How it is computed: from a graph to a plan, and the [`Device`] that runs it.
#![forbid(unsafe_code)]

pub mod device;
pub mod reference;

pub use device::{CompileOptions, Device, Executable, Feed, StateStore};
pub use reference::Reference;
