//! Convolution, pooling, and what else looks through windows. Channels are the last axis where
//! nothing else is said.

use serde_json::{Value, json};

use super::{Operand, Sizes, Strides, apply, channels_last};
use crate::model::KerasTensor;

macro_rules! convolutions {
    ($($(#[$doc:meta])* $function:ident($($kernel:ident),*) = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(
            x: &KerasTensor,
            $($kernel: impl Operand,)*
            strides: impl Into<Sizes>,
            padding: &str,
        ) -> KerasTensor {
            let settings = [
                ("strides", strides.into().0),
                ("padding", json!(padding)),
                channels_last(),
            ];
            let arguments = [x.into_operand(), $($kernel.into_operand()),*];
            apply("ops.nn", $Class, &settings, arguments)
        }
    )*};
}

convolutions! {
    /// Convolution with a kernel of `[taps.., in, out]`; `padding` is `"valid"` or `"same"`.
    conv(kernel) = "Conv";
    /// The derivative of [`conv`]: spreads each position over a window, with a kernel of
    /// `[taps.., out, in]`.
    conv_transpose(kernel) = "ConvTranspose";
    /// Convolution of each channel for itself, with a kernel of `[taps.., in, multiplier]`.
    depthwise_conv(kernel) = "DepthwiseConv";
    /// [`depthwise_conv`], then all channels of each position.
    separable_conv(depthwise_kernel, pointwise_kernel) = "SeparableConv";
}

macro_rules! pools {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(
            x: &KerasTensor,
            pool_size: impl Into<Sizes>,
            strides: impl Into<Strides>,
            padding: &str,
        ) -> KerasTensor {
            let pool_size = pool_size.into();
            // Keras writes null for none, and fails on JAX when it reads that.
            let strides = strides.into().or(&pool_size);
            let settings = [
                ("pool_size", pool_size.0),
                ("strides", strides),
                ("padding", json!(padding)),
                channels_last(),
            ];
            apply("ops.nn", $Class, &settings, [x.into_operand()])
        }
    )*};
}

pools! {
    /// The largest of each window: `[batch, positions.., channels]`. With `()` for `strides` they
    /// are as long as the windows; `padding` is `"valid"` or `"same"`.
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// use kerros::ops;
    /// let x = Input::new([4, 1]).tensor();
    /// let mut model = Model::functional([&x], [&ops::max_pool(&x, 2, (), "valid")])?;
    /// let y = model.predict(Tensor::new([1, 4, 1], [1.0f32, 4.0, 3.0, 2.0])?)?;
    /// assert_eq!(y.as_slice::<f32>()?, [4.0, 3.0]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    max_pool = "MaxPool";
    /// The mean of each window, as in [`max_pool`].
    average_pool = "AveragePool";
}

macro_rules! adaptive_pools {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor, output_size: impl Into<Vec<usize>>) -> KerasTensor {
            let settings = [("output_size", json!(output_size.into())), channels_last()];
            apply("ops.nn", $Class, &settings, [x.into_operand()])
        }
    )*};
}

adaptive_pools! {
    /// The largest of each of so many windows along each axis, which cover all positions.
    adaptive_max_pool = "AdaptiveMaxPool";
    /// The mean of each of so many windows along each axis, which cover all positions.
    adaptive_average_pool = "AdaptiveAveragePool";
}

macro_rules! blocks {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor, block_size: usize) -> KerasTensor {
            let settings = [("block_size", json!(block_size)), channels_last()];
            apply("ops.nn", $Class, &settings, [x.into_operand()])
        }
    )*};
}

blocks! {
    /// Channels as squares of pixels: `[batch, h, w, c * block²] -> [batch, h * block, w * block, c]`.
    depth_to_space = "DepthToSpace";
    /// Squares of pixels as channels: `[batch, h * block, w * block, c] -> [batch, h, w, c * block²]`.
    space_to_depth = "SpaceToDepth";
}

/// How windows of [`unfold`] and [`fold`] lie: the distance of their taps, zeros around, and how
/// far it is to the next.
fn steps(
    dilation: impl Into<Sizes>,
    padding: impl Into<Sizes>,
    stride: impl Into<Sizes>,
) -> [(&'static str, Value); 3] {
    [("dilation", dilation.into().0), ("padding", padding.into().0), ("stride", stride.into().0)]
}

/// The windows of images, as columns: with taps `dilation` apart, so many zeros around, and
/// `stride` to the next window.
///
/// # Shape
/// `[batch, channels, height, width] -> [batch, channels * taps, windows]`
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([1, 2, 3]).tensor();
/// let mut model = Model::functional([&x], [&ops::unfold(&x, 2, 1, 0, 1)])?;
/// let y = model.predict(Tensor::new([1, 1, 2, 3], [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.0, 6.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn unfold(
    x: &KerasTensor,
    kernel_size: impl Into<Sizes>,
    dilation: impl Into<Sizes>,
    padding: impl Into<Sizes>,
    stride: impl Into<Sizes>,
) -> KerasTensor {
    let own = [("kernel_size", kernel_size.into().0)];
    let settings: Vec<_> = own.into_iter().chain(steps(dilation, padding, stride)).collect();
    apply("ops.nn", "Unfold", &settings, [x.into_operand()])
}

/// Images of this size from the columns of [`unfold`]; where windows overlap, their sum.
///
/// # Shape
/// `[batch, channels * taps, windows] -> [batch, channels, height, width]`
#[track_caller]
pub fn fold(
    x: &KerasTensor,
    output_size: impl Into<Sizes>,
    kernel_size: impl Into<Sizes>,
    dilation: impl Into<Sizes>,
    padding: impl Into<Sizes>,
    stride: impl Into<Sizes>,
) -> KerasTensor {
    let own = [("output_size", output_size.into().0), ("kernel_size", kernel_size.into().0)];
    let settings: Vec<_> = own.into_iter().chain(steps(dilation, padding, stride)).collect();
    apply("ops.nn", "Fold", &settings, [x.into_operand()])
}

/// Parts of this length along the last axis, each `sequence_stride` after the one before:
/// `[.., samples] -> [.., parts, sequence_length]`.
#[track_caller]
pub fn extract_sequences(
    x: &KerasTensor,
    sequence_length: usize,
    sequence_stride: usize,
) -> KerasTensor {
    let settings =
        [("sequence_length", json!(sequence_length)), ("sequence_stride", json!(sequence_stride))];
    apply("ops.math", "ExtractSequences", &settings, [x.into_operand()])
}
