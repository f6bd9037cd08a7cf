use kerros_core::Result;
use kerros_graph::Node;

use super::global::Global;
use crate::layers::{Call, Options};

/// `y[channel] = mean of x[.., channel]`: the mean of an image, channel by channel.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, height, width, channels] -> [batch, channels]`, or with the channels first.
///
/// # Parameters
/// - `data_format`: where the channels are. Default: last.
/// - `keepdims`: whether the other axes stay, with length 1. Default: `false`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 4, 1]).add(GlobalAveragePooling2D::new());
/// let x = Tensor::new([1, 1, 4, 1], [1.0f32, 2.0, 6.0, -1.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GlobalAveragePooling2D {
    options: Options,
    global: Global,
}

super::global::global_layer!(
    GlobalAveragePooling2D,
    2,
    pooled,
    "GlobalAvgPool2D",
    "the mean of an image"
);

fn pooled<'g>(x: Node<'g>, axes: &[isize], _call: &Call<'_, 'g>) -> Result<Node<'g>> {
    Ok(x.mean(axes))
}
