//! Pooling into a fixed number of windows, whatever the length of the input.

use kerros_core::{Error, ErrorKind, Result, Tensor};
use kerros_graph::Node;
use kerros_graph::ops::PoolSpec;
use serde_json::json;

use crate::layers::{DataFormat, Lengths};
use crate::object::{Config, ConfigReader};

/// More windows along an axis are taken for a mistake.
const MAX_WINDOWS: usize = 1 << 16;

/// The settings of pooling into a number of windows per axis.
#[derive(Clone, Debug)]
pub(super) struct Adaptive<const N: usize> {
    pub(super) output_size: Lengths<N>,
    pub(super) data_format: DataFormat,
}

impl<const N: usize> Adaptive<N> {
    pub(super) fn new(output_size: Lengths<N>) -> Self {
        Adaptive { output_size, data_format: DataFormat::ChannelsLast }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.output_size.check("output_size", 1)?;
        if self.output_size.get().iter().any(|&windows| windows > MAX_WINDOWS) {
            let sizes = format!("`output_size` is {:?}", self.output_size.get());
            return Err(Error::new(ErrorKind::Argument, sizes)
                .expected(format!("at most {MAX_WINDOWS} windows along an axis")));
        }
        self.data_format.check()
    }

    /// Pools one axis after the other; `pool` gives all windows of a size along an axis, one
    /// apart if its last argument is 1.
    pub(super) fn apply<'g>(
        &self,
        x: Node<'g>,
        pool: impl Fn(Node<'g>, PoolSpec) -> Node<'g>,
    ) -> Node<'g> {
        let windows = |x: Node<'g>, axis: usize, size: usize, stride: usize| {
            let (mut sizes, mut strides) = (vec![1; N], vec![1; N]);
            (sizes[axis], strides[axis]) = (size, stride);
            pool(x, PoolSpec::new(sizes).strides(strides))
        };
        let outputs = self.output_size.get();
        let along = |x: Node<'g>, axis: usize| along(x, axis, outputs[axis], &windows);
        self.data_format.restore((0..N).fold(self.data_format.to_last(x), along))
    }

    pub(super) fn write(&self, config: &mut Config) {
        config.insert("output_size".into(), self.output_size.value());
        config.insert("data_format".into(), json!(self.data_format.name()));
    }

    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        let output_size = Lengths::read(reader, "output_size").unwrap_or_else(|| {
            reader.refuse("`output_size` is missing");
            1.into()
        });
        Adaptive { output_size, data_format: DataFormat::read(reader) }
    }
}

/// Window `i` of `outputs` along a spatial axis: `floor(i · n / outputs)` up to
/// `ceil((i + 1) · n / outputs)`. Their sizes differ by 1 at most, so all windows of the two
/// sizes are pooled, and those that are wanted picked.
fn along<'g>(
    x: Node<'g>,
    axis: usize,
    outputs: usize,
    windows: &impl Fn(Node<'g>, usize, usize, usize) -> Node<'g>,
) -> Node<'g> {
    let len = x.shape()[axis + 1];
    if len.is_multiple_of(outputs) && len > 0 {
        return windows(x, axis, len / outputs, len / outputs);
    }
    let small = len.div_ceil(outputs);
    let all_small = windows(x, axis, small, 1);
    let bounds = (0..outputs).map(|i| (i * len / outputs, ((i + 1) * len).div_ceil(outputs)));
    let count = all_small.shape()[axis + 1];
    let place = |(start, end): (usize, usize)| match end - start == small {
        true => start as i32,
        false => (count + start) as i32,
    };
    let places: Vec<i32> = bounds.map(place).collect();
    let all = match places.iter().any(|&place| place >= count as i32) {
        true => Node::concat(&[all_small, windows(x, axis, small + 1, 1)], axis + 1),
        false => all_small,
    };
    let places = Tensor::new([outputs], places).expect("one place per window");
    all.gather(x.graph().literal(places), axis + 1)
}

/// All that layers share which keep an [`Adaptive`] over `$n` axes in `adaptive`; `$pool` is
/// the operation.
macro_rules! adaptive_layer {
    ($Layer:ident, $n:literal, $pool:path, $summary:literal) => {
        $crate::layers::options::layer_methods!($Layer);

        impl $Layer {
            /// Pools into this many windows.
            #[track_caller]
            pub fn new(output_size: impl Into<$crate::layers::Lengths<$n>>) -> Self {
                let options = $crate::layers::Options::here();
                let adaptive = super::adaptive::Adaptive::new(output_size.into());
                $Layer { options, adaptive }
            }

            /// Sets where the channels are. Default: last.
            pub fn data_format(mut self, format: impl Into<$crate::layers::DataFormat>) -> Self {
                self.adaptive.data_format = format.into();
                self
            }
        }

        impl $crate::object::Described for $Layer {
            fn class_name(&self) -> &'static str {
                stringify!($Layer)
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = self.options.config();
                self.adaptive.write(&mut config);
                config
            }
        }

        impl $crate::layers::Layer for $Layer {
            fn options(&self) -> &$crate::layers::Options {
                &self.options
            }

            fn check(&self) -> kerros_core::Result<()> {
                self.adaptive.check()
            }

            fn weights(
                &self,
                inputs: &[kerros_core::Shape],
            ) -> kerros_core::Result<Vec<$crate::layers::Weight>> {
                let format = &self.adaptive.data_format;
                $crate::layers::spatial::expect_spatial::<$n>(&inputs[0], format)?;
                Ok(Vec::new())
            }

            fn call<'g>(
                &self,
                inputs: &[kerros_graph::Node<'g>],
                _call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<kerros_graph::Node<'g>>> {
                Ok(vec![self.adaptive.apply(inputs[0], $pool)])
            }
        }

        pub(in crate::layers) const ENTRY: $crate::object::Entry<dyn $crate::layers::Layer> =
            $crate::object::Entry {
                class_name: stringify!($Layer),
                names: &[],
                summary: $summary,
                from_config: |reader| {
                    let options = $crate::layers::Options::read(reader)?;
                    let adaptive = super::adaptive::Adaptive::read(reader);
                    adaptive.check()?;
                    Ok(std::sync::Arc::new($Layer { options, adaptive }))
                },
            };
    };
}
pub(super) use adaptive_layer;
