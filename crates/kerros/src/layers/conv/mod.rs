//! Convolutions: one file per layer, and one for each kind of convolution over any number of
//! axes.

use kerros_core::{Result, Shape};
use kerros_graph::Node;
pub(crate) use transposed::around_spread;

use super::{Call, Weight};
use crate::object::{Config, ConfigReader};

pub(super) mod conv1d;
pub(super) mod conv1d_transpose;
pub(super) mod conv2d;
pub(super) mod conv2d_transpose;
pub(super) mod conv3d;
pub(super) mod conv3d_transpose;
mod depthwise;
pub(super) mod depthwise_conv1d;
pub(super) mod depthwise_conv2d;
mod local;
pub(super) mod locally_connected1d;
pub(super) mod locally_connected2d;
mod plain;
mod separable;
pub(super) mod separable_conv1d;
pub(super) mod separable_conv2d;
mod transposed;
pub(super) mod windows;

/// A kind of convolution over some number of axes, with all its settings.
trait Convolution: Sized {
    /// Whether Keras 3 has such layers.
    const IS_IN_KERAS_3: bool = true;

    /// Checks names and ranges.
    fn check(&self) -> Result<()>;
    /// Writes the settings as Keras does.
    fn write(&self, config: &mut Config);
    /// Reads the settings.
    fn read(reader: &mut ConfigReader<'_>) -> Result<Self>;
    /// The weights for an input of this shape.
    fn weights(&self, input: &Shape) -> Result<Vec<Weight>>;
    /// The result.
    fn apply<'g>(&self, x: Node<'g>, call: &Call<'_, 'g>) -> Result<Node<'g>>;
}

/// All that the layers share, which keep their settings in `conv` and the windows in
/// `conv.windows`.
macro_rules! convolution_layer {
    ($Layer:ident, $Kind:ty, $n:literal, [$($alias:literal)?], $summary:literal) => {
        $crate::layers::options::layer_methods!($Layer);
        $crate::layers::trained::trained_methods!(
            $Layer,
            conv.windows.bias,
            "the bias",
            bias_initializer,
            bias_regularizer,
            bias_constraint
        );

        impl $Layer {
            /// Sets how far the window moves from one result to the next. Default: 1.
            pub fn strides(mut self, strides: impl Into<$crate::layers::Lengths<$n>>) -> Self {
                self.conv.windows.strides = strides.into();
                self
            }

            /// Sets how the edges are treated. Default: `valid`.
            pub fn padding(mut self, padding: impl Into<$crate::layers::Padding>) -> Self {
                self.conv.windows.padding = padding.into();
                self
            }

            /// Sets where the channels are. Default: last.
            pub fn data_format(mut self, format: impl Into<$crate::layers::DataFormat>) -> Self {
                self.conv.windows.data_format = format.into();
                self
            }

            /// Sets how far apart the window's entries are. Default: 1.
            pub fn dilation_rate(mut self, rate: impl Into<$crate::layers::Lengths<$n>>) -> Self {
                self.conv.windows.dilation_rate = rate.into();
                self
            }

            /// Sets what follows the sums. Default: `linear`, nothing.
            pub fn activation(
                mut self,
                activation: impl Into<$crate::object::Choice<dyn $crate::activations::Activation>>,
            ) -> Self {
                self.conv.windows.activation = activation.into();
                self
            }

            /// Sets whether to add a bias. Default: `true`.
            pub fn use_bias(mut self, use_bias: bool) -> Self {
                self.conv.windows.use_bias = use_bias;
                self
            }
        }

        impl $crate::object::Described for $Layer {
            fn class_name(&self) -> &'static str {
                stringify!($Layer)
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = self.options.config();
                super::Convolution::write(&self.conv, &mut config);
                config
            }
        }

        impl $crate::layers::Layer for $Layer {
            fn options(&self) -> &$crate::layers::Options {
                &self.options
            }

            fn is_in_keras_3(&self) -> bool {
                <$Kind as super::Convolution>::IS_IN_KERAS_3
            }

            fn check(&self) -> kerros_core::Result<()> {
                super::Convolution::check(&self.conv)
            }

            fn weights(
                &self,
                inputs: &[kerros_core::Shape],
            ) -> kerros_core::Result<Vec<$crate::layers::Weight>> {
                super::Convolution::weights(&self.conv, &inputs[0])
            }

            fn call<'g>(
                &self,
                inputs: &[kerros_graph::Node<'g>],
                call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<kerros_graph::Node<'g>>> {
                Ok(vec![super::Convolution::apply(&self.conv, inputs[0], call)?])
            }
        }

        pub(in crate::layers) const ENTRY: $crate::object::Entry<dyn $crate::layers::Layer> =
            $crate::object::Entry {
                class_name: stringify!($Layer),
                names: &[$($alias)?],
                summary: $summary,
                from_config: |reader| {
                    let options = $crate::layers::Options::read(reader)?;
                    let conv = <$Kind as super::Convolution>::read(reader)?;
                    super::Convolution::check(&conv)?;
                    Ok(std::sync::Arc::new($Layer { options, conv }))
                },
            };
    };
}
use convolution_layer;

/// The builder methods of the kernel, for layers that have one.
macro_rules! kernel_methods {
    ($Layer:ident) => {
        $crate::layers::trained::trained_methods!(
            $Layer,
            conv.kernel,
            "the kernel",
            kernel_initializer,
            kernel_regularizer,
            kernel_constraint
        );
    };
}
use kernel_methods;

/// The builder methods of layers that convolve each channel for itself.
macro_rules! depthwise_methods {
    ($Layer:ident) => {
        $crate::layers::trained::trained_methods!(
            $Layer,
            conv.depthwise,
            "the kernel of each channel",
            depthwise_initializer,
            depthwise_regularizer,
            depthwise_constraint
        );

        impl $Layer {
            /// Sets how many results there are of each input channel. Default: 1.
            pub fn depth_multiplier(mut self, depth_multiplier: usize) -> Self {
                self.conv.depth_multiplier = depth_multiplier;
                self
            }
        }
    };
}
use depthwise_methods;
