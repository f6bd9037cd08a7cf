use std::cell::RefCell;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::options::layer_methods;
use super::quantized::Mode;
use super::{Call, Layer, Options, Weight, part, wrapper};
use crate::model::{IntoLayer, Network};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y_t = layer(x_t)`: a layer applied to each step of a sequence by itself.
///
/// # Shape
/// `x: [batch, time, ..] -> [batch, time, ..]`, each step as the layer has it.
///
/// # Parameters
/// - `layer`: a layer of one input and one output.
///
/// A layer whose weights are quantized ([`Model::quantize`](crate::Model::quantize)) is applied as
/// anywhere else; Keras 3.15 forgets the scales of its weights here.
///
/// A layer that learns from its batches, such as BatchNormalization, sees each step as a batch
/// of its own, as in Keras.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = TimeDistributed::new(Flatten::new());
/// let mut model = Sequential::new().input([3, 2, 2]).add(layer);
/// let y = model.predict(Tensor::full([1, 3, 2, 2], 1.0f32))?;
/// assert_eq!(y.shape().dims(), [1, 3, 4]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TimeDistributed {
    options: Options,
    layer: Arc<dyn Layer>,
}

layer_methods!(TimeDistributed);

impl TimeDistributed {
    /// Applies this layer to each step.
    #[track_caller]
    pub fn new(layer: impl IntoLayer) -> Self {
        TimeDistributed { options: Options::here(), layer: layer.into_layer() }
    }

    /// Applies the layer to one tensor. As in Keras, its own penalty on activity does not count.
    fn apply<'g>(
        &self,
        x: Node<'g>,
        mask: Option<Node<'g>>,
        call: &Call<'_, 'g>,
    ) -> Result<Node<'g>> {
        let masks = [mask];
        let inner = Call {
            masks: &masks,
            trainable: call.trainable && self.layer.options().trainable,
            arguments: &Default::default(),
            parameters: self.layer.parameters(),
            ..*call
        };
        let made = self.layer.call(&[x], &inner)?;
        match made.as_slice() {
            [one] => Ok(*one),
            made => {
                Err(Error::new(ErrorKind::Argument, format!("a layer of {} outputs", made.len()))
                    .expected("a layer of one output"))
            }
        }
    }

    /// Each step as a batch of its own, the layer's weights as the step before left them.
    fn each_step<'g>(
        &self,
        x: Node<'g>,
        mask: Option<Node<'g>>,
        call: &Call<'_, 'g>,
    ) -> Result<Node<'g>> {
        use super::recurrent::recurrence::at_step;
        let mut weights = call.weights.to_vec();
        let mut steps = Vec::new();
        for step in 0..x.shape()[1] {
            let updates = RefCell::default();
            let own = weights.clone();
            let inner = Call { weights: &own, updates: &updates, ..*call };
            let mask = mask.map(|mask| at_step(mask, step));
            steps.push(self.apply(at_step(x, step), mask, &inner)?.expand_dims(1));
            updates.into_inner().into_iter().for_each(|(at, next)| weights[at] = next);
        }
        let moved = weights.iter().zip(call.weights).enumerate();
        let moved = moved.filter(|(_, (after, before))| after.id() != before.id());
        call.updates.borrow_mut().extend(moved.map(|(at, (&after, _))| (at, after)));
        Ok(Node::concat(&steps, 1))
    }
}

/// The shape of one step of sequences of this shape.
fn step_shape(shape: &Shape) -> Result<Shape> {
    match &shape[..] {
        [batch, time, step @ ..] if !step.is_empty() && *time > 0 => {
            Ok(std::iter::once(*batch).chain(step.iter().copied()).collect())
        }
        _ => Err(Error::new(ErrorKind::Shape, format!("sequences of shape {shape}"))
            .expected("[batch, time, ..] with at least one step and one more axis")),
    }
}

impl Described for TimeDistributed {
    fn class_name(&self) -> &'static str {
        "TimeDistributed"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        let name = part::name_of(&*self.layer);
        config.insert("layer".into(), part::serialize(&*self.layer, &name));
        config
    }
}

impl Layer for TimeDistributed {
    fn options(&self) -> &Options {
        &self.options
    }

    fn quantized(&self, mode: &Mode) -> Result<Option<Arc<dyn Layer>>> {
        let options = self.options.clone();
        let around = |layer| -> Arc<dyn Layer> { Arc::new(TimeDistributed { options, layer }) };
        Ok(self.layer.quantized(mode)?.map(around))
    }

    fn check(&self) -> Result<()> {
        self.layer.check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let step = step_shape(&inputs[0])?;
        part::described_weights(&*self.layer, "layer", &part::name_of(&*self.layer), &[step])
    }

    fn keeps_whole_numbers(&self) -> bool {
        self.layer.keeps_whole_numbers()
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let shape = x.shape();
        let step = step_shape(&shape)?;
        let mask = call.masks.first().copied().flatten();
        if let Some(mask) =
            mask.map(|mask| mask.shape()).filter(|mask| mask.get(..2) != shape.get(..2))
        {
            return Err(Error::new(ErrorKind::Shape, format!("a mask of shape {mask}"))
                .expected(format!("{} rows of {} steps", shape[0], shape[1])));
        }
        let (batch, time) = (shape[0], shape[1]);
        let flat = |node: Node<'g>| {
            let own = node.shape();
            node.reshape([&[batch * time], &own[2..]].concat())
        };
        // All steps of all rows as one batch, which is the same for a layer that takes each row
        // by itself; a layer that changes its weights does not.
        let updates = RefCell::default();
        let (losses, seen) = (RefCell::default(), Call { updates: &updates, ..*call });
        let seen = Call { losses: &losses, ..seen };
        let rows = self.apply(flat(x), mask.map(flat), &seen)?;
        if !updates.borrow().is_empty() {
            return Ok(vec![self.each_step(x, mask, call)?]);
        }
        // Each step adds its own penalty per row; here each was taken per row and step.
        let penalties = losses.into_inner().into_iter();
        call.losses.borrow_mut().extend(penalties.map(|penalty: Node<'g>| penalty * time as f32));
        let made = rows.shape();
        if made.first() != Some(&(batch * time)) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("a layer that makes {made} of {} rows of shape {step}", batch * time),
            )
            .expected("as many rows out as in"));
        }
        Ok(vec![rows.reshape([&[batch, time], &made[1..]].concat())])
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn network(&self) -> Option<&Network> {
        self.layer.network()
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "TimeDistributed",
    names: &[],
    summary: "a layer applied to each step by itself",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let layer = wrapper::inner(reader)?;
    Ok(Arc::new(TimeDistributed { options, layer }))
}
