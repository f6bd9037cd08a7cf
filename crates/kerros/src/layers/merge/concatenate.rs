use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};
use crate::operations::alike;

/// `y = [x0, x1, ..]`: several tensors one after the other along an axis.
///
/// # Shape
/// `x0, x1 ..: [batch, .., n0, ..], [batch, .., n1, ..] -> [batch, .., n0 + n1 + .., ..]`
///
/// # Parameters
/// - `axis`: along which they are joined; negative counts from the end, 0 is the batch axis.
///   Default: -1.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let a = Input::new([2]).tensor();
/// let b = Input::new([1]).tensor();
/// let mut model = Model::functional([&a, &b], [&Concatenate::new().on([&a, &b])])?;
/// let rows = vec![Tensor::new([1, 2], [1.0f32, 2.0])?, Tensor::new([1, 1], [3.0f32])?];
/// assert_eq!(model.predict(rows)?.as_slice::<f32>()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Concatenate {
    options: Options,
    axis: isize,
}

layer_methods!(Concatenate);

impl Concatenate {
    /// Joins along the last axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Concatenate { options: Options::here(), axis: -1 }
    }

    /// Sets the axis.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl Described for Concatenate {
    fn class_name(&self) -> &'static str {
        "Concatenate"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("axis".into(), json!(self.axis));
        config
    }
}

impl Layer for Concatenate {
    fn options(&self) -> &Options {
        &self.options
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        super::ANY_NUMBER
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let axis = inputs[0].axis(self.axis)?;
        let others = |shape: &Shape| {
            let mut dims = shape.to_vec();
            (axis < dims.len()).then(|| dims.remove(axis));
            dims
        };
        match inputs.iter().all(|shape| others(shape) == others(&inputs[0])) {
            true => Ok(Vec::new()),
            false => {
                let shapes: Vec<String> = inputs.iter().map(Shape::to_string).collect();
                Err(Error::new(
                    ErrorKind::Shape,
                    format!("inputs of shapes {} along axis {}", shapes.join(", "), self.axis),
                )
                .expected("shapes that are the same in all other axes"))
            }
        }
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask<'g>(
        &self,
        inputs: &[Node<'g>],
        call: &Call<'_, 'g>,
    ) -> Result<Vec<Option<Node<'g>>>> {
        if call.masks.iter().all(Option::is_none) {
            return Ok(vec![None]);
        }
        let over = |(x, mask): (&Node<'g>, &Option<Node<'g>>)| match mask {
            None => x.graph().constant(1.0).cast(DType::Bool).broadcast_to(x.shape()),
            Some(mask) if mask.ndim() < x.ndim() => {
                mask.expand_dims(mask.ndim()).broadcast_to(x.shape())
            }
            Some(mask) => *mask,
        };
        let masks: Vec<Node<'g>> = inputs.iter().zip(call.masks).map(over).collect();
        let axis = inputs[0].shape().axis(self.axis)?;
        Ok(vec![Some(Node::concat(&masks, axis).any(&[-1]))])
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(vec![Node::concat(&alike(inputs.to_vec()), inputs[0].shape().axis(self.axis)?)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Concatenate",
    names: &[],
    summary: "the inputs one after the other along an axis",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let axis = reader.maybe_i64("axis").unwrap_or(-1) as isize;
    Ok(Arc::new(Concatenate { options, axis }))
}
