//! What a layer is given when it is applied, and how it applies the layers that are part of it.

use std::cell::RefCell;
use std::ops::Range;

use kerros_core::{DType, Result, Tensor};
use kerros_graph::Node;

use super::Layer;
use crate::model::{Argument, Arguments, Masked};

/// What a layer is given when it is applied.
#[derive(Clone, Copy)]
pub struct Call<'a, 'g> {
    /// Its weights, in the order of [`Layer::weights`].
    pub weights: &'a [Node<'g>],
    /// Whether this is a training step.
    pub training: bool,
    /// Whether the layer learns: a frozen one behaves as when predicting where Keras says so.
    pub trainable: bool,
    /// The random key of the step (see [`kerros_graph::Graph::random_bits`]); present when
    /// training.
    pub key: Option<Node<'g>>,
    /// For each input the steps that count, where some do not: `bool [batch, steps]`.
    pub masks: &'a [Option<Node<'g>>],
    /// The arguments as they were written: for keywords such as `initial_state`.
    pub arguments: &'a Arguments<Node<'g>>,
    /// The layer's [`Layer::parameters`].
    pub(crate) parameters: &'static [&'static str],
    /// Penalties that the layer adds to the loss (scalars).
    pub losses: &'a RefCell<Vec<Node<'g>>>,
    /// New values of weights that the layer sets itself, by their place in `weights`.
    pub updates: &'a RefCell<Vec<(usize, Node<'g>)>>,
}

impl<'a, 'g> Call<'a, 'g> {
    /// An argument, by its name in Keras's `call`.
    pub fn argument(&self, name: &str) -> Option<&'a Argument<Node<'g>>> {
        self.arguments.get(self.parameters, name)
    }

    /// The tensors of an argument; none when it was not given.
    pub fn tensors(&self, name: &str) -> Vec<Node<'g>> {
        let argument = self.argument(name);
        argument
            .map(|argument| argument.tensors().into_iter().copied().collect())
            .unwrap_or_default()
    }

    /// An argument that is true or false.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.argument(name), Some(Argument::Value(serde_json::Value::Bool(true))))
    }

    /// The random key for a layer with this seed of its own, or with none: present when
    /// training.
    ///
    /// # Errors
    /// None but those of making a tensor of two numbers.
    pub fn key_with(&self, seed: Option<u64>) -> Result<Option<Node<'g>>> {
        let (Some(key), Some(seed)) = (self.key, seed) else { return Ok(self.key) };
        let words = Tensor::new([2], [seed as u32 as i32, (seed >> 32) as u32 as i32])?;
        Ok(Some(Node::concat(&[key.graph().literal(words), key.slice(0, 2, 4)], 0)))
    }

    /// Applies a layer within this call: its results with their masks, its activity
    /// regularizer counted.
    ///
    /// # Errors
    /// What the layer returns.
    pub(crate) fn apply(&self, layer: &dyn Layer, inputs: &[Node<'g>]) -> Result<Vec<Masked<'g>>> {
        let mut results = match layer.keeps_whole_numbers() {
            true => layer.call_masked(inputs, self)?,
            false => {
                let floats: Vec<Node<'g>> = inputs.iter().map(|x| x.cast(DType::F32)).collect();
                layer.call_masked(&floats, self)?
            }
        };
        // Keras's masks hang on tensors: one that comes out as it went in has its mask still.
        for result in results.iter_mut().filter(|result| result.mask.is_none()) {
            let same = inputs.iter().position(|input| input.id() == result.node.id());
            result.mask = same.and_then(|at| self.masks.get(at).copied().flatten());
        }
        if let Some(regularizer) = &layer.options().activity_regularizer {
            let regularizer = regularizer.resolve()?;
            for result in &results {
                // Per row, so that it counts the same for any batch size.
                let rows = result.node.shape().first().copied().unwrap_or(1).max(1);
                self.losses.borrow_mut().push(regularizer.penalty(result.node) / rows as f32);
            }
        }
        Ok(results)
    }

    /// Applies a layer that is a part of this one: `weights` says which of this layer's
    /// weights are its own. What it adds to losses and updates is kept here.
    ///
    /// # Errors
    /// What the layer returns.
    pub fn part(
        &self,
        layer: &dyn Layer,
        weights: Range<usize>,
        inputs: &[Masked<'g>],
    ) -> Result<Vec<Masked<'g>>> {
        self.part_with(layer, weights, inputs, &Arguments::default())
    }

    /// As [`Call::part`], with arguments beside the tensors.
    ///
    /// # Errors
    /// What the layer returns.
    pub fn part_with(
        &self,
        layer: &dyn Layer,
        weights: Range<usize>,
        inputs: &[Masked<'g>],
        arguments: &Arguments<Node<'g>>,
    ) -> Result<Vec<Masked<'g>>> {
        let nodes: Vec<Node<'g>> = inputs.iter().map(|input| input.node).collect();
        let masks: Vec<Option<Node<'g>>> = inputs.iter().map(|input| input.mask).collect();
        let updates = RefCell::default();
        let inner = Call {
            weights: &self.weights[weights.clone()],
            trainable: self.trainable && layer.options().trainable,
            masks: &masks,
            arguments,
            parameters: layer.parameters(),
            updates: &updates,
            ..*self
        };
        let results = inner.apply(layer, &nodes)?;
        let own = updates.into_inner().into_iter();
        self.updates.borrow_mut().extend(own.map(|(at, node)| (weights.start + at, node)));
        Ok(results)
    }
}
