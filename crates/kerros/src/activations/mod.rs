//! Activation functions: one file each (small kin share one), and the list below.

use kerros_graph::Node;

use crate::object::{Described, Entry, Registry, family};

/// A function that follows a layer's sums.
pub trait Activation: Described {
    /// The name where Keras takes a string, such as `"relu"`.
    fn name(&self) -> &'static str;
    /// Applies it; the shape stays.
    fn call<'g>(&self, x: Node<'g>) -> Node<'g>;
    /// Whether a dense layer's kernel can apply it to its sums as they are made.
    fn is_relu(&self) -> bool {
        false
    }
    /// Whether it is the identity.
    fn is_linear(&self) -> bool {
        false
    }
}

/// All activation functions.
pub static REGISTRY: Registry<dyn Activation> =
    Registry { noun: "activation", module: "keras.activations", entries: ENTRIES };

static ENTRIES: &[Entry<dyn Activation>] = &[];

family!(Activation, REGISTRY);
