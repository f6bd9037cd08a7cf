//! The layers of a model, and how values flow through them.

use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Origin, Result};
use kerros_graph::Node;
use serde_json::Value;

use super::{Arguments, PartialShape, names};
use crate::layers::quantized::Mode;
use crate::layers::{DTypePolicy, Layer, Weight};
use crate::object::length;

/// The layers of a model, and how values flow through them: what a trainer needs to know.
///
/// A chain of layers is the simplest network; several inputs and outputs and layers that are
/// called more than once fit the same description.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The model's name, the first part of every weight's path.
    pub name: String,
    /// Whether it was put together from tensors; a chain of layers otherwise.
    pub is_functional: bool,
    /// Whether it was read from a config.
    pub is_read: bool,
    /// In which precision Keras computes what has no policy of its own.
    pub dtype: DTypePolicy,
    /// The layers, in the order of Keras's `model.layers` (inputs apart).
    pub layers: Vec<LayerEntry>,
    /// What goes in.
    pub inputs: Vec<InputSpec>,
    /// The keys of the inputs, where they are a dictionary; else empty.
    pub input_keys: Vec<String>,
    /// The calls, each after those whose results it takes.
    pub calls: Vec<LayerCall>,
    /// What comes out.
    pub outputs: Vec<Source>,
    /// The keys of the outputs, where they are a dictionary; else empty.
    pub output_keys: Vec<String>,
    /// All weights, in the order of Keras's `model.weights`.
    pub weights: Vec<WeightEntry>,
    /// A number of rows in a batch that fits, where the usual few do not: the network holds a
    /// constant of so many rows, or an operation that names them, though its inputs leave the
    /// number open. Other numbers may fit too; each batch is looked at by itself.
    pub rows: Option<usize>,
    /// Whether a layer was seen to give other rows than go into the network.
    pub(super) changes_rows: bool,
    pub(super) is_built: bool,
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
    pub shape: PartialShape,
    /// The number of rows of each batch, where the model fixes it.
    pub batch: Option<usize>,
    /// The element type: `f32`, `i32` for whole numbers, or truth values.
    pub dtype: DType,
    /// Whether Keras may be given nothing for it. Here data are always given.
    pub optional: bool,
}

impl InputSpec {
    /// An input of `f32` rows of this shape, whose name the model makes.
    pub fn new(shape: impl Into<PartialShape>) -> Self {
        InputSpec {
            name: String::new(),
            shape: shape.into(),
            batch: None,
            dtype: DType::F32,
            optional: false,
        }
    }

