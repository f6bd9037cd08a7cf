use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::color::{expect_rgb, from_hue_saturation_value, hue_saturation_value};
use super::{Factor, ValueRange, for_pixels, random_layer, value_range_method};
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `saturation(y) = saturation(x) · f / (1 - f)` with an `f` drawn for each image
/// anew each time; else the identity.
///
/// The saturation is clipped to `value_range`, as in Keras. Hue and value stay.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same; 3 channels: red, green and blue
///
/// # Parameters
/// - `factor`: from -1 to 1: a number for either direction, or the lower and the upper bound of
///   `f`. 0.5 keeps the saturation, 0 takes it away.
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 1, 3]).add(RandomSaturation::new((0.4, 0.6)));
/// let x = Tensor::new([1, 1, 1, 3], [64.0f32, 128.0, 255.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [64.0, 128.0, 255.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomSaturation {
    options: Options,
    factor: Factor,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(
    RandomSaturation,
    "changes the saturation of images at random while training",
    expect_rgb
);

const LEAST: f64 = -1.0;

/// What keeps the divisor from 0 (Keras's `epsilon()`).
const EPSILON: f32 = 1e-7;

impl RandomSaturation {
    /// Multiplies the saturation by `f / (1 - f)`.
    #[track_caller]
    pub fn new(factor: impl Into<Factor>) -> Self {
        RandomSaturation {
            options: Options::here(),
            factor: factor.into(),
            value_range: ValueRange::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    value_range_method!(sorted);

    pub(super) fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let share = for_pixels(self.factor.draw(LEAST, images, key));
        let factor = share / (1.0 - share + EPSILON);
        let [hue, saturation, value] = hue_saturation_value(images, &self.data_format);
        let saturation = self.value_range.clip(saturation * factor);
        from_hue_saturation_value([hue, saturation, value], &self.data_format)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let factor = super::required_factor(reader, "factor");
        let value_range = ValueRange::read(reader).sorted();
        RandomSaturation { value_range, ..RandomSaturation::new(factor) }
    }
}

impl Described for RandomSaturation {
    fn class_name(&self) -> &'static str {
        "RandomSaturation"
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
