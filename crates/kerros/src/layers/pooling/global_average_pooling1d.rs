use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::global::Global;
use crate::layers::{Call, Options};

/// `y[channel] = mean of x[.., channel]`: the mean of a sequence, channel by channel.
///
/// Steps that a mask excludes do not count; the mask is the argument `mask`, or that of the
/// input. It ends here.
///
/// # Shape
/// `x: [batch, steps, channels] -> [batch, channels]`, or with the channels first.
///
/// # Parameters
/// - `data_format`: where the channels are. Default: last.
/// - `keepdims`: whether the other axes stay, with length 1. Default: `false`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([4, 1]).add(GlobalAveragePooling1D::new());
/// let x = Tensor::new([1, 4, 1], [1.0f32, 2.0, 6.0, -1.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GlobalAveragePooling1D {
    options: Options,
    global: Global,
}

super::global::global_layer!(
    GlobalAveragePooling1D,
    1,
    pooled,
    "GlobalAvgPool1D",
    "the mean of a sequence"
);

/// The mean over the steps, or over those that count.
fn pooled<'g>(x: Node<'g>, axes: &[isize], call: &Call<'_, 'g>) -> Result<Node<'g>> {
    let Some(mask) = call.masks.first().copied().flatten() else { return Ok(x.mean(axes)) };
    let (shape, steps) = (x.shape(), axes[0] as usize);
    if mask.shape() != Shape::from([shape[0], shape[steps]]) {
        return Err(Error::new(
            ErrorKind::Shape,
            format!("a mask of shape {} for an input of shape {shape}", mask.shape()),
        )
        .expected("a mask of shape [batch, steps]"));
    }
    // [batch, steps, 1], or [batch, 1, steps].
    let counts = mask.cast(DType::Bool).expand_dims(3 - steps);
    Ok(counts.select(x, 0.0).sum(axes) / counts.cast(DType::F32).sum(axes))
}
