//! Optimizers: one file each, and the list below.

use kerros_core::Shape;
use kerros_graph::Node;

use crate::object::{Described, Entry, Registry, family};

pub mod options;

pub use options::Options;

/// A tensor that an optimizer keeps beside a variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Keras's name for it, such as `"momentum"`.
    pub name: &'static str,
    /// Its shape: most often the variable's.
    pub shape: Shape,
    /// The value of all its elements at the start.
    pub start: f32,
}

/// What is the same for all variables in one step.
#[derive(Clone, Copy, Debug)]
pub struct Step<'g> {
    /// The learning rate of this step, a scalar.
    pub learning_rate: Node<'g>,
    /// The number of steps done before this one, an `f32` scalar.
    pub iterations: Node<'g>,
}

/// The result of an update rule.
#[derive(Clone, Debug)]
pub struct Updated<'g> {
    /// The variable's next value.
    pub variable: Node<'g>,
    /// The slots' next values, in the order of [`Optimizer::slots`].
    pub slots: Vec<Node<'g>>,
}

/// How gradients move variables.
pub trait Optimizer: Described {
    /// The name in configs and files, such as `"adam"`.
    fn name(&self) -> &str;
    /// What all optimizers have: learning rate, clipping, weight decay, averaging.
    fn options(&self) -> &Options;
    /// What it keeps beside a variable of this shape.
    fn slots(&self, variable: &Shape) -> Vec<Slot>;
    /// What it keeps once for all variables (such as Nadam's product of momenta).
    fn shared_slots(&self) -> Vec<Slot> {
        Vec::new()
    }
    /// The next values of the shared slots.
    fn update_shared<'g>(&self, _step: &Step<'g>, _shared: &[Node<'g>]) -> Vec<Node<'g>> {
        Vec::new()
    }
    /// The update rule for one variable; `shared` are the shared slots' values after
    /// [`Optimizer::update_shared`].
    fn update<'g>(
        &self,
        step: &Step<'g>,
        shared: &[Node<'g>],
        variable: Node<'g>,
        gradient: Node<'g>,
        slots: &[Node<'g>],
    ) -> Updated<'g>;
}

/// All optimizers.
pub static REGISTRY: Registry<dyn Optimizer> =
    Registry { noun: "optimizer", module: "keras.optimizers", entries: ENTRIES };

static ENTRIES: &[Entry<dyn Optimizer>] = &[];

family!(Optimizer, REGISTRY);
