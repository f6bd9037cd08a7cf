//! The device for the host: an arena, a team of threads, and one match from kernel kind to
//! kernel.
//!
//! Read `executable` (how threads walk a plan), then `work` (one step on one thread).

mod attention;
mod executable;
mod groups;
mod inputs;
mod memory;
mod recurrent;
mod store;
pub mod team;
mod work;

use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::{Graph, NodeData, NodeId, Op};
use kerros_kernels::{Isa, l2_bytes};
use kerros_plan::{ChunkLimits, CompileOptions, Device, Executable, StateStore, compile};

use crate::executable::CpuExecutable;
use crate::store::CpuStore;
use crate::team::{Team, TeamOptions};

/// Arithmetic operations that each thread must have for a further one to pay: forking and
/// meeting cost about as much as this many (0.3 MFLOP loses, 3 MFLOP gains on two threads).
const COST_PER_THREAD: usize = 600_000;

/// How to use the host.
#[derive(Clone, Debug, Default)]
pub struct CpuOptions {
    /// Threads at most. Default: as many as this process may use.
    pub threads: Option<usize>,
    /// The instruction set: `scalar`, `avx2` or `avx512`. Default: the best there is.
    pub isa: Option<String>,
    /// Whether to use all threads however little there is to do: for tests.
    pub always_parallel: bool,
    /// How much the rows may touch that a thread takes through several steps at a time. Default:
    /// half of the second-level cache; small for tests.
    pub block_bytes: Option<usize>,
}

/// The host as a device. Clones share their threads.
///
/// Results are the same bits for any number of threads and any instruction set.
#[derive(Clone)]
pub struct Cpu {
    isa: Isa,
    team: Arc<Team>,
    always_parallel: bool,
    block_bytes: usize,
}

impl Cpu {
    /// The host with its best instruction set and as many threads as this process may use.
    ///
    /// # Errors
    /// As [`Cpu::with`].
    pub fn new() -> Result<Self> {
        Cpu::with(&CpuOptions::default())
    }

    /// The host used in a chosen way.
    ///
    /// # Errors
    /// An instruction set that is unknown or that this machine lacks; an impossible number
    /// of threads.
    pub fn with(options: &CpuOptions) -> Result<Self> {
        let isa = options.isa.as_deref().map_or(Ok(Isa::detect()), Isa::named)?;
        let team = Team::new(TeamOptions { threads: options.threads })?;
        Ok(Cpu {
            isa,
            team: Arc::new(team),
            always_parallel: options.always_parallel,
            block_bytes: options.block_bytes.unwrap_or(l2_bytes() / 2),
        })
    }

    fn describe(&self) -> String {
        let threads = self.team.num_threads();
        let plural = if threads == 1 { "" } else { "s" };
        format!("cpu ({}, {threads} thread{plural})", self.isa.level().name())
    }

    fn threads_for(&self, cost: usize) -> usize {
        if self.always_parallel {
            return self.team.num_threads();
        }
        match cost / COST_PER_THREAD {
            0 | 1 => 1,
            worth => worth.min(self.team.advised_threads()),
        }
    }
}

/// The composites that the kernels compute as a whole.
fn has_kernel(node: &NodeData) -> bool {
    matches!(
        node.op,
        Op::Linear(_)
            | Op::ConvLinear(_)
            | Op::Softmax(_)
            | Op::LogSoftmax(_)
            | Op::SoftmaxCrossEntropy(_)
            | Op::GlobalNorm(_)
            | Op::RowNorm(_)
            | Op::RowNormGradient(_)
            | Op::Attention(_)
            | Op::AttentionGradient(_)
    ) || recurrent::has_kernel(&node.op)
}

impl Device for Cpu {
    fn name(&self) -> String {
        self.describe()
    }

    fn new_store(&self) -> Box<dyn StateStore> {
        Box::new(CpuStore::default())
    }

    fn compile(
        &self,
        graph: &Graph,
        outputs: &[NodeId],
        options: &CompileOptions,
    ) -> Result<Box<dyn Executable>> {
        let threads = self.team.num_threads();
        let limits = ChunkLimits { threads, bytes: l2_bytes() };
        let chunks = options.chunks.or(Some(limits));
        let options = CompileOptions { chunks, ..options.clone() };
        let plan = compile(graph, outputs, &options, has_kernel)?;
        Ok(Box::new(CpuExecutable::new(self.clone(), plan, options.measure)?))
    }
}
