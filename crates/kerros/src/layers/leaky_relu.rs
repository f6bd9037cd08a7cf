use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::options::{layer_methods, maybe_f64, out_of_range};
use super::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `x` where `x >= 0`, `negative_slope * x` below.
///
/// The slope below keeps a gradient where ReLU has none, so that units do not die.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `negative_slope`: the slope below 0, at least 0. Default: 0.3.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3]).add(LeakyReLU::new().negative_slope(0.5));
/// let y = model.predict(Tensor::new([1, 3], [-2.0f32, 0.0, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [-1.0, 0.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Maas, Hannun, Ng: "Rectifier nonlinearities improve neural network acoustic models", 2013.
#[derive(Clone, Debug)]
pub struct LeakyReLU {
    options: Options,
    negative_slope: f64,
}

layer_methods!(LeakyReLU);

impl LeakyReLU {
    /// A slope of 0.3 below 0.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        LeakyReLU { options: Options::here(), negative_slope: 0.3 }
    }

    /// Sets the slope below 0.
    pub fn negative_slope(mut self, negative_slope: f64) -> Self {
        self.negative_slope = negative_slope;
        self
    }
}

impl Described for LeakyReLU {
    fn class_name(&self) -> &'static str {
        "LeakyReLU"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("negative_slope".into(), json!(self.negative_slope));
        config
    }
}

impl Layer for LeakyReLU {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        match self.negative_slope >= 0.0 {
            true => Ok(()),
            false => Err(out_of_range("negative_slope", self.negative_slope, "at least 0")),
        }
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        Ok(vec![x.less(0.0).select(x * self.negative_slope as f32, x)])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "LeakyReLU",
    names: &[],
    summary: "x where x >= 0, a small slope below",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let slope = maybe_f64(reader, "negative_slope").or_else(|| maybe_f64(reader, "alpha"));
    let layer = LeakyReLU { options, negative_slope: slope.unwrap_or(0.3) };
    layer.check()?;
    Ok(Arc::new(layer))
}
