use kerros_core::Result;
use kerros_graph::Node;

use super::color::{expect_rgb_or_grey, grey};
use super::{Factor, ValueRange, factor_layer, for_pixels, random_layer};
use crate::layers::{DataFormat, Options};

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

factor_layer!(RandomColorDegeneration, "Brings images nearer to grey by up to this share.", sorted);

const LEAST: f64 = -1.0;

impl RandomColorDegeneration {
    fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let factor = for_pixels(self.factor.draw(LEAST, images, key));
        let towards_grey = grey(images, &self.data_format) - images;
        self.value_range.clip(images + factor * towards_grey)
    }
}
