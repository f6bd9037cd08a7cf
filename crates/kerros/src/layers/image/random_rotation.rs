use std::f64::consts::TAU;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::affine::{Affine, FillMode, Sampling};
use super::{Factor, axes, random_layer};
use crate::layers::{DataFormat, Interpolation, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y[p] = x[c + R (p - c)]` with the middle `c` of the image and a turn `R` by an
/// angle drawn for each anew; else the identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: the angle in full turns, from -1 to 1: a number for either direction, or the
///   lower and the upper bound. Positive angles turn counterclockwise.
/// - `fill_mode`: what lies outside: `reflect` (the default), `wrap`, `nearest` or `constant`
///   (with `fill_value`, default 0).
/// - `interpolation`: `bilinear` (the default) or `nearest`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// // Up to 36 degrees to either side.
/// let mut model = Sequential::new().input([1, 2, 1]).add(RandomRotation::new(0.1));
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomRotation {
    options: Options,
    factor: Factor,
    sampling: Sampling,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomRotation, "turns images at random while training");

const LEAST: f64 = -1.0;

impl RandomRotation {
    /// Turns images by up to this share of a full turn.
    #[track_caller]
    pub fn new(factor: impl Into<Factor>) -> Self {
        RandomRotation {
            options: Options::here(),
            factor: factor.into(),
            sampling: Sampling::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    super::affine::sampling_methods!();

    fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)?;
        self.sampling.check()
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let angle = self.factor.draw(LEAST, images, key) * TAU as f32;
        let (cos, sin) = (angle.cos(), angle.sin());
        let shape = images.shape();
        let [y, x] = axes(&self.data_format).map(|axis| (shape[axis] - 1) as f32 / 2.0);
        let affine =
            Affine { x: [cos, -sin, x - cos * x + sin * y], y: [sin, cos, y - sin * x - cos * y] };
        self.sampling.apply(images, &self.data_format, &affine)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let factor = super::required_factor(reader, "factor");
        RandomRotation { sampling: Sampling::read(reader), ..RandomRotation::new(factor) }
    }
}

impl Described for RandomRotation {
    fn class_name(&self) -> &'static str {
        "RandomRotation"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("factor".into(), self.factor.bounds_value(LEAST));
        config.insert("fill_mode".into(), self.sampling.fill_mode.name().into());
        config.insert("fill_value".into(), self.sampling.fill_value.into());
        config.insert("interpolation".into(), self.sampling.interpolation.name().into());
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
