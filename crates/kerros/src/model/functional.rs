//! The functional way to put layers together: tensors that remember how they are made.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Origin, Result};

use super::order::{CallLink, layers_by_depth};
use super::{Argument, Arguments, InputSpec, LayerCall, Model, Network, PartialShape, Source};
use crate::layers::Layer;

/// A tensor of a model that is being described: not numbers, but how they will be made.
///
/// Made by [`Input`], and by layers with [`super::IntoLayer::on`]; [`Model::functional`] makes a model
/// of it.
#[derive(Clone)]
pub struct KerasTensor {
    maker: Arc<Maker>,
    output: usize,
}

/// What makes tensors.
enum Maker {
    Input(InputSpec, Origin),
    Call { layer: Arc<dyn Layer>, arguments: Arguments<KerasTensor> },
}

/// Where data enter a functional model.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let left = Input::new([4]).name("left").tensor();
/// let right = Input::new([4]).name("right").tensor();
/// let shared = Dense::new(3).activation("relu").shared();
/// let sum = Add::new().on([&shared.on(&left), &shared.on(&right)]);
/// let mut model = Model::functional([&left, &right], [&Dense::new(1).on(&sum)])?;
/// let ones = Tensor::full([2, 4], 1.0f32);
/// let y = model.predict(vec![ones.clone(), ones])?;
/// assert_eq!(y.shape().dims(), [2, 1]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Input {
    spec: InputSpec,
    origin: Origin,
}

impl Input {
    /// Rows of this shape, without the batch axis; `None` for axes of any length.
    #[track_caller]
    pub fn new(shape: impl Into<PartialShape>) -> Self {
        Input { spec: InputSpec::new(shape), origin: Origin::here() }
    }

    /// Sets the name, by which data can be given. Default: `input_layer`, `input_layer_1` ...
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.spec.name = name.into();
        self
    }

    /// Sets the element type: `float32` (the default), `int32` for indices.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.spec.dtype = dtype;
        self
    }

    /// Fixes the number of rows of each batch, for layers that keep a state from batch to
    /// batch.
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.spec.batch = Some(rows);
        self
    }

    /// The tensor of the input.
    pub fn tensor(self) -> KerasTensor {
        KerasTensor { maker: Arc::new(Maker::Input(self.spec, self.origin)), output: 0 }
    }
}

impl KerasTensor {
    /// What a layer makes of these arguments.
    pub(crate) fn of(layer: Arc<dyn Layer>, arguments: Arguments<KerasTensor>) -> Self {
        KerasTensor { maker: Arc::new(Maker::Call { layer, arguments }), output: 0 }
    }

    /// The tensor of an input as a file describes it.
    pub(crate) fn of_input(spec: InputSpec) -> Self {
        KerasTensor { maker: Arc::new(Maker::Input(spec, Origin::default())), output: 0 }
    }

    /// Another result of the same call: `lstm.on(&x).output(1)` is the state of an LSTM that
    /// returns it.
    pub fn output(&self, index: usize) -> KerasTensor {
        KerasTensor { maker: self.maker.clone(), output: index }
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.maker) as *const () as usize
    }
}

impl fmt::Debug for KerasTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.maker {
            Maker::Input(spec, _) => write!(f, "input {} {}", spec.name, spec.shape),
            Maker::Call { layer, .. } => {
                write!(f, "output {} of {}", self.output, layer.class_name())
            }
        }
    }
}

impl From<&KerasTensor> for Argument<KerasTensor> {
    fn from(tensor: &KerasTensor) -> Self {
        Argument::Tensor(tensor.clone())
    }
}

impl<const N: usize> From<[&KerasTensor; N]> for Argument<KerasTensor> {
    fn from(tensors: [&KerasTensor; N]) -> Self {
        Argument::List(tensors.into_iter().map(Argument::from).collect())
    }
}

impl From<&[KerasTensor]> for Argument<KerasTensor> {
    fn from(tensors: &[KerasTensor]) -> Self {
        Argument::List(tensors.iter().map(Argument::from).collect())
    }
}

