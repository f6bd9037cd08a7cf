use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::json;

use super::norms::EPSILON;
use super::{Axes, Constraint};
use crate::layers::options::maybe_f64;
use crate::object::{Config, ConfigReader, Described, Entry};

/// `w * desired / norm` with `desired = rate * clip(norm, min, max) + (1 - rate) * norm`: the
/// weights into each unit have a norm within bounds, or move towards it.
///
/// # Parameters
/// - `min_value`, `max_value`: the bounds. Default: 0 and 1.
/// - `rate`: how far the norm is moved per step, 1 for all the way. Default: 1.
/// - `axis`: along which norms are taken. Default: 0, the inputs of a dense layer.
#[derive(Clone, Debug, PartialEq)]
pub struct MinMaxNorm {
    min_value: f64,
    max_value: f64,
    rate: f64,
    axis: Axes,
}

impl MinMaxNorm {
    /// A norm within these bounds along axis 0.
    pub fn new(min_value: f64, max_value: f64) -> Self {
        MinMaxNorm { min_value, max_value, rate: 1.0, axis: 0.into() }
    }

    /// Sets how far the norm is moved per step.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// Sets the axes along which norms are taken.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl Default for MinMaxNorm {
    fn default() -> Self {
        MinMaxNorm::new(0.0, 1.0)
    }
}

impl Described for MinMaxNorm {
    fn class_name(&self) -> &'static str {
        "MinMaxNorm"
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.insert("min_value".into(), json!(self.min_value));
        config.insert("max_value".into(), json!(self.max_value));
        config.insert("rate".into(), json!(self.rate));
        config.insert("axis".into(), self.axis.value());
        config
    }
}

impl Constraint for MinMaxNorm {
    fn check(&self) -> Result<()> {
        if self.min_value >= 0.0 && self.min_value <= self.max_value {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Argument,
            format!("norms between {} and {}", self.min_value, self.max_value),
        )
        .expected("0 <= min_value <= max_value"))
    }

    fn call<'g>(&self, weight: Node<'g>) -> Node<'g> {
        let norm = self.axis.norm(weight);
        let clipped = norm.clip(self.min_value as f32, self.max_value as f32);
        let desired = clipped * self.rate as f32 + norm * (1.0 - self.rate) as f32;
        weight * (desired / (norm + EPSILON))
    }
}

pub(super) const ENTRY: Entry<dyn Constraint> = Entry {
    class_name: "MinMaxNorm",
    names: &["min_max_norm"],
    summary: "weights into each unit of a norm within bounds",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Constraint>> {
    let mut number = |name, default| maybe_f64(reader, name).unwrap_or(default);
    let (min_value, max_value) = (number("min_value", 0.0), number("max_value", 1.0));
    let rate = number("rate", 1.0);
    let constraint = MinMaxNorm { min_value, max_value, rate, axis: Axes::read(reader) };
    constraint.check()?;
    Ok(Arc::new(constraint))
}
