use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::color::{expect_rgb_or_grey, grey};
use super::{Factor, ValueRange, for_pixels, random_layer, value_range_method};
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y = x + f · (grey - x)` with an `f` drawn for each image anew each time,
/// clipped to `value_range`; else the identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same; 3 channels, or 1, which is grey
///
/// # Parameters
/// - `factor`: from -1 to 1: a number for either direction, or the lower and the upper bound of
///   `f`. 0 keeps the colours, 1 takes them away.
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = RandomColorDegeneration::new((0.0, 0.5));
/// let mut model = Sequential::new().input([1, 1, 3]).add(layer);
/// let x = Tensor::new([1, 1, 1, 3], [64.0f32, 128.0, 255.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [64.0, 128.0, 255.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomColorDegeneration {
    options: Options,
    factor: Factor,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(
    RandomColorDegeneration,
    "brings images nearer to grey at random while training",
    expect_rgb_or_grey
);

const LEAST: f64 = -1.0;

impl RandomColorDegeneration {
    /// Brings images nearer to grey by up to this share.
    #[track_caller]
    pub fn new(factor: impl Into<Factor>) -> Self {
        RandomColorDegeneration {
            options: Options::here(),
            factor: factor.into(),
            value_range: ValueRange::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    value_range_method!(sorted);

    fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let factor = for_pixels(self.factor.draw(LEAST, images, key));
        let towards_grey = grey(images, &self.data_format) - images;
        self.value_range.clip(images + factor * towards_grey)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let factor = super::required_factor(reader, "factor");
        let value_range = ValueRange::read(reader).sorted();
        RandomColorDegeneration { value_range, ..RandomColorDegeneration::new(factor) }
    }
}

impl Described for RandomColorDegeneration {
    fn class_name(&self) -> &'static str {
        "RandomColorDegeneration"
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
