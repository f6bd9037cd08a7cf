//! Convolution and pooling.

use kerros_core::law::window::{ConvSizes, PoolSizes, num_rows};
use kerros_graph::Type;
use kerros_graph::ops::{
    Conv, ConvInputGradient, ConvKernelGradient, ConvLinear, LinearActivation, MatMul, PoolSpec,
    SumPoolScatter,
};

use super::Lowering;
use super::heavy::{Call, Work};
use crate::plan::{Access, Kernel, Operand, PoolKind, Split};

/// Why sizes can be asked for without an answer to errors.
const ACCEPTED: &str = "the shape rule accepted the operands";

/// A convolution, and bias and activation with it.
pub(super) fn conv(op: &Conv, call: &Call<'_>) -> Work {
    let sizes = op.sizes(call.shape(0), call.shape(1)).expect(ACCEPTED);
    forward(sizes, false, call)
}

/// A convolution layer.
pub(super) fn conv_linear(op: &ConvLinear, call: &Call<'_>) -> Work {
    let conv = Conv { spec: op.spec.clone() };
    let sizes = conv.sizes(call.shape(0), call.shape(1)).expect(ACCEPTED);
    forward(sizes, op.activation == LinearActivation::Relu, call)
}

fn forward(sizes: ConvSizes, relu: bool, call: &Call<'_>) -> Work {
    let bias = call.reads.len() == 3;
    let rows = num_rows(sizes.batch, sizes.window.axes.map(|axis| axis.output));
    let kernel = match as_matrix(&sizes) {
        Some(m) => Kernel::Gemm {
            batch: 1,
            m,
            n: sizes.outputs,
            k: sizes.inputs,
            op: MatMul { transpose_a: false, transpose_b: false },
            bias,
            relu,
            gate: false,
        },
        None => Kernel::Conv { sizes, bias, relu },
    };
    let mut reads = vec![source(&sizes, &kernel, call), call.whole(1)];
    reads.extend((2..call.reads.len()).map(|at| call.whole(at)));
    Work { kernel, reads, split: call.split_of(rows), cost: cost(&sizes) }
}

/// The derivative with respect to the kernel.
pub(super) fn conv_kernel_gradient(op: &ConvKernelGradient, call: &Call<'_>) -> Work {
    let sizes = op.sizes(call.shape(0), call.shape(1)).expect(ACCEPTED);
    let rows = sizes.window.num_taps() * sizes.inputs;
    let kernel = match as_matrix(&sizes) {
        Some(k) => Kernel::Gemm {
            batch: 1,
            m: sizes.inputs,
            n: sizes.outputs,
            k,
            op: MatMul { transpose_a: true, transpose_b: false },
            bias: false,
            relu: false,
            gate: false,
        },
        None => Kernel::ConvKernelGradient { sizes },
    };
    let split = if rows > 1 { Split::Rows(rows) } else { Split::Single };
    Work { kernel, reads: vec![call.whole(0), call.whole(1)], split, cost: cost(&sizes) }
}

impl Lowering<'_> {
    /// The derivative with respect to the input, after a step that packs the kernel.
    pub(super) fn conv_input_gradient(&mut self, op: &ConvInputGradient, call: &Call<'_>) -> Work {
        let sizes = op.sizes(call.shape(0), call.shape(1)).expect(ACCEPTED);
        let rows = num_rows(sizes.batch, sizes.window.axes.map(|axis| axis.input));
        let split = call.split_of(rows);
        if let Some(m) = as_matrix(&sizes) {
            let kernel = Kernel::Gemm {
                batch: 1,
                m,
                n: sizes.inputs,
                k: sizes.outputs,
                op: MatMul { transpose_a: false, transpose_b: true },
                bias: false,
                relu: false,
                gate: false,
            };
            let reads = vec![source(&sizes, &kernel, call), call.whole(1)];
            return Work { kernel, reads, split, cost: cost(&sizes) };
        }
        let taps = sizes.window.num_taps();
        let packed = self.new_buffer(Type::f32([taps, sizes.outputs * sizes.in_channels()]));
        let pack_split = if taps > 1 { Split::Rows(taps) } else { Split::Single };
        self.push_step(
            Kernel::PackKernel { sizes },
            vec![call.whole(1)],
            (packed, pack_split),
            call.shape(1).num_elements(),
            &call.node.origin,
        );
        let kernel = Kernel::ConvInputGradient { sizes };
        let packed = Operand { buffer: packed, access: Access::Whole };
        let reads = vec![source(&sizes, &kernel, call), packed];
        Work { kernel, reads, split, cost: cost(&sizes) }
    }
}

/// The rows of the matrix that a convolution of single positions multiplies.
fn as_matrix(sizes: &ConvSizes) -> Option<usize> {
    let alone = sizes.window.axes.iter().all(|axis| {
        axis.taps == 1 && axis.stride == 1 && axis.low == 0 && axis.input == axis.output
    });
    (alone && sizes.groups == 1).then(|| sizes.batch * sizes.window.num_outputs())
}

/// How the first operand is read: of several items a thread reads its own; of a single one,
/// all that its windows meet, or, position by position, its own again.
fn source(sizes: &ConvSizes, kernel: &Kernel, call: &Call<'_>) -> Operand {
    match sizes.batch == 1 && !matches!(kernel, Kernel::Gemm { .. }) {
        true => call.whole(0),
        false => call.part(0),
    }
}

fn cost(sizes: &ConvSizes) -> usize {
    let products = sizes.window.num_outputs() * sizes.window.num_taps() * sizes.inputs;
    2 * sizes.batch * products * sizes.out_channels()
}

/// The largest or the sum of each window, or a value picked from it.
pub(super) fn pool(kind: PoolKind, spec: &PoolSpec, call: &Call<'_>) -> Work {
    let sizes = spec.sizes(call.shape(0)).expect(ACCEPTED);
    let rows = num_rows(sizes.batch, sizes.window.axes.map(|axis| axis.output));
    let reads = (0..call.reads.len()).map(|at| match sizes.batch {
        1 => call.whole(at),
        _ => call.part(at),
    });
    let kernel = Kernel::Pool { kind, sizes };
    Work { kernel, reads: reads.collect(), split: call.split_of(rows), cost: pool_cost(&sizes) }
}

/// What is given to the places of windows: by items, as windows may share places.
fn scatter(kind: PoolKind, sizes: PoolSizes, call: &Call<'_>) -> Work {
    let split = call.split_of(sizes.batch);
    let reads = (0..call.reads.len()).map(|at| call.part(at)).collect();
    Work { kernel: Kernel::Pool { kind, sizes }, reads, split, cost: pool_cost(&sizes) }
}

/// The derivative of the largest of each window.
pub(super) fn max_pool_scatter(spec: &PoolSpec, call: &Call<'_>) -> Work {
    scatter(PoolKind::MaxScatter, spec.sizes(call.shape(0)).expect(ACCEPTED), call)
}

/// The derivative of the sum of each window.
pub(super) fn sum_pool_scatter(op: &SumPoolScatter, call: &Call<'_>) -> Work {
    scatter(PoolKind::SumScatter, op.sizes(call.shape(0)).expect(ACCEPTED), call)
}

fn pool_cost(sizes: &PoolSizes) -> usize {
    let windows = sizes.batch * sizes.window.num_outputs() * sizes.channels;
    2 * windows * sizes.window.num_taps()
}
