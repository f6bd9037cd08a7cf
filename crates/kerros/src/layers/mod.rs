//! Layers: one file each, and the list below.

use std::cell::RefCell;
use std::sync::Arc;

use kerros_core::{DType, Result, Shape, Tensor};
use kerros_graph::Node;

use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::object::{Described, Entry, Registry, family};
use crate::regularizers::Regularizer;

mod activation;
mod dense;
mod dropout;
mod elu;
mod flatten;
mod identity;
mod input_layer;
mod leaky_relu;
mod normalization;
pub mod options;
mod prelu;
mod relu;
mod rescaling;
mod reshape;
mod softmax;

pub use activation::Activation;
pub use dense::Dense;
pub use dropout::Dropout;
pub use elu::ELU;
pub use flatten::Flatten;
pub use identity::Identity;
pub use input_layer::InputLayer;
pub use leaky_relu::LeakyReLU;
pub use normalization::Normalization;
pub use options::Options;
pub use prelu::PReLU;
pub use relu::ReLU;
pub use rescaling::{Numbers, Rescaling};
pub use reshape::Reshape;
pub use softmax::Softmax;

/// How a weight starts.
#[derive(Clone, Debug)]
pub enum Start {
    /// Drawn or filled by an initializer: `f32`.
    Initializer(Arc<dyn Initializer>),
    /// These values; their dtype is the weight's.
    Value(Tensor),
}

/// A weight that a layer asks for.
#[derive(Clone, Debug)]
pub struct Weight {
    /// Keras's name for it, such as `"kernel"`.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// How it starts.
    pub start: Start,
    /// A penalty that joins the loss.
    pub regularizer: Option<Arc<dyn Regularizer>>,
    /// A rule that it obeys after each step.
    pub constraint: Option<Arc<dyn Constraint>>,
    /// Whether the optimizer moves it.
    pub trainable: bool,
}

impl Weight {
    /// A trained weight without penalty or constraint.
    pub fn new(
        name: &'static str,
        shape: impl Into<Shape>,
        initializer: Arc<dyn Initializer>,
    ) -> Self {
        Weight {
            name,
            shape: shape.into(),
            start: Start::Initializer(initializer),
            regularizer: None,
            constraint: None,
            trainable: true,
        }
    }

    /// A weight that no optimizer moves, starting at these values.
    pub fn fixed(name: &'static str, value: Tensor) -> Self {
        Weight {
            name,
            shape: value.shape().clone(),
            start: Start::Value(value),
            regularizer: None,
            constraint: None,
            trainable: false,
        }
    }

    /// The element type: `f32`, or that of the given start value.
    pub fn dtype(&self) -> DType {
        match &self.start {
            Start::Initializer(_) => DType::F32,
            Start::Value(value) => value.dtype(),
        }
    }
}

/// What a layer is given when it is applied.
pub struct Call<'a, 'g> {
    /// Its weights, in the order of [`Layer::weights`].
    pub weights: &'a [Node<'g>],
    /// Whether this is a training step.
    pub training: bool,
    /// The random key of the step (see [`kerros_graph::Graph::random_bits`]); present when
    /// training.
    pub key: Option<Node<'g>>,
    /// Penalties that the layer adds to the loss (scalars).
    pub losses: &'a RefCell<Vec<Node<'g>>>,
    /// New values of weights that the layer sets itself, by their place in `weights`.
    pub updates: &'a RefCell<Vec<(usize, Node<'g>)>>,
}

/// A step of a model.
pub trait Layer: Described {
    /// Name, trainability and origin.
    fn options(&self) -> &Options;
    /// Checks what is known before any shape is: names of activations, ranges of numbers.
    ///
    /// # Errors
    /// The first setting that cannot be.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// The weights for inputs of this shape, which is without the batch axis.
    ///
    /// # Errors
    /// An input that the layer cannot take: what it got and what it expects.
    fn weights(&self, input: &Shape) -> Result<Vec<Weight>>;
    /// Applies the layer. `x: [batch, ..]`; the result has the same batch axis.
    ///
    /// # Errors
    /// An input that the layer cannot take.
    fn call<'g>(&self, x: Node<'g>, call: &Call<'_, 'g>) -> Result<Node<'g>>;
    /// The shape of its input, without the batch axis, where the layer itself fixes it
    /// ([`InputLayer`]).
    fn input_shape(&self) -> Option<&Shape> {
        None
    }
}

/// All layers.
pub static REGISTRY: Registry<dyn Layer> =
    Registry { noun: "layer", module: "keras.layers", entries: ENTRIES };

static ENTRIES: &[Entry<dyn Layer>] = &[
    input_layer::ENTRY,
    dense::ENTRY,
    activation::ENTRY,
    relu::ENTRY,
    leaky_relu::ENTRY,
    elu::ENTRY,
    prelu::ENTRY,
    softmax::ENTRY,
    dropout::ENTRY,
    flatten::ENTRY,
    reshape::ENTRY,
    rescaling::ENTRY,
    normalization::ENTRY,
    identity::ENTRY,
];

family!(Layer, REGISTRY);