/// What a layer can be applied to: a tensor, an array of tensors, or [`Arguments`] with
/// keywords.
pub trait IntoArguments {
    /// The arguments.
    fn into_arguments(self) -> Arguments<KerasTensor>;
}

impl<T: Into<Argument<KerasTensor>>> IntoArguments for T {
    fn into_arguments(self) -> Arguments<KerasTensor> {
        Arguments { positional: vec![self.into()], keyword: Vec::new() }
    }
}

impl IntoArguments for Arguments<KerasTensor> {
    fn into_arguments(self) -> Arguments<KerasTensor> {
        self
    }
}

/// Positional arguments of a call with several, such as attention's query and value:
/// `MultiHeadAttention::new(2, 8).on(arguments([&query, &value]).with("attention_mask", &mask))`.
pub fn arguments<'a>(tensors: impl IntoIterator<Item = &'a KerasTensor>) -> Arguments<KerasTensor> {
    let positional = tensors.into_iter().map(Argument::from).collect();
    Arguments { positional, keyword: Vec::new() }
}

impl Model {
    /// A model from its inputs and outputs: every layer between them belongs to it. A layer that
    /// was applied several times is one layer with one set of weights.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] when an output does not come from the inputs alone; a mistake in
    /// the layers, with the line that made it.
    pub fn functional<'a>(
        inputs: impl IntoIterator<Item = &'a KerasTensor>,
        outputs: impl IntoIterator<Item = &'a KerasTensor>,
    ) -> Result<Model> {
        let inputs: Vec<KerasTensor> = inputs.into_iter().cloned().collect();
        let outputs: Vec<KerasTensor> = outputs.into_iter().cloned().collect();
        let mut model = Model::new("functional");
        model.network = Network::functional("functional", &inputs, &outputs)?;
        model.build_with(&[])?;
        Ok(model)
    }

    /// Makes the outputs a dictionary, as `keras.Model(inputs, {"age": .., "sex": ..})` does: one
    /// key for each output, by which losses, metrics and targets are given. As in Keras, the
    /// outputs are then in the order of the keys.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for another number of keys than outputs, or a key given twice.
    pub fn output_keys<K: Into<String>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Model> {
        let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        let outputs = &self.network.outputs;
        if keys.len() != outputs.len() {
            let what = format!("{} keys for {} outputs", keys.len(), outputs.len());
            return Err(Error::new(ErrorKind::Argument, what).expected("a key for each output"));
        }
        let mut entries: Vec<(String, Source)> = keys.into_iter().zip(outputs.clone()).collect();
        entries.sort_by(|(key, _), (other, _)| key.cmp(other));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let what = format!("the key `{}` is given twice", pair[0].0);
            return Err(Error::new(ErrorKind::Argument, what).expected("a key for each output"));
        }
        (self.network.output_keys, self.network.outputs) = entries.into_iter().unzip();
        self.executables.clear();
        Ok(self)
    }

    /// Sets the model's name, the first part of its weights' paths.
    pub fn name_model(mut self, name: impl Into<String>) -> Self {
        self.network.rename(name.into());
        self
    }
}

impl Network {
    /// The network between these tensors: unbuilt.
    pub(crate) fn functional(
        name: &str,
        inputs: &[KerasTensor],
        outputs: &[KerasTensor],
    ) -> Result<Self> {
        if inputs.is_empty() || outputs.is_empty() {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("a model of {} inputs and {} outputs", inputs.len(), outputs.len()),
            )
            .expected("at least one of each"));
        }
        let mut walk = Walk::default();
        for input in inputs {
            walk.input(input)?;
        }
        for output in outputs {
            walk.visit(output)?;
        }
        walk.network(name, outputs)
    }
}

/// A walk from the outputs back to the inputs.
#[derive(Default)]
struct Walk {
    specs: Vec<InputSpec>,
    /// The places of inputs, by the identity of what makes them and the output of that.
    inputs: HashMap<(usize, usize), usize>,
    layers: Vec<Arc<dyn Layer>>,
    layer_places: HashMap<usize, usize>,
    calls: Vec<(usize, Arguments<KerasTensor>)>,
    /// The places of calls, by identity; none while a call is being walked.
    call_places: HashMap<usize, Option<usize>>,
    links: Vec<CallLink>,
    met: Vec<usize>,
}

