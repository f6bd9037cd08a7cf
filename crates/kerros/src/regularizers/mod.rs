//! Regularizers: one file each, and the list below.

use kerros_core::Result;
use kerros_graph::Node;

use crate::object::{Described, Entry, Registry, family};

mod define;
mod l1;
mod l1_l2;
mod l2;
mod orthogonal;

pub use l1::L1;
pub use l1_l2::L1L2;
pub use l2::L2;
pub use orthogonal::{OrthogonalMode, OrthogonalRegularizer};

/// A penalty on weights that is added to the loss.
pub trait Regularizer: Described {
    /// The penalty, a scalar.
    fn penalty<'g>(&self, weights: Node<'g>) -> Node<'g>;
    /// Checks the settings: for the building of layers.
    ///
    /// # Errors
    /// The first setting that cannot be.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// All regularizers.
pub static REGISTRY: Registry<dyn Regularizer> =
    Registry::new("regularizer", "keras.regularizers", ENTRIES);

static ENTRIES: &[Entry<dyn Regularizer>] =
    &[l1::ENTRY, l2::ENTRY, l1_l2::ENTRY, orthogonal::ENTRY];

family!(Regularizer, REGISTRY);

/// `sum(|w|)`, with the derivative 1 where `w` is 0.
fn sum_of_magnitudes(weights: Node<'_>) -> Node<'_> {
    weights.abs().sum_all()
}
