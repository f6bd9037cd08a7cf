//! Random weights whose size follows from how many inputs and outputs they connect, so that
//! activations (or gradients) keep their size from layer to layer.

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use serde_json::{Value, json};

use super::{Draw, Initializer, compute_fans, sample};
use crate::optimizers::setting::{Setting, described};

/// Which number of connections divides the variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The inputs of a unit: keeps the size of activations.
    FanIn,
    /// The outputs of a unit: keeps the size of gradients.
    FanOut,
    /// The mean of both.
    FanAvg,
}

/// What random weights are distributed like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// A bell cut at two standard deviations (widened, so that the variance is right).
    TruncatedNormal,
    /// A bell.
    UntruncatedNormal,
    /// Evenly between two numbers.
    Uniform,
}

const MODES: [(&str, Mode); 3] =
    [("fan_in", Mode::FanIn), ("fan_out", Mode::FanOut), ("fan_avg", Mode::FanAvg)];
const DISTRIBUTIONS: [(&str, Distribution); 4] = [
    ("truncated_normal", Distribution::TruncatedNormal),
    ("untruncated_normal", Distribution::UntruncatedNormal),
    ("uniform", Distribution::Uniform),
    ("normal", Distribution::TruncatedNormal),
];

/// The value that a list has under a name, in any letter case.
fn named<T: Copy>(list: &[(&str, T)], name: &Value) -> Option<T> {
    let name = name.as_str()?;
    list.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

impl Setting for Mode {
    const EXPECTED: &'static str = "\"fan_in\", \"fan_out\" or \"fan_avg\"";
    fn from_json(value: &Value) -> Option<Self> {
        named(&MODES, value)
    }
    fn to_json(&self) -> Value {
        json!(MODES.iter().find(|(_, mode)| mode == self).map(|(name, _)| name))
    }
}

impl Setting for Distribution {
    const EXPECTED: &'static str =
        "\"truncated_normal\" (or \"normal\"), \"untruncated_normal\" or \"uniform\"";
    fn from_json(value: &Value) -> Option<Self> {
        named(&DISTRIBUTIONS, value)
    }
    fn to_json(&self) -> Value {
        json!(DISTRIBUTIONS.iter().find(|(_, known)| known == self).map(|(name, _)| name))
    }
}

/// Standard deviation of a standard normal distribution cut at ±2:
/// `sqrt(1 - 4 phi(2) / (2 Phi(2) - 1))`, the number Keras divides by.
const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

described! {
    /// Random with variance `scale / fan`.
    ///
    /// The mother of the Glorot, He and LeCun initializers.
    ///
    /// # Parameters
    /// - `scale`: above 0. Default: 1.
    /// - `mode`: which fan, see [`compute_fans`]. Default: [`Mode::FanIn`].
    /// - `distribution`: Default: [`Distribution::TruncatedNormal`].
    /// - `seed`: a seed of its own instead of the model's. Default: none.
    /// - `input_axes`, `output_axes`: the axes that make up the fans. Default: by the shape.
    VarianceScaling: Initializer, "random, scaled to the number of connections",
    names: &["variance_scaling"],
    optional {
        /// A seed of its own instead of the model's.
        seed: Option<u64> = None,
        /// The variance times the fan.
        scale: f64 = 1.0,
        /// Which number of connections divides the variance.
        mode: Mode = Mode::FanIn,
        /// What the weights are distributed like.
        distribution: Distribution = Distribution::TruncatedNormal,
        /// The axes that make up `fan_in`.
        input_axes: Option<Vec<i64>> = None,
        /// The axes that make up `fan_out`.
        output_axes: Option<Vec<i64>> = None,
    }
}

impl Initializer for VarianceScaling {
    fn check(&self) -> Result<()> {
        match self.scale > 0.0 {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Argument, format!("scale={}", self.scale))
                .expected("a number above 0")),
        }
    }

    fn initialize(&self, shape: &Shape, draw: Draw) -> Result<Tensor> {
        self.check()?;
        let axes = [self.input_axes.as_deref(), self.output_axes.as_deref()];
        let (fan_in, fan_out) = compute_fans(shape, axes[0], axes[1])?;
        let fan = match self.mode {
            Mode::FanIn => fan_in as f64,
            Mode::FanOut => fan_out as f64,
            Mode::FanAvg => (fan_in + fan_out) as f64 / 2.0,
        };
        let (variance, draw) = (self.scale / fan.max(1.0), draw.or_seed(self.seed));
        match self.distribution {
            Distribution::TruncatedNormal => {
                let stddev = variance.sqrt() / TRUNCATED_STDDEV;
                sample::truncated_normal(shape, draw, 0.0, stddev as f32)
            }
            Distribution::UntruncatedNormal => {
                sample::normal(shape, draw, 0.0, variance.sqrt() as f32)
            }
            Distribution::Uniform => {
                let limit = (3.0 * variance).sqrt() as f32;
                sample::uniform(shape, draw, -limit, limit)
            }
        }
    }
}

