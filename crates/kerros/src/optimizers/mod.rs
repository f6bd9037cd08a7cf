//! Optimizers: one file each, and the list below.
//!
//! An optimizer is an update rule written as graph mathematics. What surrounds the rule for
//! a whole set of variables (clipping, weight decay, averaging ...) is in [`apply`]. Two
//! optimizers stand around others: [`LossScaleOptimizer`] and [`MultiOptimizer`].
//!
//! The formulas keep the order of Keras's operations, because each operation is a rounding;
//! whatever is the same for all elements is computed once, as a scalar. Moments that shrink for
//! ever where the gradient stays 0 end at exactly 0 ([`Node::flush`]), which Keras leaves to
//! chance: no weight notices, but arithmetic on denormals would be slow.

use kerros_core::{DType, Result, Shape};
use kerros_graph::Node;
use serde_json::{Value, json};

use crate::object::{Config, Described, Entry, Registry, family};

pub mod apply;
mod around;
pub mod options;
mod pattern;
mod rule;
pub(crate) mod setting;

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod ftrl;
mod lamb;
mod lion;
mod loss_scale_optimizer;
mod multi_optimizer;
mod muon;
mod nadam;
mod rmsprop;
mod schedule_free_adamw;
mod sgd;

pub use adadelta::Adadelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use apply::{StateGroup, StateSpec, Updater, Updates};
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use lion::Lion;
pub use loss_scale_optimizer::LossScaleOptimizer;
pub use multi_optimizer::{MultiOptimizer, OptimizerMap};
pub use muon::Muon;
pub use nadam::Nadam;
pub use options::Options;
pub use rmsprop::RMSprop;
pub use schedule_free_adamw::ScheduleFreeAdamW;
pub use sgd::SGD;

/// What an optimizer knows of a variable before there are numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Keras's path of it, such as `"sequential/dense/kernel"`.
    pub path: String,
    /// Its shape.
    pub shape: Shape,
}

impl Variable {
    /// A variable with this path and shape.
    pub fn new(path: impl Into<String>, shape: impl Into<Shape>) -> Self {
        Variable { path: path.into(), shape: shape.into() }
    }

    /// The last part of the path, such as `"kernel"`.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// What a state holds before the first step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// All elements this number.
    Filled(f32),
    /// A copy of the variable it stands beside.
    Variable,
}

/// A tensor that an optimizer keeps beside a variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Keras's name for it, such as `"momentum"`.
    pub name: &'static str,
    /// Its shape: most often the variable's.
    pub shape: Shape,
    /// Its element type: most often `f32`.
    pub dtype: DType,
    /// What it holds at the start.
    pub start: Start,
    /// Its place in files: all variables' slots of one group come before those of the next.
    pub group: usize,
}

impl Slot {
    /// A slot of this shape: `f32` zeros at the start, in the first group.
    pub fn new(name: &'static str, shape: impl Into<Shape>) -> Self {
        let (shape, start) = (shape.into(), Start::Filled(0.0));
        Slot { name, shape, dtype: DType::F32, start, group: 0 }
    }

    /// A slot of the variable's shape: `f32` zeros at the start, in the first group.
    pub fn zeros(name: &'static str, variable: &Variable) -> Self {
        Slot::new(name, &variable.shape)
    }

    /// This slot with another start.
    pub fn starting(self, start: Start) -> Self {
        Slot { start, ..self }
    }

    /// This slot in another group.
    pub fn in_group(self, group: usize) -> Self {
        Slot { group, ..self }
    }
}

/// What is the same for all variables in one step.
#[derive(Clone, Debug)]
pub struct Step<'g> {
    /// The learning rate of this step, a scalar.
    pub learning_rate: Node<'g>,
    /// The number of updates done before this one, an `f32` scalar.
    pub iterations: Node<'g>,
    /// The shared slots: before the step in [`Optimizer::update_shared`], after it in
    /// [`Optimizer::update`].
    pub shared: Vec<Node<'g>>,
}

impl<'g> Step<'g> {
    /// `base ^ (iterations + 1)`, a scalar: what is left of the start after this step.
    fn power(&self, base: f64) -> Node<'g> {
        self.iterations.graph().constant(base as f32).pow(self.iterations + 1.0)
    }
}

/// `1 - share`, rounded once: in `f32` throughout, `1 - 0.999` would be off by 1 in 80 000.
fn rest(share: f64) -> f32 {
    (1.0 - share) as f32
}

