use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;

use super::Constraint;
use crate::object::{Config, ConfigReader, Described, Entry};

/// `max(w, 0)`: no weight is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonNeg;

impl Described for NonNeg {
    fn class_name(&self) -> &'static str {
        "NonNeg"
    }

    fn config(&self) -> Config {
        Config::new()
    }
}

impl Constraint for NonNeg {
    fn call<'g>(&self, weight: Node<'g>) -> Node<'g> {
        weight.maximum(0.0)
    }
}

pub(super) const ENTRY: Entry<dyn Constraint> = Entry {
    class_name: "NonNeg",
    names: &["non_neg"],
    summary: "no weight is negative",
    from_config,
};

fn from_config(_reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Constraint>> {
    Ok(Arc::new(NonNeg))
}
