//! Pooling of whole sequences, images and volumes.

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use crate::layers::DataFormat;
use crate::object::{Config, ConfigReader};

/// The settings of pooling over everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Global {
    pub(super) data_format: DataFormat,
    /// Whether the spatial axes stay, with length 1.
    pub(super) keepdims: bool,
}

impl Global {
    pub(super) fn check(&self) -> Result<()> {
        self.data_format.check()
    }

    /// The spatial axes of an input with this many axes.
    pub(super) fn axes(&self, ndim: usize) -> Vec<isize> {
        let first = self.data_format.first_spatial();
        (first..first + ndim - 2).map(|axis| axis as isize).collect()
    }

    /// A result over the spatial axes of `x`, with them as far as they stay.
    pub(super) fn shaped<'g>(&self, x: Node<'g>, pooled: Node<'g>) -> Node<'g> {
        if !self.keepdims {
            return pooled;
        }
        let mut dims = x.shape().to_vec();
        self.axes(dims.len()).into_iter().for_each(|axis| dims[axis as usize] = 1);
        pooled.reshape(dims)
    }

    pub(super) fn write(&self, config: &mut Config) {
        config.insert("data_format".into(), json!(self.data_format.name()));
        config.insert("keepdims".into(), json!(self.keepdims));
    }

    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        let data_format = DataFormat::read(reader);
        Global { data_format, keepdims: reader.bool("keepdims", false) }
    }
}

/// All that layers share which keep a [`Global`] over `$n` axes in `global`; `$pooled` takes the
/// input, its spatial axes and the call.
macro_rules! global_layer {
    ($Layer:ident, $n:literal, $pooled:expr, $alias:literal, $summary:literal) => {
        $crate::layers::options::layer_methods!($Layer);

        impl $Layer {
            /// Pools all positions.
            #[track_caller]
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                $Layer { options: $crate::layers::Options::here(), global: Default::default() }
            }

            /// Sets where the channels are. Default: last.
            pub fn data_format(mut self, format: impl Into<$crate::layers::DataFormat>) -> Self {
                self.global.data_format = format.into();
                self
            }

            /// Sets whether the spatial axes stay, with length 1. Default: `false`.
            pub fn keepdims(mut self, keepdims: bool) -> Self {
                self.global.keepdims = keepdims;
                self
            }
        }

        impl $crate::object::Described for $Layer {
            fn class_name(&self) -> &'static str {
                stringify!($Layer)
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = self.options.config();
                self.global.write(&mut config);
                config
            }
        }

        impl $crate::layers::Layer for $Layer {
            fn options(&self) -> &$crate::layers::Options {
                &self.options
            }

            fn parameters(&self) -> &'static [&'static str] {
                &["inputs", "mask"]
            }

            fn check(&self) -> kerros_core::Result<()> {
                self.global.check()
            }

            fn weights(
                &self,
                inputs: &[kerros_core::Shape],
            ) -> kerros_core::Result<Vec<$crate::layers::Weight>> {
                let format = &self.global.data_format;
                $crate::layers::spatial::expect_spatial::<$n>(&inputs[0], format)?;
                Ok(Vec::new())
            }

            fn call<'g>(
                &self,
                inputs: &[kerros_graph::Node<'g>],
                call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<kerros_graph::Node<'g>>> {
                let axes = self.global.axes(inputs[0].ndim());
                let pooled = $pooled(inputs[0], &axes, call)?;
                Ok(vec![self.global.shaped(inputs[0], pooled)])
            }
        }

        pub(in crate::layers) const ENTRY: $crate::object::Entry<dyn $crate::layers::Layer> =
            $crate::object::Entry {
                class_name: stringify!($Layer),
                names: &[$alias],
                summary: $summary,
                from_config: |reader| {
                    let options = $crate::layers::Options::read(reader)?;
                    let global = super::global::Global::read(reader);
                    global.check()?;
                    Ok(std::sync::Arc::new($Layer { options, global }))
                },
            };
    };
}
pub(super) use global_layer;
