//! A network built into a graph: each call applies its layer to values made before.

use std::cell::RefCell;

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::{Graph, Node};

use super::arguments::MASK;
use super::order::{CallLink, calls_by_depth};
use super::{Arguments, Forward, LayerCall, LayerEntry, Network, Source};
use crate::layers::{Call, Layer};
use crate::operations;

/// What a pass through a network is for.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'g> {
    /// Whether it is a training step.
    pub training: bool,
    /// Whether the network learns; a frozen part of another does not.
    pub trainable: bool,
    /// The random key of the step, needed when training.
    pub key: Option<Node<'g>>,
    /// Whether the network is a layer of another.
    pub is_part: bool,
}

/// A value that flows through a network: a tensor, and which of its steps count where a layer
/// masks some (`bool [batch, steps]`).
#[derive(Clone, Copy, Debug)]
pub struct Masked<'g> {
    /// The tensor.
    pub node: Node<'g>,
    /// Its mask.
    pub mask: Option<Node<'g>>,
}

/// The values of a network that are made so far.
#[derive(Clone, Debug)]
pub(super) struct Values<'g> {
    inputs: Vec<Masked<'g>>,
    calls: Vec<Vec<Masked<'g>>>,
}

impl<'g> Values<'g> {
    pub(super) fn new(inputs: Vec<Masked<'g>>) -> Self {
        Values { inputs, calls: Vec::new() }
    }

    /// The graph of the values.
    fn graph(&self) -> &'g Graph {
        self.inputs[0].node.graph()
    }

    /// Keeps the results of a call, by the place of the call.
    pub(super) fn set(&mut self, call: usize, results: Vec<Masked<'g>>) {
        self.calls.resize(self.calls.len().max(call + 1), Vec::new());
        self.calls[call] = results;
    }

    /// Leaves a value without its mask.
    fn take_mask(&mut self, source: Source) {
        let value = match source {
            Source::Input(input) => self.inputs.get_mut(input),
            Source::Call { call, output } => {
                self.calls.get_mut(call).and_then(|results| results.get_mut(output))
            }
        };
        if let Some(value) = value {
            value.mask = None;
        }
    }

    pub(super) fn get(&self, source: Source) -> Option<Masked<'g>> {
        match source {
            Source::Input(input) => self.inputs.get(input).copied(),
            Source::Call { call, output } => self.calls.get(call)?.get(output).copied(),
        }
    }
}

impl<'g> Forward<'g> {
    pub(super) fn nothing() -> Self {
        Forward { outputs: Vec::new(), masks: Vec::new(), losses: Vec::new(), updates: Vec::new() }
    }
}