impl Walk {
    fn input(&mut self, tensor: &KerasTensor) -> Result<()> {
        let Maker::Input(spec, origin) = &*tensor.maker else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a model that begins at {tensor:?}"),
            )
            .expected("inputs made by `Input`"));
        };
        let place = self.specs.len();
        if self.inputs.insert((tensor.id(), 0), place).is_some() {
            return Err(Error::new(ErrorKind::Argument, "the same input was given twice")
                .expected("each input once")
                .at(origin));
        }
        self.specs.push(spec.clone());
        Ok(())
    }

    /// Depth first, so that each call comes after those it takes from; without recursion, for
    /// models of any depth.
    fn visit(&mut self, tensor: &KerasTensor) -> Result<()> {
        let mut stack = vec![Visit::Enter(tensor.clone())];
        while let Some(visit) = stack.pop() {
            match visit {
                Visit::Enter(tensor) => {
                    if self.inputs.contains_key(&(tensor.id(), tensor.output)) {
                        continue;
                    }
                    match &*tensor.maker {
                        Maker::Input(spec, origin) => {
                            return Err(Error::new(
                                ErrorKind::Argument,
                                format!("the model needs the input `{}`", spec.name),
                            )
                            .expected("every input among the model's inputs")
                            .at(origin));
                        }
                        Maker::Call { layer, arguments } => {
                            if self.call_places.contains_key(&tensor.id()) {
                                continue;
                            }
                            self.call_places.insert(tensor.id(), None);
                            let layer = self.layer(layer);
                            let tensors = arguments.tensors().into_iter().cloned();
                            let tensors: Vec<KerasTensor> = tensors.collect();
                            stack.push(Visit::Leave(tensor.clone(), layer));
                            stack.extend(tensors.into_iter().rev().map(Visit::Enter));
                        }
                    }
                }
                Visit::Leave(tensor, layer) => {
                    let Maker::Call { arguments, .. } = &*tensor.maker else { continue };
                    let parents = arguments
                        .tensors()
                        .into_iter()
                        .filter_map(|tensor| self.call_places.get(&tensor.id()).copied().flatten());
                    let parents = parents.collect();
                    self.call_places.insert(tensor.id(), Some(self.calls.len()));
                    self.calls.push((layer, arguments.clone()));
                    self.links.push(CallLink { layer, parents });
                }
            }
        }
        Ok(())
    }

    fn layer(&mut self, layer: &Arc<dyn Layer>) -> usize {
        let id = Arc::as_ptr(layer) as *const () as usize;
        if let Some(&place) = self.layer_places.get(&id) {
            return place;
        }
        let place = self.layers.len();
        self.layer_places.insert(id, place);
        self.layers.push(layer.clone());
        self.met.push(place);
        place
    }

    fn source(&self, tensor: &KerasTensor) -> Source {
        match self.inputs.get(&(tensor.id(), tensor.output)) {
            Some(&input) => Source::Input(input),
            None => {
                let call = self.call_places.get(&tensor.id()).copied().flatten();
                let call = call.expect("the walk visited every tensor");
                Source::Call { call, output: tensor.output }
            }
        }
    }

    fn network(self, name: &str, outputs: &[KerasTensor]) -> Result<Network> {
        let order = layers_by_depth(&self.links, &self.met);
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
        let calls = self.calls.iter().map(|(layer, arguments)| LayerCall {
            layer: place[*layer],
            arguments: arguments.map(|tensor| self.source(tensor)),
            shapes: Vec::new(),
        });
        let mut network = Network::named(name);
        network.calls = calls.collect();
        network.outputs = outputs.iter().map(|output| self.source(output)).collect();
        network.set_layers(order.iter().map(|&old| self.layers[old].clone()));
        network.set_inputs(self.specs);
        network.is_functional = true;
        network.check()?;
        Ok(network)
    }
}

enum Visit {
    Enter(KerasTensor),
    Leave(KerasTensor, usize),
}
