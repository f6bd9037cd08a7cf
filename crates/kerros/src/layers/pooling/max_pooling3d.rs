use kerros_graph::Node;

use super::Pool;
use crate::layers::Options;

/// `y[i, j, k] = max of x over the window at i, j, k`: the largest number of each window of a
/// volume, channel by channel.
///
/// Padding is never chosen; of equal numbers the first gets the derivative. A mask ends here.
///
/// # Shape
/// `x: [batch, depth, height, width, channels]`, or with the channels first. With `n` positions
/// an axis gets `(n - size) / stride + 1` (rounded down) with `valid` padding and `n / stride`
/// (rounded up) with `same`.
///
/// # Parameters
/// - `pool_size`: the length of the window; one number, or one per axis. Keras's default: 2.
/// - `strides`: how far the window moves from one result to the next. Default: its size.
/// - `padding`: `valid` (windows lie inside) or `same`. Default: `valid`.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 1, 4, 1]).add(MaxPooling3D::new([1, 1, 2]));
/// let x = Tensor::new([1, 1, 1, 4, 1], [1.0f32, 2.0, 6.0, -1.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [2.0, 6.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MaxPooling3D {
    options: Options,
    pool: Pool<3>,
}

super::pool_layer!(
    MaxPooling3D,
    3,
    Node::max_pool,
    Some(2),
    "MaxPool3D",
    "the largest number of each window of a volume"
);
