use super::plain::Plain;
use crate::layers::{Lengths, Options};

/// `y[i, j, k, f] = activation(sum over a, b, c, d of x[i + a, j + b, k + c, d] · kernel[a, b,
/// c, d, f] + bias[f])`.
///
/// The layer for patterns in volumes, or in images over time.
///
/// # Shape
/// `x: [batch, depth, height, width, in] -> [batch, depth, height, width, filters]`, or with
/// the channels first; `kernel: [taps, taps, taps, in / groups, filters]`, `bias: [filters]`. A
/// mask ends here.
///
/// # Parameters
/// - `filters`: how many channels come out, at least 1.
/// - `kernel_size`: the length of the window; one number, or one per axis.
/// - `strides`: how far the window moves from one result to the next; one number, or one per
///   axis. Default: 1.
/// - `padding`: `valid` (windows lie inside) or `same` (as many results as positions, divided
///   by the stride). Default: `valid`.
/// - `data_format`: where the channels are. Default: last.
/// - `dilation_rate`: how far apart the window's entries are; above 1 only with strides of 1.
///   Default: 1.
/// - `groups`: the channels are cut into as many groups, each convolved for itself. Default: 1.
/// - `activation`: what follows the sums. Default: `linear`, nothing.
/// - `use_bias`: whether to add a bias. Default: `true`.
/// - `kernel_initializer`: default `glorot_uniform`; `bias_initializer`: default `zeros`.
/// - `kernel_regularizer`, `kernel_constraint` and their like: default none.
/// - `lora_rank`, `lora_alpha`: freeze the kernel and let a product of two matrices learn in its
///   place, as in [`Dense`](crate::layers::Dense), which counts `lora_alpha / lora_rank`.
///   Default: none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = Conv3D::new(1, [1, 1, 2]).kernel_initializer("ones");
/// let mut model = Sequential::new().input([1, 1, 3, 1]).add(layer);
/// let x = Tensor::new([1, 1, 1, 3, 1], [1.0f32, 2.0, 4.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [3.0, 6.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv3D {
    options: Options,
    conv: Plain<3>,
}

super::convolution_layer!(Conv3D, Plain<3>, 3, ["Convolution3D"], "convolution over volumes");
super::kernel_methods!(Conv3D);
crate::layers::low_rank::low_rank_methods!(Conv3D, conv.low_rank, alpha);

impl Conv3D {
    /// A layer of this many filters, with windows of this size.
    #[track_caller]
    pub fn new(filters: usize, kernel_size: impl Into<Lengths<3>>) -> Self {
        Conv3D { options: Options::here(), conv: Plain::new(filters, kernel_size.into()) }
    }

    /// Sets how many groups the channels are cut into.
    pub fn groups(mut self, groups: usize) -> Self {
        self.conv.groups = groups;
        self
    }
}
