use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::blur::{filter, smoothing};
use super::{Factor, ValueRange, for_pixels, random_layer, value_range_method};
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y = x + (1 - 2 f) · (smooth - x)` with an `f` drawn for each image anew each
/// time, clipped to `value_range`; else the identity.
///
/// In the smooth image each pixel is 5/13 of itself and 1/13 of each of its 8 neighbours, with 0
/// outside the image.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: from 0 to 1: the bounds of `f`. A single number is the upper bound, and the lower
///   one 0. 0 is smooth, 0.5 changes nothing, 1 is as much sharper.
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 2, 1]).add(RandomSharpness::new(0.5));
/// let x = Tensor::new([1, 1, 2, 1], [64.0f32, 128.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [64.0, 128.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomSharpness {
    options: Options,
    factor: Factor,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomSharpness, "makes images sharper or smoother at random while training");

const LEAST: f64 = 0.0;

impl RandomSharpness {
    /// Makes images smooth (0) to sharp (1).
    #[track_caller]
    pub fn new(factor: impl Into<Factor>) -> Self {
        RandomSharpness {
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
        let factor = for_pixels(self.factor.draw(LEAST, images, key) * 2.0);
        let smooth = filter(images, smoothing(images), &self.data_format);
        self.value_range.clip(images + (1.0 - factor) * (smooth - images))
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let factor = super::required_factor(reader, "factor");
        let value_range = ValueRange::read(reader).sorted();
        RandomSharpness { value_range, ..RandomSharpness::new(factor) }
    }
}

impl Described for RandomSharpness {
    fn class_name(&self) -> &'static str {
        "RandomSharpness"
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
