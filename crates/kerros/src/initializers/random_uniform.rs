use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};

use super::{Draw, Initializer, sample};
use crate::optimizers::setting::described;

described! {
    /// Evenly between `minval` and `maxval`.
    ///
    /// # Parameters
    /// - `minval`, `maxval`: from where up to where; the end is left out. Defaults: ±0.05.
    /// - `seed`: a seed of its own instead of the model's. Default: none.
    RandomUniform: Initializer, "evenly between two numbers",
    names: &["random_uniform", "uniform"],
    optional {
        /// A seed of its own instead of the model's.
        seed: Option<u64> = None,
        /// The least value.
        minval: f64 = -0.05,
        /// What all values are below.
        maxval: f64 = 0.05,
    }
}

impl Initializer for RandomUniform {
    fn check(&self) -> Result<()> {
        let span = self.maxval - self.minval;
        match span >= 0.0 && span.is_finite() {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::Argument,
                format!("minval={} and maxval={}", self.minval, self.maxval),
            )
            .expected("finite numbers, `minval` at most `maxval`")),
        }
    }

    fn initialize(&self, shape: &Shape, draw: Draw) -> Result<Tensor> {
        self.check()?;
        sample::uniform(shape, draw.or_seed(self.seed), self.minval as f32, self.maxval as f32)
    }
}
