use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::{key, noise_shape, read_noise_shape, read_seed, required, uniform};
use crate::layers::options::{check_share_below_one, layer_methods};
use crate::layers::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// The limit of `selu` for large negative numbers: -scale · alpha.
const DROPPED: f64 = -1.050_700_987_355_480_5 * 1.673_263_242_354_377_2;

/// While training, `y = a · (x where kept, else -1.7581) + b`, with `a` and `b` such that mean 0 and
/// variance 1 stay; else the identity.
///
/// What is dropped becomes the value that `selu` tends to for large negative numbers: the dropout
/// for networks of `selu` units.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `rate`: the share that is dropped, `0 <= rate < 1`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `noise_shape`: which elements share their fate, as of `Dropout`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2]).add(AlphaDropout::new(0.5));
/// let x = Tensor::new([1, 2], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Klambauer et al.: "Self-normalizing neural networks", arXiv:1706.02515.
#[derive(Clone, Debug)]
pub struct AlphaDropout {
    options: Options,
    rate: f64,
    seed: Option<u64>,
    noise_shape: Option<Vec<Option<usize>>>,
}

layer_methods!(AlphaDropout);

impl AlphaDropout {
    /// Drops this share of the elements.
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        AlphaDropout { options: Options::here(), rate, seed: None, noise_shape: None }
    }

    /// Sets the layer's own seed. Default: the model's.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets which elements share their fate.
    pub fn noise_shape(mut self, shape: impl Into<Vec<Option<usize>>>) -> Self {
        self.noise_shape = Some(shape.into());
        self
    }
}

impl Described for AlphaDropout {
    fn class_name(&self) -> &'static str {
        "AlphaDropout"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("rate".into(), json!(self.rate));
        config.insert("seed".into(), json!(self.seed));
        config.insert("noise_shape".into(), json!(self.noise_shape));
        config
    }
}

impl Layer for AlphaDropout {
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
        let Some(key) = key(call, self.seed)?.filter(|_| self.rate > 0.0) else {
            return Ok(vec![x]);
        };
        let noise = match &self.noise_shape {
            Some(wanted) => noise_shape(&x.shape(), wanted)?,
            None => x.shape(),
        };
        let a = ((1.0 - self.rate) * (1.0 + self.rate * DROPPED * DROPPED)).powf(-0.5);
        let b = -a * DROPPED * self.rate;
        let dropped = uniform(key, noise).less(self.rate as f32);
        Ok(vec![dropped.select(DROPPED as f32, x) * a as f32 + b as f32])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "AlphaDropout",
    names: &[],
    summary: "dropout that keeps mean 0 and variance 1",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let rate = required(reader, "rate")?;
    let seed = read_seed(reader);
    let noise_shape = read_noise_shape(reader);
    let layer = AlphaDropout { options, rate, seed, noise_shape };
    layer.check()?;
    Ok(Arc::new(layer))
}
