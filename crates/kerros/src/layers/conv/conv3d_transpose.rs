use super::transposed::Transposed;
use crate::layers::{Lengths, Options};

/// `y[i · stride + a, j · stride + b, k · stride + c, f] += x[i, j, k, d] · kernel[a, b, c, f,
/// d]` for all inputs, then `activation(y + bias)`.
///
/// The derivative of a convolution with respect to its input, as a layer: with strides it makes
/// volumes larger, as decoders do.
///
/// # Shape
/// `x: [batch, depth, height, width, in] -> [batch, depth, height, width, filters]`, or with
/// the channels first; `kernel: [taps, taps, taps, filters, in]`, `bias: [filters]`. A mask
/// ends here. With `n` positions and windows that span `s`, an axis gets
/// `(n - 1) · stride + max(s, stride)` positions with `valid` padding and `n · stride` with
/// `same`.
///
/// # Parameters
/// - `filters`: how many channels come out, at least 1.
/// - `kernel_size`: the length of the window; one number, or one per axis.
/// - `output_padding`: how many positions are added at the end, below the stride; the axis then
///   gets `(n - 1) · stride + s + it` positions with `valid` padding and
///   `(n - 1) · stride + s % 2 + it` with `same`. Default: none, see above.
/// - `strides`: how far the window of results moves from one input to the next; one number, or
///   one per axis. Default: 1.
/// - `padding`: `valid` or `same`, see above. Default: `valid`.
/// - `data_format`: where the channels are. Default: last.
/// - `dilation_rate`: how far apart the window's entries are; above 1 only with strides of 1.
///   Default: 1.
/// - `activation`: what follows the sums. Default: `linear`, nothing.
/// - `use_bias`: whether to add a bias. Default: `true`.
/// - `kernel_initializer`: default `glorot_uniform`; `bias_initializer`: default `zeros`.
/// - `kernel_regularizer`, `kernel_constraint` and their like: default none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = Conv3DTranspose::new(1, [1, 1, 2]).kernel_initializer("ones");
/// let mut model = Sequential::new().input([1, 1, 2, 1]).add(layer);
/// let x = Tensor::new([1, 1, 1, 2, 1], [1.0f32, 10.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 11.0, 10.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv3DTranspose {
    options: Options,
    conv: Transposed<3>,
}

super::convolution_layer!(
    Conv3DTranspose,
    Transposed<3>,
    3,
    ["Convolution3DTranspose"],
    "transposed convolution over volumes"
);
super::kernel_methods!(Conv3DTranspose);

impl Conv3DTranspose {
    /// A layer of this many filters, with windows of this size.
    #[track_caller]
    pub fn new(filters: usize, kernel_size: impl Into<Lengths<3>>) -> Self {
        Conv3DTranspose {
            options: Options::here(),
            conv: Transposed::new(filters, kernel_size.into()),
        }
    }

    /// Sets how many positions are added at the end.
    pub fn output_padding(mut self, output_padding: impl Into<Lengths<3>>) -> Self {
        self.conv.output_padding = Some(output_padding.into());
        self
    }
}
