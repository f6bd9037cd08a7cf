//! Operations with a kernel of their own: one match from operation to what lowers it.

use kerros_core::Shape;
use kerros_graph::{NodeData, NodeId, Op, Type};

use super::{Lowering, contractions, indexed, moves, reductions, rows, rows_of_shape, windows};
use crate::plan::{Access, BufferId, Kernel, Operand, PoolKind, Split};

/// An operation and where its operands are.
pub(super) struct Call<'a> {
    pub node: &'a NodeData,
    /// The operands' types.
    pub inputs: Vec<&'a Type>,
    /// The operands' buffers.
    pub reads: Vec<BufferId>,
}

impl Call<'_> {
    /// The shape of an operand.
    pub fn shape(&self, at: usize) -> &Shape {
        &self.inputs[at].shape
    }

    /// An operand of which a thread reads its own rows.
    pub fn part(&self, at: usize) -> Operand {
        Operand { buffer: self.reads[at], access: Access::Part }
    }

    /// An operand that every thread reads as a whole.
    pub fn whole(&self, at: usize) -> Operand {
        Operand { buffer: self.reads[at], access: Access::Whole }
    }

    /// An operand seen from one of its axes.
    pub fn around(&self, at: usize, axis: usize) -> AxisSizes {
        let shape = self.shape(at);
        AxisSizes {
            outer: shape[..axis].iter().product(),
            len: shape[axis],
            inner: shape[axis + 1..].iter().product(),
        }
    }

    /// How a kernel of `units` independent parts is divided: like the result, if that is even.
    pub fn split_of(&self, units: usize) -> Split {
        let rows = rows_of_shape(&self.node.ty.shape);
        if units.is_multiple_of(rows) && rows > 1 { Split::Rows(rows) } else { Split::Single }
    }
}

/// The positions before, along and after an axis.
#[derive(Clone, Copy)]
pub(super) struct AxisSizes {
    pub outer: usize,
    pub len: usize,
    pub inner: usize,
}

/// The step that computes an operation, but for where the result goes.
pub(super) struct Work {
    pub kernel: Kernel,
    pub reads: Vec<Operand>,
    pub split: Split,
    /// Arithmetic operations, roughly.
    pub cost: usize,
}

impl Lowering<'_> {
    /// The step or steps of one operation.
    pub(super) fn heavy(&mut self, id: NodeId) {
        if self.buffers.contains_key(&id) {
            // A sibling on the same inputs has been computed, and this with it.
            return;
        }
        let nodes = self.nodes;
        let node = &nodes[id.index()];
        // What is scattered to is mostly zeros: these need no memory of their own.
        let spread = match &node.op {
            Op::ScatterAdd(_) => self.spread(node.inputs[0]),
            _ => None,
        };
        let mut operands = node.inputs.clone();
        operands.iter_mut().zip(spread).for_each(|(first, number)| *first = number);
        let reads: Vec<BufferId> = operands.into_iter().map(|input| self.buffer(input)).collect();
        let inputs = node.inputs.iter().map(|&input| &nodes[input.index()].ty).collect();
        let call = Call { node, inputs, reads };
        let work = match &node.op {
            Op::Linear(op) => contractions::linear(op, &call),
            Op::MatMul(op) => contractions::matmul(op, &call),
            Op::Conv(op) => windows::conv(op, &call),
            Op::ConvLinear(op) => windows::conv_linear(op, &call),
            Op::ConvInputGradient(op) => self.conv_input_gradient(op, &call),
            Op::ConvKernelGradient(op) => windows::conv_kernel_gradient(op, &call),
            Op::MaxPool(op) => windows::pool(PoolKind::Max, &op.spec, &call),
            Op::SumPool(op) => windows::pool(PoolKind::Sum, &op.spec, &call),
            Op::MaxPoolGather(op) => windows::pool(PoolKind::MaxGather, &op.spec, &call),
            Op::MaxPoolScatter(op) => windows::max_pool_scatter(&op.spec, &call),
            Op::SumPoolScatter(op) => windows::sum_pool_scatter(op, &call),
            Op::Softmax(_) => rows::softmax(false, &call),
            Op::LogSoftmax(_) => rows::softmax(true, &call),
            Op::SoftmaxCrossEntropy(_) => rows::softmax_cross_entropy(&call),
            Op::GlobalNorm(_) => rows::global_norm(&call),
            Op::ArgReduce(op) => reductions::arg_reduce(op, &call),
            Op::RowNorm(op) => rows::row_norm(op, &call),
            Op::RowNormGradient(op) => rows::row_norm_gradient(op, &call),
            Op::Attention(_) | Op::AttentionGradient(_) => return self.attention(&call),
            Op::Lstm(_)
            | Op::LstmGradient(_)
            | Op::Gru(_)
            | Op::GruGradient(_)
            | Op::SimpleRnn(_)
            | Op::SimpleRnnGradient(_) => return self.recurrent(&call),
            Op::Reduce(op) => return self.reduce(op, id, call.shape(0), call.reads[0]),
            Op::CumSum(op) => reductions::scan(op, &call),
            Op::Sort(op) => rows::sort(op.descending, false, &call),
            Op::ArgSort(op) => rows::sort(op.descending, true, &call),
            Op::Transpose(op) => moves::transpose(op, &call),
            Op::Slice(op) => moves::slice(op, &call),
            Op::Reverse(op) => moves::reverse(op, &call),
            Op::Concat(op) => moves::concat(op, &call),
            Op::Pad(op) => self.pad(op, call),
            Op::Gather(op) => indexed::gather(op, &call),
            Op::ScatterAdd(op) => indexed::scatter_add(op, spread.is_some(), &call),
            _ => fallback(&call),
        };
        let buffer = self.new_buffer(node.ty.clone());
        self.buffers.insert(id, buffer);
        self.push_step(work.kernel, work.reads, (buffer, work.split), work.cost, &node.origin);
    }
}

/// The reference evaluator on one thread.
fn fallback(call: &Call<'_>) -> Work {
    let inputs = call.inputs.iter().map(|&ty| ty.clone()).collect();
    Work {
        kernel: Kernel::Fallback { op: call.node.op.clone(), inputs },
        reads: (0..call.reads.len()).map(|at| call.whole(at)).collect(),
        split: Split::Single,
        cost: 100 * call.node.ty.shape.num_elements(),
    }
}
