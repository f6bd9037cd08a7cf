use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::norms::EPSILON;
use super::{Axes, Constraint};
use crate::layers::options::{maybe_f64, out_of_range};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `w * min(norm, max_value) / norm`: the weights into each unit have at most this norm.
///
/// # Parameters
/// - `max_value`: the largest norm. Default: 2.
/// - `axis`: along which norms are taken. Default: 0, the inputs of a dense layer.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxNorm {
    max_value: f64,
    axis: Axes,
}

impl MaxNorm {
    /// At most this norm along axis 0.
    pub fn new(max_value: f64) -> Self {
        MaxNorm { max_value, axis: 0.into() }
    }

    /// Sets the axes along which norms are taken.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl Default for MaxNorm {
    fn default() -> Self {
        MaxNorm::new(2.0)
    }
}

impl Described for MaxNorm {
    fn class_name(&self) -> &'static str {
        "MaxNorm"
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.insert("max_value".into(), json!(self.max_value));
        config.insert("axis".into(), self.axis.value());
        config
    }
}

impl Constraint for MaxNorm {
    fn check(&self) -> Result<()> {
        match self.max_value >= 0.0 {
            true => Ok(()),
            false => Err(out_of_range("max_value", self.max_value, "at least 0")),
        }
    }

    fn call<'g>(&self, weight: Node<'g>) -> Node<'g> {
        let norm = self.axis.norm(weight);
        weight * (norm.clip(0.0, self.max_value as f32) / (norm + EPSILON))
    }
}

pub(super) const ENTRY: Entry<dyn Constraint> = Entry {
    class_name: "MaxNorm",
    names: &["max_norm"],
    summary: "weights into each unit of at most this norm",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Constraint>> {
    let max_value = maybe_f64(reader, "max_value").unwrap_or(2.0);
    let constraint = MaxNorm { max_value, axis: Axes::read(reader) };
    constraint.check()?;
    Ok(Arc::new(constraint))
}
