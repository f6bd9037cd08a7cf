//! Convolutional LSTMs: one file per number of axes.

mod cell;
pub(in crate::layers) mod conv_lstm1d;
pub(in crate::layers) mod conv_lstm2d;
pub(in crate::layers) mod conv_lstm3d;

pub use conv_lstm1d::ConvLSTM1D;
pub use conv_lstm2d::ConvLSTM2D;
pub use conv_lstm3d::ConvLSTM3D;

/// All that layers share which keep a `ConvLstmCell` over `$n` axes in `cell`.
macro_rules! conv_lstm_layer {
    ($Layer:ident, $n:literal, $summary:literal) => {
        $crate::layers::options::layer_methods!($Layer);
        $crate::layers::recurrent::recurrence_methods!($Layer);
        $crate::layers::recurrent::settings::cell_methods!($Layer, cell.settings);
        $crate::layers::recurrent::settings::gate_methods!($Layer, cell.settings);
        $crate::layers::recurrent::recurrent_layer!($Layer);

        impl $Layer {
            /// Convolves with this many filters, windows of this size.
            #[track_caller]
            pub fn new(
                filters: usize,
                kernel_size: impl Into<$crate::layers::Lengths<$n>>,
            ) -> Self {
                $Layer {
                    options: $crate::layers::Options::here(),
                    recurrence: $crate::layers::Recurrence::default(),
                    cell: super::cell::ConvLstmCell::new(filters, kernel_size.into()),
                }
            }

            /// Sets how far the window moves over the input from one result to the next.
            /// Default: 1.
            pub fn strides(mut self, strides: impl Into<$crate::layers::Lengths<$n>>) -> Self {
                self.cell.windows.strides = strides.into();
                self
            }

            /// Sets how the edges of the input are treated; those of the state are always
            /// padded. Default: `valid`.
            pub fn padding(mut self, padding: impl Into<$crate::layers::Padding>) -> Self {
                self.cell.windows.padding = padding.into();
                self
            }

            /// Sets where the channels are. Default: last.
            pub fn data_format(mut self, format: impl Into<$crate::layers::DataFormat>) -> Self {
                self.cell.windows.data_format = format.into();
                self
            }

            /// Sets how far apart the places of a window over the input are. Default: 1.
            pub fn dilation_rate(
                mut self,
                dilation_rate: impl Into<$crate::layers::Lengths<$n>>,
            ) -> Self {
                self.cell.windows.dilation_rate = dilation_rate.into();
                self
            }

            /// Sets whether the forget gates' bias starts at 1. Default: `true`.
            pub fn unit_forget_bias(mut self, unit_forget_bias: bool) -> Self {
                self.cell.unit_forget_bias = unit_forget_bias;
                self
            }
        }

        impl $crate::object::Described for $Layer {
            fn class_name(&self) -> &'static str {
                stringify!($Layer)
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = self.options.config();
                self.recurrence.write(&mut config);
                self.cell.write(&mut config, Some(&self.options));
                config
            }
        }

        pub(in crate::layers) const ENTRY: $crate::object::Entry<dyn $crate::layers::Layer> =
            $crate::object::Entry {
                class_name: stringify!($Layer),
                names: &[],
                summary: $summary,
                from_config: |reader| {
                    let layer = $Layer {
                        options: $crate::layers::Options::read(reader)?,
                        recurrence: $crate::layers::Recurrence::read(reader),
                        cell: super::cell::ConvLstmCell::read(reader)?,
                    };
                    $crate::layers::Layer::check(&layer)?;
                    Ok(std::sync::Arc::new(layer))
                },
            };
    };
}
use conv_lstm_layer;
