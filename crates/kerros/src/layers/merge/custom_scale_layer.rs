use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use crate::layers::options::{layer_methods, maybe_f64};
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = x0 + scale · x1`: a residual branch that is added with less weight.
///
/// Keras has it inside its Inception-ResNet models.
///
/// # Shape
/// Two tensors of shape `[batch, ..] -> [batch, ..]`.
///
/// # Parameters
/// - `scale`: the weight of the second tensor.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let (x, branch) = (Input::new([2]).tensor(), Input::new([2]).tensor());
/// let y = CustomScaleLayer::new(0.1).on([&x, &branch]);
/// let mut model = Model::functional([&x, &branch], [&y])?;
/// let ones = Tensor::full([1, 2], 1.0f32);
/// let tens = Tensor::full([1, 2], 10.0f32);
/// assert_eq!(model.predict_all(vec![ones, tens])?[0].as_slice::<f32>()?, [2.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Szegedy et al.: "Inception-v4, Inception-ResNet and the impact of residual connections on
/// learning", arXiv:1602.07261.
#[derive(Clone, Debug)]
pub struct CustomScaleLayer {
    options: Options,
    scale: f64,
}

layer_methods!(CustomScaleLayer);

impl CustomScaleLayer {
    /// Adds the second tensor times `scale`.
    #[track_caller]
    pub fn new(scale: f64) -> Self {
        CustomScaleLayer { options: Options::here(), scale }
    }
}

impl Described for CustomScaleLayer {
    fn class_name(&self) -> &'static str {
        "CustomScaleLayer"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("scale".into(), json!(self.scale));
        config
    }
}

impl Layer for CustomScaleLayer {
    fn options(&self) -> &Options {
        &self.options
    }

    fn module(&self) -> &'static str {
        "keras.src.applications.inception_resnet_v2"
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        super::check_shapes(inputs).map(|()| Vec::new())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(vec![inputs[0] + inputs[1] * self.scale as f32])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "CustomScaleLayer", names: &[], summary: "x0 + scale · x1", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let scale = maybe_f64(reader, "scale").unwrap_or(1.0);
    Ok(Arc::new(CustomScaleLayer { options, scale }))
}
