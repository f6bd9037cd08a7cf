//! Entries of an axis by index: picked, or added to.

use kerros_core::DType;
use kerros_graph::ops::{Gather, ScatterAdd};

use super::COST_PER_INSTR;
use super::heavy::{AxisSizes, Call, Work};
use crate::plan::{Kernel, Split};

/// Entries picked by index.
pub(super) fn gather(op: &Gather, call: &Call<'_>) -> Work {
    let AxisSizes { outer, len, inner } = call.around(0, op.axis);
    let float = call.node.ty.dtype == DType::F32;
    let outside = if float { op.outside.value().to_bits() } else { 0 };
    let kernel = Kernel::Gather { outer, len, inner, outside };
    let picked = call.shape(1).num_elements();
    let (reads, split) = match outer {
        // Each thread picks by some of the indices.
        1 => match call.split_of(picked) {
            Split::Single => (vec![call.whole(0), call.whole(1)], Split::Single),
            split => (vec![call.whole(0), call.part(1)], split),
        },
        _ => match call.split_of(outer) {
            Split::Single => (vec![call.whole(0), call.whole(1)], Split::Single),
            split => (vec![call.part(0), call.whole(1)], split),
        },
    };
    Work { kernel, reads, split, cost: COST_PER_INSTR * outer * picked * inner }
}

/// Entries added where indices say: every thread reads all indices, and adds to its own rows.
/// With `spread` what they are added to is one number.
pub(super) fn scatter_add(op: &ScatterAdd, spread: bool, call: &Call<'_>) -> Work {
    let AxisSizes { outer, len, inner } = call.around(0, op.axis);
    let int = call.node.ty.dtype == DType::I32;
    let split = call.split_of(if outer == 1 { len } else { outer });
    let own = |at: usize| if split == Split::Single { call.whole(at) } else { call.part(at) };
    let base = if spread { call.whole(0) } else { own(0) };
    let updates = if outer == 1 { call.whole(2) } else { own(2) };
    let kernel = Kernel::ScatterAdd { outer, len, inner, int, spread };
    let touched = call.shape(0).num_elements() + call.shape(2).num_elements();
    let reads = vec![base, call.whole(1), updates];
    Work { kernel, reads, split, cost: COST_PER_INSTR * touched }
}
