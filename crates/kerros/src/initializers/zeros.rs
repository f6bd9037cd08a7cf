use kerros_core::{DType, Result, Shape, Tensor};

use super::{Draw, Initializer};
use crate::optimizers::setting::described;

described! {
    /// `w = 0`: for biases.
    Zeros: Initializer, "all 0", names: &["zero"],
    optional {}
}

impl Initializer for Zeros {
    fn initialize(&self, shape: &Shape, _draw: Draw) -> Result<Tensor> {
        Ok(Tensor::zeros(shape, DType::F32))
    }
}
