use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::options::{layer_methods, maybe_f64};
use super::{Call, Layer, Options, Weight};
use crate::initializers::Constant;
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = gamma · x`: a learned factor for each channel, which starts small, so that what a
/// residual branch adds does, too.
///
/// Keras has it inside its ConvNeXt models.
///
/// # Shape
/// `x: [batch, .., projection_dim] -> [batch, .., projection_dim]`; `gamma: [projection_dim]`.
///
/// # Parameters
/// - `init_values`: what every factor starts with.
/// - `projection_dim`: how many channels there are.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2]).add(LayerScale::new(0.5, 2));
/// let y = model.predict(Tensor::new([1, 2], [1.0f32, 4.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [0.5, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Touvron et al.: "Going deeper with image transformers", arXiv:2103.17239.
#[derive(Clone, Debug)]
pub struct LayerScale {
    options: Options,
    init_values: f64,
    projection_dim: usize,
}

layer_methods!(LayerScale);

impl LayerScale {
    /// Factors that start with `init_values`, one for each of `projection_dim` channels.
    #[track_caller]
    pub fn new(init_values: f64, projection_dim: usize) -> Self {
        LayerScale { options: Options::here(), init_values, projection_dim }
    }
}

impl Described for LayerScale {
    fn class_name(&self) -> &'static str {
        "LayerScale"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("init_values".into(), json!(self.init_values));
        config.insert("projection_dim".into(), json!(self.projection_dim));
        config
    }
}

impl Layer for LayerScale {
    fn options(&self) -> &Options {
        &self.options
    }

    fn module(&self) -> &'static str {
        "keras.src.applications.convnext"
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        if inputs[0].last() != self.projection_dim {
            return Err(Error::new(ErrorKind::Shape, format!("an input of shape {}", inputs[0]))
                .expected(format!("{} channels on the last axis", self.projection_dim)));
        }
        let start = Arc::new(Constant::new(self.init_values));
        Ok(vec![Weight::new("gamma", [self.projection_dim], start)])
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(vec![inputs[0] * call.weights[0]])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "LayerScale", names: &[], summary: "y = gamma · x", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let init_values = maybe_f64(reader, "init_values").unwrap_or(1.0);
    let projection_dim = reader.maybe_usize("projection_dim").unwrap_or_else(|| {
        reader.refuse("`projection_dim` is missing");
        0
    });
    Ok(Arc::new(LayerScale { options, init_values, projection_dim }))
}
