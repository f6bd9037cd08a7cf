use kerros_core::Result;
use kerros_graph::Node;

use super::blur::{filter, smoothing};
use super::{Factor, ValueRange, factor_layer, for_pixels, random_layer};
use crate::layers::{DataFormat, Options};

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

factor_layer!(RandomSharpness, "Makes images smooth (0) to sharp (1).", sorted);

const LEAST: f64 = 0.0;

impl RandomSharpness {
    fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let factor = for_pixels(self.factor.draw(LEAST, images, key) * 2.0);
        let smooth = filter(images, smoothing(images), &self.data_format);
        self.value_range.clip(images + (1.0 - factor) * (smooth - images))
    }
}
