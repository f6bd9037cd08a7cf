use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::{key, normal, read_seed, required};
use crate::layers::options::{check_share_below_one, layer_methods};
use crate::layers::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// While training, `y = x · (1 + sqrt(rate / (1 - rate)) · z)` with standard normal numbers `z`; else
/// the identity.
///
/// Mean and variance of the noise are those of `Dropout` of the same rate.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `rate`: as of `Dropout`, `0 <= rate < 1`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2]).add(GaussianDropout::new(0.5));
/// let x = Tensor::new([1, 2], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Srivastava et al.: "Dropout: a simple way to prevent neural networks from overfitting",
/// JMLR 15, 2014, section 10.
#[derive(Clone, Debug)]
pub struct GaussianDropout {
    options: Options,
    rate: f64,
    seed: Option<u64>,
}

layer_methods!(GaussianDropout);

impl GaussianDropout {
    /// Multiplies by noise as strong as dropout of this rate.
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        GaussianDropout { options: Options::here(), rate, seed: None }
    }

    /// Sets the layer's own seed. Default: the model's.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Described for GaussianDropout {
    fn class_name(&self) -> &'static str {
        "GaussianDropout"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("rate".into(), json!(self.rate));
        config.insert("seed".into(), json!(self.seed));
        config
    }
}

impl Layer for GaussianDropout {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        check_share_below_one("the dropout rate", self.rate)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let stddev = (self.rate / (1.0 - self.rate)).sqrt() as f32;
        Ok(match key(call, self.seed)?.filter(|_| self.rate > 0.0) {
            Some(key) => vec![x * (normal(key, x.shape()) * stddev + 1.0)],
            None => vec![x],
        })
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "GaussianDropout",
    names: &[],
    summary: "multiplies by normal noise around 1 while training",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let rate = required(reader, "rate")?;
    let seed = read_seed(reader);
    let layer = GaussianDropout { options, rate, seed };
    layer.check()?;
    Ok(Arc::new(layer))
}
