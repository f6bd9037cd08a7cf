//! What the layers that drop whole channels share.

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::{drop, key};
use crate::layers::{Call, Options};
use crate::object::Config;

/// Zeroes a share `rate` of the channels of each row while training and multiplies the others by
/// `1 / (1 - rate)`.
pub(super) fn drop_channels<'g>(
    x: Node<'g>,
    call: &Call<'_, 'g>,
    (rate, seed): (f64, Option<u64>),
    channel_axis: usize,
) -> Result<Vec<Node<'g>>> {
    let Some(key) = key(call, seed)?.filter(|_| rate > 0.0) else { return Ok(vec![x]) };
    let (shape, mut noise) = (x.shape(), vec![1; x.ndim()]);
    (noise[0], noise[channel_axis]) = (shape[0], shape[channel_axis]);
    Ok(vec![drop(x, key, rate as f32, Some(noise.into()))])
}

/// The config of these layers: Keras writes no more, and cannot read more.
pub(super) fn config(options: &Options, rate: f64, seed: Option<u64>) -> Config {
    let mut config = Config::new();
    config.insert("rate".into(), json!(rate));
    config.insert("seed".into(), json!(seed));
    config.insert("name".into(), json!(options.name));
    config.insert("dtype".into(), json!(options.dtype.variable_dtype()));
    config
}

/// A layer that drops channels of data with several axes of positions, and its entry in the
/// registry: the name, the number of those axes, a summary.
macro_rules! spatial_dropout {
    ($(#[$docs:meta])* $Layer:ident, $axes:literal, $summary:literal) => {
        $(#[$docs])*
        #[derive(Clone, Debug)]
        pub struct $Layer {
            options: $crate::layers::Options,
            rate: f64,
            seed: Option<u64>,
            data_format: $crate::layers::DataFormat,
        }

        $crate::layers::options::layer_methods!($Layer);

        impl $Layer {
            /// Drops this share of the channels.
            #[track_caller]
            pub fn new(rate: f64) -> Self {
                $Layer {
                    options: $crate::layers::Options::here(),
                    rate,
                    seed: None,
                    data_format: $crate::layers::DataFormat::default(),
                }
            }

            /// Sets the layer's own seed. Default: the model's.
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Some(seed);
                self
            }

            /// Sets where the channels are.
            pub fn data_format(
                mut self,
                data_format: impl Into<$crate::layers::DataFormat>,
            ) -> Self {
                self.data_format = data_format.into();
                self
            }
        }

        impl $crate::object::Described for $Layer {
            fn class_name(&self) -> &'static str {
                stringify!($Layer)
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = $crate::layers::noise::spatial_dropout::config(
                    &self.options,
                    self.rate,
                    self.seed,
                );
                config.insert("data_format".into(), self.data_format.name().into());
                config
            }
        }

        impl $crate::layers::Layer for $Layer {
            fn options(&self) -> &$crate::layers::Options {
                &self.options
            }

            fn check(&self) -> kerros_core::Result<()> {
                self.data_format.check()?;
                $crate::layers::options::check_share("the dropout rate", self.rate)
            }

            fn weights(
                &self,
                inputs: &[kerros_core::Shape],
            ) -> kerros_core::Result<Vec<$crate::layers::Weight>> {
                $crate::layers::spatial::expect_spatial::<$axes>(&inputs[0], &self.data_format)?;
                Ok(Vec::new())
            }

            fn supports_masking(&self) -> bool {
                true
            }

            fn call<'g>(
                &self,
                inputs: &[kerros_graph::Node<'g>],
                call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<kerros_graph::Node<'g>>> {
                let channels = self.data_format.channel_axis(inputs[0].ndim());
                let how = (self.rate, self.seed);
                $crate::layers::noise::spatial_dropout::drop_channels(
                    inputs[0], call, how, channels,
                )
            }
        }

        pub(in crate::layers) const ENTRY: $crate::object::Entry<dyn $crate::layers::Layer> =
            $crate::object::Entry {
                class_name: stringify!($Layer),
                names: &[],
                summary: $summary,
                from_config: |reader| {
                    let options = $crate::layers::Options::read(reader)?;
                    let rate = $crate::layers::noise::required(reader, "rate")?;
                    let seed = $crate::layers::noise::read_seed(reader);
                    let data_format = $crate::layers::DataFormat::read(reader);
                    let layer = $Layer { options, rate, seed, data_format };
                    $crate::layers::Layer::check(&layer)?;
                    Ok(std::sync::Arc::new(layer))
                },
            };
    };
}
pub(super) use spatial_dropout;
