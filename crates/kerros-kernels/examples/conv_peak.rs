//! How much of the machine's multiply-add rate the convolutions reach, on one thread.
//!
//! ```text
//! cargo run --release -p kerros-kernels --example conv_peak -- [ISA] [FILTER] [BATCH]
//! ```
//! where `ISA` is `scalar`, `avx2` or `avx512`, `FILTER` a part of a shape's name, and `BATCH`
//! a number of items other than the shape's own, so that a run is short on a busy machine.
//!
//! Each figure is the best of many runs, and its share is of the best peak measured between
//! those runs, as the clock of a shared machine wanders.

mod peak;

use std::hint::black_box;
use std::time::Instant;

use kerros_core::Result;
use kerros_core::law::window::{ConvSizes, Window, WindowAxis};
use kerros_kernels::Isa;
use kerros_kernels::conv::{
    ConvScratch, conv, conv_input_gradient, conv_kernel_gradient, pack_kernel,
};
use kerros_kernels::gemm::Activation;

use peak::{Numbers, peak_rate_flops};

/// A square image convolved with a square kernel.
struct Shape {
    name: &'static str,
    batch: usize,
    image: usize,
    taps: usize,
    stride: usize,
    same: bool,
    /// Groups, input and output channels of each.
    channels: [usize; 3],
}

const fn shape(
    name: &'static str,
    batch: usize,
    image: usize,
    [taps, stride]: [usize; 2],
    same: bool,
    channels: [usize; 3],
) -> Shape {
    Shape { name, batch, image, taps, stride, same, channels }
}

const SHAPES: &[Shape] = &[
    shape("w3 first", 128, 28, [3, 1], false, [1, 1, 32]),
    shape("w3 second", 128, 13, [3, 1], false, [1, 32, 64]),
    shape("w4 first", 128, 32, [3, 1], true, [1, 3, 16]),
    shape("w4 stage 1", 128, 32, [3, 1], true, [1, 16, 16]),
    shape("w4 stage 2", 128, 16, [3, 1], true, [1, 32, 32]),
    shape("w4 stage 3", 128, 8, [3, 1], true, [1, 64, 64]),
    shape("w4 down", 128, 32, [3, 2], true, [1, 16, 32]),
    shape("w4 shortcut", 128, 32, [1, 2], true, [1, 16, 32]),
    shape("w4 predict 1", 1, 32, [3, 1], true, [1, 16, 16]),
    shape("one DNN", 64, 28, [3, 1], true, [1, 64, 64]),
    shape("wide", 32, 14, [3, 1], true, [1, 256, 256]),
    shape("wider", 32, 7, [3, 1], true, [1, 512, 512]),
    shape("pointwise", 32, 28, [1, 1], true, [1, 64, 256]),
    shape("depthwise", 64, 28, [3, 1], true, [64, 1, 1]),
    shape("depthwise 2", 64, 28, [3, 2], true, [64, 1, 1]),
    shape("multiplier", 64, 28, [3, 1], true, [32, 1, 2]),
    shape("groups", 32, 28, [3, 1], true, [8, 16, 16]),
];

/// Seconds spent on each figure.
const BUDGET_SECS: f64 = 0.3;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let isa = match arguments.next() {
        Some(name) => Isa::named(&name)?,
        None => Isa::detect(),
    };
    let filter = arguments.next().unwrap_or_default();
    let batch: Option<usize> = arguments.next().and_then(|batch| batch.parse().ok());
    let peak_flops = (0..1000).map(|_| peak_rate_flops(isa)).fold(0.0, f64::max);
    println!("{}: peak {:.0} GFLOP/s", isa.level().name(), 1e-9 * peak_flops);
    println!(
        "{:14} {:>8}  forward GFLOP/s share  input gradient     kernel gradient    packing us",
        "shape", "MFLOP"
    );
    for shape in SHAPES.iter().filter(|shape| shape.name.contains(&filter)) {
        measure(isa, shape, batch.unwrap_or(shape.batch))?;
    }
    Ok(())
}

fn sizes(shape: &Shape, batch: usize) -> ConvSizes {
    let Shape { image: input, taps, stride, .. } = *shape;
    let (output, low) = match shape.same {
        true => {
            let output = input.div_ceil(stride);
            (output, ((output - 1) * stride + taps).saturating_sub(input) / 2)
        }
        false => ((input - taps) / stride + 1, 0),
    };
    let axis = WindowAxis { input, output, taps, stride, dilation: 1, low: low as isize };
    let window = Window { axes: [WindowAxis::UNIT, axis, axis] };
    let [groups, inputs, outputs] = shape.channels;
    ConvSizes { batch, window, groups, inputs, outputs }
}

fn measure(isa: Isa, shape: &Shape, batch: usize) -> Result<()> {
    let sizes = sizes(shape, batch);
    let ConvSizes { window, inputs, .. } = sizes;
    let [from, to] = [sizes.in_channels(), sizes.out_channels()];
    let mut x = Numbers::new(batch * window.num_inputs() * from);
    let mut kernel = Numbers::new(window.num_taps() * inputs * to);
    let mut packed = Numbers::new(window.num_taps() * inputs * to);
    let mut bias = Numbers::new(to);
    let mut y = Numbers::new(batch * window.num_outputs() * to);
    let (x, kernel, packed) = (x.aligned(), kernel.aligned(), packed.aligned());
    let (bias, y) = (bias.aligned(), y.aligned());
    let mut scratch = ConvScratch::new();
    let flops = 2.0 * (batch * window.num_outputs() * to * window.num_taps() * inputs) as f64;
    print!("{:14} {:8.0}", shape.name, 1e-6 * flops);
    let rows = if batch == 1 { shape.image / shape.stride } else { batch };
    figure(isa, flops, || {
        let (x, relu) = (black_box(&*x), Activation::Relu);
        conv(isa, &sizes, 0..rows, x, kernel, Some(bias), relu, y, &mut scratch)
    })?;
    pack_kernel(isa, &sizes, 0..window.num_taps(), kernel, packed)?;
    let rows = if batch == 1 { shape.image } else { batch };
    figure(isa, flops, || {
        conv_input_gradient(isa, &sizes, 0..rows, black_box(&*y), packed, x, &mut scratch)
    })?;
    let rows = window.num_taps() * inputs;
    figure(isa, flops, || {
        conv_kernel_gradient(isa, &sizes, 0..rows, x, black_box(&*y), kernel, &mut scratch)
    })?;
    let start = Instant::now();
    pack_kernel(isa, &sizes, 0..window.num_taps(), kernel, packed)?;
    println!("{:12.1}", 1e6 * start.elapsed().as_secs_f64());
    Ok(())
}

/// Prints the best rate of many runs and its share of the peak.
fn figure(isa: Isa, flops: f64, mut run: impl FnMut() -> Result<()>) -> Result<()> {
    let (mut best_secs, mut peak_flops) = (f64::INFINITY, 0.0f64);
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < BUDGET_SECS {
        let run_start = Instant::now();
        run()?;
        best_secs = best_secs.min(run_start.elapsed().as_secs_f64());
        peak_flops = (0..3).map(|_| peak_rate_flops(isa)).fold(peak_flops, f64::max);
    }
    let rate_flops = flops / best_secs;
    print!("  {:9.1}  {:4.0} %", 1e-9 * rate_flops, 100.0 * rate_flops / peak_flops);
    Ok(())
}
