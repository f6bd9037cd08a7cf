//! Initializers: one file each, and the list below.

use kerros_core::{Philox, Result, Shape, Tensor};

use crate::object::{Described, Entry, Registry, family};

/// Where an initializer draws its random numbers: one stream per weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The generator of the model's seed, or of the initializer's own.
    pub philox: Philox,
    /// The stream: the weight's place in the model.
    pub stream: u32,
}

/// How weights start.
pub trait Initializer: Described {
    /// A tensor of start values: `f32` of this shape.
    ///
    /// # Errors
    /// A shape that the initializer cannot fill (a square matrix asked of a vector ...).
    fn initialize(&self, shape: &Shape, draw: Draw) -> Result<Tensor>;
}

/// All initializers.
pub static REGISTRY: Registry<dyn Initializer> =
    Registry { noun: "initializer", module: "keras.initializers", entries: ENTRIES };

static ENTRIES: &[Entry<dyn Initializer>] = &[];

family!(Initializer, REGISTRY);
