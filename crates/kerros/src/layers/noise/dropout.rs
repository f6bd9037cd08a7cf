use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::{drop, key, noise_shape, read_noise_shape, read_seed, required};
use crate::layers::options::{check_share, layer_methods};
use crate::layers::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// While training, sets a share `rate` of the elements to 0 and multiplies the others by
/// `1 / (1 - rate)`; else the identity.
///
/// It keeps units from relying on each other: use it against overfitting.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `rate`: the share that is dropped, `0 <= rate <= 1`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `noise_shape`: a shape that broadcasts to the input's, `None` for the input's own length:
///   `[None, Some(1), None]` drops whole rows along axis 1. Default: each element alone.
///
/// # Example
/// ```
/// // Only while training is anything dropped.
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2]).add(Dropout::new(0.5));
/// let y = model.predict(Tensor::new([1, 2], [1.0f32, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Srivastava et al.: "Dropout: a simple way to prevent neural networks from overfitting",
/// JMLR 15, 2014.
#[derive(Clone, Debug)]
pub struct Dropout {
    options: Options,
    rate: f64,
    seed: Option<u64>,
    noise_shape: Option<Vec<Option<usize>>>,
}

layer_methods!(Dropout);

impl Dropout {
    /// Drops this share of the elements.
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        Dropout { options: Options::here(), rate, seed: None, noise_shape: None }
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

impl Described for Dropout {
    fn class_name(&self) -> &'static str {
        "Dropout"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("rate".into(), json!(self.rate));
        config.insert("seed".into(), json!(self.seed));
        config.insert("noise_shape".into(), json!(self.noise_shape));
        config
    }
}

impl Layer for Dropout {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        check_share("the dropout rate", self.rate)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let Some(key) = key(call, self.seed)?.filter(|_| self.rate > 0.0) else {
            return Ok(vec![x]);
        };
        let wanted = self.noise_shape.as_ref();
        let noise = wanted.map(|wanted| noise_shape(&x.shape(), wanted)).transpose()?;
        Ok(vec![drop(x, key, self.rate as f32, noise)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Dropout",
    names: &[],
    summary: "drops a random share of the elements while training",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let rate = required(reader, "rate")?;
    let seed = read_seed(reader);
    let noise_shape = read_noise_shape(reader);
    let layer = Dropout { options, rate, seed, noise_shape };
    layer.check()?;
    Ok(Arc::new(layer))
}
