use kerros_core::Result;
use kerros_graph::Node;

use super::color::{expect_rgb, from_hue_saturation_value, hue_saturation_value};
use super::{Factor, ValueRange, factor_layer, for_pixels, random_layer};
use crate::layers::noise::uniform;
use crate::layers::{DataFormat, Options};

/// While training, turns the circle of colours: `hue(y) = hue(x) ± f / 2` with an `f` and a sign
/// drawn for each image anew each time; else the identity.
///
/// A hue of 1 is that of 0. Saturation and value stay.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same; 3 channels: red, green and blue
///
/// # Parameters
/// - `factor`: from 0 to 1: the bounds of `f`. A single number is the upper bound, and the lower
///   one 0. 1 is half a turn to either side.
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let hue = RandomHue::new(0.2).value_range(0.0, 1.0);
/// let mut model = Sequential::new().input([1, 1, 3]).add(hue);
/// let x = Tensor::new([1, 1, 1, 3], [0.25f32, 0.5, 1.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.25, 0.5, 1.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomHue {
    options: Options,
    factor: Factor,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomHue, "changes the hue of images at random while training", expect_rgb);

factor_layer!(RandomHue, "Turns the circle of colours by up to this share of half a turn.");

const LEAST: f64 = 0.0;

impl RandomHue {
    pub(super) fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let sign = uniform(key, [images.shape()[0]]);
        let sign = sign.greater(0.5).select(-1.0, sign * 0.0 + 1.0);
        let turn = for_pixels(sign * self.factor.draw(LEAST, images, key) * 0.5);
        let whole = ValueRange(0.0, 1.0);
        let images = self.value_range.rescale(images, whole);
        let [hue, saturation, value] = hue_saturation_value(images, &self.data_format);
        let hue = hue + turn;
        let hue = hue.greater(1.0).select(hue - 1.0, hue);
        let hue = hue.less(0.0).select(hue + 1.0, hue);
        let images = from_hue_saturation_value([hue, saturation, value], &self.data_format);
        whole.rescale(images.clip(0.0, 1.0), self.value_range)
    }
}
