//! The interface of a device: stores for states, and compiled executables.

use std::any::Any;

use kerros_core::{Result, Tensor};
use kerros_graph::{Graph, NodeId, StateId, Type};

use crate::chunks::ChunkLimits;

/// A place where graphs run.
pub trait Device: Send + Sync {
    /// Its name in reports, such as `cpu (avx512, 2 threads)`.
    fn name(&self) -> String;

    /// A store for the states of a model. States are added with [`StateStore::declare`].
    fn new_store(&self) -> Box<dyn StateStore>;

    /// Prepares a graph for running: `outputs` are what [`Executable::output`] gives, and
    /// the graph's updates are carried out by each run.
    ///
    /// # Errors
    /// A mistake in the graph.
    fn compile(
        &self,
        graph: &Graph,
        outputs: &[NodeId],
        options: &CompileOptions,
    ) -> Result<Box<dyn Executable>>;
}

/// How to compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileOptions {
    /// Whether to group elementwise operations and use kernels for composites. Results are
    /// the same bits either way.
    pub fuse: bool,
    /// What the plan is for, in reports: `train`, `evaluate`, `predict`.
    pub label: String,
    /// When sums over the rows of a batch are cut into chunks, each with the thread whose rows they
    /// are; never where nothing is said. Results are the same bits either way.
    pub chunks: Option<ChunkLimits>,
    /// Whether to measure the time of each step, for [`Executable::explain`].
    pub measure: bool,
}

impl Default for CompileOptions {
    fn default() -> Self {
        CompileOptions { fuse: true, label: String::new(), chunks: None, measure: false }
    }
}

/// The states of a model, kept where the device computes: shared by all its executables.
pub trait StateStore: Send {
    /// Makes room for state `id` (the next unused number), holding zeros.
    fn declare(&mut self, ty: &Type) -> StateId;
    /// The number of states.
    fn len(&self) -> usize;
    /// Whether there are no states.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// A copy of a state. The id must have been declared.
    ///
    /// # Errors
    /// An unknown id.
    fn read(&self, id: StateId) -> Result<Tensor>;
    /// Sets a state.
    ///
    /// # Errors
    /// An unknown id, or a value of another type.
    fn write(&mut self, id: StateId, value: &Tensor) -> Result<()>;
    /// For the device that made it.
    fn as_any(&mut self) -> &mut dyn Any;
}

/// The value of one graph input for one run. Its dtype is the input's.
#[derive(Clone, Copy, Debug)]
pub enum Feed<'a> {
    /// The whole tensor.
    Whole(&'a Tensor),
    /// The rows (entries of axis 0) from `start` on, as many as the input has.
    From {
        /// Where the rows are.
        tensor: &'a Tensor,
        /// The first row.
        start: usize,
    },
    /// These rows, in this order.
    Rows {
        /// Where the rows are.
        tensor: &'a Tensor,
        /// Which rows.
        rows: &'a [u32],
    },
}

/// A prepared graph.
pub trait Executable: Send {
    /// Computes the outputs and carries out the updates.
    ///
    /// # Errors
    /// A feed whose shape or dtype is not the input's, or rows out of range; nothing has
    /// been updated then.
    fn run(&mut self, store: &mut dyn StateStore, feeds: &[Feed<'_>]) -> Result<()>;

    /// A copy of output `index` of the last run.
    ///
    /// # Errors
    /// No such output.
    fn output(&self, index: usize) -> Result<Tensor>;

    /// What runs, step by step: kernels or fallbacks, layers, bytes, and times once measured.
    fn explain(&self) -> String;
}
