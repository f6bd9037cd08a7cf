use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

use super::{Factor, ValueRange, factor_layer, for_pixels, random_layer};
use crate::layers::noise::uniform;
use crate::layers::{DataFormat, Options};

/// While training, keeps the uppermost `bits` of the 8 bits of each value, drawn for each image
/// anew each time: `y = floor(x / 2^(8 - bits)) · 2^(8 - bits)`; else the identity.
///
/// Values are moved from `value_range` to 0 to 255 first, and back afterwards.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: from 1 to 8: the bounds of the number of bits, which stays below the upper one. A
///   single number is the upper bound, and the lower one 1. Equal bounds are that number.
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 2, 1]).add(RandomPosterization::new(4.0));
/// let x = Tensor::new([1, 1, 2, 1], [64.0f32, 129.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [64.0, 129.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomPosterization {
    options: Options,
    factor: Factor,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomPosterization, "reduces the number of shades at random while training");

factor_layer!(RandomPosterization, "Keeps fewer bits of the values than this.", sorted);

const LEAST: f64 = 1.0;
const BITS: f64 = 8.0;

impl RandomPosterization {
    fn check_settings(&self) -> Result<()> {
        self.factor.check_within("factor", LEAST, BITS)?;
        let (lower, upper) = self.factor.bounds(LEAST);
        match lower.fract() == 0.0 && upper.fract() == 0.0 {
            true => Ok(()),
            false => {
                let found = format!("`factor` is {}", self.factor.value());
                Err(Error::new(ErrorKind::Argument, found).expected("whole numbers of bits"))
            }
        }
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let (lower, upper) = self.factor.bounds(LEAST);
        // Keras draws whole numbers below the upper bound.
        let bits = uniform(key, [images.shape()[0]]) * (upper - lower) as f32;
        let dropped = for_pixels((BITS - lower) as f32 - bits.floor());
        // The powers of two from 2^0 to 2^7, summed where they are chosen: exact, as `pow` of
        // every device need not be.
        let step = (1..8).fold(dropped * 0.0 + 1.0, |step, bit| {
            dropped.greater_equal(bit as f32).select(step * 2.0, step)
        });
        let whole = ValueRange::default();
        let values = self.value_range.rescale(images, whole);
        let values = whole.clip(values).floor();
        whole.rescale((values / step).floor() * step, self.value_range)
    }
}
