use super::plain::Plain;
use crate::layers::{Lengths, Options};

/// `y[i, j, f] = activation(sum over a, b, c of x[i + a, j + b, c] · kernel[a, b, c, f] +
/// bias[f])`.
///
/// The layer for patterns in images, wherever they are: each result sees a small window, all
/// results with the same weights.
///
/// # Shape
/// `x: [batch, height, width, in] -> [batch, height, width, filters]`, or with the channels
/// first; `kernel: [taps, taps, in / groups, filters]`, `bias: [filters]`. A mask ends here.
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
/// let layer = Conv2D::new(1, 2).kernel_initializer("ones");
/// let mut model = Sequential::new().input([2, 3, 1]).add(layer);
/// let x = Tensor::new([1, 2, 3, 1], [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [12.0, 16.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv2D {
    options: Options,
    conv: Plain<2>,
}

super::convolution_layer!(Conv2D, Plain<2>, 2, ["Convolution2D"], "convolution over images");
super::kernel_methods!(Conv2D);
crate::layers::low_rank::low_rank_methods!(Conv2D, conv.low_rank, alpha);

impl Conv2D {
    /// A layer of this many filters, with windows of this size.
    #[track_caller]
    pub fn new(filters: usize, kernel_size: impl Into<Lengths<2>>) -> Self {
        Conv2D { options: Options::here(), conv: Plain::new(filters, kernel_size.into()) }
    }

    /// Sets how many groups the channels are cut into.
    pub fn groups(mut self, groups: usize) -> Self {
        self.conv.groups = groups;
        self
    }
}
