use kerros_core::Result;
use kerros_graph::Node;

use super::color::{expect_rgb, from_hue_saturation_value, hue_saturation_value};
use super::{Factor, ValueRange, factor_layer, for_pixels, random_layer};
use crate::layers::{DataFormat, Options};

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

factor_layer!(RandomSaturation, "Multiplies the saturation by `f / (1 - f)`.", sorted);

const LEAST: f64 = -1.0;

/// What keeps the divisor from 0 (Keras's `epsilon()`).
const EPSILON: f32 = 1e-7;

impl RandomSaturation {
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
}
