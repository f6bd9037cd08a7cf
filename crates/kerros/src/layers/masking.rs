use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::options::{layer_methods, maybe_f64};
use super::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = x`, in which a step does not count when all its features are `mask_value`; such steps
/// become 0.
///
/// For sequences of different lengths that were filled up to the longest: recurrent layers,
/// pooling and losses pass over the steps that do not count.
///
/// # Shape
/// `x: [batch, steps, features] -> [batch, steps, features]`, with a mask `[batch, steps]`
///
/// # Parameters
/// - `mask_value`: what fills the steps that do not count. Default: 0.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2, 2]).add(Masking::new().mask_value(9.0));
/// let x = Tensor::new([1, 2, 2], [1.0f32, 9.0, 9.0, 9.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 9.0, 0.0, 0.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Masking {
    options: Options,
    mask_value: f64,
}

layer_methods!(Masking);

impl Masking {
    /// Masks steps of zeros.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Masking { options: Options::here(), mask_value: 0.0 }
    }

    /// Sets what fills the steps that do not count.
    pub fn mask_value(mut self, mask_value: f64) -> Self {
        self.mask_value = mask_value;
        self
    }

    /// Which steps count: `bool [batch, steps]`.
    fn mask<'g>(&self, x: Node<'g>) -> Node<'g> {
        x.not_equal(self.mask_value as f32).any(&[-1])
    }
}

impl Described for Masking {
    fn class_name(&self) -> &'static str {
        "Masking"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("mask_value".into(), json!(self.mask_value));
        config
    }
}

impl Layer for Masking {
    fn options(&self) -> &Options {
        &self.options
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        match inputs[0].ndim() {
            0 | 1 => Err(Error::new(ErrorKind::Shape, format!("an input of shape {}", inputs[0]))
                .expected("[batch, steps, features]")),
            _ => Ok(Vec::new()),
        }
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask<'g>(
        &self,
        inputs: &[Node<'g>],
        _call: &Call<'_, 'g>,
    ) -> Result<Vec<Option<Node<'g>>>> {
        Ok(vec![Some(self.mask(inputs[0]))])
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        Ok(vec![self.mask(x).keep(x.ndim() - 1).select(x, 0.0)])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Masking",
    names: &[],
    summary: "steps of a fixed value do not count",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let mask_value = maybe_f64(reader, "mask_value").unwrap_or(0.0);
    Ok(Arc::new(Masking { options, mask_value }))
}
