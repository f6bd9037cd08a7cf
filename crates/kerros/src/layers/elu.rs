use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::options::{layer_methods, maybe_f64};
use super::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `x` where `x > 0`, `alpha * (e^x - 1)` else.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `alpha`: minus the limit towards minus infinity. Default: 1.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3]).add(ELU::new().alpha(0.5));
/// let y = model.predict(Tensor::new([1, 3], [-1e3f32, 0.0, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [-0.5, 0.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Clevert, Unterthiner, Hochreiter: "Fast and accurate deep network learning by exponential
/// linear units", arXiv 1511.07289.
#[derive(Clone, Debug)]
pub struct ELU {
    options: Options,
    alpha: f64,
}

layer_methods!(ELU);

impl ELU {
    /// With `alpha` 1.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ELU { options: Options::here(), alpha: 1.0 }
    }

    /// Sets minus the limit towards minus infinity.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }
}

impl Described for ELU {
    fn class_name(&self) -> &'static str {
        "ELU"
    }

    fn config(&self) -> Config {
        // Keras puts it before what every layer has, for once.
        let mut config = Config::new();
        config.insert("name".into(), json!(self.options.name));
        config.insert("alpha".into(), json!(self.alpha));
        config.extend(self.options.config().into_iter().filter(|(key, _)| key != "name"));
        config
    }
}

impl Layer for ELU {
    fn options(&self) -> &Options {
        &self.options
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let positive = x.greater(0.0);
        // The branch that is not taken sees 0, so that no infinity enters the derivative.
        let below = positive.select(0.0, x).expm1() * self.alpha as f32;
        Ok(vec![positive.select(x, below)])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "ELU",
    names: &[],
    summary: "x where x > 0, alpha * (e^x - 1) else",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    Ok(Arc::new(ELU { options, alpha: maybe_f64(reader, "alpha").unwrap_or(1.0) }))
}
