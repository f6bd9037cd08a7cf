//! The plan: a list of steps over buffers, cut into regions by barriers.
//!
//! Every thread walks the same list. A step is divided over the threads by rows
//! ([`Split::Rows`]) or belongs to one thread ([`Split::Single`]); each operand says whether
//! a thread touches only its own rows of it ([`Access::Part`]) or all of it. Between two
//! regions stands a barrier: it is needed only where a step reads what other threads wrote.

use std::ops::Range;

use kerros_core::program::Program;
use kerros_core::{Origin, Tensor};
use kerros_graph::ops::{MatMul, ReduceKind};
use kerros_graph::{Op, StateId, Type};

/// The place of a buffer in [`Plan::buffers`].
pub type BufferId = usize;

/// Where a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Home {
    /// In the arena, from this byte on.
    Arena(usize),
    /// A state of the store.
    State(StateId),
    /// A graph input, by its place.
    Input(usize),
    /// A constant, by its place in [`Plan::literals`].
    Literal(usize),
}

/// A value in memory: four bytes per element.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Where it is.
    pub home: Home,
    /// What it holds.
    pub ty: Type,
}

impl Buffer {
    /// The number of elements.
    pub fn len(&self) -> usize {
        self.ty.shape.num_elements()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How much of an operand one thread touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// The elements of its own rows: the buffer is cut into as many equal parts as the step
    /// has rows.
    Part,
    /// All elements.
    Whole,
}

/// A buffer as a step uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operand {
    /// Which buffer.
    pub buffer: BufferId,
    /// How much of it a thread touches.
    pub access: Access,
    /// The first element that is read: for slices.
    pub offset: usize,
}

/// How a step is divided over the threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// By rows: see [`rows_of`].
    Rows(usize),
    /// One thread does it.
    Single,
}

/// The rows of thread `index` of `count`: contiguous, and the same for every step with as
/// many rows.
pub fn rows_of(rows: usize, index: usize, count: usize) -> Range<usize> {
    rows * index / count..rows * (index + 1) / count
}

/// What a step computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kernel {
    /// An elementwise program. Inputs are the reads in order, outputs the writes.
    Map(Program),
    /// `act(a · b + bias)`: reads a, b and maybe bias.
    Gemm {
        /// Products side by side.
        batch: usize,
        /// Rows of the result.
        m: usize,
        /// Columns of the result.
        n: usize,
        /// Length of the contraction.
        k: usize,
        /// Which operands are transposed.
        op: MatMul,
        /// Whether the third read is a bias.
        bias: bool,
        /// Whether `max(x, 0)` follows.
        relu: bool,
    },
    /// A reduction of `[outer, len, inner]` over `len`.
    Reduce {
        /// Which.
        kind: ReduceKind,
        /// Whether the elements are `i32`.
        int: bool,
        /// Positions before.
        outer: usize,
        /// Positions reduced.
        len: usize,
        /// Positions after.
        inner: usize,
    },
    /// The index of the largest or smallest of `[outer, len, inner]` over `len`.
    ArgReduce {
        /// Which.
        kind: ReduceKind,
        /// Positions before.
        outer: usize,
        /// Positions compared.
        len: usize,
        /// Positions after.
        inner: usize,
    },
    /// Softmax, or its logarithm, of each row.
    Softmax {
        /// How many rows.
        rows: usize,
        /// How long they are.
        columns: usize,
        /// Whether the logarithm is taken.
        log: bool,
    },
    /// Cross-entropy of each row of logits.
    SoftmaxCrossEntropy {
        /// How many rows.
        rows: usize,
        /// How many classes.
        columns: usize,
        /// Whether the targets are labels.
        sparse: bool,
    },
    /// The root of the sum of all squares of all reads.
    GlobalNorm,
    /// The reference evaluator: slow and sure.
    Fallback {
        /// What it evaluates.
        op: Op,
        /// As what the reads are taken: a buffer may have been made under another shape, and
        /// hold truth values that are numbers here.
        inputs: Vec<Type>,
    },
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it computes.
    pub kernel: Kernel,
    /// What it reads, in the kernel's order.
    pub reads: Vec<Operand>,
    /// What it writes. A read of the same buffer is done in place.
    pub writes: Vec<Operand>,
    /// How it is divided.
    pub split: Split,
    /// Arithmetic operations, roughly: for deciding how many threads pay.
    pub cost: usize,
    /// Who asked for it.
    pub origin: Origin,
}

/// Steps without a barrier between them.
#[derive(Clone, Debug)]
pub struct Region {
    /// Which steps, in order.
    pub steps: Range<usize>,
    /// Their costs together.
    pub cost: usize,
}

/// A graph made ready to run, for any device.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What it is for.
    pub label: String,
    /// The values.
    pub buffers: Vec<Buffer>,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// The steps cut by barriers.
    pub regions: Vec<Region>,
    /// Constants.
    pub literals: Vec<Tensor>,
    /// The types of the inputs, by place.
    pub inputs: Vec<Type>,
    /// The states used, with their types.
    pub states: Vec<(StateId, Type)>,
    /// The buffers that are handed out, and as what.
    pub outputs: Vec<(BufferId, Type)>,
    /// Bytes of arena.
    pub arena_bytes: usize,
}

impl Plan {
    /// The elements of an operand that rows `range` of `rows` touch.
    pub fn touched(&self, operand: &Operand, rows: usize, range: &Range<usize>) -> Range<usize> {
        let len = self.buffers[operand.buffer].len();
        match operand.access {
            Access::Part => len / rows.max(1) * range.start..len / rows.max(1) * range.end,
            Access::Whole => 0..len,
        }
    }

    /// The costs of all steps together.
    pub fn cost(&self) -> usize {
        self.steps.iter().map(|step| step.cost).sum()
    }
}
