//! Layers that make one tensor of several.

use std::ops::RangeInclusive;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::Call;
use crate::model::Masked;
use crate::operations::alike;

pub(super) mod add;
pub(super) mod average;
pub(super) mod concatenate;
pub(super) mod custom_scale_layer;
pub(super) mod dot;
pub(super) mod maximum;
pub(super) mod minimum;
pub(super) mod multiply;
pub(super) mod subtract;

/// At least one tensor.
const ANY_NUMBER: RangeInclusive<usize> = 1..=usize::MAX;

/// Checks that tensors have the same number of rows, or one for all, and that their rows broadcast.
fn check_shapes(inputs: &[Shape]) -> Result<()> {
    let mut common = inputs[0].clone();
    for shape in &inputs[1..] {
        let (ours, others) = (common.first(), shape.first());
        let fits = !common.is_empty() && (ours == others || ours == Some(&1) || others == Some(&1));
        let row = |shape: &Shape| Shape::from(shape.get(1..).unwrap_or_default());
        common = match row(&common).broadcast(&row(shape)).filter(|_| fits) {
            Some(row) => {
                let batch = common[0].max(shape.first().copied().unwrap_or(1));
                [&[batch], &row[..]].concat().into()
            }
            None => {
                let shapes: Vec<String> = inputs.iter().map(Shape::to_string).collect();
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("inputs of shapes {} cannot be merged", shapes.join(", ")),
                )
                .expected(
                    "as many rows each, and axes of equal length, or 1, from the last back",
                ));
            }
        };
    }
    Ok(())
}

/// Inputs of one type, with as many axes as the longest: axes of length 1 follow the batch axis.
/// An input that gets axes loses its mask, as in Keras.
fn aligned<'g>(inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Vec<Masked<'g>> {
    let inputs = alike(inputs.to_vec());
    let ndim = inputs.iter().map(|input| input.ndim()).max().unwrap_or(0);
    let masks = call.masks.iter().copied().chain(std::iter::repeat(None));
    let align = |(node, mask): (Node<'g>, Option<Node<'g>>)| {
        let shape = node.shape();
        match ndim - shape.ndim() {
            0 => Masked { node, mask },
            missing => {
                let batch = shape.ndim().min(1);
                let dims = [&shape[..batch], &vec![1; missing], &shape[batch..]].concat();
                Masked { node: node.reshape(dims), mask: None }
            }
        }
    };
    inputs.into_iter().zip(masks).map(align).collect()
}

/// The mask of an input over all its axes: the last axis shares it.
fn over<'g>(input: &Masked<'g>) -> Option<Node<'g>> {
    let shape = input.node.shape();
    input.mask.map(|mask| mask.expand_dims(mask.ndim()).broadcast_to(shape))
}

/// What counts in any of the inputs counts in the result; nothing is masked when an input has
/// no mask.
fn either<'g>(call: &Call<'_, 'g>) -> Vec<Option<Node<'g>>> {
    let masks: Option<Vec<Node<'g>>> = call.masks.iter().copied().collect();
    let all = masks.and_then(|masks| masks.into_iter().reduce(|a, b| a.logical_or(b)));
    vec![all]
}

/// Takes the larger or smaller of all inputs, step by step; a step that is masked in one
/// takes the other's number.
fn selected<'g>(inputs: &[Masked<'g>], pick: impl Fn(Node<'g>, Node<'g>) -> Node<'g>) -> Node<'g> {
    let (mut y, mut y_mask) = (inputs[0].node, over(&inputs[0]));
    for input in &inputs[1..] {
        let (mut x, mask) = (input.node, over(input));
        if let Some(mask) = mask {
            x = mask.select(x, y);
        }
        if let Some(mask) = y_mask {
            y = mask.select(y, x);
        }
        y_mask = y_mask.zip(mask).map(|(a, b)| a.logical_or(b));
        y = pick(y, x);
    }
    y
}

/// All that layers which merge equal shapes share: `$merged` takes the aligned inputs with
/// their masks.
macro_rules! merge_layer {
    ($Layer:ident, $summary:literal, $num_inputs:expr, $merged:expr) => {
        $crate::layers::options::layer_methods!($Layer);

        impl $Layer {
            /// Merges the tensors it is called on.
            #[track_caller]
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                $Layer { options: $crate::layers::Options::here() }
            }
        }

        impl $crate::object::Described for $Layer {
            fn class_name(&self) -> &'static str {
                stringify!($Layer)
            }

            fn config(&self) -> $crate::object::Config {
                self.options.config()
            }
        }

        impl $crate::layers::Layer for $Layer {
            fn options(&self) -> &$crate::layers::Options {
                &self.options
            }

            fn num_inputs(&self) -> std::ops::RangeInclusive<usize> {
                $num_inputs
            }

            fn weights(
                &self,
                inputs: &[kerros_core::Shape],
            ) -> kerros_core::Result<Vec<$crate::layers::Weight>> {
                super::check_shapes(inputs).map(|()| Vec::new())
            }

            fn keeps_whole_numbers(&self) -> bool {
                true
            }

            fn supports_masking(&self) -> bool {
                true
            }

            fn compute_mask<'g>(
                &self,
                _inputs: &[kerros_graph::Node<'g>],
                call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<Option<kerros_graph::Node<'g>>>> {
                Ok(super::either(call))
            }

            fn call<'g>(
                &self,
                inputs: &[kerros_graph::Node<'g>],
                call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<kerros_graph::Node<'g>>> {
                Ok(vec![$merged(&super::aligned(inputs, call))])
            }
        }

        pub(in crate::layers) const ENTRY: $crate::object::Entry<dyn $crate::layers::Layer> =
            $crate::object::Entry {
                class_name: stringify!($Layer),
                names: &[],
                summary: $summary,
                from_config: |reader| {
                    let options = $crate::layers::Options::read(reader)?;
                    Ok(std::sync::Arc::new($Layer { options }))
                },
            };
    };
}
use merge_layer;
