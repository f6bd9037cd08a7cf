use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::{key, normal, read_seed, required};
use crate::layers::options::{layer_methods, out_of_range};
use crate::layers::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// While training, `y = x + stddev · z` with standard normal numbers `z`; else the identity.
///
/// It makes a model bear small changes of its inputs: use it against overfitting.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `stddev`: the standard deviation of the noise, `0 <= stddev <= 1`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2]).add(GaussianNoise::new(0.5));
/// let x = Tensor::new([1, 2], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GaussianNoise {
    options: Options,
    stddev: f64,
    seed: Option<u64>,
}

layer_methods!(GaussianNoise);

impl GaussianNoise {
    /// Adds noise of this standard deviation.
    #[track_caller]
    pub fn new(stddev: f64) -> Self {
        GaussianNoise { options: Options::here(), stddev, seed: None }
    }

    /// Sets the layer's own seed. Default: the model's.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Described for GaussianNoise {
    fn class_name(&self) -> &'static str {
        "GaussianNoise"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("stddev".into(), json!(self.stddev));
        config.insert("seed".into(), json!(self.seed));
        config
    }
}

impl Layer for GaussianNoise {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        match (0.0..=1.0).contains(&self.stddev) {
            true => Ok(()),
            false => Err(out_of_range("`stddev`", self.stddev, "a number in 0..=1")),
        }
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        Ok(match key(call, self.seed)?.filter(|_| self.stddev > 0.0) {
            Some(key) => vec![x + normal(key, x.shape()) * self.stddev as f32],
            None => vec![x],
        })
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "GaussianNoise",
    names: &[],
    summary: "adds normal noise while training",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let stddev = required(reader, "stddev")?;
    let seed = read_seed(reader);
    let layer = GaussianNoise { options, stddev, seed };
    layer.check()?;
    Ok(Arc::new(layer))
}
