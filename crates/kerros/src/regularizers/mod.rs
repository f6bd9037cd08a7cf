//! Regularizers: one file each, and the list below.

use kerros_graph::Node;

use crate::object::{Described, Entry, Registry, family};

/// A penalty on weights that is added to the loss.
pub trait Regularizer: Described {
    /// The penalty, a scalar.
    fn penalty<'g>(&self, weights: Node<'g>) -> Node<'g>;
}

/// All regularizers.
pub static REGISTRY: Registry<dyn Regularizer> =
    Registry { noun: "regularizer", module: "keras.regularizers", entries: ENTRIES };

static ENTRIES: &[Entry<dyn Regularizer>] = &[];

family!(Regularizer, REGISTRY);
