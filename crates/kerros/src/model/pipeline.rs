//! Layers one after another, as one layer.

use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use serde_json::Value;

use super::{InputSpec, Masked, Network, PartialShape};
use crate::layers::{Call, Layer, Options, REGISTRY, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};
use crate::{layers, saving};

/// `y = layer_n(.. layer_2(layer_1(x)))`: layers that prepare data, as one layer.
///
/// Keras uses it where images are changed at random before a model sees them. A
/// [`Sequential`](super::Sequential) is a whole model beside that, with inputs of its own.
///
/// # Shape
/// Those of the first layer's inputs `-> ` those of the last layer's results.
///
/// # Parameters
/// - `layers`: the layers, the first nearest to the input. Of none the result is the input.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layers = [Rescaling::new(2.0).into_layer(), Flatten::new().into_layer()];
/// let mut model = Sequential::new().input([1, 2]).add(Pipeline::new(layers));
/// let y = model.predict(Tensor::new([1, 1, 2], [1.0f32, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [2.0, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pipeline {
    options: Options,
    network: Network,
}

impl Pipeline {
    /// These layers, one after another.
    #[track_caller]
    pub fn new(layers: impl IntoIterator<Item = Arc<dyn Layer>>) -> Self {
        let mut network = Network::named("pipeline");
        network.set_layers(layers);
        Pipeline { options: Options::here(), network }
    }

    /// Sets the name; without one the model makes it from the class.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// The network for inputs of this shape.
    fn built(&self, input: &Shape) -> Result<Network> {
        let mut network = self.network.clone();
        let row = input.get(1..).unwrap_or_default();
        network.set_inputs(vec![InputSpec::new(PartialShape::from(row))]);
        network.build_for(input.first().copied())?;
        network.rows = None;
        Ok(network)
    }
}

impl Described for Pipeline {
    fn class_name(&self) -> &'static str {
        "Pipeline"
    }

    fn config(&self) -> Config {
        let layers = self.network.layers.iter();
        let layers: Value =
            layers.map(|entry| layers::part::serialize(&*entry.layer, &entry.name)).collect();
        let mut config = Config::new();
        config.insert("layers".into(), layers);
        config.insert("name".into(), self.options.name.clone().into());
        config
    }
}

impl Layer for Pipeline {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        match self.network.layers.is_empty() {
            true => Ok(()),
            false => self.network.check(),
        }
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        if self.network.layers.is_empty() {
            return Ok(Vec::new());
        }
        let network = self.built(&inputs[0])?;
        let groups = saving::layer_groups(&network);
        let weight = |entry: &super::WeightEntry| {
            let layer = &network.layers[entry.layer];
            let mut weight = entry.weight.clone().within(&groups[entry.layer], &layer.name);
            weight.frozen |= !layer.trainable;
            weight
        };
        Ok(network.weights.iter().map(weight).collect())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(self.call_masked(inputs, call)?.into_iter().map(|result| result.node).collect())
    }

    fn call_masked<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Masked<'g>>> {
        let mask = call.masks.first().copied().flatten();
        let input = Masked { node: inputs[0], mask };
        if self.network.layers.is_empty() {
            return Ok(vec![input]);
        }
        let network = self.built(&inputs[0].shape())?;
        network.forward_within(&[input], call)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

pub(crate) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Pipeline",
    names: &[],
    summary: "layers one after another as one layer",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options { name: reader.maybe_string("name"), ..Options::here() };
    let layers = reader.value("layers").and_then(Value::as_array);
    if layers.is_none() {
        reader.refuse("`layers` is no list of layers");
    }
    let layers = layers.into_iter().flatten().map(|layer| REGISTRY.deserialize(layer));
    let layers: Vec<Arc<dyn Layer>> = layers.collect::<Result<_>>()?;
    let pipeline = Pipeline { options, ..Pipeline::new(layers) };
    pipeline.check()?;
    Ok(Arc::new(pipeline))
}
