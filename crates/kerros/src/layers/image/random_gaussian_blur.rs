use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::blur::{filter, gaussian, outer};
use super::{Factor, ValueRange, random_layer, value_range_method};
use crate::layers::noise::uniform;
use crate::layers::{DataFormat, Lengths, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, blurs a share of the images, drawn anew each time: `y = x` convolved with
/// `exp(-(i / sigma)² / 2)`, divided by the sum, along rows and columns; else the identity.
///
/// One `sigma` for the width and one for the height is drawn for all images of a batch. All
/// images are clipped to `value_range`.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: from 0 to 1: the bounds between which the probability is drawn with which an
///   image is blurred. A single number is the upper bound, and the lower one 0. Default: 1.
/// - `kernel_size`: over how many pixels a blur extends; an odd number, or one for the width and
///   one for the height. Default: 3.
/// - `sigma`: from 0 to 1: the bounds of `sigma`, in pixels; a single number is the upper bound,
///   and the lower one 0. Default: 1.
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let blur = RandomGaussianBlur::new().kernel_size(5).sigma((0.5, 1.0));
/// let mut model = Sequential::new().input([1, 2, 1]).add(blur);
/// let x = Tensor::new([1, 1, 2, 1], [64.0f32, 128.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [64.0, 128.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomGaussianBlur {
    options: Options,
    factor: Factor,
    kernel_size: Lengths<2>,
    sigma: Factor,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomGaussianBlur, "blurs images at random while training");

const LEAST: f64 = 0.0;

/// What keeps `sigma` from 0, as in Keras.
const SMALLEST_SIGMA: f32 = 1e-6;

/// Longer kernels are taken for a mistake.
const MAX_KERNEL: usize = 1 << 10;

impl RandomGaussianBlur {
    /// Blurs over 3 by 3 pixels.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RandomGaussianBlur {
            options: Options::here(),
            factor: Factor::Around(1.0),
            kernel_size: 3.into(),
            sigma: Factor::Around(1.0),
            value_range: ValueRange::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Sets the bounds of the probability that an image is blurred.
    pub fn factor(mut self, factor: impl Into<Factor>) -> Self {
        self.factor = factor.into();
        self
    }

    /// Sets over how many pixels a blur extends: along the width, along the height.
    pub fn kernel_size(mut self, kernel_size: impl Into<Lengths<2>>) -> Self {
        self.kernel_size = kernel_size.into();
        self
    }

    /// Sets the bounds of the blur's standard deviation, in pixels.
    pub fn sigma(mut self, sigma: impl Into<Factor>) -> Self {
        self.sigma = sigma.into();
        self
    }

    value_range_method!();

    fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)?;
        self.sigma.check("sigma", LEAST)?;
        let is_wrong = |&&size: &&usize| size % 2 == 0 || size > MAX_KERNEL;
        match self.kernel_size.get().iter().find(is_wrong) {
            None => Ok(()),
            Some(&size) => Err(crate::layers::options::out_of_range(
                "`kernel_size`",
                size as f64,
                &format!("odd numbers up to {MAX_KERNEL}"),
            )),
        }
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let is_blurred = self.factor.happens(images, key);
        let (lower, upper) = self.sigma.bounds(LEAST);
        let sigma = uniform(key, [2]) * (upper - lower) as f32 + lower as f32 + SMALLEST_SIGMA;
        let [columns, rows] = [0, 1].map(|at| {
            gaussian(self.kernel_size.get()[at], sigma.slice(0, at, at + 1).reshape([]), None)
        });
        let blurred = filter(images, outer(rows, columns), &self.data_format);
        self.value_range.clip(is_blurred.select(blurred, images))
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = RandomGaussianBlur::new();
        layer.factor = Factor::read(reader, "factor").unwrap_or(layer.factor);
        layer.kernel_size = Lengths::read(reader, "kernel_size").unwrap_or(layer.kernel_size);
        layer.sigma = Factor::read(reader, "sigma").unwrap_or(layer.sigma);
        layer.value_range = ValueRange::read(reader);
        layer
    }
}

impl Described for RandomGaussianBlur {
    fn class_name(&self) -> &'static str {
        "RandomGaussianBlur"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("factor".into(), self.factor.bounds_value(LEAST));
        config.insert("kernel_size".into(), self.kernel_size.value());
        config.insert("sigma".into(), self.sigma.bounds_value(LEAST));
        config.insert("value_range".into(), self.value_range.value());
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
