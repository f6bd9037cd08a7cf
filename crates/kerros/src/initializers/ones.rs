use kerros_core::{Result, Shape, Tensor};

use super::{Draw, Initializer};
use crate::optimizers::setting::described;

described! {
    /// `w = 1`: for scales.
    Ones: Initializer, "all 1", names: &["one"],
    optional {}
}

impl Initializer for Ones {
    fn initialize(&self, shape: &Shape, _draw: Draw) -> Result<Tensor> {
        Ok(Tensor::full(shape, 1.0f32))
    }
}
