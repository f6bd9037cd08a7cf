//! Models: layers with weights on a device, compiled with an optimizer, a loss and metrics.

use std::fmt;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::{Graph, Node, StateId, Type};
use kerros_plan::{Device, StateStore};

use crate::device::default_device;
use crate::initializers::Draw;
use crate::layers::{Layer, Start};
use crate::trainer::{Compiled, Executables, warnings::Warnings};

pub mod arguments;
mod build;
mod fixed_lengths;
pub mod forward;
pub mod functional;
pub(crate) mod names;
pub mod network;
mod order;
pub mod partial_shape;
pub mod pipeline;
mod quantize;
pub mod seed;
pub mod sequential;
pub mod submodel;
mod summary;
mod weights;

pub use arguments::{Argument, Arguments};
pub use forward::{Masked, Pass};
pub use functional::{Input, IntoArguments, KerasTensor, arguments};
pub use network::{Forward, InputSpec, LayerCall, LayerEntry, Network, Source, WeightEntry};
pub use partial_shape::PartialShape;
pub use pipeline::Pipeline;
pub use seed::set_random_seed;
pub use sequential::Sequential;
pub use submodel::Submodel;

/// A network with weights on a device, and all one does with it: compile, fit, evaluate,
/// predict.
///
/// Made by [`Sequential`], through which all of this is called.
pub struct Model {
    pub(crate) network: Network,
    pub(crate) device: Arc<dyn Device>,
    pub(crate) seed: Option<u64>,
    pub(crate) states: Option<States>,
    pub(crate) compiled: Option<Compiled>,
    pub(crate) executables: Executables,
    pub(crate) warnings: Warnings,
    /// Epochs trained so far: the next epoch's order of rows depends on it.
    pub(crate) epochs_done: u64,
    /// Whether the time of each step is measured.
    pub(crate) measure: bool,
}

/// The states of a model on its device.
pub(crate) struct States {
    pub(crate) store: Box<dyn StateStore>,
    /// One per weight, in the order of [`Network::weights`].
    pub(crate) weights: Vec<StateId>,
}

impl Model {
    pub(crate) fn new(name: &str) -> Self {
        Model {
            network: Network::named(name),
            device: default_device(),
            seed: None,
            states: None,
            compiled: None,
            executables: Executables::default(),
            warnings: Warnings::default(),
            epochs_done: 0,
            measure: false,
        }
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.network.name
    }

    /// The layers and how values flow through them.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The layers, without the input.
    pub fn layers(&self) -> &[LayerEntry] {
        &self.network.layers
    }

    /// The layer of this name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`] with the names there are.
    pub fn layer(&self, name: &str) -> Result<&LayerEntry> {
        let found = self.network.layers.iter().find(|entry| &*entry.name == name);
        found.ok_or_else(|| self.no_such_layer(name))
    }

    fn no_such_layer(&self, name: &str) -> Error {
        let names: Vec<&str> = self.network.layers.iter().map(|entry| &*entry.name).collect();
        Error::new(ErrorKind::UnknownName, format!("no layer is named `{name}`"))
            .expected(format!("one of {}", names.join(", ")))
    }

    /// Freezes a layer (`false`) or lets it learn (`true`). As in Keras it takes effect with
    /// the next `compile`.
    ///
    /// # Errors
    /// As [`Model::layer`].
    pub fn set_trainable(&mut self, layer: &str, trainable: bool) -> Result<()> {
        let error = self.no_such_layer(layer);
        let found = self.network.layers.iter_mut().find(|entry| &*entry.name == layer);
        found.ok_or(error)?.trainable = trainable;
        Ok(())
    }

    /// The device the model runs on.
    pub fn device(&self) -> &Arc<dyn Device> {
        &self.device
    }

    /// Whether shapes and weights are known.
    pub fn is_built(&self) -> bool {
        self.states.is_some()
    }

    /// Builds the model for rows of this shape; a model with inputs is built without.
    ///
    /// # Errors
    /// A mistake in the layers, with the layer's name and place.
    pub fn build(&mut self, row: impl Into<Shape>) -> Result<()> {
        self.build_with(&[row.into()])
    }

    /// Builds the model unless it is built: from its inputs, or from the shapes of the data's
    /// rows.
    pub(crate) fn build_with(&mut self, rows: &[Shape]) -> Result<()> {
        if self.states.is_some() && self.network.is_built() {
            return Ok(());
        }
        if self.network.inputs.is_empty() {
            let Some(row) = rows.first() else {
                self.network.check()?;
                return Err(Error::new(
                    ErrorKind::State,
                    format!("the model `{}` has no weights yet", self.network.name),
                )
                .expected("the shape of the input")
                .hint("give it with `.input([..])`, or call `fit` or `build` first"));
            };
            self.network.set_inputs(vec![InputSpec::new(row)]);
        }
        self.network.build()?;
        let seed = *self.seed.get_or_insert_with(seed::next_seed);
        let values = self.start_values(seed)?;
        self.new_states(&values)
    }

    /// The weights as their initializers start them.
    fn start_values(&self, seed: u64) -> Result<Vec<Tensor>> {
        let philox = kerros_core::Philox::new(seed);
        let start = |(place, entry): (usize, &WeightEntry)| match &entry.weight.start {
            Start::Value(value) => Ok(value.clone()),
            Start::Initializer(initializer) => {
                let draw = Draw { philox, stream: FIRST_WEIGHT_STREAM + place as u32 };
                let origin = self.network.layers[entry.layer].origin();
                initializer.initialize(&entry.weight.shape, draw).map_err(|error| error.at(&origin))
            }
        };
        self.network.weights.iter().enumerate().map(start).collect()
    }

