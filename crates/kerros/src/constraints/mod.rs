//! Constraints: one file each, and the list below.

use kerros_core::Result;
use kerros_graph::Node;

use crate::object::{Described, Entry, Registry, family};

mod max_norm;
mod min_max_norm;
mod non_neg;
mod norms;
mod unit_norm;

pub use max_norm::MaxNorm;
pub use min_max_norm::MinMaxNorm;
pub use non_neg::NonNeg;
pub use norms::Axes;
pub use unit_norm::UnitNorm;

/// A rule that a weight must obey: after each step of the optimizer the weight is replaced by
/// the nearest one that does, or moved towards it.
pub trait Constraint: Described {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first setting that cannot be.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// The weight that obeys the rule; the shape stays.
    fn call<'g>(&self, weight: Node<'g>) -> Node<'g>;
}

/// All constraints.
pub static REGISTRY: Registry<dyn Constraint> =
    Registry::new("constraint", "keras.constraints", ENTRIES);

static ENTRIES: &[Entry<dyn Constraint>] =
    &[max_norm::ENTRY, min_max_norm::ENTRY, non_neg::ENTRY, unit_norm::ENTRY];

family!(Constraint, REGISTRY);
