use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::affine::{Affine, FillMode, Sampling};
use super::{Factor, random_layer};
use crate::layers::noise::uniform;
use crate::layers::{DataFormat, Interpolation, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, shears each image: its pixel `(x, y)` is read at `(x + a y, y + b x)`, with
/// `a` and `b` drawn anew each time; else the identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `x_factor`, `y_factor`: the bounds of `a` and of `b`, from 0 to 1: a number for either
///   direction, or the lower and the upper bound, to which both get one random sign. Default: 0.
/// - `interpolation`: `bilinear` (the default) or `nearest`.
/// - `fill_mode`: what lies outside: `reflect` (the default), `wrap`, `nearest` or `constant`
///   (with `fill_value`, default 0).
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 2, 1]).add(RandomShear::new().x_factor(0.2));
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomShear {
    options: Options,
    x_factor: Factor,
    y_factor: Factor,
    sampling: Sampling,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomShear, "shears images at random while training");

/// Keras takes numbers from 0 on, and writes the lower bound of a single one as its negative.
const LEAST: f64 = -1.0;

impl RandomShear {
    /// Shears nothing: a direction is sheared once its factor is set.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RandomShear {
            options: Options::here(),
            x_factor: Factor::Around(0.0),
            y_factor: Factor::Around(0.0),
            sampling: Sampling::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Sets how far rows move for each pixel of height.
    pub fn x_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.x_factor = factor.into();
        self
    }

    /// Sets how far columns move for each pixel of width.
    pub fn y_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.y_factor = factor.into();
        self
    }

    super::affine::sampling_methods!();

    pub(super) fn check_settings(&self) -> Result<()> {
        self.x_factor.check("x_factor", LEAST)?;
        self.y_factor.check("y_factor", LEAST)?;
        self.sampling.check()
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let sign = uniform(key, [images.shape()[0]]);
        let (zero, one) = (sign * 0.0, sign * 0.0 + 1.0);
        let sign = sign.greater(0.5).select(-one, one);
        let y_shear = self.y_factor.draw(LEAST, images, key) * sign;
        let x_shear = self.x_factor.draw(LEAST, images, key) * sign;
        let affine = Affine { x: [one, x_shear, zero], y: [y_shear, one, zero] };
        self.sampling.apply(images, &self.data_format, &affine)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = RandomShear::new();
        layer.x_factor = Factor::read(reader, "x_factor").unwrap_or(layer.x_factor);
        layer.y_factor = Factor::read(reader, "y_factor").unwrap_or(layer.y_factor);
        layer.sampling = Sampling::read(reader);
        layer
    }
}

impl Described for RandomShear {
    fn class_name(&self) -> &'static str {
        "RandomShear"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("x_factor".into(), self.x_factor.bounds_value(LEAST));
        config.insert("y_factor".into(), self.y_factor.bounds_value(LEAST));
        config.insert("fill_mode".into(), self.sampling.fill_mode.name().into());
        config.insert("interpolation".into(), self.sampling.interpolation.name().into());
        config.insert("seed".into(), json!(self.seed));
        config.insert("fill_value".into(), self.sampling.fill_value.into());
        config
    }
}
