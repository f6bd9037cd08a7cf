//! The layers of a model, and how values flow through them.

use std::cell::RefCell;
use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Origin, Result, Shape};
use kerros_graph::{Graph, Node, StateId};

use super::names;
use crate::layers::{Call, Layer, Weight};

/// The rows of the graph in which shapes are found out; any number but 1, which broadcasts.
const TRIAL_ROWS: usize = 3;

/// The layers of a model, and how values flow through them: what a trainer needs to know.
///
/// Values are numbered: first the inputs, then the result of each call in order. A chain of
/// layers is the simplest network; several inputs and outputs and layers that are called more
/// than once fit the same description.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The model's name, the first part of every weight's path.
    pub name: String,
    /// The layers, in the order in which they were added.
    pub layers: Vec<LayerEntry>,
    /// What goes in.
    pub inputs: Vec<InputSpec>,
    /// The calls, each after those whose results it takes.
    pub calls: Vec<LayerCall>,
    /// The numbers of the values that come out.
    pub outputs: Vec<usize>,
    /// All weights, in the order of Keras's `model.weights`.
    pub weights: Vec<WeightEntry>,
    is_built: bool,
}

/// A layer in its place in a model.
#[derive(Clone, Debug)]
pub struct LayerEntry {
    /// The layer.
    pub layer: Arc<dyn Layer>,
    /// Its name, unique in the model.
    pub name: Arc<str>,
    /// Whether its weights are trained.
    pub trainable: bool,
    /// The places of its weights in [`Network::weights`], in the order of [`Layer::weights`].
    pub weights: Vec<usize>,
}

impl LayerEntry {
    /// Where the layer was made, with its name.
    pub fn origin(&self) -> Origin {
        self.layer.options().origin.clone().with_layer(self.name.clone())
    }
}

/// An input of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// Its name.
    pub name: String,
    /// The shape of one row, without the batch axis.
    pub shape: Shape,
}

/// One application of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerCall {
    /// The place of the layer in [`Network::layers`].
    pub layer: usize,
    /// The numbers of the values it takes.
    pub inputs: Vec<usize>,
    /// The shape of one row of the result, without the batch axis.
    pub shape: Shape,
}

/// A weight in its place in a model.
#[derive(Clone, Debug)]
pub struct WeightEntry {
    /// `model/layer/weight`, as in Keras.
    pub path: String,
    /// The place of its layer in [`Network::layers`].
    pub layer: usize,
    /// What the layer asked for.
    pub weight: Weight,
}

/// What comes out of a network built into a graph.
#[derive(Clone, Debug)]
pub struct Forward<'g> {
    /// The outputs, in the model's order: `[batch, ..]` each.
    pub outputs: Vec<Node<'g>>,
    /// Penalties from layers (scalars).
    pub losses: Vec<Node<'g>>,
    /// New values of weights that layers set themselves, by place in [`Network::weights`].
    pub updates: Vec<(usize, Node<'g>)>,
}

impl Network {
    /// A network without layers.
    pub fn named(name: impl Into<String>) -> Self {
        Network { name: name.into(), ..Network::default() }
    }

    /// Whether shapes and weights are known.
    pub fn is_built(&self) -> bool {
        self.is_built
    }

    /// Adds a layer at the end of a chain.
    pub fn push(&mut self, layer: Arc<dyn Layer>) {
        let trainable = layer.options().trainable;
        let name: Arc<str> = layer.options().name.as_deref().unwrap_or_default().into();
        self.layers.push(LayerEntry { layer, name, trainable, weights: Vec::new() });
        self.is_built = false;
        self.name_layers();
    }

    fn name_layers(&mut self) {
        let layers =
            self.layers.iter().map(|e| (e.layer.class_name(), e.layer.options().name.as_deref()));
        for (entry, name) in names::unique(layers).iter().zip(&mut self.layers) {
            name.name = entry.as_str().into();
        }
    }

