//! Nanoseconds per element of elementwise programs: compiled kernels against the interpreter,
//! single functions, and what a call costs on few elements.
//!
//! `cargo run --release -p kerros-kernels --example map_speed [-- ISA]`

use std::time::Instant;

use kerros_core::program::{Binary, Instr, Layout, Program, Unary};
use kerros_core::{Philox, Result, philox};
use kerros_kernels::Isa;
use kerros_kernels::map::{Input, Map, MapScratch, patterns};

/// The best of many repetitions, in nanoseconds for the whole grid.
fn best_ns(isa: Isa, map: &Map, program: &Program, len: usize) -> Result<f64> {
    let mut words = vec![0; 2 * len.max(64)];
    Philox::new(1).fill(0, 0, &mut words);
    let numbers: Vec<f32> = words.iter().map(|&word| philox::unit_f32(word) + 0.1).collect();
    let inputs: Vec<Vec<f32>> = program
        .inputs
        .iter()
        .enumerate()
        .map(|(at, layout)| {
            let wanted = match layout {
                Layout::Same => len,
                Layout::Stretch { run } => len.div_ceil(*run),
                Layout::Cycle { period } => *period,
                _ => len.max(4),
            };
            numbers[at..at + wanted].to_vec()
        })
        .collect();
    let mut outputs = vec![vec![0.0; len]; program.outputs.len()];
    let weights_and_slots = program.outputs.len() > 1;
    let inputs: Vec<Input> = inputs
        .iter()
        .enumerate()
        .map(|(at, input)| match at {
            // Optimizers update in place: weights, (gradient,) slots.
            0 if weights_and_slots => Input::Output(0),
            2.. if weights_and_slots && at <= program.outputs.len() => Input::Output(at - 1),
            _ => Input::Slice(input),
        })
        .collect();
    let mut outputs: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    let mut scratch = MapScratch::default();
    let repeats = (20_000_000 / (len + 200)).clamp(20, 20_000);
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        for _ in 0..repeats / 20 {
            map.run(isa, 0..len, &inputs, &mut outputs, &mut scratch)?;
        }
        best = best.min(start.elapsed().as_nanos() as f64 / (repeats / 20) as f64);
    }
    Ok(best)
}

fn one_step(inputs: Vec<Layout>, instr: Instr) -> Program {
    let output = inputs.len() as u16;
    Program { inputs, instrs: vec![instr], outputs: vec![output] }
}

fn main() -> Result<()> {
    let isa = match std::env::args().nth(1) {
        Some(name) => Isa::named(&name)?,
        None => Isa::detect(),
    };
    println!("{isa:?}; nanoseconds per element\n");
    println!(
        "{:24}{:>10}{:>13}{:>8}{:>10}{:>13}",
        "", "fused", "interpreter", "ratio", "fused", "interpreter"
    );
    println!(
        "{:24}{:>10}{:>13}{:>8}{:>10}{:>13}",
        "elements", 4096, 4096, "", 4_000_000, 4_000_000
    );
    for (name, program) in patterns::programs() {
        let (fused, plain) = (Map::new(&program), Map::interpreted(&program));
        let mut row = Vec::new();
        for len in [4096, 4_000_000] {
            for map in [&fused, &plain] {
                row.push(best_ns(isa, map, &program, len)? / len as f64);
            }
        }
        println!(
            "{name:24}{:10.3}{:13.3}{:8.2}{:10.3}{:13.3}",
            row[0],
            row[1],
            row[1] / row[0],
            row[2],
            row[3]
        );
    }

    println!("\nsingle steps, 4096 elements");
    let mut steps: Vec<(String, Program)> = Vec::new();
    for f in Unary::ALL {
        let program = one_step(vec![Layout::Same], Instr::Unary(f, false, 0));
        steps.push((f.name().into(), program));
    }
    for f in Binary::ALL {
        let program = one_step(vec![Layout::Same; 2], Instr::Binary(f, false, 0, 1));
        steps.push((f.name().into(), program));
    }
    steps.push(("select".into(), one_step(vec![Layout::Same; 3], Instr::Select(0, 1, 2))));
    steps.push(("random".into(), one_step(vec![Layout::Key], Instr::Random { op: 1, key: 0 })));
    for layout in [
        Layout::Scalar,
        Layout::Cycle { period: 10 },
        Layout::Cycle { period: 512 },
        Layout::Stretch { run: 10 },
        Layout::Stretch { run: 512 },
        Layout::Strided { dims: vec![64, 64], strides: vec![1, 64] },
    ] {
        let instr = Instr::Binary(Binary::Add, false, 0, 1);
        steps.push((format!("add {layout:?}"), one_step(vec![Layout::Same, layout], instr)));
    }
    for (name, program) in &steps {
        println!("{name:60}{:10.3}", best_ns(isa, &Map::new(program), program, 4096)? / 4096.0);
    }

    println!("\nnanoseconds per call");
    for (name, program) in patterns::programs() {
        print!("{name:24}");
        for len in [1, 10, 100, 1000] {
            let fused = best_ns(isa, &Map::new(&program), &program, len)?;
            let plain = best_ns(isa, &Map::interpreted(&program), &program, len)?;
            print!("   {len}: {fused:.0} / {plain:.0}");
        }
        println!();
    }
    Ok(())
}
