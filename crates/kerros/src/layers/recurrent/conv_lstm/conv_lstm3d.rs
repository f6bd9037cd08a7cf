use super::cell::ConvLstmCell;
use crate::layers::{Options, Recurrence};

/// An [`LSTM`](crate::layers::LSTM) along sequences of volumes, with convolutions in place of its products:
/// `c_t = f * c_{t-1} + i * g`, `h_t = o * activation(c_t)`, where the gates `i`, `f`, `o` and the
/// candidate `g` are `act(conv(x_t, kernel) + bias + conv(h_{t-1}, recurrent_kernel))`.
///
/// # Shape
/// `x: [batch, time, depth, height, width, channels] -> [batch, out.., filters]`, with `return_sequences`
/// `[batch, time, out.., filters]`; with `return_state` also `h` and `c`. `out..` as in
/// [`Conv3D`](crate::layers::Conv3D). `kernel: [taps, taps, taps, channels, 4 * filters]`,
/// `recurrent_kernel: [taps, taps, taps, filters, 4 * filters]`, `bias: [4 * filters]`, gates in the
/// order `i, f, g, o`.
///
/// # Parameters
/// - `filters`: how many channels each state has; `kernel_size`: of both convolutions' windows.
/// - `strides`, `padding`, `dilation_rate`: of the input's convolution. Default: 1, `valid`, 1.
///   The state's goes one by one and pads with zeros.
/// - `data_format`: where the channels are. Default: last.
/// - All else as in [`LSTM`](crate::layers::LSTM). Dropped shares differ from gate to gate.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = ConvLSTM3D::new(3, 2).padding("same").return_sequences(true);
/// let mut model = Sequential::new().input([2, 3, 4, 5, 1]).add(layer);
/// let y = model.predict(Tensor::full([1, 2, 3, 4, 5, 1], 0.5f32))?;
/// assert_eq!(y.shape().dims(), [1, 2, 3, 4, 5, 3]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Shi et al.: "Convolutional LSTM network", arXiv:1506.04214, without peepholes.
#[derive(Clone, Debug)]
pub struct ConvLSTM3D {
    options: Options,
    recurrence: Recurrence,
    cell: ConvLstmCell<3>,
}

super::conv_lstm_layer!(ConvLSTM3D, 3, "an LSTM along sequences of volumes, with convolutions");
