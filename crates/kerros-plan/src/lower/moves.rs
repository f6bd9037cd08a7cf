//! Elements moved, never changed: transpositions, slices, joined tensors, zeros around.

use kerros_core::Shape;
use kerros_graph::Type;
use kerros_graph::ops::{Concat, Pad, Reverse, Slice, Transpose};

use super::heavy::{AxisSizes, Call, Work};
use super::{COST_PER_INSTR, Lowering, rows_of_shape};
use crate::plan::{Access, Kernel, Operand, Piece, Split};

/// Axes in another order.
pub(super) fn transpose(op: &Transpose, call: &Call<'_>) -> Work {
    let strides = strides(call);
    strided(op.axes.iter().map(|&axis| strides[axis]).collect(), 0, call)
}

/// A part along an axis.
pub(super) fn slice(op: &Slice, call: &Call<'_>) -> Work {
    let mut strides = strides(call);
    let first = op.start * strides[op.axis] as usize;
    strides[op.axis] *= op.step as isize;
    strided(strides, first, call)
}

/// An axis backwards.
pub(super) fn reverse(op: &Reverse, call: &Call<'_>) -> Work {
    let mut strides = strides(call);
    let AxisSizes { len, inner, .. } = call.around(0, op.axis);
    strides[op.axis] = -strides[op.axis];
    strided(strides, len.saturating_sub(1) * inner, call)
}

fn strides(call: &Call<'_>) -> Vec<isize> {
    call.shape(0).strides().into_iter().map(|stride| stride as isize).collect()
}

/// The operand read with strides, one per axis of the result.
fn strided(strides: Vec<isize>, first: usize, call: &Call<'_>) -> Work {
    let shape = &call.node.ty.shape;
    let access = access(shape, &strides, first, call.shape(0).num_elements());
    let rows = rows_of_shape(shape);
    let kernel = Kernel::Strided { dims: shape.to_vec(), strides, first };
    let split = if rows > 1 { Split::Rows(rows) } else { Split::Single };
    let reads = vec![Operand { buffer: call.reads[0], access }];
    Work { kernel, reads, split, cost: COST_PER_INSTR * shape.num_elements() }
}

/// How much of an operand of so many elements a thread touches that makes its rows of a result
/// by reading with strides: only its own rows where these are the operand's rows too, and
/// nothing else is reached from them.
pub(super) fn access(shape: &Shape, strides: &[isize], first: usize, elements: usize) -> Access {
    let Some(divided) = shape.iter().position(|&dim| dim > 1) else { return Access::Whole };
    let per_row = elements / shape[divided];
    let (mut low, mut high) = (first as isize, first as isize);
    for axis in divided + 1..shape.ndim() {
        let reach = (shape[axis] as isize - 1) * strides[axis];
        (low, high) = (low + reach.min(0), high + reach.max(0));
    }
    let own = elements.is_multiple_of(shape[divided])
        && strides[divided] == per_row as isize
        && low >= 0
        && high < per_row as isize;
    if own { Access::Part } else { Access::Whole }
}

/// Tensors joined along an axis.
pub(super) fn concat(op: &Concat, call: &Call<'_>) -> Work {
    let pieces = (0..call.reads.len())
        .map(|read| {
            let AxisSizes { len, inner, .. } = call.around(read, op.axis);
            Piece::Rows { read, row: len * inner, run: len * inner }
        })
        .collect();
    join(pieces, call.around(0, op.axis).outer, call)
}

/// `outer` rows of pieces of the operands.
fn join(pieces: Vec<Piece>, outer: usize, call: &Call<'_>) -> Work {
    let rows = rows_of_shape(&call.node.ty.shape);
    let (access, split) = match (outer, call.split_of(outer)) {
        // One row of pieces: each thread fills some of it.
        (1, _) if rows > 1 => (Access::Whole, Split::Rows(rows)),
        (_, Split::Single) => (Access::Whole, Split::Single),
        (_, split) => (Access::Part, split),
    };
    let reads = call.reads.iter().map(|&buffer| Operand { buffer, access }).collect();
    let cost = COST_PER_INSTR * call.node.ty.shape.num_elements();
    Work { kernel: Kernel::Join { pieces }, reads, split, cost }
}

impl Lowering<'_> {
    /// Zeros before, after and between the entries of an axis.
    pub(super) fn pad(&mut self, op: &Pad, mut call: Call<'_>) -> Work {
        let AxisSizes { outer, len, inner } = call.around(0, op.axis);
        let mut row = len * inner;
        let run = if len == 0 { 0 } else { ((len - 1) * op.step + 1) * inner };
        if op.step > 1 && len > 1 {
            // Each entry with the zeros that follow it; the last one's are cut off below.
            let pieces = vec![
                Piece::Rows { read: 0, row: inner, run: inner },
                Piece::Zeros((op.step - 1) * inner),
            ];
            row *= op.step;
            let between = self.new_buffer(Type::new(call.node.ty.dtype, [outer * len, row / len]));
            let rows = rows_of_shape(&[outer * len].into());
            let split = if rows > 1 { Split::Rows(rows) } else { Split::Single };
            let cost = COST_PER_INSTR * outer * row;
            let origin = &call.node.origin;
            let kernel = Kernel::Join { pieces };
            self.push_step(kernel, vec![call.part(0)], (between, split), cost, origin);
            call.reads[0] = between;
        }
        let pieces = vec![
            Piece::Zeros(op.low * inner),
            Piece::Rows { read: 0, row, run },
            Piece::Zeros(op.high * inner),
        ];
        join(pieces, outer, &call)
    }
}
