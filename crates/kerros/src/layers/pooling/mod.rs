//! Pooling: the largest number or the mean of windows.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::PoolSpec;
use serde_json::json;

use super::{DataFormat, Lengths, Padding};
use crate::object::{Config, ConfigReader};

mod adaptive;
pub(super) mod adaptive_average_pooling1d;
pub(super) mod adaptive_average_pooling2d;
pub(super) mod adaptive_average_pooling3d;
pub(super) mod adaptive_max_pooling1d;
pub(super) mod adaptive_max_pooling2d;
pub(super) mod adaptive_max_pooling3d;
pub(super) mod average_pooling1d;
pub(super) mod average_pooling2d;
pub(super) mod average_pooling3d;
mod global;
pub(super) mod global_average_pooling1d;
pub(super) mod global_average_pooling2d;
pub(super) mod global_average_pooling3d;
pub(super) mod global_max_pooling1d;
pub(super) mod global_max_pooling2d;
pub(super) mod global_max_pooling3d;
pub(super) mod max_pooling1d;
pub(super) mod max_pooling2d;
pub(super) mod max_pooling3d;

/// The settings of windows over `N` axes.
#[derive(Clone, Debug)]
struct Pool<const N: usize> {
    pool_size: Lengths<N>,
    /// None for windows side by side.
    strides: Option<Lengths<N>>,
    padding: Padding,
    data_format: DataFormat,
}

impl<const N: usize> Pool<N> {
    fn new(pool_size: Lengths<N>) -> Self {
        let (padding, data_format) = (Padding::Valid, DataFormat::ChannelsLast);
        Pool { pool_size, strides: None, padding, data_format }
    }

    fn strides(&self) -> Lengths<N> {
        self.strides.unwrap_or(self.pool_size)
    }

    fn check(&self) -> Result<()> {
        self.pool_size.check("pool_size", 1)?;
        self.strides().check("strides", 1)?;
        self.padding.check(false)?;
        self.data_format.check()
    }

    /// The windows over an input whose channels are last.
    fn spec(&self, input: &Shape) -> PoolSpec {
        let (size, strides) = (self.pool_size.get(), self.strides().get());
        let around = |at: usize| self.padding.around(input[at + 1], size[at], strides[at], 1);
        let padding: Vec<(isize, isize)> = (0..N).map(around).collect();
        PoolSpec::new(size).strides(strides).padding(padding)
    }

    /// The result of pooling by `pool`, in the layer's data format.
    fn apply<'g>(&self, x: Node<'g>, pool: impl Fn(Node<'g>, PoolSpec) -> Node<'g>) -> Node<'g> {
        let x = self.data_format.to_last(x);
        self.data_format.restore(pool(x, self.spec(&x.shape())))
    }

    fn write(&self, config: &mut Config) {
        config.insert("pool_size".into(), self.pool_size.value());
        config.insert("padding".into(), json!(self.padding.name()));
        config.insert("strides".into(), self.strides().value());
        config.insert("data_format".into(), json!(self.data_format.name()));
    }

    /// Reads the settings; `default` is the size where none is given, if there is one.
    fn read(reader: &mut ConfigReader<'_>, default: Option<usize>) -> Result<Self> {
        let given = Lengths::read(reader, "pool_size");
        let Some(pool_size) = given.or(default.map(Lengths::from)) else {
            return Err(Error::new(ErrorKind::Format, "`pool_size` is missing")
                .expected("a whole number, or one per axis"));
        };
        let strides = Lengths::read(reader, "strides");
        let (padding, data_format) = (Padding::read(reader), DataFormat::read(reader));
        Ok(Pool { pool_size, strides, padding, data_format })
    }
}

/// All that layers share which keep a [`Pool`] over `$n` axes in `pool`; `$pool` is the
/// operation, `$default` Keras's size of the window, if it has one, `$alias` its second name.
macro_rules! pool_layer {
    ($Layer:ident, $n:literal, $pool:path, $default:expr, $alias:literal, $summary:literal) => {
        $crate::layers::options::layer_methods!($Layer);

        impl $Layer {
            /// Pools windows of this size, which lie side by side.
            #[track_caller]
            pub fn new(pool_size: impl Into<$crate::layers::Lengths<$n>>) -> Self {
                let options = $crate::layers::Options::here();
                $Layer { options, pool: super::Pool::new(pool_size.into()) }
            }

            /// Sets how far the window moves from one result to the next. Default: its size.
            pub fn strides(mut self, strides: impl Into<$crate::layers::Lengths<$n>>) -> Self {
                self.pool.strides = Some(strides.into());
                self
            }

            /// Sets how the edges are treated. Default: `valid`.
            pub fn padding(mut self, padding: impl Into<$crate::layers::Padding>) -> Self {
                self.pool.padding = padding.into();
                self
            }

            /// Sets where the channels are. Default: last.
            pub fn data_format(mut self, format: impl Into<$crate::layers::DataFormat>) -> Self {
                self.pool.data_format = format.into();
                self
            }
        }

        impl $crate::object::Described for $Layer {
            fn class_name(&self) -> &'static str {
                stringify!($Layer)
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = self.options.config();
                self.pool.write(&mut config);
                config
            }
        }

        impl $crate::layers::Layer for $Layer {
            fn options(&self) -> &$crate::layers::Options {
                &self.options
            }

            fn check(&self) -> kerros_core::Result<()> {
                self.pool.check()
            }

            fn weights(
                &self,
                inputs: &[kerros_core::Shape],
            ) -> kerros_core::Result<Vec<$crate::layers::Weight>> {
                let format = &self.pool.data_format;
                $crate::layers::spatial::expect_spatial::<$n>(&inputs[0], format)?;
                Ok(Vec::new())
            }

            fn call<'g>(
                &self,
                inputs: &[kerros_graph::Node<'g>],
                _call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<kerros_graph::Node<'g>>> {
                Ok(vec![self.pool.apply(inputs[0], $pool)])
            }
        }

        pub(in crate::layers) const ENTRY: $crate::object::Entry<dyn $crate::layers::Layer> =
            $crate::object::Entry {
                class_name: stringify!($Layer),
                names: &[$alias],
                summary: $summary,
                from_config: |reader| {
                    let options = $crate::layers::Options::read(reader)?;
                    let pool = super::Pool::read(reader, $default)?;
                    pool.check()?;
                    Ok(std::sync::Arc::new($Layer { options, pool }))
                },
            };
    };
}
use pool_layer;
