use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::options::layer_methods;
use super::quantized::Mode;
use super::{Call, Layer, Options, Weight, part};
use crate::model::{IntoLayer, Masked, Network};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = layer(x)`: a layer within a layer, nothing added.
///
/// Keras has it as the beginning of wrappers of one's own;
/// [`TimeDistributed`](super::TimeDistributed) and [`Bidirectional`](super::Bidirectional) are
/// wrappers that do something.
///
/// # Shape
/// Those of the layer.
///
/// # Parameters
/// - `layer`: the layer within.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = Wrapper::new(Dense::new(1).kernel_initializer("ones"));
/// let mut model = Sequential::new().input([2]).add(layer);
/// let y = model.predict(Tensor::new([1, 2], [1.0f32, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Wrapper {
    options: Options,
    layer: Arc<dyn Layer>,
}

layer_methods!(Wrapper);

impl Wrapper {
    /// Around this layer.
    #[track_caller]
    pub fn new(layer: impl IntoLayer) -> Self {
        Wrapper { options: Options::here(), layer: layer.into_layer() }
    }
}

impl Described for Wrapper {
    fn class_name(&self) -> &'static str {
        "Wrapper"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        let name = part::name_of(&*self.layer);
        config.insert("layer".into(), part::serialize(&*self.layer, &name));
        config
    }
}

impl Layer for Wrapper {
    fn options(&self) -> &Options {
        &self.options
    }

    fn quantized(&self, mode: &Mode) -> Result<Option<Arc<dyn Layer>>> {
        let options = self.options.clone();
        let around = |layer| -> Arc<dyn Layer> { Arc::new(Wrapper { options, layer }) };
        Ok(self.layer.quantized(mode)?.map(around))
    }

    fn check(&self) -> Result<()> {
        self.layer.check()
    }

    fn parameters(&self) -> &'static [&'static str] {
        self.layer.parameters()
    }

    fn built_from(&self) -> &'static [&'static str] {
        self.layer.built_from()
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        self.layer.num_inputs()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        part::described_weights(&*self.layer, "layer", &part::name_of(&*self.layer), inputs)
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(self.call_masked(inputs, call)?.into_iter().map(|made| made.node).collect())
    }

    fn call_masked<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Masked<'g>>> {
        let masks = call.masks.iter().copied().chain(std::iter::repeat(None));
        let inputs = inputs.iter().zip(masks);
        let inputs: Vec<Masked<'g>> = inputs.map(|(&node, mask)| Masked { node, mask }).collect();
        call.part_with(&*self.layer, 0..call.weights.len(), &inputs, call.arguments)
    }

    fn supports_masking(&self) -> bool {
        self.layer.supports_masking()
    }

    fn network(&self) -> Option<&Network> {
        self.layer.network()
    }
}

pub(super) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "Wrapper", names: &[], summary: "a layer within a layer", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let layer = inner(reader)?;
    Ok(Arc::new(Wrapper { options, layer }))
}

/// The layer within, of a config.
pub(super) fn inner(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    reader.object::<dyn Layer>("layer")?.ok_or_else(|| {
        Error::new(ErrorKind::Format, "`layer` is missing").expected("a serialized layer")
    })
}
