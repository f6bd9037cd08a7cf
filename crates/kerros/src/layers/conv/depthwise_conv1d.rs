use super::depthwise::Depthwise;
use crate::layers::{Lengths, Options};

/// `y[i, c · multiplier + m] = activation(sum over t of x[i + t, c] · kernel[t, c, m] + bias)`:
/// each channel is convolved for itself.
///
/// # Shape
/// `x: [batch, steps, in] -> [batch, steps, in * multiplier]`, or with the channels first;
/// `kernel: [taps, in, multiplier]`, `bias: [in * multiplier]`. A mask ends here.
///
/// # Parameters
/// - `kernel_size`: the length of the window; one number, or one per axis.
/// - `depth_multiplier`: how many results there are of each input channel, at least 1. Default:
///   1.
/// - `strides`: how far the window moves from one result to the next; one number, or one per
///   axis. Default: 1.
/// - `padding`: `valid` (windows lie inside) or `same` (as many results as positions, divided
///   by the stride). Default: `valid`.
/// - `data_format`: where the channels are. Default: last.
/// - `dilation_rate`: how far apart the window's entries are. Default: 1.
/// - `activation`: what follows the sums. Default: `linear`, nothing.
/// - `use_bias`: whether to add a bias. Default: `true`.
/// - `depthwise_initializer`: default `glorot_uniform`; `bias_initializer`: default `zeros`.
/// - `depthwise_regularizer`, `depthwise_constraint` and their like: default none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = DepthwiseConv1D::new(2).depthwise_initializer("ones");
/// let mut model = Sequential::new().input([2, 2]).add(layer);
/// let x = Tensor::new([1, 2, 2], [1.0f32, 10.0, 2.0, 20.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [3.0, 30.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DepthwiseConv1D {
    options: Options,
    conv: Depthwise<1>,
}

super::convolution_layer!(
    DepthwiseConv1D,
    Depthwise<1>,
    1,
    [],
    "convolution over sequences, each channel for itself"
);
super::depthwise_methods!(DepthwiseConv1D);

impl DepthwiseConv1D {
    /// A layer with windows of this size.
    #[track_caller]
    pub fn new(kernel_size: impl Into<Lengths<1>>) -> Self {
        DepthwiseConv1D { options: Options::here(), conv: Depthwise::new(kernel_size.into()) }
    }
}
