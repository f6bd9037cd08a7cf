//! A model used as a layer of another.

use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;

use super::{IntoLayer, Masked, Model, Network, PartialShape};
use crate::layers::options::layer_methods;
use crate::layers::quantized::Mode;
use crate::layers::{Call, Layer, Options, Start, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};
use crate::saving;

/// `y = model(x)`: a whole model as one layer of another.
///
/// Its weights begin as they are in the model; freeze it (`.trainable(false)`) to keep them, as
/// in transfer learning.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let base = Sequential::new().input([2]).add(Rescaling::new(10.0)).into_model();
/// let head = Rescaling::new(1.0).offset(0.5);
/// let mut model = Sequential::new().input([2]).add(base.into_submodel()).add(head);
/// let y = model.predict(Tensor::new([1, 2], [1.0f32, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [10.5, 20.5]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Submodel {
    options: Options,
    network: Network,
    /// The weights' values, where the model had any.
    values: Option<Vec<Tensor>>,
    /// The network with shapes, once an input is known.
    built: OnceLock<Network>,
}

layer_methods!(Submodel);

impl Submodel {
    fn new(network: Network, values: Option<Vec<Tensor>>, options: Options) -> Self {
        Submodel { options, network, values, built: OnceLock::new() }
    }

    /// The network, built for inputs of these shapes where it has no inputs of its own.
    fn built(&self, inputs: &[Shape]) -> Result<&Network> {
        if let Some(built) = self.built.get() {
            return Ok(built);
        }
        let mut network = self.network.clone();
        if network.inputs.is_empty() {
            let row = inputs.first().and_then(|shape| shape.get(1..)).unwrap_or_default();
            network.set_inputs(vec![super::InputSpec::new(PartialShape::from(row))]);
        }
        // The model around it tries other numbers of rows where these do not fit.
        match inputs.first().and_then(|shape| shape.first()) {
            Some(&rows) => {
                let is_open = network.batch().is_none();
                network.build_for(Some(rows).filter(|_| is_open))?;
                network.rows = None;
            }
            None => network.build()?,
        }
        Ok(self.built.get_or_init(|| network))
    }

    /// The layers inside.
    pub fn network(&self) -> &Network {
        self.built.get().unwrap_or(&self.network)
    }

    fn check_inputs(&self, network: &Network, inputs: &[Shape]) -> Result<()> {
        for (spec, shape) in network.inputs.iter().zip(inputs) {
            if !spec.shape.admits(shape.get(1..).unwrap_or_default()) {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("the model `{}` was given {shape}", network.name),
                )
                .expected(format!("rows of shape {}", spec.shape)));
            }
        }
        Ok(())
    }
}

impl Described for Submodel {
    fn class_name(&self) -> &'static str {
        match self.network.is_functional {
            true => "Functional",
            false => "Sequential",
        }
    }

    fn config(&self) -> Config {
        let known = !self.network.inputs.is_empty();
        let built = if known { self.built(&[]).ok() } else { None };
        let mut network = built.unwrap_or(self.network()).clone();
        if let Some(name) = &self.options.name {
            network.name.clone_from(name);
        }
        // A frozen model freezes its layers, as setting `trainable` does in Keras.
        network.layers.iter_mut().for_each(|entry| entry.trainable &= self.options.trainable);
        saving::network_config(&network, self.options.trainable)
    }
}

impl Layer for Submodel {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.network.check()
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        let count = self.network.inputs.len().max(1);
        count..=count
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let network = self.built(inputs)?;
        self.check_inputs(network, inputs)?;
        let groups = saving::layer_groups(network);
        let weight = |(place, entry): (usize, &super::WeightEntry)| {
            let layer = &network.layers[entry.layer];
            let weight = entry.weight.clone().within(&groups[entry.layer], &layer.name);
            let mut weight = weight.described();
            weight.frozen |= !layer.trainable;
            if let Some(value) = self.values.as_ref().and_then(|values| values.get(place)) {
                weight.start = Start::Value(value.clone());
            }
            weight
        };
        Ok(network.weights.iter().enumerate().map(weight).collect())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(self.call_masked(inputs, call)?.into_iter().map(|result| result.node).collect())
    }

    fn call_masked<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Masked<'g>>> {
        let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape()).collect();
        let network = self.built(&shapes)?;
        self.check_inputs(network, &shapes)?;
        let masks = call.masks.iter().copied().chain(std::iter::repeat(None));
        let inputs: Vec<Masked<'g>> =
            inputs.iter().zip(masks).map(|(&node, mask)| Masked { node, mask }).collect();
        network.forward_within(&inputs, call)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn quantized(&self, mode: &Mode) -> Result<Option<Arc<dyn Layer>>> {
        let mut network = self.network().clone();
        let layer = |network| Submodel::new(network, None, self.options.clone());
        Ok(match network.quantize(mode)? {
            true => Some(Arc::new(layer(network))),
            false => None,
        })
    }

    fn module(&self) -> &'static str {
        match self.network.is_functional {
            true => "keras.src.models.functional",
            false => "keras",
        }
    }

    fn is_model(&self) -> bool {
        true
    }

    fn network(&self) -> Option<&Network> {
        Some(self.network())
    }
}

impl Model {
    /// The model as a layer of another; its weights begin as they are here.
    #[track_caller]
    pub fn into_submodel(mut self) -> Submodel {
        let values = match self.is_built() {
            true => self.all_weights().ok(),
            false => None,
        };
        let options = Options { name: Some(self.network.name.clone()), ..Options::here() };
        Submodel::new(self.network, values, options)
    }
}

impl IntoLayer for Model {
    fn into_layer(self) -> Arc<dyn Layer> {
        Arc::new(self.into_submodel())
    }
}

impl IntoLayer for super::Sequential {
    fn into_layer(self) -> Arc<dyn Layer> {
        Arc::new(self.into_model().into_submodel())
    }
}

pub(crate) const SEQUENTIAL: Entry<dyn Layer> = Entry {
    class_name: "Sequential",
    names: &[],
    summary: "a chain of layers as one layer",
    from_config: |reader| from_config("Sequential", reader),
};

pub(crate) const FUNCTIONAL: Entry<dyn Layer> = Entry {
    class_name: "Functional",
    names: &["Model"],
    summary: "a whole model as one layer",
    from_config: |reader| from_config("Functional", reader),
};

fn from_config(class: &str, reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let config = reader.all();
    let network = saving::nested(class, config)?;
    // Keras asks the layers, which may have been thawed after the model was frozen as a whole.
    let is_frozen = config.get("trainable").and_then(|value| value.as_bool()) == Some(false)
        && network.layers.iter().all(|entry| !entry.trainable);
    let name = Some(network.name.clone());
    let options = Options { name, trainable: !is_frozen, ..Options::here() };
    Ok(Arc::new(Submodel::new(network, None, options)))
}