/// The named cases of [`VarianceScaling`].
macro_rules! scaled {
    ($(
        $(#[$doc:meta])*
        $Class:ident, $summary:literal, $name:literal, $scale:literal, $mode:ident,
        $distribution:ident;
    )*) => {$(
        described! {
            $(#[$doc])*
            ///
            /// # Parameters
            /// - `seed`: a seed of its own instead of the model's. Default: none.
            /// - `input_axes`, `output_axes`: the axes that make up the fans. Default: by the
            ///   shape, see [`compute_fans`].
            $Class: Initializer, $summary, names: &[$name],
            optional {
                /// A seed of its own instead of the model's.
                seed: Option<u64> = None,
                /// The axes that make up `fan_in`.
                input_axes: Option<Vec<i64>> = None,
                /// The axes that make up `fan_out`.
                output_axes: Option<Vec<i64>> = None,
            }
        }

        impl Initializer for $Class {
            fn initialize(&self, shape: &Shape, draw: Draw) -> Result<Tensor> {
                let $Class { seed, input_axes, output_axes } = self.clone();
                let (mode, distribution) = (Mode::$mode, Distribution::$distribution);
                VarianceScaling { seed, scale: $scale, mode, distribution, input_axes, output_axes }
                    .initialize(shape, draw)
            }
        }
    )*};
}

scaled! {
    /// Evenly within ±`sqrt(6 / (fan_in + fan_out))`: Keras's default for kernels.
    ///
    /// # Source
    /// Glorot, Bengio: "Understanding the difficulty of training deep feedforward neural
    /// networks", AISTATS 2010.
    GlorotUniform, "evenly, variance 2 / (fan_in + fan_out): the default of kernels",
    "glorot_uniform", 1.0, FanAvg, Uniform;

    /// A cut bell with variance `2 / (fan_in + fan_out)`.
    ///
    /// # Source
    /// Glorot, Bengio: "Understanding the difficulty of training deep feedforward neural
    /// networks", AISTATS 2010.
    GlorotNormal, "a cut bell, variance 2 / (fan_in + fan_out)",
    "glorot_normal", 1.0, FanAvg, TruncatedNormal;

    /// Evenly within ±`sqrt(6 / fan_in)`: before `relu`.
    ///
    /// # Source
    /// He, Zhang, Ren, Sun: "Delving deep into rectifiers", arXiv 1502.01852.
    HeUniform, "evenly, variance 2 / fan_in: before relu",
    "he_uniform", 2.0, FanIn, Uniform;

    /// A cut bell with variance `2 / fan_in`: before `relu`.
    ///
    /// # Source
    /// He, Zhang, Ren, Sun: "Delving deep into rectifiers", arXiv 1502.01852.
    HeNormal, "a cut bell, variance 2 / fan_in: before relu",
    "he_normal", 2.0, FanIn, TruncatedNormal;

    /// Evenly within ±`sqrt(3 / fan_in)`.
    ///
    /// # Source
    /// LeCun, Bottou, Orr, Müller: "Efficient backprop", 1998.
    LecunUniform, "evenly, variance 1 / fan_in",
    "lecun_uniform", 1.0, FanIn, Uniform;

    /// A cut bell with variance `1 / fan_in`: before `selu`.
    ///
    /// # Source
    /// LeCun, Bottou, Orr, Müller: "Efficient backprop", 1998.
    LecunNormal, "a cut bell, variance 1 / fan_in: before selu",
    "lecun_normal", 1.0, FanIn, TruncatedNormal;
}