    /// A fresh store that holds these weights and nothing else.
    pub(crate) fn new_states(&mut self, values: &[Tensor]) -> Result<()> {
        let mut store = self.device.new_store();
        let mut ids = Vec::with_capacity(values.len());
        for (entry, value) in self.network.weights.iter().zip(values) {
            let weight = &entry.weight;
            let id = store.declare(&Type::new(weight.dtype(), &weight.shape));
            store.write(id, value)?;
            ids.push(id);
        }
        self.states = Some(States { store, weights: ids });
        self.executables.clear();
        Ok(())
    }

    /// The states, of a model that is built.
    pub(crate) fn states(&mut self) -> Result<&mut States> {
        self.build_with(&[])?;
        self.states.as_mut().ok_or_else(not_built)
    }

    /// Builds the model into a graph of your own, for custom training steps: the outputs, the
    /// penalties, the layers' own updates, and the nodes of the weights, in the order of
    /// [`Network::weights`].
    ///
    /// Run such a graph with [`Model::function`].
    ///
    /// # Errors
    /// A model that is not built; inputs that do not fit.
    pub fn call<'g>(
        &self,
        inputs: &[Node<'g>],
        training: bool,
        key: Option<Node<'g>>,
    ) -> Result<(Forward<'g>, Vec<Node<'g>>)> {
        let Some(input) = inputs.first() else {
            return Err(Error::new(ErrorKind::Argument, "a model was called without inputs"));
        };
        let weights = self.weight_nodes(input.graph())?;
        let inputs: Vec<Masked<'g>> =
            inputs.iter().map(|&node| Masked { node, mask: None }).collect();
        let pass = Pass { training, trainable: true, key, is_part: false };
        let forward = self.network.forward(&inputs, &weights, pass)?;
        Ok((forward, weights))
    }

    pub(crate) fn weight_nodes<'g>(&self, graph: &'g Graph) -> Result<Vec<Node<'g>>> {
        let states = self.states.as_ref().ok_or_else(not_built)?;
        let node = |(entry, &id): (&WeightEntry, &StateId)| {
            graph.state(id, &entry.path, &entry.weight.shape, entry.weight.dtype())
        };
        Ok(self.network.weights.iter().zip(&states.weights).map(node).collect())
    }

    /// Measures the time of each kernel from here on, for [`Model::explain`].
    pub fn measure_steps(&mut self) {
        self.measure = true;
        self.executables.clear();
    }

    /// What the model runs, as far as it has run: for each mode and batch size the steps of its
    /// plan, with layer, kernel or fallback, bytes; when [`Model::measure_steps`] was called before,
    /// the time of each, and how long each thread was busy between barriers.
    ///
    /// ```
    /// use kerros::prelude::*;
    /// let mut model = Sequential::new().input([3]).add(Dense::new(2).activation("relu"));
    /// model.predict(&Tensor::full([1, 3], 1.0f32))?;
    /// let text = model.explain();
    /// assert!(text.contains("gemm{1 x 3 x 2, a b + bias, relu}"), "{text}");
    /// # Ok::<(), kerros::Error>(())
    /// ```
    pub fn explain(&self) -> String {
        self.executables.explain()
    }

    /// Hears every warning in place of stderr.
    pub fn on_warning(&mut self, hear: impl FnMut(&str) + Send + 'static) {
        self.warnings = Warnings::to(hear);
    }
}

/// Weights draw from streams past those that random layers use (which count from 0).
const FIRST_WEIGHT_STREAM: u32 = 0x8000_0000;

pub(crate) fn not_built() -> Error {
    Error::new(ErrorKind::State, "the model has no weights yet")
        .expected("a model whose input shape is known")
        .hint("give it with `.input([..])`, or call `fit` or `build` first")
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = self.network.layers.iter().map(|entry| &entry.layer);
        write!(f, "{} ", self.network.name)?;
        f.debug_list().entries(layers).finish()
    }
}

/// What can be added to a model, or applied to tensors: a layer, or a shared one.
pub trait IntoLayer: Sized {
    /// The layer.
    fn into_layer(self) -> Arc<dyn Layer>;

    /// Applies the layer to a tensor, an array of tensors, or [`arguments()`] with keywords:
    /// Keras's `layer(x)`. The layer is used up; to apply it several times, with one set of
    /// weights, make it [`IntoLayer::shared`].
    fn on(self, inputs: impl IntoArguments) -> KerasTensor {
        KerasTensor::of(self.into_layer(), inputs.into_arguments())
    }

    /// The layer as one that can be applied several times.
    fn shared(self) -> Shared {
        Shared(self.into_layer())
    }
}

impl<L: Layer + 'static> IntoLayer for L {
    fn into_layer(self) -> Arc<dyn Layer> {
        Arc::new(self)
    }
}

impl IntoLayer for Arc<dyn Layer> {
    fn into_layer(self) -> Arc<dyn Layer> {
        self
    }
}

/// A layer that is applied several times, always with the same weights.
#[derive(Clone, Debug)]
pub struct Shared(Arc<dyn Layer>);

impl Shared {
    /// Applies the layer: see [`IntoLayer::on`].
    pub fn on(&self, inputs: impl IntoArguments) -> KerasTensor {
        KerasTensor::of(self.0.clone(), inputs.into_arguments())
    }
}

impl IntoLayer for &Shared {
    fn into_layer(self) -> Arc<dyn Layer> {
        self.0.clone()
    }
}
