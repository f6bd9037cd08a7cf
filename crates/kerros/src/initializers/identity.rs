use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use serde_json::json;

use super::{Draw, Initializer};
use crate::object::{Config, ConfigReader, Described, Entry};
use crate::optimizers::setting::Setting;

/// `w[i, i] = gain`, all else 0.
///
/// # Shape
/// Matrices only, square or not.
///
/// # Parameters
/// - `gain`: the number on the diagonal. Default: 1. Keras 3.15 leaves it out of its configs;
///   here it is written when it is not 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    gain: f64,
}

impl Identity {
    /// Ones on the diagonal.
    pub fn new() -> Self {
        Identity { gain: 1.0 }
    }

    /// The number on the diagonal.
    pub fn gain(mut self, gain: f64) -> Self {
        self.gain = gain;
        self
    }

    fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Initializer>> {
        Ok(Arc::new(Identity { gain: Setting::read(reader, "gain", 1.0) }))
    }

    pub(super) const ENTRY: Entry<dyn Initializer> = Entry {
        class_name: "Identity",
        names: &["IdentityInitializer"],
        summary: "a number on the diagonal",
        from_config: Identity::from_config,
    };
}

impl Default for Identity {
    fn default() -> Self {
        Identity::new()
    }
}

impl Described for Identity {
    fn class_name(&self) -> &'static str {
        "Identity"
    }

    fn config(&self) -> Config {
        let gain = (self.gain != 1.0).then(|| ("gain".into(), json!(self.gain)));
        gain.into_iter().collect()
    }
}

impl Initializer for Identity {
    fn initialize(&self, shape: &Shape, _draw: Draw) -> Result<Tensor> {
        let &[rows, columns] = shape.dims() else {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("an identity matrix was asked for, of shape {shape}"),
            )
            .expected("two axes"));
        };
        let mut matrix = Tensor::zeros(shape, DType::F32);
        let elements = matrix.as_mut_slice::<f32>()?;
        for at in 0..rows.min(columns) {
            elements[at * columns + at] = self.gain as f32;
        }
        Ok(matrix)
    }
}
