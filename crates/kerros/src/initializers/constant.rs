use std::sync::Arc;

use kerros_core::{Result, Shape, Tensor};
use serde_json::json;

use super::{Draw, Initializer};
use crate::object::{Config, ConfigReader, Described, Entry};
use crate::optimizers::setting::Setting;

/// `w = value`.
///
/// # Parameters
/// - `value`: the number that all elements start from. Default where it is made by name: 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    value: f64,
}

impl Constant {
    /// All elements this number.
    pub fn new(value: f64) -> Self {
        Constant { value }
    }

    fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Initializer>> {
        Ok(Arc::new(Constant::new(Setting::read(reader, "value", 0.0))))
    }

    pub(super) const ENTRY: Entry<dyn Initializer> = Entry {
        class_name: "Constant",
        names: &[],
        summary: "all one number",
        from_config: Constant::from_config,
    };
}

impl Described for Constant {
    fn class_name(&self) -> &'static str {
        "Constant"
    }

    fn config(&self) -> Config {
        Config::from_iter([("value".into(), json!(self.value))])
    }
}

impl Initializer for Constant {
    fn initialize(&self, shape: &Shape, _draw: Draw) -> Result<Tensor> {
        Ok(Tensor::full(shape, self.value as f32))
    }
}
