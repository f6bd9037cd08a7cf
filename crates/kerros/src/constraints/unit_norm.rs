use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;

use super::norms::EPSILON;
use super::{Axes, Constraint};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `w / norm`: the weights into each unit have norm 1.
///
/// # Parameters
/// - `axis`: along which norms are taken. Default: 0, the inputs of a dense layer.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitNorm {
    axis: Axes,
}

impl UnitNorm {
    /// Norm 1 along axis 0.
    pub fn new() -> Self {
        UnitNorm { axis: 0.into() }
    }

    /// Sets the axes along which norms are taken.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl Default for UnitNorm {
    fn default() -> Self {
        UnitNorm::new()
    }
}

impl Described for UnitNorm {
    fn class_name(&self) -> &'static str {
        "UnitNorm"
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.insert("axis".into(), self.axis.value());
        config
    }
}

impl Constraint for UnitNorm {
    fn call<'g>(&self, weight: Node<'g>) -> Node<'g> {
        weight / (self.axis.norm(weight) + EPSILON)
    }
}

pub(super) const ENTRY: Entry<dyn Constraint> = Entry {
    class_name: "UnitNorm",
    names: &["unit_norm"],
    summary: "weights into each unit of norm 1",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Constraint>> {
    Ok(Arc::new(UnitNorm { axis: Axes::read(reader) }))
}
