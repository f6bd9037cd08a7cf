//! How much of the machine's multiply-add rate the recurrent kernels reach, on one thread.
//!
//! ```text
//! cargo run --release -p kerros-kernels --example recurrent_peak -- [scalar|avx2|avx512]
//! ```
//! Only the products are counted as work, so the gates' functions show as a loss.

mod peak;

use std::hint::black_box;
use std::time::Instant;

use kerros_core::Result;
use kerros_kernels::Isa;
use kerros_kernels::recurrent::{Gru, GruGradient, Lstm, LstmGradient, Scratch, Sizes};
use peak::{Numbers, peak_rate_flops};

/// Name, sequences, steps, units. The first is the recurrent layer of an ordinary text
/// classifier; the second is what each of two threads does of it.
const SHAPES: &[(&str, usize, usize, usize)] = &[
    ("w5", 32, 80, 128),
    ("w5 half", 16, 80, 128),
    ("small", 32, 28, 32),
    ("wide", 32, 20, 512),
    ("one sequence", 1, 80, 128),
];

/// Seconds spent on each kernel of each shape.
const BUDGET_SECS: f64 = 0.4;

fn main() -> Result<()> {
    let isa = match std::env::args().nth(1) {
        Some(name) => Isa::named(&name)?,
        None => Isa::detect(),
    };
    println!(
        "{:24} {:>4} {:>4} {:>5}  GFLOP/s  share       us",
        isa.level().name(),
        "n",
        "t",
        "units"
    );
    for &(name, sequences, time, units) in SHAPES {
        let sizes = Sizes { sequences, time, units };
        lstm(isa, name, sizes);
        gru(isa, name, sizes);
    }
    Ok(())
}

/// Numbers small enough for products of states and kernels to stay of usual size.
fn numbers(len: usize) -> Numbers {
    let mut numbers = Numbers::new(len);
    numbers.aligned().iter_mut().for_each(|x| *x *= 0.1);
    numbers
}

fn lstm(isa: Isa, name: &str, sizes: Sizes) {
    let Sizes { sequences, time, units } = sizes;
    let cells = sequences * time * units;
    let (mut x, mut kernel, mut start) =
        (numbers(4 * cells), numbers(4 * units * units), numbers(sequences * units));
    let (x, kernel, start) = (x.aligned(), kernel.aligned(), start.aligned());
    let (mut states, mut trace) = (numbers(sequences * (time + 2) * units), numbers(5 * cells));
    let (mut dx, mut dinitial) = (numbers(4 * cells), numbers(2 * sequences * units));
    let (states, trace) = (states.aligned(), trace.aligned());
    let (dx, dinitial) = (dx.aligned(), dinitial.aligned());
    let mut scratch = Scratch::default();
    let flops = 8.0 * (cells * units) as f64;
    measure(isa, &format!("{name} lstm"), sizes, flops, || {
        let call = Lstm {
            sizes,
            x: black_box(x),
            kernel,
            initial_h: start,
            initial_c: start,
            mask: None,
            states,
            trace: Some(trace),
        };
        call.run(isa, &mut scratch);
    });
    measure(isa, &format!("{name} lstm back"), sizes, flops, || {
        let call = LstmGradient {
            sizes,
            trace: black_box(trace),
            dstates: states,
            kernel,
            initial_c: start,
            mask: None,
            dx,
            dinitial,
        };
        call.run(isa, &mut scratch);
    });
}

fn gru(isa: Isa, name: &str, sizes: Sizes) {
    let Sizes { sequences, time, units } = sizes;
    let cells = sequences * time * units;
    let (mut x, mut kernel, mut start) =
        (numbers(3 * cells), numbers(3 * units * units), numbers(sequences * units));
    let (x, kernel, start) = (x.aligned(), kernel.aligned(), start.aligned());
    let (mut states, mut trace) = (numbers(sequences * (time + 1) * units), numbers(4 * cells));
    let (mut dx, mut dp) = (numbers(3 * cells), numbers(3 * cells));
    let mut dinitial = numbers(sequences * units);
    let (states, trace) = (states.aligned(), trace.aligned());
    let (dx, dp, dinitial) = (dx.aligned(), dp.aligned(), dinitial.aligned());
    let mut scratch = Scratch::default();
    let flops = 6.0 * (cells * units) as f64;
    measure(isa, &format!("{name} gru"), sizes, flops, || {
        let call = Gru {
            sizes,
            reset_after: true,
            x: black_box(x),
            kernel,
            initial_h: start,
            bias: None,
            mask: None,
            states,
            trace: Some(trace),
        };
        call.run(isa, &mut scratch);
    });
    measure(isa, &format!("{name} gru back"), sizes, flops, || {
        let call = GruGradient {
            sizes,
            trace: black_box(trace),
            states,
            dstates: states,
            kernel,
            mask: None,
            dx,
            dproduct: Some(dp),
            dinitial,
        };
        call.run(isa, &mut scratch);
    });
}

fn measure(isa: Isa, name: &str, sizes: Sizes, flops: f64, mut run: impl FnMut()) {
    let (mut best_secs, mut peak_flops) = (f64::INFINITY, 0.0f64);
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < BUDGET_SECS {
        let run_start = Instant::now();
        run();
        best_secs = best_secs.min(run_start.elapsed().as_secs_f64());
        peak_flops = peak_flops.max(peak_rate_flops(isa));
    }
    let rate_flops = flops / best_secs;
    let Sizes { sequences, time, units } = sizes;
    println!(
        "{name:24} {sequences:4} {time:4} {units:5}  {:7.1}  {:4.0} %  {:7.1}",
        1e-9 * rate_flops,
        100.0 * rate_flops / peak_flops,
        1e6 * best_secs
    );
}
