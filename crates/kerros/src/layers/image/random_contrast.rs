use kerros_core::Result;
use kerros_graph::Node;

use super::{Factor, ValueRange, axes, factor_layer, for_pixels, random_layer};
use crate::layers::{DataFormat, Options};

/// While training, `y = (x - mean) · f + mean` with the mean of each channel of each image and a
/// factor `f` drawn for each image anew each time, clipped to `value_range`; else the identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: bounds `lower` and `upper` from 0 to 1: `f` lies between `1 - lower` and
///   `1 + upper`. A single number is the upper bound, and the lower one 0.
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let contrast = RandomContrast::new((0.2, 0.2)).value_range(0.0, 1.0);
/// let mut model = Sequential::new().input([1, 2, 1]).add(contrast);
/// let x = Tensor::new([1, 1, 2, 1], [0.25f32, 0.5])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.25, 0.5]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomContrast {
    options: Options,
    factor: Factor,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomContrast, "changes the contrast of images at random while training");

factor_layer!(RandomContrast, "Changes the contrast by up to this factor.");

const LEAST: f64 = 0.0;

impl RandomContrast {
    pub(super) fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let (lower, upper) = self.factor.bounds(LEAST);
        let factor = Factor::Between(-lower, upper);
        let factor = for_pixels(factor.draw(-1.0, images, key) + 1.0);
        let axes = axes(&self.data_format);
        let mean = images.mean(&axes.map(|axis| axis as isize));
        let mean = mean.expand_dims(axes[0]).expand_dims(axes[1]);
        self.value_range.clip((images - mean) * factor + mean)
    }
}
