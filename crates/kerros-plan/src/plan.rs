//! The plan: a list of steps over buffers, cut into regions by barriers.
//!
//! Every thread walks the same list. A step is divided over the threads by rows
//! ([`Split::Rows`], [`Split::Chunks`]) or belongs to one thread ([`Split::Single`]); each operand says whether
//! a thread touches only its own rows of it ([`Access::Part`]) or all of it. Between two
//! regions stands a barrier: it is needed only where a step reads what other threads wrote.

use std::ops::Range;

use kerros_core::law::window::{ConvSizes, PoolSizes};
use kerros_core::program::Program;
use kerros_core::{Origin, Tensor};
use kerros_graph::ops::{MatMul, ReduceKind};
use kerros_graph::{Op, StateId, Type};

use crate::attention::Attention;
use crate::recurrent::Recurrent;

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
}

/// How a step is divided over the threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// By rows: see [`rows_of`].
    Rows(usize),
    /// By chunks of as many rows each, as a sum over all rows is cut: see [`crate::chunks`].
    Chunks {
        /// How many rows.
        rows: usize,
        /// How many chunks.
        chunks: usize,
    },
    /// One thread does it.
    Single,
}

impl Split {
    /// How many rows there are; 1 where one thread does it.
    pub fn rows(self) -> usize {
        match self {
            Split::Rows(rows) | Split::Chunks { rows, .. } => rows,
            Split::Single => 1,
        }
    }

    /// The rows of thread `index` of `count`.
    pub fn own(self, index: usize, count: usize) -> Range<usize> {
        match self {
            Split::Rows(rows) => rows_of(rows, index, count),
            Split::Chunks { rows, chunks } => {
                let own = rows_of(chunks, index, count);
                rows / chunks * own.start..rows / chunks * own.end
            }
            Split::Single if index == 0 => 0..1,
            Split::Single => 0..0,
        }
    }
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
    /// `act(a · b + bias)`, then 0 where a gate is 0 or less: reads a, b, maybe bias and maybe
    /// a gate.
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
        /// Whether the last read is a gate.
        gate: bool,
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
    /// `aᵀ · b` of each chunk of rows, as the law of contractions cuts them: reads
    /// `a: [rows, m]` and `b: [rows, n]`, writes `[chunks, m, n]`.
    ChunkProducts {
        /// How many rows.
        rows: usize,
        /// Columns of a.
        m: usize,
        /// Columns of b.
        n: usize,
    },
    /// `a · b` of each chunk of the contraction, as its law cuts it: reads `a: [m, k]` and
    /// `b: [k, n]`, writes `[chunks, m, n]`. Divided by chunks of rows of b.
    PartProducts {
        /// Rows of a.
        m: usize,
        /// Columns of b.
        n: usize,
        /// Length of the contraction.
        k: usize,
        /// How many chunks it is cut into.
        chunks: usize,
    },
    /// The sum of each piece of rows, as the law of reductions cuts them: reads `[rows, inner]`,
    /// writes `[pieces, inner]`. Each row that the step is divided by is one of these, or several
    /// pieces.
    PieceSums {
        /// How many rows.
        rows: usize,
        /// Columns.
        inner: usize,
    },
    /// The sum of parts, and the bias and activation of a layer after it: reads `[parts, len]` and
    /// maybe a bias, writes `[len]`.
    Combine {
        /// How many parts.
        parts: usize,
        /// How long they are.
        len: usize,
        /// How they are added.
        order: Order,
        /// Whether the second read is a bias of rows.
        bias: bool,
        /// Whether `max(x, 0)` follows.
        relu: bool,
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
    /// Running sums along `len` of `[outer, len, inner]`.
    Scan {
        /// Positions before.
        outer: usize,
        /// Positions summed.
        len: usize,
        /// Positions after.
        inner: usize,
        /// Whether the sums begin at the end.
        reverse: bool,
    },
    /// Each row sorted, or the indices that sort it.
    Sort {
        /// How long the rows are.
        len: usize,
        /// Whether the largest comes first.
        descending: bool,
        /// Whether the indices are asked for.
        indices: bool,
    },
    /// Elements read with strides: element `i, j, ..` of a result with axes `dims` is element
    /// `first + i·strides[0] + j·strides[1] + ..` of what is read.
    Strided {
        /// The lengths of the result's axes.
        dims: Vec<usize>,
        /// Elements to skip per step along each.
        strides: Vec<isize>,
        /// The element that element 0 is.
        first: usize,
    },
    /// Rows of pieces end to end.
    Join {
        /// The pieces of a row.
        pieces: Vec<Piece>,
    },
    /// Entries along `len` of `[outer, len, inner]` by index: reads values and indices.
    Gather {
        /// Positions before.
        outer: usize,
        /// Positions to choose from.
        len: usize,
        /// Positions after.
        inner: usize,
        /// The bits of what an index outside gives.
        outside: u32,
    },
    /// Entries added along `len` of `[outer, len, inner]` where indices say: reads what they
    /// are added to, indices and updates.
    ScatterAdd {
        /// Positions before.
        outer: usize,
        /// Positions to choose from.
        len: usize,
        /// Positions after.
        inner: usize,
        /// Whether the elements are `i32`.
        int: bool,
        /// Whether what they are added to is one number, spread.
        spread: bool,
    },
    /// Each row brought to one size: reads the rows and, where there are, a scale and a shift.
    RowNorm {
        /// How long the rows are.
        columns: usize,
        /// Whether the mean is taken away first.
        centred: bool,
        /// Added to the mean of squares.
        epsilon: f32,
        /// Whether there is a scale.
        scaled: bool,
        /// Whether there is a shift.
        shifted: bool,
    },
    /// The derivative of [`Kernel::RowNorm`] with respect to the rows: reads the rows, what
    /// flows back, and maybe a scale.
    RowNormGradient {
        /// How long the rows are.
        columns: usize,
        /// Whether the mean was taken away.
        centred: bool,
        /// Added to the mean of squares.
        epsilon: f32,
        /// Whether there is a scale.
        scaled: bool,
    },
    /// Attention, or its derivative.
    Attention(Attention),
    /// `act(conv(x, kernel) + bias)`: reads x, the kernel and maybe a bias.
    Conv {
        /// The sizes.
        sizes: ConvSizes,
        /// Whether the third read is a bias.
        bias: bool,
        /// Whether `max(x, 0)` follows.
        relu: bool,
    },
    /// A kernel packed as [`Kernel::ConvInputGradient`] reads it, tap by tap.
    PackKernel {
        /// The sizes of the convolution.
        sizes: ConvSizes,
    },
    /// The derivative of a convolution with respect to its input: reads dy and the packed
    /// kernel.
    ConvInputGradient {
        /// The sizes of the convolution.
        sizes: ConvSizes,
    },
    /// The derivative of a convolution with respect to its kernel, as `[taps * inputs, out]`:
    /// reads x and dy.
    ConvKernelGradient {
        /// The sizes of the convolution.
        sizes: ConvSizes,
    },
    /// Pooling, or its derivatives.
    Pool {
        /// Which.
        kind: PoolKind,
        /// The sizes of the pooling.
        sizes: PoolSizes,
    },
    /// A recurrent layer over whole sequences, or its derivative.
    Recurrent(Recurrent),
    /// The reference evaluator: slow and sure.
    Fallback {
        /// What it evaluates.
        op: Op,
        /// As what the reads are taken: a buffer may have been made under another shape, and
        /// hold truth values that are numbers here.
        inputs: Vec<Type>,
    },
}

/// In which order parts of sums are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One after the other: the law of contractions.
    InTurn,
    /// As a tree: the law of reductions.
    Tree,
}

