//! A chain of layers.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use kerros_plan::Device;

use super::{InputSpec, IntoLayer, Model, PartialShape};

/// A model in which each layer takes what the one before it gives.
///
/// Everything beyond putting layers together is a method of [`Model`], called directly:
/// `compile`, `fit`, `evaluate`, `predict`, `summary`. Mistakes in the layers are kept and
/// returned, with the line that made them, by the first of those calls.
///
/// # Example
/// ```
/// use kerros::Sequential;
/// use kerros::layers::{Dropout, Flatten};
/// let mut model = Sequential::new().input([2, 3]).add(Flatten::new()).add(Dropout::new(0.2));
/// let y = model.predict(&kerros::Tensor::full([1, 2, 3], 1.0f32))?;
/// assert_eq!(y.shape().dims(), [1, 6]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Debug)]
pub struct Sequential {
    model: Model,
}

impl Sequential {
    /// A model without layers.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Sequential { model: Model::new("sequential") }
    }

    /// Sets the model's name. Default: `sequential`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.model.network.name = name.into();
        self
    }

    /// Sets the shape of one row of the input, without the batch axis; `None` for axes of any
    /// length (`[None, Some(8)]`). Without it the model is built from the data of the first
    /// `fit`.
    pub fn input(mut self, shape: impl Into<PartialShape>) -> Self {
        self.model.network.set_inputs(vec![InputSpec::new(shape)]);
        self
    }

    /// Adds a layer at the end.
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, layer: impl IntoLayer) -> Self {
        self.push(layer);
        self
    }

    /// As [`Sequential::add`], for a model in a variable.
    pub fn push(&mut self, layer: impl IntoLayer) {
        let layer = layer.into_layer();
        let is_first = self.model.network.layers.is_empty();
        match layer.input_spec() {
            Some(spec) if is_first && self.model.network.inputs.is_empty() => {
                self.model.network.set_inputs(vec![spec]);
            }
            _ => {
                self.model.network.push(layer);
                self.model.states = None;
                self.model.executables.clear();
            }
        }
    }

    /// The chain as a plain model.
    pub fn into_model(self) -> Model {
        self.model
    }

    /// Runs the model on this device instead of the default one.
    pub fn device(mut self, device: Arc<dyn Device>) -> Self {
        self.model.device = device;
        self
    }

    /// Makes the initial weights, and everything random in training, repeatable.
    pub fn seed(mut self, seed: u64) -> Self {
        self.model.seed = Some(seed);
        self
    }
}

impl From<Sequential> for Model {
    fn from(chain: Sequential) -> Model {
        chain.model
    }
}

impl Deref for Sequential {
    type Target = Model;

    fn deref(&self) -> &Model {
        &self.model
    }
}

impl DerefMut for Sequential {
    fn deref_mut(&mut self) -> &mut Model {
        &mut self.model
    }
}
