use kerros_graph::Node;

use super::Pool;
use crate::layers::Options;

/// `y[i] = mean of x over the window at i`: the mean of each window of a sequence, channel by
/// channel.
///
/// Padding does not count. A mask ends here.
///
/// # Shape
/// `x: [batch, steps, channels]`, or with the channels first. With `n` positions an axis gets
/// `(n - size) / stride + 1` (rounded down) with `valid` padding and `n / stride` (rounded up)
/// with `same`.
///
/// # Parameters
/// - `pool_size`: the length of the window; one number, or one per axis.
/// - `strides`: how far the window moves from one result to the next. Default: its size.
/// - `padding`: `valid` (windows lie inside) or `same`. Default: `valid`.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([4, 1]).add(AveragePooling1D::new(2));
/// let x = Tensor::new([1, 4, 1], [1.0f32, 2.0, 6.0, -1.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.5, 2.5]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct AveragePooling1D {
    options: Options,
    pool: Pool<1>,
}

super::pool_layer!(
    AveragePooling1D,
    1,
    Node::avg_pool,
    None,
    "AvgPool1D",
    "the mean of each window of a sequence"
);
