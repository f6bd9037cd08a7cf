use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::options::{layer_methods, maybe_f64, out_of_range};
use super::{Call, Layer, Options};
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

    /// Gives the layer random numbers of its own.
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
        match (0.0..=1.0).contains(&self.rate) {
            true => Ok(()),
            false => Err(out_of_range("the dropout rate", self.rate, "a share in 0..=1")
                .hint("write 0.2 to drop a fifth of the elements")),
        }
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let rate = self.rate as f32;
        let Some(key) = call.key_with(self.seed)?.filter(|_| call.training && rate > 0.0) else {
            return Ok(vec![x]);
        };
        if rate == 1.0 {
            return Ok(vec![x * 0.0]);
        }
        let Some(noise_shape) = &self.noise_shape else {
            return Ok(vec![x.dropout(key, rate)]);
        };
        let shape = x.shape();
        let dims: Vec<usize> =
            noise_shape.iter().zip(shape.iter()).map(|(dim, &own)| dim.unwrap_or(own)).collect();
        let noise = Shape::from(dims);
        if noise_shape.len() != shape.ndim() || noise.broadcast(&shape).as_ref() != Some(&shape) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("noise_shape {noise_shape:?} for inputs of shape {shape}"),
            )
            .expected("one entry per axis, batch axis included: None, 1 or the axis' length"));
        }
        let uniform = x.graph().random_bits(key, noise).unit_float();
        Ok(vec![uniform.less(rate).select(0.0, x * (1.0 / (1.0 - rate)))])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Dropout",
    names: &[],
    summary: "drops a random share of the elements while training",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let Some(rate) = maybe_f64(reader, "rate") else {
        return Err(Error::new(ErrorKind::Format, "`rate` is missing").expected("a number"));
    };
    let seed = reader.maybe_i64("seed").map(|seed| seed as u64);
    let dim = |dim: &Value| match dim {
        Value::Null => Some(None),
        dim => dim.as_u64().map(|dim| Some(dim as usize)),
    };
    let noise_shape = reader.value("noise_shape").and_then(|value| {
        let dims = value.as_array().and_then(|dims| dims.iter().map(dim).collect());
        if dims.is_none() {
            reader.refuse(format!("`noise_shape` is {value}, expected a list of lengths"));
        }
        dims
    });
    let layer = Dropout { options, rate, seed, noise_shape };
    layer.check()?;
    Ok(Arc::new(layer))
}