/// What is made of the windows of a [`Kernel::Pool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// The largest element: reads x.
    Max,
    /// The sum: reads x.
    Sum,
    /// The value at the place of the largest: reads x and values.
    MaxGather,
    /// What is given to the place of the largest: reads x and dy.
    MaxScatter,
    /// What is given to all places: reads dy.
    SumScatter,
}

/// A piece of every row of a [`Kernel::Join`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// So many zeros.
    Zeros(usize),
    /// The first `run` elements of each row of a read.
    Rows {
        /// Which read.
        read: usize,
        /// The length of its rows.
        row: usize,
        /// How much is taken.
        run: usize,
    },
}

impl Piece {
    /// The number of elements per row.
    pub const fn len(self) -> usize {
        match self {
            Piece::Zeros(len) | Piece::Rows { run: len, .. } => len,
        }
    }

    /// Whether it adds nothing.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
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
    /// The elements of an operand that some rows of a step touch; whole chunks of them.
    pub fn touched(&self, operand: &Operand, split: Split, rows: &Range<usize>) -> Range<usize> {
        let len = self.buffers[operand.buffer].len();
        // A buffer of sums of chunks may have less than an element for each row.
        let of = |row: usize| match split {
            Split::Chunks { rows, chunks } => len / chunks * (row / (rows / chunks)),
            _ => len / split.rows().max(1) * row,
        };
        match operand.access {
            Access::Part => of(rows.start)..of(rows.end),
            Access::Whole => 0..len,
        }
    }

    /// The costs of all steps together.
    pub fn cost(&self) -> usize {
        self.steps.iter().map(|step| step.cost).sum()
    }
}
