//! Functions of whole rows, and the norm over all tensors.

use kerros_core::DType;
use kerros_graph::ops::{RowNorm, RowNormGradient};

use super::heavy::{Call, Work};
use crate::plan::{Kernel, Split};

/// Softmax, or its logarithm.
pub(super) fn softmax(log: bool, call: &Call<'_>) -> Work {
    let columns = call.node.ty.shape.last();
    let rows = call.node.ty.shape.num_elements() / columns.max(1);
    let kernel = Kernel::Softmax { rows, columns, log };
    Work {
        kernel,
        reads: vec![call.part(0)],
        split: call.split_of(rows),
        cost: 30 * rows * columns,
    }
}

/// Cross-entropy of logits, with labels or target rows.
pub(super) fn softmax_cross_entropy(call: &Call<'_>) -> Work {
    let columns = call.shape(0).last();
    let rows = call.node.ty.shape.num_elements();
    let sparse = call.inputs[1].dtype == DType::I32;
    let kernel = Kernel::SoftmaxCrossEntropy { rows, columns, sparse };
    let reads = vec![call.part(0), call.part(1)];
    Work { kernel, reads, split: call.split_of(rows), cost: 30 * rows * columns }
}

/// Rows sorted, or the indices that sort them.
pub(super) fn sort(descending: bool, indices: bool, call: &Call<'_>) -> Work {
    let len = call.shape(0).last();
    let elements = call.shape(0).num_elements();
    let kernel = Kernel::Sort { len, descending, indices };
    let split = call.split_of(elements / len.max(1));
    // About 5 operations per comparison.
    let cost = 5 * elements * (len.max(1).ilog2() as usize + 1);
    Work { kernel, reads: vec![call.part(0)], split, cost }
}

/// Rows brought to one size.
pub(super) fn row_norm(op: &RowNorm, call: &Call<'_>) -> Work {
    let (columns, rows) = rows_of(call);
    let (centred, epsilon) = (op.centred, op.epsilon.get());
    let (scaled, shifted) = (op.scaled, op.shifted);
    let mut reads = vec![call.part(0)];
    reads.extend((1..call.reads.len()).map(|at| call.whole(at)));
    let kernel = Kernel::RowNorm { columns, centred, epsilon, scaled, shifted };
    Work { kernel, reads, split: call.split_of(rows), cost: 8 * rows * columns }
}

/// The derivative of that with respect to the rows.
pub(super) fn row_norm_gradient(op: &RowNormGradient, call: &Call<'_>) -> Work {
    let (columns, rows) = rows_of(call);
    let (centred, epsilon, scaled) = (op.centred, op.epsilon.get(), op.scaled);
    let mut reads = vec![call.part(0), call.part(1)];
    reads.extend((2..call.reads.len()).map(|at| call.whole(at)));
    let kernel = Kernel::RowNormGradient { columns, centred, epsilon, scaled };
    Work { kernel, reads, split: call.split_of(rows), cost: 16 * rows * columns }
}

/// The length of the result's rows, and how many there are.
fn rows_of(call: &Call<'_>) -> (usize, usize) {
    let columns = call.node.ty.shape.last();
    (columns, call.node.ty.shape.num_elements() / columns.max(1))
}

/// The length of all tensors together.
pub(super) fn global_norm(call: &Call<'_>) -> Work {
    let cost = call.inputs.iter().map(|ty| 2 * ty.shape.num_elements()).sum();
    let reads = (0..call.reads.len()).map(|at| call.whole(at)).collect();
    Work { kernel: Kernel::GlobalNorm, reads, split: Split::Single, cost }
}
