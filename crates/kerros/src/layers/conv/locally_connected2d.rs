use super::local::Local;
use crate::layers::{Lengths, Options};

/// `y[i, j, f] = activation(sum over s, t, c of x[i + s, j + t, c] · kernel[i j, s t c, f] + bias[i, j, f])`.
///
/// As [`Conv2D`](crate::layers::Conv2D), but with a kernel and a bias of its own at each place.
/// Keras 2 has this layer and Keras 3 does not: it is here for models in older files.
///
/// # Shape
/// `x: [batch, height, width, in] -> [batch, rows, columns, filters]`, or with the channels first;
/// `kernel: [places, taps in, filters]`, where windows lie flat as the input has them,
/// `bias: [rows, columns, filters]` in either case. A mask ends here.
///
/// # Parameters
/// - `filters`: how many channels come out, at least 1.
/// - `kernel_size`: the length of the window; one number, or one per axis.
/// - `strides`: how far the window moves from one result to the next; one number, or one per
///   axis. Default: 1.
/// - `padding`: `valid` alone (windows lie inside).
/// - `data_format`: where the channels are. Default: last.
/// - `activation`: what follows the sums. Default: `linear`, nothing.
/// - `use_bias`: whether to add a bias. Default: `true`.
/// - `kernel_initializer`: default `glorot_uniform`; `bias_initializer`: default `zeros`.
/// - `kernel_regularizer`, `kernel_constraint` and their like: default none.
///
/// # Errors
/// A `dilation_rate` or an `implementation` other than 1.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = LocallyConnected2D::new(1, [1, 2]).kernel_initializer("ones");
/// let mut model = Sequential::new().input([1, 3, 1]).add(layer);
/// let x = Tensor::new([1, 1, 3, 1], [1.0f32, 2.0, 4.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [3.0, 6.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// `LocallyConnected2D` of Keras 2 with `implementation=1`, its default.
#[derive(Clone, Debug)]
pub struct LocallyConnected2D {
    options: Options,
    conv: Local<2>,
}

super::convolution_layer!(LocallyConnected2D, Local<2>, 2, [], "a kernel for each place of images");
super::kernel_methods!(LocallyConnected2D);

impl LocallyConnected2D {
    /// A layer of this many filters, with windows of this size.
    #[track_caller]
    pub fn new(filters: usize, kernel_size: impl Into<Lengths<2>>) -> Self {
        LocallyConnected2D {
            options: Options::here(),
            conv: Local::new(filters, kernel_size.into()),
        }
    }
}
