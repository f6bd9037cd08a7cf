//! How much of the machine's multiply-add rate the matrix products reach, on one thread.
//!
//! ```text
//! cargo run --release -p kerros-kernels --example gemm_peak -- [scalar|avx2|avx512] [filter]
//! ```
//! Each figure is the best of many runs, and its share is of the best peak measured between
//! those runs, as the clock of a shared machine wanders; the last column is the median, which
//! tells how much the caches and memory are shared.

mod peak;

use std::hint::black_box;
use std::time::Instant;

use kerros_core::Result;
use kerros_kernels::Isa;
use kerros_kernels::gemm::{Gemm, Matrix, Operands, Pair, Scratch, gemm};

use peak::{Numbers, peak_rate_flops};

/// Name, m, k, n, whether A and B are stored transposed.
type Shape = (&'static str, usize, usize, usize, bool, bool);

const SHAPES: &[Shape] = &[
    ("w1 predict 1", 1, 784, 64, false, false),
    ("w1 predict 1", 1, 64, 64, false, false),
    ("w1 predict 1", 1, 64, 10, false, false),
    ("w1 forward", 32, 784, 64, false, false),
    ("w1 forward half", 16, 784, 64, false, false),
    ("w1 forward", 32, 64, 64, false, false),
    ("w1 forward half", 16, 64, 64, false, false),
    ("w1 forward", 32, 64, 10, false, false),
    ("w1 dW", 784, 32, 64, true, false),
    ("w1 dW half", 392, 32, 64, true, false),
    ("w1 dW", 64, 32, 64, true, false),
    ("w1 dW", 64, 32, 10, true, false),
    ("w1 dX", 32, 10, 64, false, true),
    ("w1 dX", 32, 64, 64, false, true),
    ("w1 dX packed W", 32, 64, 64, false, false),
    ("w2 forward", 128, 784, 512, false, false),
    ("w2 forward", 128, 512, 512, false, false),
    ("w2 dW", 512, 128, 512, true, false),
    ("w2 dX", 128, 512, 512, false, true),
    ("w7 forward", 4096, 28, 256, false, false),
    ("w7 forward", 4096, 256, 256, false, false),
    ("w7 forward", 4096, 256, 1, false, false),
    ("w7 dW", 256, 4096, 256, true, false),
    ("w7 dW half", 128, 4096, 256, true, false),
    ("w7 dW", 256, 4096, 1, true, false),
    ("w7 dW", 28, 4096, 256, true, false),
    ("w5 dW", 128, 2560, 512, true, false),
    ("w5 dW half", 64, 2560, 512, true, false),
    ("w5 dX", 2560, 512, 128, false, true),
    ("w7 dX", 4096, 256, 256, false, true),
    ("w7 dX", 4096, 1, 256, false, true),
    ("square", 512, 512, 512, false, false),
    ("square", 1024, 1024, 1024, false, false),
    ("square", 2048, 2048, 2048, false, false),
    ("square A^T B", 1024, 1024, 1024, true, false),
    ("square A B^T", 1024, 1024, 1024, false, true),
];

/// Seconds spent on each shape.
const BUDGET_SECS: f64 = 0.4;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let isa = match arguments.next() {
        Some(name) => Isa::named(&name)?,
        None => Isa::detect(),
    };
    let filter = arguments.next().unwrap_or_default();
    let peak_flops = (0..1000).map(|_| peak_rate_flops(isa)).fold(0.0, f64::max);
    println!("{}: peak {:.0} GFLOP/s", isa.level().name(), 1e-9 * peak_flops);
    println!("{:16} {:>5} {:>5} {:>5}  GFLOP/s  share       us   median", "shape", "m", "k", "n");
    for &shape in SHAPES.iter().filter(|shape| shape.0.contains(&filter)) {
        measure(isa, shape)?;
    }
    Ok(())
}

fn measure(isa: Isa, (name, m, k, n, a_transposed, b_transposed): Shape) -> Result<()> {
    let stored = |rows: usize, cols: usize, transposed: bool| match transposed {
        true => Matrix::row_major(rows).transposed(),
        false => Matrix::row_major(cols),
    };
    let (a, b) = (stored(m, k, a_transposed), stored(k, n, b_transposed));
    let product = Gemm { a, b, ..Gemm::row_major(m, n, k) };
    let mut a_numbers = Numbers::new(m * k);
    let mut b_numbers = Numbers::new(k * n);
    let mut c_numbers = Numbers::new(m * n);
    let (a, b, c) = (a_numbers.aligned(), b_numbers.aligned(), c_numbers.aligned());
    let mut scratch = Scratch::new();
    let flops = 2.0 * (m * n * k) as f64;
    // Runs are timed in batches of about 20 microseconds or more, above the clock's grain.
    let batch = (2e6 / flops).ceil() as usize;
    let (mut secs, mut peak_flops) = (Vec::new(), 0.0f64);
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < BUDGET_SECS {
        let batch_start = Instant::now();
        for _ in 0..batch {
            let (a, b) = (black_box(&*a), black_box(&*b));
            let operands = Operands { a, b, ..Operands::default() };
            gemm(isa, &product, 0..m, &[Pair::default()], operands, c, &mut scratch)?;
            black_box(&mut *c);
        }
        secs.push(batch_start.elapsed().as_secs_f64() / batch as f64);
        peak_flops = peak_flops.max(peak_rate_flops(isa));
    }
    secs.sort_by(f64::total_cmp);
    let (best, median) = (secs[0], secs[secs.len() / 2]);
    println!(
        "{name:16} {m:5} {k:5} {n:5}  {:7.1}  {:4.0} %  {:7.2}  {:7.2}",
        1e-9 * flops / best,
        100.0 * flops / best / peak_flops,
        1e6 * best,
        1e6 * median
    );
    Ok(())
}
