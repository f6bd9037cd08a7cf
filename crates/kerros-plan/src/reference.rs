//! The reference device: every graph through the reference evaluator. Slow and sure.

use std::any::Any;

use kerros_core::{Error, ErrorKind, Result, Tensor};
use kerros_graph::decompose::rewrite;
use kerros_graph::eval::evaluate;
use kerros_graph::{Graph, NodeId, StateId, Type};

use crate::device::{CompileOptions, Device, Executable, Feed, StateStore};

/// A device that evaluates graphs by their definition: the oracle of the other devices.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

impl Device for Reference {
    fn name(&self) -> String {
        "reference".into()
    }

    fn new_store(&self) -> Box<dyn StateStore> {
        Box::new(HostStore::default())
    }

    fn compile(
        &self,
        graph: &Graph,
        outputs: &[NodeId],
        _options: &CompileOptions,
    ) -> Result<Box<dyn Executable>> {
        graph.check()?;
        let inputs = graph.inputs().into_iter().map(|(_, _, ty)| ty).collect();
        // The executable keeps a copy that holds just what is needed, inputs included.
        let updates = graph.updates();
        let mut roots = outputs.to_vec();
        roots.extend(updates.iter().map(|(_, value)| *value));
        let targets = updates
            .iter()
            .map(|(state, _)| match &graph.nodes()[state.index()].op {
                kerros_graph::Op::State(state) => StateId(state.id),
                _ => unreachable!("only states are updated"),
            })
            .collect();
        let (graph, roots) = rewrite(graph, &roots, |_, _| None)?;
        Ok(Box::new(Evaluated {
            graph,
            roots,
            num_outputs: outputs.len(),
            targets,
            inputs,
            values: Vec::new(),
        }))
    }
}

/// States as host tensors.
#[derive(Default)]
struct HostStore {
    states: Vec<Tensor>,
}

impl StateStore for HostStore {
    fn declare(&mut self, ty: &Type) -> StateId {
        self.states.push(Tensor::zeros(&ty.shape, ty.dtype));
        StateId(self.states.len() as u32 - 1)
    }

    fn len(&self) -> usize {
        self.states.len()
    }

    fn read(&self, id: StateId) -> Result<Tensor> {
        self.states.get(id.0 as usize).cloned().ok_or_else(|| unknown_state(id))
    }

    fn write(&mut self, id: StateId, value: &Tensor) -> Result<()> {
        let state = self.states.get_mut(id.0 as usize).ok_or_else(|| unknown_state(id))?;
        check_value(state.shape(), state.dtype(), value)?;
        *state = value.clone();
        Ok(())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// The error for a state that was never declared.
pub fn unknown_state(id: StateId) -> Error {
    Error::new(ErrorKind::Internal, format!("state {} was never declared", id.0))
}

/// Checks that a value has the type of the state it is written to.
///
/// # Errors
/// [`ErrorKind::Shape`] with both types.
pub fn check_value(
    shape: &kerros_core::Shape,
    dtype: kerros_core::DType,
    value: &Tensor,
) -> Result<()> {
    if value.shape() == shape && value.dtype() == dtype {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Shape,
        format!("a value of type {}{} was given", value.dtype(), value.shape()),
    )
    .expected(format!("{dtype}{shape}")))
}

struct Evaluated {
    graph: Graph,
    roots: Vec<NodeId>,
    num_outputs: usize,
    targets: Vec<StateId>,
    inputs: Vec<Type>,
    values: Vec<Tensor>,
}

// The graph is built once and only read afterwards, by one thread at a time.
impl Executable for Evaluated {
    fn run(&mut self, store: &mut dyn StateStore, feeds: &[Feed<'_>]) -> Result<()> {
        if feeds.len() != self.inputs.len() {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("{} feeds were given", feeds.len()),
            )
            .expected(format!("{}", self.inputs.len())));
        }
        let inputs = feeds
            .iter()
            .zip(&self.inputs)
            .map(|(feed, ty)| {
                let tensor = match *feed {
                    Feed::Whole(tensor) => tensor.clone(),
                    Feed::From { tensor, start } => {
                        let rows = ty.shape.first().copied().unwrap_or(0);
                        tensor.slice_rows(start..start + rows)?
                    }
                    Feed::Rows { tensor, rows } => tensor.take_rows(rows)?,
                };
                check_value(&ty.shape, ty.dtype, &tensor)?;
                Ok(tensor)
            })
            .collect::<Result<Vec<_>>>()?;
        let states = (0..store.len() as u32)
            .map(|id| store.read(StateId(id)).map(|value| (StateId(id), value)))
            .collect::<Result<Vec<_>>>()?;
        let roots: Vec<_> = self.roots.iter().map(|&id| self.graph.node(id)).collect();
        self.values = evaluate::<f32>(&self.graph, &roots, &inputs, &states)?;
        for (id, value) in self.targets.iter().zip(&self.values[self.num_outputs..]) {
            store.write(*id, value)?;
        }
        Ok(())
    }

    fn output(&self, index: usize) -> Result<Tensor> {
        let value = self.values[..self.num_outputs.min(self.values.len())].get(index).cloned();
        value.ok_or_else(|| Error::new(ErrorKind::Argument, format!("no output {index} yet")))
    }

    fn explain(&self) -> String {
        kerros_graph::text::print(&self.graph)
    }
}
