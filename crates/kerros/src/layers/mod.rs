//! Layers: one file each, and the list below.

use std::cell::RefCell;
use std::sync::Arc;

use kerros_core::{Origin, Result, Shape};
use kerros_graph::Node;

use crate::initializers::Initializer;
use crate::object::{Described, Entry, Registry, family};
use crate::regularizers::Regularizer;

/// What every layer has: a name, whether it learns, and where the user made it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name; made from the class when absent (`dense`, `dense_1` ...).
    pub name: Option<String>,
    /// Whether its weights are trained.
    pub trainable: bool,
    /// Where the user made it.
    pub origin: Origin,
}

impl Options {
    /// The options of a layer made by the caller's caller.
    #[track_caller]
    pub fn here() -> Self {
        Options { name: None, trainable: true, origin: Origin::here() }
    }
}

/// A weight that a layer asks for.
#[derive(Clone, Debug)]
pub struct Weight {
    /// Keras's name for it, such as `"kernel"`.
    pub name: &'static str,
    /// Its shape; `f32`.
    pub shape: Shape,
    /// How it starts.
    pub initializer: Arc<dyn Initializer>,
    /// A penalty that joins the loss.
    pub regularizer: Option<Arc<dyn Regularizer>>,
    /// Whether the optimizer moves it.
    pub trainable: bool,
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
}

/// All layers.
pub static REGISTRY: Registry<dyn Layer> =
    Registry { noun: "layer", module: "keras.layers", entries: ENTRIES };

static ENTRIES: &[Entry<dyn Layer>] = &[];

family!(Layer, REGISTRY);
