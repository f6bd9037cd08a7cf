//! Layers that crop, pad, repeat and reorder.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

pub(super) mod cropping1d;
pub(super) mod cropping2d;
pub(super) mod cropping3d;
pub(super) mod permute;
pub(super) mod repeat_vector;
pub(super) mod resize;
pub(super) mod up_sampling1d;
pub(super) mod up_sampling2d;
pub(super) mod up_sampling3d;
pub(super) mod zero_padding1d;
pub(super) mod zero_padding2d;
pub(super) mod zero_padding3d;

/// Takes these numbers of entries away from the ends of axes, from axis `first` on.
///
/// # Errors
/// An axis of which nothing is left.
pub(super) fn crop<'g>(x: Node<'g>, edges: &[(usize, usize)], first: usize) -> Result<Node<'g>> {
    let shape = x.shape();
    let mut y = x;
    for (axis, &(low, high)) in (first..).zip(edges) {
        let len = shape[axis];
        if low.saturating_add(high) >= len {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("{low} and {high} cropped from axis {axis} of {shape}"),
            )
            .expected("at least one entry that is left"));
        }
        if low + high > 0 {
            y = y.slice(axis, low, len - high);
        }
    }
    Ok(y)
}

/// Adds these numbers of zeros at the ends of axes, from axis `first` on. Without any it is a copy:
/// Keras's masks hang on tensors, and none hangs on a copy.
fn pad<'g>(x: Node<'g>, edges: &[(usize, usize)], first: usize) -> Result<Node<'g>> {
    if edges.iter().all(|edges| *edges == (0, 0)) {
        return Ok(x.copied());
    }
    let padded = (first..).zip(edges).filter(|(_, edges)| **edges != (0, 0));
    Ok(padded.fold(x, |x, (axis, &(low, high))| x.pad(axis, low, high, 1)))
}

/// Repeats each entry of an axis.
fn repeat(x: Node<'_>, times: usize, axis: usize) -> Node<'_> {
    if times == 1 {
        return x;
    }
    let shape = x.shape();
    let wide = [&shape[..=axis], &[times], &shape[axis + 1..]].concat();
    let mut dims = shape.to_vec();
    dims[axis] *= times;
    x.expand_dims(axis + 1).broadcast_to(wide).reshape(dims)
}

/// Repeats each entry of some axes, from axis `first` on; once each is a copy, as in [`pad`].
fn repeat_each<'g>(x: Node<'g>, times: &[usize], first: usize) -> Node<'g> {
    if times.iter().all(|&times| times == 1) {
        return x.copied();
    }
    (first..).zip(times).fold(x, |x, (axis, &times)| repeat(x, times, axis))
}

/// Checks the number of axes.
///
/// # Errors
/// Another number than `ndim`.
fn expect_ndim(shape: &Shape, ndim: usize, expected: &str) -> Result<()> {
    match shape.ndim() == ndim {
        true => Ok(()),
        false => {
            Err(Error::new(ErrorKind::Shape, format!("an input of shape {shape}"))
                .expected(expected))
        }
    }
}

/// What layers share that change the ends of `$n` spatial axes: `$change` takes the tensor, the
/// numbers and the first spatial axis. `$format` says whether Keras lets one set a data format.
macro_rules! edges_layer {
    ($Layer:ident, $n:literal, $field:ident, $change:path, $format:literal, $default:literal, $summary:literal) => {
        $crate::layers::options::layer_methods!($Layer);

        impl $crate::object::Described for $Layer {
            fn class_name(&self) -> &'static str {
                stringify!($Layer)
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = self.options.config();
                config.insert(stringify!($field).into(), self.$field.value());
                if $format {
                    config.insert("data_format".into(), self.data_format.name().into());
                }
                config
            }
        }

        impl $crate::layers::Layer for $Layer {
            fn options(&self) -> &$crate::layers::Options {
                &self.options
            }

            fn check(&self) -> kerros_core::Result<()> {
                self.data_format.check()
            }

            fn weights(
                &self,
                inputs: &[kerros_core::Shape],
            ) -> kerros_core::Result<Vec<$crate::layers::Weight>> {
                let format = &self.data_format;
                $crate::layers::spatial::expect_spatial::<$n>(&inputs[0], format)?;
                Ok(Vec::new())
            }

            fn keeps_whole_numbers(&self) -> bool {
                true
            }

            fn call<'g>(
                &self,
                inputs: &[kerros_graph::Node<'g>],
                _call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<kerros_graph::Node<'g>>> {
                let first = self.data_format.first_spatial();
                Ok(vec![$change(inputs[0], &self.$field.get(), first)?])
            }
        }

        pub(in crate::layers) const ENTRY: $crate::object::Entry<dyn $crate::layers::Layer> =
            $crate::object::Entry {
                class_name: stringify!($Layer),
                names: &[],
                summary: $summary,
                from_config: |reader| {
                    let options = $crate::layers::Options::read(reader)?;
                    let $field = $crate::layers::Edges::read(reader, stringify!($field));
                    let data_format = match $format {
                        true => $crate::layers::DataFormat::read(reader),
                        false => $crate::layers::DataFormat::default(),
                    };
                    let $field = $field.unwrap_or($default.into());
                    let layer = $Layer { options, $field, data_format };
                    $crate::layers::Layer::check(&layer)?;
                    Ok(std::sync::Arc::new(layer))
                },
            };
    };
}
use edges_layer;
