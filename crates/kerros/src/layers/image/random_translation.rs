use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::affine::{Affine, FillMode, Sampling};
use super::{Factor, axes, random_layer};
use crate::layers::{DataFormat, Interpolation, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y[p] = x[p - d]` with a distance `d` drawn for each image anew; else the
/// identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `height_factor`, `width_factor`: the distance down and to the right as shares of height and
///   width, from -1 to 1: a number for either direction, or the lower and the upper bound.
/// - `fill_mode`: what lies outside: `reflect` (the default), `wrap`, `nearest` or `constant`
///   (with `fill_value`, default 0).
/// - `interpolation`: `bilinear` (the default) or `nearest`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let shift = RandomTranslation::new(0.1, (0.0, 0.2)).fill_mode("nearest");
/// let mut model = Sequential::new().input([1, 2, 1]).add(shift);
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomTranslation {
    options: Options,
    height_factor: Factor,
    width_factor: Factor,
    sampling: Sampling,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomTranslation, "shifts images at random while training");

const LEAST: f64 = -1.0;

impl RandomTranslation {
    /// Shifts images by up to these shares of height and width.
    #[track_caller]
    pub fn new(height_factor: impl Into<Factor>, width_factor: impl Into<Factor>) -> Self {
        RandomTranslation {
            options: Options::here(),
            height_factor: height_factor.into(),
            width_factor: width_factor.into(),
            sampling: Sampling::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    super::affine::sampling_methods!();

    fn check_settings(&self) -> Result<()> {
        self.height_factor.check("height_factor", LEAST)?;
        self.width_factor.check("width_factor", LEAST)?;
        self.sampling.check()
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let shape = images.shape();
        let [height, width] = axes(&self.data_format).map(|axis| shape[axis] as f32);
        let down = self.height_factor.draw(LEAST, images, key) * height;
        let right = self.width_factor.draw(LEAST, images, key) * width;
        let zero = down * 0.0;
        let affine = Affine { x: [zero + 1.0, zero, -right], y: [zero, zero + 1.0, -down] };
        self.sampling.apply(images, &self.data_format, &affine)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let height = super::required_factor(reader, "height_factor");
        let width = super::required_factor(reader, "width_factor");
        RandomTranslation { sampling: Sampling::read(reader), ..Self::new(height, width) }
    }
}

impl Described for RandomTranslation {
    fn class_name(&self) -> &'static str {
        "RandomTranslation"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("height_factor".into(), self.height_factor.value());
        config.insert("width_factor".into(), self.width_factor.value());
        config.insert("fill_mode".into(), self.sampling.fill_mode.name().into());
        config.insert("interpolation".into(), self.sampling.interpolation.name().into());
        config.insert("seed".into(), json!(self.seed));
        config.insert("fill_value".into(), self.sampling.fill_value.into());
        config
    }
}
