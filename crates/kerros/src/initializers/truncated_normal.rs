use kerros_core::{Result, Shape, Tensor};

use super::{Draw, Initializer, check_stddev, sample};
use crate::optimizers::setting::described;

described! {
    /// Normally distributed, but no farther than two `stddev` from `mean`.
    ///
    /// # Parameters
    /// - `mean`: the middle. Default: 0.
    /// - `stddev`: the standard deviation before the cut, which leaves 0.8796 of it; 0 or more.
    ///   Default: 0.05.
    /// - `seed`: a seed of its own instead of the model's. Default: none.
    TruncatedNormal: Initializer, "a bell cut at two standard deviations",
    names: &["truncated_normal"],
    optional {
        /// A seed of its own instead of the model's.
        seed: Option<u64> = None,
        /// The middle.
        mean: f64 = 0.0,
        /// The standard deviation before the cut.
        stddev: f64 = 0.05,
    }
}

impl Initializer for TruncatedNormal {
    fn check(&self) -> Result<()> {
        check_stddev(self.stddev)
    }

    fn initialize(&self, shape: &Shape, draw: Draw) -> Result<Tensor> {
        self.check()?;
        sample::truncated_normal(
            shape,
            draw.or_seed(self.seed),
            self.mean as f32,
            self.stddev as f32,
        )
    }
}
