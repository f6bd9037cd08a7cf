use super::separable::Separable;
use crate::layers::trained::trained_methods;
use crate::layers::{Lengths, Options};

/// `d[i, j, c] = sum over a, b of x[i + a, j + b, c] · depthwise[a, b, c]`, then
/// `y = activation(d · pointwise + bias)`.
///
/// A convolution in two parts, first along the positions of each channel, then along the
/// channels of each position: far fewer weights than one that does both.
///
/// # Shape
/// `x: [batch, height, width, in] -> [batch, height, width, filters]`, or with the channels
/// first; `depthwise_kernel: [taps, taps, in, multiplier]`,
/// `pointwise_kernel: [1, 1, in * multiplier, filters]`, `bias: [filters]`. A mask ends here.
///
/// # Parameters
/// - `filters`: how many channels come out, at least 1.
/// - `kernel_size`: the length of the window; one number, or one per axis.
/// - `depth_multiplier`: how many channels `d` has for each input channel, at least 1. Default:
///   1.
/// - `strides`: how far the window moves from one result to the next; one number, or one per
///   axis. Default: 1.
/// - `padding`: `valid` (windows lie inside) or `same` (as many results as positions, divided
///   by the stride). Default: `valid`.
/// - `data_format`: where the channels are. Default: last.
/// - `dilation_rate`: how far apart the window's entries are. Default: 1.
/// - `activation`: what follows the sums. Default: `linear`, nothing.
/// - `use_bias`: whether to add a bias. Default: `true`.
/// - `depthwise_initializer`, `pointwise_initializer`: default `glorot_uniform`;
///   `bias_initializer`: default `zeros`.
/// - `depthwise_regularizer`, `depthwise_constraint` and their like: default none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = SeparableConv2D::new(1, [1, 2]).depthwise_initializer("ones").pointwise_initializer("ones");
/// let mut model = Sequential::new().input([1, 2, 2]).add(layer);
/// let x = Tensor::new([1, 1, 2, 2], [1.0f32, 10.0, 2.0, 20.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [33.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Chollet: "Xception: deep learning with depthwise separable convolutions", arXiv:1610.02357.
#[derive(Clone, Debug)]
pub struct SeparableConv2D {
    options: Options,
    conv: Separable<2>,
}

super::convolution_layer!(
    SeparableConv2D,
    Separable<2>,
    2,
    ["SeparableConvolution2D"],
    "convolution over images, first each channel, then each position"
);
super::depthwise_methods!(SeparableConv2D);
trained_methods!(
    SeparableConv2D,
    conv.pointwise,
    "the kernel of each position",
    pointwise_initializer,
    pointwise_regularizer,
    pointwise_constraint
);

impl SeparableConv2D {
    /// A layer of this many filters, with windows of this size.
    #[track_caller]
    pub fn new(filters: usize, kernel_size: impl Into<Lengths<2>>) -> Self {
        SeparableConv2D {
            options: Options::here(),
            conv: Separable::new(filters, kernel_size.into()),
        }
    }
}
