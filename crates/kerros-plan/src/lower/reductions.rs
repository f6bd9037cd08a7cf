//! Reductions and running sums along axes.

use kerros_core::{DType, Shape};
use kerros_graph::ops::{ArgReduce, CumSum, Reduce};
use kerros_graph::{NodeId, Type};

use super::heavy::{AxisSizes, Call, Work};
use super::{COST_PER_INSTR, Lowering, rows_of_shape};
use crate::plan::{Access, BufferId, Kernel, Operand, Split};

/// The place of the largest or smallest.
pub(super) fn arg_reduce(arg: &ArgReduce, call: &Call<'_>) -> Work {
    let AxisSizes { outer, len, inner } = call.around(0, arg.axis);
    let kernel = Kernel::ArgReduce { kind: arg.kind, outer, len, inner };
    let split = call.split_of(outer);
    let read = if split == Split::Single { call.whole(0) } else { call.part(0) };
    Work { kernel, reads: vec![read], split, cost: 2 * outer * len * inner }
}

/// Running sums.
pub(super) fn scan(op: &CumSum, call: &Call<'_>) -> Work {
    let AxisSizes { outer, len, inner } = call.around(0, op.axis);
    let kernel = Kernel::Scan { outer, len, inner, reverse: op.reverse };
    let cost = COST_PER_INSTR * outer * len * inner;
    Work { kernel, reads: vec![call.part(0)], split: call.split_of(outer), cost }
}

impl Lowering<'_> {
    /// One step per group of neighbouring axes.
    pub(super) fn reduce(
        &mut self,
        reduce: &Reduce,
        id: NodeId,
        shape: &Shape,
        mut read: BufferId,
    ) {
        let node = self.nodes[id.index()].clone();
        let views = reduce.views(shape);
        for (at, view) in views.iter().enumerate() {
            let last = at + 1 == views.len();
            let ty = match last {
                true => node.ty.clone(),
                false => Type::new(node.ty.dtype, [view.outer, view.inner]),
            };
            let rows = rows_of_shape(&ty.shape);
            let whole_rows = view.outer > 1 && view.outer.is_multiple_of(rows) && rows > 1;
            let columns = view.outer == 1 && view.inner.is_multiple_of(rows) && rows > 1;
            let (access, split) = match (whole_rows, columns) {
                (true, _) => (Access::Part, Split::Rows(rows)),
                (_, true) => (Access::Whole, Split::Rows(rows)),
                _ => (Access::Whole, Split::Single),
            };
            let kernel = Kernel::Reduce {
                kind: reduce.kind,
                int: node.ty.dtype == DType::I32,
                outer: view.outer,
                len: view.len,
                inner: view.inner,
            };
            let buffer = self.new_buffer(ty);
            let cost = COST_PER_INSTR * view.outer * view.len * view.inner;
            let operand = Operand { buffer: read, access };
            self.push_step(kernel, vec![operand], (buffer, split), cost, &node.origin);
            read = buffer;
        }
        self.buffers.insert(id, read);
    }
}
