//! Initializers: one file each, and the list below.
//!
//! Random numbers come from [`Philox`] and go through fixed sequences of IEEE operations, so
//! that a seed gives the same bits on every machine.

use kerros_core::{Error, ErrorKind, Philox, Result, Shape, Tensor};

use crate::object::{Described, Entry, Registry, family};

mod constant;
mod fans;
mod identity;
mod ones;
mod orthogonal;
mod random_normal;
mod random_uniform;
mod sample;
mod stft;
mod truncated_normal;
mod variance_scaling;
mod zeros;

pub use constant::Constant;
pub use fans::compute_fans;
pub use identity::Identity;
pub use ones::Ones;
pub use orthogonal::Orthogonal;
pub use random_normal::RandomNormal;
pub use random_uniform::RandomUniform;
pub use stft::{STFT, Scaling, Side, Window};
pub use truncated_normal::TruncatedNormal;
pub use variance_scaling::{
    Distribution, GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform,
    Mode, VarianceScaling,
};
pub use zeros::Zeros;

/// Where an initializer draws its random numbers: one stream per weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The generator of the model's seed, or of the initializer's own.
    pub philox: Philox,
    /// The stream: the weight's place in the model.
    pub stream: u32,
}

impl Draw {
    /// The draw of a seed of the initializer's own, which wins over the model's: the same
    /// numbers wherever the initializer is used, as in Keras.
    fn or_seed(self, seed: Option<u64>) -> Self {
        match seed {
            Some(seed) => Draw { philox: Philox::new(seed), stream: 0 },
            None => self,
        }
    }
}

/// How weights start.
pub trait Initializer: Described {
    /// Checks the arguments.
    ///
    /// # Errors
    /// An argument out of its range.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// A tensor of start values: `f32` of this shape.
    ///
    /// # Errors
    /// A shape that the initializer cannot fill (a square matrix asked of a vector ...), or an
    /// argument out of its range.
    fn initialize(&self, shape: &Shape, draw: Draw) -> Result<Tensor>;
}

/// All initializers.
pub static REGISTRY: Registry<dyn Initializer> =
    Registry::new("initializer", "keras.initializers", ENTRIES);

static ENTRIES: &[Entry<dyn Initializer>] = &[
    Zeros::ENTRY,
    Ones::ENTRY,
    Constant::ENTRY,
    Identity::ENTRY,
    RandomUniform::ENTRY,
    RandomNormal::ENTRY,
    TruncatedNormal::ENTRY,
    GlorotUniform::ENTRY,
    GlorotNormal::ENTRY,
    HeUniform::ENTRY,
    HeNormal::ENTRY,
    LecunUniform::ENTRY,
    LecunNormal::ENTRY,
    VarianceScaling::ENTRY,
    Orthogonal::ENTRY,
    STFT::ENTRY,
];

family!(Initializer, REGISTRY);

/// Checks a standard deviation.
fn check_stddev(stddev: f64) -> Result<()> {
    match stddev >= 0.0 {
        true => Ok(()),
        false => {
            Err(Error::new(ErrorKind::Argument, format!("stddev={stddev}")).expected("0 or more"))
        }
    }
}