/// One variable in one step.
#[derive(Clone, Copy, Debug)]
pub struct Moved<'a, 'g> {
    /// What is known of it.
    pub about: &'a Variable,
    /// Its value.
    pub variable: Node<'g>,
    /// d(loss)/d(variable), clipped.
    pub gradient: Node<'g>,
    /// The slots' values, in the order of [`Optimizer::slots`].
    pub slots: &'a [Node<'g>],
}

/// The result of an update rule.
#[derive(Clone, Debug)]
pub struct Updated<'g> {
    /// The variable's next value.
    pub variable: Node<'g>,
    /// The slots' next values, in the order of [`Optimizer::slots`].
    pub slots: Vec<Node<'g>>,
}

/// How an optimizer stands around others.
#[derive(Clone, Copy, Debug)]
pub enum Wraps<'a> {
    /// Around one, scaling the loss.
    Scaled(&'a LossScaleOptimizer),
    /// Around several, each moving some of the variables.
    Several(&'a MultiOptimizer),
}

/// How gradients move variables.
pub trait Optimizer: Described {
    /// What all optimizers have: name, learning rate, clipping, weight decay, averaging.
    fn options(&self) -> &Options;

    /// The name in configs and files, such as `"adam"`.
    fn name(&self) -> &str {
        &self.options().name
    }

    /// Checks the optimizer's own arguments.
    ///
    /// # Errors
    /// An argument out of its range.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Puts a learning rate that was set since into a config of this optimizer.
    fn note_learning_rate(&self, rate: f32, config: &mut Config) {
        config.insert("learning_rate".into(), json!(f64::from(rate)));
    }

    /// The optimizers that do the work, for one that stands around others; such a one has no
    /// slots and no rule of its own.
    fn wraps(&self) -> Option<Wraps<'_>> {
        None
    }

    /// What it keeps beside a variable.
    fn slots(&self, variable: &Variable) -> Vec<Slot>;

    /// The path of a slot in Keras's files.
    fn slot_path(&self, variable: &Variable, slot: &Slot) -> String {
        format!("{}/{}_{}", self.name(), variable.path.replace('/', "_"), slot.name)
    }

    /// What it keeps once for all variables (such as Nadam's product of momenta).
    fn shared_slots(&self) -> Vec<Slot> {
        Vec::new()
    }

    /// The next values of the shared slots.
    fn update_shared<'g>(&self, _step: &Step<'g>) -> Vec<Node<'g>> {
        Vec::new()
    }

    /// The share of this variable that is taken away per step, times the learning rate.
    fn weight_decay_of(&self, _variable: &Variable) -> Option<f64> {
        self.options().weight_decay
    }

    /// The update rule for one variable.
    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g>;
}

/// A serialized optimizer with the loss scale that the one around it imposes.
fn with_loss_scale(mut serialized: Value, imposed: Option<f64>) -> Value {
    serialized["config"]["loss_scale_factor"] = json!(imposed);
    if let Some(map) = serialized["config"].get_mut("optimizer_map") {
        let map = &mut map["config"];
        let impose = |inner: &mut Value| *inner = with_loss_scale(inner.take(), imposed);
        map.get_mut("default_optimizer").into_iter().for_each(impose);
        let others = map.get_mut("optimizer_map").and_then(Value::as_object_mut);
        others.into_iter().flat_map(|all| all.values_mut()).for_each(impose);
    }
    serialized
}

/// All optimizers.
pub static REGISTRY: Registry<dyn Optimizer> =
    Registry::new("optimizer", "keras.optimizers", ENTRIES);

static ENTRIES: &[Entry<dyn Optimizer>] = &[
    SGD::ENTRY,
    Adam::ENTRY,
    AdamW::ENTRY,
    RMSprop::ENTRY,
    Adagrad::ENTRY,
    Adadelta::ENTRY,
    Adamax::ENTRY,
    Nadam::ENTRY,
    Ftrl::ENTRY,
    Lion::ENTRY,
    Lamb::ENTRY,
    Adafactor::ENTRY,
    Muon::ENTRY,
    ScheduleFreeAdamW::ENTRY,
    MultiOptimizer::ENTRY,
    LossScaleOptimizer::ENTRY,
];

family!(Optimizer, REGISTRY);
