//! Custom training: variables and functions traced from ordinary graph mathematics.

use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::{Graph, Node, StateId, Type};
use kerros_plan::{CompileOptions, Device, Executable, Feed, StateStore};

use crate::device::default_device;
use crate::layers::Weight;
use crate::model::Model;

/// Variables on a device, for training steps written by hand.
///
/// # Example
/// One weight descends to the minimum of `(w - 3)^2`:
/// ```
/// use kerros::graph::grad;
/// use kerros::{Tensor, Variables};
/// let mut variables = Variables::new();
/// let w = variables.declare("w", &Tensor::scalar(0.0f32))?;
/// let mut descend = variables.function(|graph| {
///     let w = w.node(graph);
///     let loss = (w - 3.0).square();
///     let dw = grad(loss, &[w])?[0];
///     graph.assign(w, w - dw * 0.25);
///     Ok(vec![loss])
/// })?;
/// for _ in 0..20 {
///     descend.run(&mut variables, &[])?;
/// }
/// let found = variables.read(&w)?.as_slice::<f32>()?[0];
/// assert!((found - 3.0).abs() < 1e-5);
/// # Ok::<(), kerros::Error>(())
/// ```
pub struct Variables {
    device: Arc<dyn Device>,
    store: Box<dyn StateStore>,
}

/// The handle of a variable of [`Variables`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    id: StateId,
    name: String,
    ty: Type,
}

impl Variable {
    /// The variable's value in a graph; give it another with [`Graph::assign`].
    pub fn node<'g>(&self, graph: &'g Graph) -> Node<'g> {
        graph.state(self.id, &self.name, &self.ty.shape, self.ty.dtype)
    }

    /// A weight of a model as a variable.
    pub(super) fn of_weight(id: StateId, path: &str, weight: &Weight) -> Self {
        Variable { id, name: path.into(), ty: Type::new(weight.dtype(), &weight.shape) }
    }

    /// Its place in the store.
    pub(super) fn id(&self) -> StateId {
        self.id
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.ty.shape
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Variables {
    /// No variables yet, on the default device.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Variables::on(default_device())
    }

    /// No variables yet, on this device.
    pub fn on(device: Arc<dyn Device>) -> Self {
        let store = device.new_store();
        Variables { device, store }
    }

    /// Where the values are.
    pub(super) fn store(&mut self) -> &mut dyn StateStore {
        &mut *self.store
    }

    /// Adds a variable that starts at this value: `f32`, `i32` or `bool`.
    ///
    /// # Errors
    /// A value of a type that graphs do not compute with.
    pub fn declare(&mut self, name: &str, value: &Tensor) -> Result<Variable> {
        let value = computable(value);
        let ty = Type::new(value.dtype(), value.shape());
        let id = self.store.declare(&ty);
        self.store.write(id, &value)?;
        Ok(Variable { id, name: name.into(), ty })
    }

    /// The value of a variable.
    ///
    /// # Errors
    /// A variable of other [`Variables`].
    pub fn read(&self, variable: &Variable) -> Result<Tensor> {
        self.store.read(variable.id)
    }

    /// Sets a variable.
    ///
    /// # Errors
    /// A value of another shape; a variable of other [`Variables`].
    pub fn write(&mut self, variable: &Variable, value: &Tensor) -> Result<()> {
        self.store.write(variable.id, &computable(value))
    }

    /// Traces a function: `build` makes the graph, with its inputs and assignments, and gives
    /// the outputs.
    ///
    /// # Errors
    /// A mistake in the graph, with the line that made it.
    pub fn function(
        &self,
        build: impl for<'g> FnOnce(&'g Graph) -> Result<Vec<Node<'g>>>,
    ) -> Result<Function> {
        Function::trace(&*self.device, build)
    }
}

/// Wider numbers as those that graphs compute with.
pub(crate) fn computable(value: &Tensor) -> Tensor {
    match value.dtype() {
        kerros_core::DType::I32 | kerros_core::DType::Bool => value.clone(),
        _ => value.to_f32(),
    }
}

/// A traced function: runs as one prepared graph.
pub struct Function {
    executable: Box<dyn Executable>,
    inputs: Vec<(String, Type)>,
}

impl Function {
    fn trace(
        device: &dyn Device,
        build: impl for<'g> FnOnce(&'g Graph) -> Result<Vec<Node<'g>>>,
    ) -> Result<Self> {
        let graph = Graph::new();
        let outputs = build(&graph)?;
        graph.check()?;
        let outputs: Vec<_> = outputs.iter().map(|node| node.id()).collect();
        let options = CompileOptions { label: "function".into(), ..CompileOptions::default() };
        let inputs = graph.inputs().into_iter().map(|(_, name, ty)| (name.to_string(), ty));
        let inputs = inputs.collect();
        Ok(Function { executable: device.compile(&graph, &outputs, &options)?, inputs })
    }

    /// Runs with these inputs, in the order in which the graph declared them.
    ///
    /// # Errors
    /// An input that is missing, or of another shape or element type.
    pub fn run(&mut self, variables: &mut Variables, inputs: &[&Tensor]) -> Result<()> {
        self.run_in(&mut *variables.store, inputs)
    }

    /// As [`Function::run`], on the weights of a model (see [`Model::function`]).
    ///
    /// # Errors
    /// As [`Function::run`]; a model that is not built.
    pub fn run_on(&mut self, model: &mut Model, inputs: &[&Tensor]) -> Result<()> {
        self.run_in(&mut *model.states()?.store, inputs)
    }

    fn run_in(&mut self, store: &mut dyn StateStore, inputs: &[&Tensor]) -> Result<()> {
        if inputs.len() != self.inputs.len() {
            let names: Vec<String> =
                self.inputs.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
            return Err(Error::new(
                ErrorKind::Argument,
                format!("{} inputs were given", inputs.len()),
            )
            .expected(names.join(", ")));
        }
        let feeds: Vec<Feed<'_>> = inputs.iter().map(|tensor| Feed::Whole(tensor)).collect();
        for (tensor, (name, ty)) in inputs.iter().zip(&self.inputs) {
            if tensor.shape() != &ty.shape || tensor.dtype() != ty.dtype {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("input `{name}` is {}{}", tensor.dtype(), tensor.shape()),
                )
                .expected(ty.to_string()));
            }
        }
        self.executable.run(store, &feeds)
    }

    /// Output `index` of the last run.
    ///
    /// # Errors
    /// No such output, or no run yet.
    pub fn output(&self, index: usize) -> Result<Tensor> {
        self.executable.output(index)
    }

    /// What runs, step by step.
    pub fn explain(&self) -> String {
        self.executable.explain()
    }
}

impl Model {
    /// Traces a training step of your own on the model's weights: build the model into the
    /// graph with [`Model::call`], differentiate with [`kerros_graph::grad()`], assign the
    /// weights' nodes. Run it with [`Function::run_on`].
    ///
    /// # Errors
    /// A mistake in the graph, with the line that made it.
    pub fn function(
        &self,
        build: impl for<'g> FnOnce(&'g Graph) -> Result<Vec<Node<'g>>>,
    ) -> Result<Function> {
        Function::trace(&*self.device, build)
    }
}
