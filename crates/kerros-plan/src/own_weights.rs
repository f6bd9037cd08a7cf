//! The pass that keeps each part of a large layer's weights in the cache of one thread.
//!
//! Divided by rows of the batch, every thread reads all weights of a layer, and each thread updates
//! its rows of them: at every step all weights go from one core's cache to the others', and the
//! updates wait until the others have given them up. With few rows of a batch that takes longer
//! than the arithmetic. The law of contractions cuts `x · w` into chunks ([`contraction_chunk`]):
//! a thread that has whole chunks of rows of `w` multiplies those, which it updated itself, with
//! its columns of `x`; what goes to the others are the products of the chunks, to be added.

use kerros_core::law::contraction_chunk;
use kerros_graph::Type;
use kerros_graph::ops::MatMul;

use crate::chunks::ChunkLimits;
use crate::plan::{Access, Buffer, BufferId, Home, Kernel, Operand, Order, Plan, Split, Step};

/// Fewer bytes of weights are not worth that the threads meet once more.
const LEAST_BYTES: usize = 64 * 1024;
/// As many numbers of weights at least for each number that goes to the others instead.
const LEAST_GAIN: usize = 3;

/// Divides the product with such weights by their rows, wherever nothing but their update touches
/// them besides.
pub fn keep_weights(plan: &mut Plan, limits: ChunkLimits) {
    // From the last on, so that the places of the others stay.
    for at in (0..plan.steps.len()).rev() {
        if let Some(layer) = layer(plan, at, limits) {
            divide(plan, at, layer);
        }
    }
}

/// A dense layer whose weights may stay with the threads.
struct Layer {
    /// Rows of the batch.
    m: usize,
    /// Units.
    n: usize,
    /// Inputs.
    k: usize,
    bias: bool,
    relu: bool,
    /// How many chunks the law cuts the inputs into.
    chunks: usize,
}

/// The layer that a step computes, if it is one.
fn layer(plan: &Plan, at: usize, limits: ChunkLimits) -> Option<Layer> {
    let step = &plan.steps[at];
    let Kernel::Gemm {
        batch: 1,
        m,
        n,
        k,
        op: MatMul { transpose_a: false, transpose_b: false },
        bias,
        relu,
        gate: false,
    } = step.kernel
    else {
        return None;
    };
    let chunks = k.div_ceil(contraction_chunk(k));
    let even = chunks * contraction_chunk(k) == k;
    let pays = limits.threads > 1
        && chunks.is_multiple_of(limits.threads)
        && 4 * n * k >= LEAST_BYTES
        && LEAST_GAIN * chunks * m <= k;
    let weights = step.reads[1].buffer;
    let is_state = matches!(plan.buffers[weights].home, Home::State(_));
    // Last of all, for it looks at every step.
    let fits = even && pays && is_state && stays(plan, weights, k, at);
    fits.then_some(Layer { m, n, k, bias, relu, chunks })
}

/// Whether some step updates a state, each thread so many of its rows, and none touches it
/// otherwise but the product in this step.
fn stays(plan: &Plan, state: BufferId, rows: usize, product: usize) -> bool {
    let home = plan.buffers[state].home;
    let mut updated = false;
    for (at, step) in plan.steps.iter().enumerate().filter(|(at, _)| *at != product) {
        let is_state = |operand: &&Operand| plan.buffers[operand.buffer].home == home;
        let own = |operand: &Operand| {
            operand.access == Access::Part && step.split == Split::Rows(rows) && at > product
        };
        if !step.reads.iter().chain(&step.writes).filter(is_state).all(own) {
            return false;
        }
        updated |= step.writes.iter().any(|write| is_state(&write));
    }
    updated
}

/// Puts two steps in place of a layer: the products of the chunks, and their sum with bias and
/// activation.
fn divide(plan: &mut Plan, at: usize, layer: Layer) {
    let Layer { m, n, k, bias, relu, chunks } = layer;
    let step = plan.steps[at].clone();
    let ty = Type::new(plan.buffers[step.writes[0].buffer].ty.dtype, [chunks, m * n]);
    let products = plan.buffers.len();
    plan.buffers.push(Buffer { home: Home::Arena(0), ty });
    let part = |buffer: BufferId| Operand { buffer, access: Access::Part };
    let whole = |buffer: BufferId| Operand { buffer, access: Access::Whole };
    let bias_read = step.reads.get(2).map(|bias| whole(bias.buffer));
    let steps = [
        Step {
            kernel: Kernel::PartProducts { m, n, k, chunks },
            reads: vec![whole(step.reads[0].buffer), part(step.reads[1].buffer)],
            writes: vec![part(products)],
            split: Split::Chunks { rows: k, chunks },
            cost: step.cost,
            origin: step.origin.clone(),
        },
        Step {
            kernel: Kernel::Combine { parts: chunks, len: m * n, order: Order::InTurn, bias, relu },
            reads: std::iter::once(whole(products)).chain(bias_read).collect(),
            writes: step.writes,
            split: step.split,
            cost: chunks * m * n,
            origin: step.origin,
        },
    ];
    plan.steps.splice(at..=at, steps);
}
