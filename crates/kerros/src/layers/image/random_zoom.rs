use kerros_core::Result;
use kerros_graph::Node;
use serde_json::{Value, json};

use super::affine::{Affine, FillMode, Sampling};
use super::{Factor, axes, random_layer};
use crate::layers::{DataFormat, Interpolation, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y[p] = x[c + (1 + f) (p - c)]` with the middle `c` of the image and factors `f`
/// of height and width drawn for each anew; else the identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `height_factor`: from -1 to 1: a number for either direction, or the lower and the upper
///   bound. 0.2 shows 20 % more of the image (it becomes smaller), -0.2 as much less.
/// - `width_factor`: likewise; by default what is drawn for the height, so that nothing is
///   distorted.
/// - `fill_mode`: what lies outside: `reflect` (the default), `wrap`, `nearest` or `constant`
///   (with `fill_value`, default 0).
/// - `interpolation`: `bilinear` (the default) or `nearest`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 2, 1]).add(RandomZoom::new(0.2));
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomZoom {
    options: Options,
    height_factor: Factor,
    width_factor: Option<Factor>,
    sampling: Sampling,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomZoom, "enlarges and reduces images at random while training");

const LEAST: f64 = -1.0;

impl RandomZoom {
    /// Shows up to this share more or less of images.
    #[track_caller]
    pub fn new(height_factor: impl Into<Factor>) -> Self {
        RandomZoom {
            options: Options::here(),
            height_factor: height_factor.into(),
            width_factor: None,
            sampling: Sampling::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Draws a factor of its own for the width.
    pub fn width_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.width_factor = Some(factor.into());
        self
    }

    super::affine::sampling_methods!();

    fn check_settings(&self) -> Result<()> {
        self.height_factor.check("height_factor", LEAST)?;
        if let Some(factor) = self.width_factor {
            factor.check("width_factor", LEAST)?;
        }
        self.sampling.check()
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let tall = self.height_factor.draw(LEAST, images, key) + 1.0;
        let wide = match self.width_factor {
            Some(factor) => factor.draw(LEAST, images, key) + 1.0,
            None => tall,
        };
        let shape = images.shape();
        let [y, x] = axes(&self.data_format).map(|axis| (shape[axis] - 1) as f32 / 2.0);
        let zero = tall * 0.0;
        let affine =
            Affine { x: [wide, zero, (1.0 - wide) * x], y: [zero, tall, (1.0 - tall) * y] };
        self.sampling.apply(images, &self.data_format, &affine)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let height_factor = super::required_factor(reader, "height_factor");
        let width_factor = Factor::read(reader, "width_factor");
        let sampling = Sampling::read(reader);
        RandomZoom { width_factor, sampling, ..RandomZoom::new(height_factor) }
    }
}

impl Described for RandomZoom {
    fn class_name(&self) -> &'static str {
        "RandomZoom"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("height_factor".into(), self.height_factor.value());
        let width_factor = self.width_factor.map_or(Value::Null, Factor::value);
        config.insert("width_factor".into(), width_factor);
        config.insert("fill_mode".into(), self.sampling.fill_mode.name().into());
        config.insert("interpolation".into(), self.sampling.interpolation.name().into());
        config.insert("seed".into(), json!(self.seed));
        config.insert("fill_value".into(), self.sampling.fill_value.into());
        config
    }
}