    /// Checks all that is known before shapes are.
    ///
    /// # Errors
    /// A model without layers; a wrong setting of a layer; a name that is given twice. The
    /// message says which layer, and where it was made.
    pub fn check(&self) -> Result<()> {
        if self.layers.is_empty() {
            return Err(Error::new(
                ErrorKind::State,
                format!("the model `{}` is empty", self.name),
            )
            .expected("at least one layer")
            .hint("add layers with `.add(..)`"));
        }
        for (at, entry) in self.layers.iter().enumerate() {
            let origin = entry.origin();
            entry.layer.options().check().map_err(|error| error.at(&origin))?;
            entry.layer.check().map_err(|error| error.at(&origin))?;
            if let Some(first) = self.layers[..at].iter().find(|first| first.name == entry.name) {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("two layers are named `{}`, the first {}", entry.name, first.origin()),
                )
                .expected("a name of its own for each layer")
                .at(&origin)
                .hint("leave `.name(..)` away to have one made"));
            }
            if entry.layer.input_shape().is_some() {
                return Err(Error::new(ErrorKind::State, "an InputLayer after other layers")
                    .expected("the input first")
                    .at(&origin));
            }
        }
        Ok(())
    }

    /// Finds out shapes and weights of a chain whose input has rows of this shape.
    ///
    /// # Errors
    /// As [`Network::check`]; a layer that cannot take what the one before it gives.
    pub fn build_chain(&mut self, input: InputSpec) -> Result<()> {
        self.check()?;
        let graph = Graph::new();
        let dims: Shape = std::iter::once(TRIAL_ROWS).chain(input.shape.iter().copied()).collect();
        let mut x = graph.input(&input.name, dims, DType::F32);
        let mut calls = Vec::new();
        let mut weights: Vec<WeightEntry> = Vec::new();
        for at in 0..self.layers.len() {
            let origin = self.layers[at].origin();
            let row = Shape::from(&x.shape()[1..]);
            let wanted = self.layers[at].layer.weights(&row).map_err(|error| error.at(&origin))?;
            let own = self.place_weights(at, wanted, &mut weights);
            let nodes: Vec<Node<'_>> =
                own.iter().map(|&place| trial_node(&graph, place, &weights[place])).collect();
            self.layers[at].weights = own;
            x = self.apply(at, x, &nodes, false, None, &mut Forward::nothing(), &origin)?;
            graph.check().map_err(|error| error.at(&origin))?;
            let shape = x.shape();
            if shape.first() != Some(&TRIAL_ROWS) {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("{TRIAL_ROWS} rows went in and {shape} came out"),
                )
                .expected("the batch axis first, and kept")
                .at(&origin));
            }
            let shape = Shape::from(&shape[1..]);
            calls.push(LayerCall { layer: at, inputs: vec![at], shape });
        }
        self.outputs = vec![calls.len()];
        self.inputs = vec![input];
        self.calls = calls;
        self.weights = weights;
        self.is_built = true;
        Ok(())
    }

    /// Gives a layer's weights their places: the trained ones first, as Keras does.
    fn place_weights(
        &self,
        layer: usize,
        wanted: Vec<Weight>,
        weights: &mut Vec<WeightEntry>,
    ) -> Vec<usize> {
        let mut order: Vec<usize> = (0..wanted.len()).collect();
        order.sort_by_key(|&at| !wanted[at].trainable);
        let mut places = vec![0; wanted.len()];
        for at in order {
            let weight = wanted[at].clone();
            let path = format!("{}/{}/{}", self.name, self.layers[layer].name, weight.name);
            places[at] = weights.len();
            weights.push(WeightEntry { path, layer, weight });
        }
        places
    }

    /// Whether the optimizer moves a weight: it is a trained one of a layer that learns.
    pub fn is_trained(&self, place: usize) -> bool {
        let entry = &self.weights[place];
        entry.weight.trainable && self.layers[entry.layer].trainable
    }

    /// The shape of one row of each output, without the batch axis.
    pub fn output_shapes(&self) -> Vec<&Shape> {
        let shape = |&value: &usize| match value.checked_sub(self.inputs.len()) {
            None => &self.inputs[value].shape,
            Some(call) => &self.calls[call].shape,
        };
        self.outputs.iter().map(shape).collect()
    }

    /// The layer whose result is output `index`, if it is not an input.
    pub fn output_layer(&self, index: usize) -> Option<&LayerEntry> {
        let call = self.outputs.get(index)?.checked_sub(self.inputs.len())?;
        Some(&self.layers[self.calls.get(call)?.layer])
    }

    /// Builds the network into a graph.
    ///
    /// `inputs` are `[batch, ..]` each, `weights` in the order of [`Network::weights`]; `key`
    /// is the random key of the step, needed when `training`.
    ///
    /// # Errors
    /// An input that a layer cannot take, with the layer's name and place.
    pub fn forward<'g>(
        &self,
        inputs: &[Node<'g>],
        weights: &[Node<'g>],
        training: bool,
        key: Option<Node<'g>>,
    ) -> Result<Forward<'g>> {
        let mut values = inputs.to_vec();
        let mut forward = Forward::nothing();
        for call in &self.calls {
            let entry = &self.layers[call.layer];
            let own: Vec<Node<'g>> = entry.weights.iter().map(|&place| weights[place]).collect();
            let [input] = call.inputs.as_slice() else {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "a {} layer was given {} inputs",
                        entry.layer.class_name(),
                        call.inputs.len()
                    ),
                )
                .expected("one input")
                .at(&entry.origin()));
            };
            let x = values[*input];
            let origin = entry.origin();
            let y = self.apply(call.layer, x, &own, training, key, &mut forward, &origin)?;
            values.push(y);
        }
        forward.outputs = self.outputs.iter().map(|&value| values[value]).collect();
        Ok(forward)
    }

    #[allow(clippy::too_many_arguments)]
    fn apply<'g>(
        &self,
        layer: usize,
        x: Node<'g>,
        own: &[Node<'g>],
        training: bool,
        key: Option<Node<'g>>,
        forward: &mut Forward<'g>,
        origin: &Origin,
    ) -> Result<Node<'g>> {
        let entry = &self.layers[layer];
        let (losses, updates) = (RefCell::default(), RefCell::default());
        let call = Call { weights: own, training, key, losses: &losses, updates: &updates };
        let y = x.graph().scope(origin.clone(), || {
            let y = entry.layer.call(x, &call)?;
            if let Some(regularizer) = &entry.layer.options().activity_regularizer {
                // Per row, so that it counts the same for any batch size.
                let rows = y.shape().first().copied().unwrap_or(1).max(1);
                losses.borrow_mut().push(regularizer.resolve()?.penalty(y) / rows as f32);
            }
            Ok(y)
        });
        forward.losses.extend(losses.into_inner());
        let place = |(own, node): (usize, Node<'g>)| (entry.weights[own], node);
        forward.updates.extend(updates.into_inner().into_iter().map(place));
        y.map_err(|error: Error| error.at(origin))
    }
}

impl Forward<'_> {
    fn nothing() -> Self {
        Forward { outputs: Vec::new(), losses: Vec::new(), updates: Vec::new() }
    }
}

fn trial_node<'g>(graph: &'g Graph, place: usize, entry: &WeightEntry) -> Node<'g> {
    let weight = &entry.weight;
    graph.state(StateId(place as u32), &entry.path, &weight.shape, weight.dtype())
}