impl Network {
    /// Builds the network into the graph of a layer that it is all of: what it adds to the loss and
    /// makes of its weights is that layer's.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub(crate) fn forward_within<'g>(
        &self,
        inputs: &[Masked<'g>],
        call: &Call<'_, 'g>,
    ) -> Result<Vec<Masked<'g>>> {
        let Call { training, trainable, key, .. } = *call;
        let pass = Pass { training, trainable, key, is_part: true };
        let forward = self.forward(inputs, call.weights, pass)?;
        call.losses.borrow_mut().extend(forward.losses);
        call.updates.borrow_mut().extend(forward.updates);
        let results = forward.outputs.into_iter().zip(forward.masks);
        Ok(results.map(|(node, mask)| Masked { node, mask }).collect())
    }

    /// Builds the network into a graph.
    ///
    /// `inputs` are `[batch, ..]` each, `weights` in the order of [`Network::weights`].
    ///
    /// # Errors
    /// An input that a layer cannot take, with the layer's name and place.
    pub fn forward<'g>(
        &self,
        inputs: &[Masked<'g>],
        weights: &[Node<'g>],
        pass: Pass<'g>,
    ) -> Result<Forward<'g>> {
        let mut values = Values::new(inputs.to_vec());
        let mut forward = Forward::nothing();
        // Whose losses those of `forward` are.
        let mut owners: Vec<usize> = Vec::new();
        for at in self.running_order() {
            let call = &self.calls[at];
            // Keras forgets what a layer added to the loss when it is called again from outside
            // of every layer. On JAX it calls a model's layers so, while other backends call
            // the model, where all calls count, as they do in a model that is a layer.
            if !pass.is_part {
                let mut owner = owners.iter();
                forward.losses.retain(|_| owner.next() != Some(&call.layer));
                owners.retain(|&owner| owner != call.layer);
            }
            let own = &self.layers[call.layer].weights;
            // A layer that is called again sees what its earlier call made of its weights.
            let latest = |&place: &usize| {
                let update = forward.updates.iter().rev().find(|(updated, _)| *updated == place);
                update.map_or(weights[place], |(_, node)| *node)
            };
            let own: Vec<Node<'g>> = own.iter().map(latest).collect();
            let results = self.apply(call, &values, &own, pass, &mut forward)?;
            owners.resize(forward.losses.len(), call.layer);
            values.set(at, results);
            if self.layers[call.layer].layer.takes_masks_away() {
                let arguments = call.arguments.positional.iter();
                let keyword = call.arguments.keyword.iter().map(|(_, argument)| argument);
                let sources = arguments.chain(keyword).flat_map(|argument| argument.tensors());
                sources.for_each(|&source| values.take_mask(source));
            }
        }
        self.finish(&values, &mut forward)?;
        Ok(forward)
    }

    /// The places of the calls in the order in which they run.
    fn running_order(&self) -> Vec<usize> {
        if !self.is_functional {
            return (0..self.calls.len()).collect();
        }
        let parent = |source: &Source| match source {
            Source::Call { call, .. } => Some(*call),
            Source::Input(_) => None,
        };
        let link = |call: &LayerCall| CallLink {
            layer: call.layer,
            parents: call.arguments.tensors().into_iter().filter_map(parent).collect(),
        };
        calls_by_depth(&self.calls.iter().map(link).collect::<Vec<_>>())
    }

    /// Takes the outputs from the values.
    pub(super) fn finish<'g>(&self, values: &Values<'g>, forward: &mut Forward<'g>) -> Result<()> {
        for &output in &self.outputs {
            let value = values.get(output).ok_or_else(|| {
                Error::new(ErrorKind::Argument, format!("the model has no value {output:?}"))
                    .expected("an output that its layer has")
            })?;
            forward.outputs.push(value.node);
            forward.masks.push(value.mask);
        }
        Ok(())
    }

    /// The arguments of a call, with the values that are made so far. Arrays among them become
    /// constants, but for operations, which take them as they are.
    fn arguments_of<'g>(
        &self,
        call: &LayerCall,
        values: &Values<'g>,
    ) -> Result<Arguments<Masked<'g>>> {
        let entry = &self.layers[call.layer];
        for &source in call.arguments.tensors() {
            value_of(values, source, entry)?;
        }
        let value = |&source: &Source| values.get(source).expect("every source was looked at");
        let arguments = call.arguments.map(value);
        if entry.layer.is_operation() {
            return Ok(arguments);
        }
        let graph = values.graph();
        let arguments = arguments.with_named_mask(entry.layer.parameters());
        arguments.with_arrays(&mut |array| {
            let node = graph.literal(operations::constant(array)?);
            Ok(Masked { node, mask: None })
        })
    }

    /// The tensors among arguments that a call hands to its layer, in the order of the layer's
    /// parameters.
    fn inputs_among<'g>(&self, layer: usize, given: &Arguments<Masked<'g>>) -> Vec<Masked<'g>> {
        let layer = &self.layers[layer].layer;
        let is_input = |parameter: &&&str| **parameter != MASK || layer.is_operation();
        let keyword = layer.parameters().iter().filter(is_input).filter_map(|parameter| {
            let mut named = given.keyword.iter();
            named.find(|(name, _)| name == parameter).map(|(_, argument)| argument)
        });
        let arguments = given.positional.iter().chain(keyword);
        arguments.flat_map(|argument| argument.tensors()).copied().collect()
    }

    /// The tensors that a call hands to its layer.
    pub(super) fn inputs_of<'g>(
        &self,
        call: &LayerCall,
        values: &Values<'g>,
    ) -> Result<Vec<Masked<'g>>> {
        Ok(self.inputs_among(call.layer, &self.arguments_of(call, values)?))
    }

    /// Checks that a call hands as many tensors to its layer as that takes, and nothing that the
    /// layer would not heed.
    pub(super) fn check_call(&self, call: &LayerCall, values: &Values<'_>) -> Result<()> {
        let entry = &self.layers[call.layer];
        if let Some(argument) = call.arguments.unheeded(&*entry.layer) {
            let what = format!("layer `{}` was called with {argument}", entry.name);
            return Err(Error::new(ErrorKind::Unsupported, what)
                .expected("tensors, and the keyword arguments of the layer's call")
                .at(&entry.origin()));
        }
        let arguments = self.arguments_of(call, values)?;
        let given = self.inputs_among(call.layer, &arguments).len();
        check_arity(&*entry.layer, given).map_err(|error| error.at(&entry.origin()))
    }

    /// The tensors of a call whose shapes the layer's weights depend on.
    pub(super) fn building_inputs<'g>(
        &self,
        call: &LayerCall,
        values: &Values<'g>,
    ) -> Result<Vec<Masked<'g>>> {
        let entry = &self.layers[call.layer];
        let (names, parameters) = (entry.layer.built_from(), entry.layer.parameters());
        let given = self.arguments_of(call, values)?;
        if names.is_empty() {
            return Ok(self.inputs_among(call.layer, &given));
        }
        let arguments = names.iter().filter_map(|name| given.get(parameters, name));
        Ok(arguments.flat_map(|argument| argument.tensors()).copied().collect())
    }

    /// Applies the layer of a call.
    pub(super) fn apply<'g>(
        &self,
        call: &LayerCall,
        values: &Values<'g>,
        own: &[Node<'g>],
        pass: Pass<'g>,
        forward: &mut Forward<'g>,
    ) -> Result<Vec<Masked<'g>>> {
        let entry = &self.layers[call.layer];
        let origin = entry.origin();
        let given = self.arguments_of(call, values)?;
        let inputs = self.inputs_among(call.layer, &given);
        check_arity(&*entry.layer, inputs.len()).map_err(|error| error.at(&origin))?;
        let nodes: Vec<Node<'g>> = inputs.iter().map(|input| input.node).collect();
        let mut masks: Vec<Option<Node<'g>>> = inputs.iter().map(|input| input.mask).collect();
        // As in Keras, results keep a mask that came with a tensor or by its name, but not one that
        // was given by its position.
        let by_position = call.arguments.keyword.iter().all(|(name, _)| name != MASK);
        let loses_mask = by_position && masks.iter().all(Option::is_none);
        let arguments = given.map(|value| value.node);
        let parameters = entry.layer.parameters();
        let mut is_given = false;
        if let Some(given) = arguments.get(parameters, MASK) {
            is_given = true;
            let given: Vec<Node<'g>> = given.tensors().into_iter().copied().collect();
            masks.iter_mut().zip(given).for_each(|(mask, given)| *mask = Some(given));
        }
        let (losses, updates) = (RefCell::default(), RefCell::default());
        let context = Call {
            weights: own,
            training: pass.training,
            trainable: pass.trainable && entry.trainable,
            key: pass.key,
            masks: &masks,
            arguments: &arguments,
            parameters,
            losses: &losses,
            updates: &updates,
        };
        let graph = values.graph();
        let results = graph.scope(origin.clone(), || context.apply(&*entry.layer, &nodes));
        forward.losses.extend(losses.into_inner());
        let place = |(own, node): (usize, Node<'g>)| (entry.weights[own], node);
        forward.updates.extend(updates.into_inner().into_iter().map(place));
        let mut results = results.map_err(|error: Error| error.at(&origin))?;
        if is_given && loses_mask {
            results.iter_mut().for_each(|result| result.mask = None);
        }
        Ok(results)
    }
}

fn value_of<'g>(values: &Values<'g>, source: Source, entry: &LayerEntry) -> Result<Masked<'g>> {
    values.get(source).ok_or_else(|| {
        Error::new(ErrorKind::Argument, format!("the layer takes {source:?}, which is not there"))
            .expected("a result that the layer before has")
            .at(&entry.origin())
    })
}

/// Checks the number of tensors that a layer is given.
fn check_arity(layer: &dyn Layer, given: usize) -> Result<()> {
    let range = layer.num_inputs();
    if range.contains(&given) {
        return Ok(());
    }
    let expected = match (*range.start(), *range.end()) {
        (1, 1) => "one input".to_string(),
        (least, usize::MAX) => format!("at least {least} inputs"),
        (least, most) if least == most => format!("{least} inputs"),
        (least, most) => format!("{least} to {most} inputs"),
    };
    Err(Error::new(
        ErrorKind::Argument,
        format!("a {} layer was given {given} inputs", layer.class_name()),
    )
    .expected(expected))
}
