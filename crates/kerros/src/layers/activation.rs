use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::{Value, json};

use super::options::layer_methods;
use super::{Call, Layer, Options};
use crate::activations;
use crate::object::{Choice, Config, ConfigReader, Described, Entry, Family};

/// `y = activation(x)`: an activation function as a layer of its own.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `activation`: the function or its name.
///
/// # Example
/// ```
/// use kerros::layers::Activation;
/// use kerros::{Sequential, Tensor};
/// let mut model = Sequential::new().input([2]).add(Activation::new("relu"));
/// let y = model.predict(Tensor::new([1, 2], [-1.0f32, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [0.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Activation {
    options: Options,
    activation: Choice<dyn activations::Activation>,
}

layer_methods!(Activation);

impl Activation {
    /// A layer that applies this function.
    #[track_caller]
    pub fn new(activation: impl Into<Choice<dyn activations::Activation>>) -> Self {
        Activation { options: Options::here(), activation: activation.into() }
    }
}

impl Described for Activation {
    fn class_name(&self) -> &'static str {
        "Activation"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("activation".into(), serialize_activation(&self.activation));
        config
    }
}

impl Layer for Activation {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.activation.resolve().map(|_| ())
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        Ok(vec![self.activation.resolve()?.call(x)])
    }
}

/// An activation as Keras writes it: its bare name where it has no arguments.
pub(super) fn serialize_activation(choice: &Choice<dyn activations::Activation>) -> Value {
    match choice.resolve() {
        Ok(activation) if activation.config().is_empty() => json!(activation.name()),
        Ok(activation) => <dyn activations::Activation>::registry().serialize(&*activation),
        Err(_) => choice.serialize(),
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Activation",
    names: &[],
    summary: "an activation function as a layer",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let activation = reader.object::<dyn activations::Activation>("activation")?;
    if activation.is_none() {
        reader.refuse("`activation` is missing");
    }
    let activation = activation.map_or(Choice::from("linear"), Choice::Object);
    Ok(Arc::new(Activation { options, activation }))
}
