use kerros_core::Result;
use kerros_graph::Node;

use super::{Factor, ValueRange, factor_layer, for_pixels, random_layer};
use crate::layers::{DataFormat, Options};

/// While training, `y = x + f · (greatest - least)` with an `f` drawn for each image anew each
/// time, clipped to `value_range`; else the identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: from -1 to 1: a number for either direction, or the lower and the upper bound.
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let brightness = RandomBrightness::new(0.1).value_range(0.0, 1.0);
/// let mut model = Sequential::new().input([1, 2, 1]).add(brightness);
/// let x = Tensor::new([1, 1, 2, 1], [0.25f32, 0.5])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.25, 0.5]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomBrightness {
    options: Options,
    factor: Factor,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomBrightness, "makes images darker or lighter at random while training");

factor_layer!(RandomBrightness, "Adds up to this share of the range of values.");

const LEAST: f64 = -1.0;

impl RandomBrightness {
    pub(super) fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let range = (self.value_range.1 - self.value_range.0).abs() as f32;
        let added = for_pixels(self.factor.draw(LEAST, images, key) * range);
        self.value_range.clip(images + added)
    }
}
