//! Matrix products.

use kerros_graph::ops::{Linear, LinearActivation, MatMul};

use super::heavy::{Call, Work};
use crate::plan::Kernel;

/// A dense layer: the product of all rows with the kernel, bias and activation with it.
pub(super) fn linear(linear: &Linear, call: &Call<'_>) -> Work {
    let k = call.shape(1)[0];
    let (m, n) = (call.shape(0).num_elements() / k.max(1), call.shape(1)[1]);
    let kernel = Kernel::Gemm {
        batch: 1,
        m,
        n,
        k,
        op: MatMul { transpose_a: false, transpose_b: false },
        bias: linear.bias,
        relu: linear.activation == LinearActivation::Relu,
        gate: false,
    };
    let mut reads = vec![call.part(0), call.whole(1)];
    reads.extend((2..call.reads.len()).map(|bias| call.whole(bias)));
    Work { kernel, reads, split: call.split_of(m), cost: 2 * m * n * k }
}

/// Matrix products side by side.
pub(super) fn matmul(op: &MatMul, call: &Call<'_>) -> Work {
    let sizes = op.sizes(call.shape(0), call.shape(1)).expect("the shape rule accepted it");
    let (batch, m, n, k) = (sizes.batch, sizes.m, sizes.n, sizes.k);
    let kernel =
        Kernel::Gemm { batch, m, n, k, op: op.clone(), bias: false, relu: false, gate: false };
    let reads = match (batch, op.transpose_a) {
        (1, false) => vec![call.part(0), call.whole(1)],
        (1, true) => vec![call.whole(0), call.whole(1)],
        _ => vec![call.part(0), call.part(1)],
    };
    let split = call.split_of(if batch == 1 { m } else { batch });
    Work { kernel, reads, split, cost: 2 * batch * m * n * k }
}
