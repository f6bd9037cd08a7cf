use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::{Factor, ValueRange, random_layer, value_range_method};
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y = greatest - x` for a share of the images, drawn anew each time; else the
/// identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: from 0 to 1: the bounds between which the probability is drawn with which an
///   image is inverted. A single number is the upper bound, and the lower one 0. Default: 1.
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 2, 1]).add(RandomInvert::new().factor(0.5));
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomInvert {
    options: Options,
    factor: Factor,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomInvert, "makes negatives of images at random while training");

const LEAST: f64 = 0.0;

impl RandomInvert {
    /// Inverts images with probabilities from 0 to 1.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RandomInvert {
            options: Options::here(),
            factor: Factor::Around(1.0),
            value_range: ValueRange::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Sets the bounds of the probability that an image is inverted.
    pub fn factor(mut self, factor: impl Into<Factor>) -> Self {
        self.factor = factor.into();
        self
    }

    value_range_method!();

    fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        self.factor.happens(images, key).select(self.value_range.1 as f32 - images, images)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = RandomInvert::new();
        layer.factor = Factor::read(reader, "factor").unwrap_or(layer.factor);
        layer.value_range = ValueRange::read(reader);
        layer
    }
}

impl Described for RandomInvert {
    fn class_name(&self) -> &'static str {
        "RandomInvert"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("factor".into(), self.factor.bounds_value(LEAST));
        config.insert("value_range".into(), self.value_range.value());
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