    /// An input of `f32` rows of a shape as Keras writes it: a list of lengths, the batch axis in
    /// front, null for what is open. None where it is nothing of the sort.
    pub(crate) fn of_batch_shape(shape: &Value) -> Option<Self> {
        let dim = |dim: &Value| match dim {
            Value::Null => Some(None),
            dim => length(dim).map(Some),
        };
        let dims: Vec<Option<usize>> = shape.as_array()?.iter().map(dim).collect::<Option<_>>()?;
        let (&batch, row) = dims.split_first()?;
        Some(InputSpec { batch, ..InputSpec::new(row.to_vec()) })
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An input, by its place in [`Network::inputs`].
    Input(usize),
    /// A result of a call.
    Call {
        /// The place of the call in [`Network::calls`].
        call: usize,
        /// Which of its results.
        output: usize,
    },
}

/// One application of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerCall {
    /// The place of the layer in [`Network::layers`].
    pub layer: usize,
    /// What it is applied to.
    pub arguments: Arguments<Source>,
    /// The shape of one row of each result, without the batch axis; empty before the network
    /// is built.
    pub shapes: Vec<PartialShape>,
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
    /// For each output the steps that count, where a layer masks some: `bool`.
    pub masks: Vec<Option<Node<'g>>>,
    /// Penalties from layers (scalars).
    pub losses: Vec<Node<'g>>,
    /// New values of weights that layers set themselves, by place in [`Network::weights`]. Of a
    /// weight that is trained it is what its penalty is of; the optimizer sets the weight.
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
        let known = self.layers.iter().map(|entry| entry.layer.clone());
        let layers: Vec<Arc<dyn Layer>> = known.chain([layer]).collect();
        let trainable: Vec<bool> = self.layers.iter().map(|entry| entry.trainable).collect();
        self.set_layers(layers);
        for (entry, trainable) in self.layers.iter_mut().zip(trainable) {
            entry.trainable = trainable;
        }
    }

    /// Sets the layers, with names that are made for those that have none.
    pub(super) fn set_layers(&mut self, layers: impl IntoIterator<Item = Arc<dyn Layer>>) {
        let layers: Vec<Arc<dyn Layer>> = layers.into_iter().collect();
        let given =
            layers.iter().map(|layer| (layer.class_name(), layer.options().name.as_deref()));
        let names = names::unique(given);
        let entry = |(layer, name): (&Arc<dyn Layer>, String)| LayerEntry {
            layer: layer.clone(),
            name: name.into(),
            trainable: layer.options().trainable,
            weights: Vec::new(),
        };
        self.layers = layers.iter().zip(names).map(entry).collect();
        self.is_built = false;
    }

    /// Sets the inputs, with names that are made for those that have none.
    pub(crate) fn set_inputs(&mut self, mut specs: Vec<InputSpec>) {
        let given = specs
            .iter()
            .map(|spec| ("InputLayer", Some(spec.name.as_str()).filter(|name| !name.is_empty())));
        let names = names::unique(given.collect::<Vec<_>>().into_iter());
        specs.iter_mut().zip(names).for_each(|(spec, name)| spec.name = name);
        self.inputs = specs;
        self.is_built = false;
    }

    /// Sets the name, also in the weights' paths.
    pub(super) fn rename(&mut self, name: String) {
        for entry in &mut self.weights {
            if let Some((_, rest)) = entry.path.split_once('/') {
                entry.path = format!("{name}/{rest}");
            }
        }
        self.name = name;
    }

    /// Quantizes the tables of all layers that have some, and says whether any has. The network
    /// is to be built again then.
    ///
    /// # Errors
    /// A layer that is quantized already.
    pub(super) fn quantize(&mut self, mode: &Mode) -> Result<bool> {
        let mut is_any = false;
        for entry in &mut self.layers {
            let origin = entry.origin();
            let found = entry.layer.quantized(mode).map_err(|error| error.at(&origin))?;
            if let Some(layer) = found {
                entry.layer = layer;
                is_any = true;
            }
        }
        self.is_built &= !is_any;
        Ok(is_any)
    }

    /// Checks all that is known before shapes are.
    ///
    /// # Errors
    /// A model without layers; a wrong setting of a layer; a name that is given twice. The
    /// message says which layer, and where it was made.
    pub fn check(&self) -> Result<()> {
        if self.layers.is_empty() && !self.is_functional {
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
            let twice = |first: &&LayerEntry| first.name == entry.name;
            if let Some(first) = self.layers[..at].iter().find(twice) {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("two layers are named `{}`, the first {}", entry.name, first.origin()),
                )
                .expected("a name of its own for each layer")
                .at(&origin)
                .hint("leave `.name(..)` away to have one made"));
            }
            if entry.layer.input_spec().is_some() {
                return Err(Error::new(ErrorKind::State, "an InputLayer after other layers")
                    .expected("the input first")
                    .at(&origin));
            }
        }
        Ok(())
    }

    /// Whether the optimizer moves a weight: it is a trained one of a layer that learns.
    pub fn is_trained(&self, place: usize) -> bool {
        let WeightEntry { layer, weight, .. } = &self.weights[place];
        weight.trainable && !weight.frozen && self.layers[*layer].trainable
    }

    /// The shape of one row of each output, without the batch axis.
    pub fn output_shapes(&self) -> Vec<&PartialShape> {
        self.outputs.iter().map(|&output| self.shape_of(output)).collect()
    }

    /// The number of rows of each batch, where an input fixes it.
    pub fn batch(&self) -> Option<usize> {
        self.inputs.iter().find_map(|input| input.batch)
    }

    /// Whether the rows of a batch may depend on each other: there are operations, which see whole
    /// batches, or constants for a batch.
    pub(crate) fn mixes_rows(&self) -> bool {
        let of_layer = |entry: &LayerEntry| {
            entry.layer.is_operation() || entry.layer.network().is_some_and(Network::mixes_rows)
        };
        self.rows.is_some() || self.changes_rows || self.layers.iter().any(of_layer)
    }

    /// The shape of one row of a value; without axes as long as it is not known.
    pub fn shape_of(&self, source: Source) -> &PartialShape {
        match source {
            Source::Input(input) => &self.inputs[input].shape,
            Source::Call { call, output } => {
                self.calls[call].shapes.get(output).unwrap_or(PartialShape::NONE)
            }
        }
    }

    /// The layer whose result is output `index`, if it is not an input.
    pub fn output_layer(&self, index: usize) -> Option<&LayerEntry> {
        match self.outputs.get(index)? {
            Source::Input(_) => None,
            Source::Call { call, .. } => Some(&self.layers[self.calls[*call].layer]),
        }
    }

    /// The names of the outputs: their keys in a dictionary, or those of the layers that make
    /// them.
    pub fn output_names(&self) -> Vec<String> {
        if !self.output_keys.is_empty() {
            return self.output_keys.clone();
        }
        let name = |output: &Source| match *output {
            Source::Input(input) => self.inputs[input].name.clone(),
            Source::Call { call, .. } => self.layers[self.calls[call].layer].name.to_string(),
        };
        self.outputs.iter().map(name).collect()
    }
}
