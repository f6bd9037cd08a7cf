use kerros_graph::Node;

use super::adaptive::Adaptive;
use crate::layers::Options;

/// `y[i] = mean of x over window i`: the mean of each of a fixed number of windows, whatever
/// the size of a sequence.
///
/// Window `i` of `n` over an axis of length `len` goes from `floor(i · len / n)` up to
/// `ceil((i + 1) · len / n)`; neighbours may overlap by one. A mask ends here.
///
/// # Shape
/// `x: [batch, steps, channels]`, or with the channels first; the spatial axes become
/// `output_size`.
///
/// # Parameters
/// - `output_size`: how many windows; one number, or one per axis.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3, 1]).add(AdaptiveAveragePooling1D::new(2));
/// let x = Tensor::new([1, 3, 1], [1.0f32, 2.0, 6.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.5, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct AdaptiveAveragePooling1D {
    options: Options,
    adaptive: Adaptive<1>,
}

super::adaptive::adaptive_layer!(
    AdaptiveAveragePooling1D,
    1,
    Node::avg_pool,
    "the mean of each of a number of windows"
);
