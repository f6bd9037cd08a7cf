//! Where the time of a training step goes: `explain()` with measured times, and steps per
//! second, for a multilayer perceptron with Adam.
//!
//! `cargo run --release -p kerros-cpu --example training_step -- [w1|w7] [threads] [isa]`

use std::time::Instant;

use kerros_core::{DType, Result};
use kerros_cpu::{Cpu, CpuOptions};
use kerros_graph::ops::LinearActivation;
use kerros_graph::{Graph, Node, StateId, Type, grad};
use kerros_plan::{CompileOptions, Device, Feed};
use kerros_testkit::Draw;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |at: usize| arguments.get(at).map(String::as_str);
    let (sizes, batch, steps): (&[usize], usize, usize) = match argument(1) {
        Some("w7") => (&[28, 256, 256, 1], 4096, 60),
        _ => (&[784, 64, 64, 10], 32, 4000),
    };
    let cpu = Cpu::with(&CpuOptions {
        threads: argument(2).and_then(|count| count.parse().ok()),
        isa: argument(3).map(str::to_owned),
        ..CpuOptions::default()
    })?;

    let graph = Graph::new();
    let begun = Instant::now();
    let (types, loss) = training_step(&graph, sizes, batch)?;
    let options = CompileOptions { label: "train".into(), ..CompileOptions::default() };
    let mut executable = cpu.compile(&graph, &[loss.id()], &options)?;
    println!("traced and compiled in {:.2} ms", begun.elapsed().as_secs_f64() * 1e3);

    let mut draw = Draw::new(1);
    let mut store = cpu.new_store();
    for ty in &types {
        let id = store.declare(ty);
        // Weights start small, everything else at 0.
        let range =
            if ty.shape.ndim() == 2 && (id.0 as usize) < 2 * sizes.len() - 2 { 0.05 } else { 0.0 };
        store.write(id, &draw.tensor(ty, (-range, range)))?;
    }
    let rows = 20_000.max(8 * batch);
    let x = draw.tensor(&Type::f32([rows, sizes[0]]), (-1.0, 1.0));
    let classes = *sizes.last().expect("a network has sizes");
    let y = match classes {
        1 => draw.tensor(&Type::new(DType::Bool, [rows, 1]), (0.0, 1.0)).to_f32(),
        _ => draw.tensor(&Type::new(DType::I32, [rows]), (0.0, classes as f64)),
    };
    let order: Vec<u32> = kerros_core::Philox::new(5).permutation(0, 0, rows);
    let mut run =
        |executable: &mut Box<dyn kerros_plan::Executable>, steps: usize| -> Result<f64> {
            let begun = Instant::now();
            for step in 0..steps {
                let start = step * batch % (rows - batch);
                let rows = &order[start..start + batch];
                let feeds = [Feed::Rows { tensor: &x, rows }, Feed::Rows { tensor: &y, rows }];
                executable.run(store.as_mut(), &feeds)?;
            }
            Ok(begun.elapsed().as_secs_f64() / steps as f64)
        };
    run(&mut executable, steps / 10 + 1)?;
    let mut seconds: Vec<f64> =
        (0..7).map(|_| run(&mut executable, steps / 4)).collect::<Result<_>>()?;
    seconds.sort_by(f64::total_cmp);
    println!(
        "{}: {:.1} us a step (median; best {:.1}), {:.0} samples/s",
        cpu.name(),
        seconds[3] * 1e6,
        seconds[0] * 1e6,
        batch as f64 / seconds[3]
    );
    let options = CompileOptions { measure: true, ..options };
    let mut measured = cpu.compile(&graph, &[loss.id()], &options)?;
    run(&mut measured, steps / 2)?;
    println!("{}", measured.explain());
    Ok(())
}

/// Traces the step: states are weights, slots, the step count and the metric totals.
fn training_step<'g>(
    graph: &'g Graph,
    sizes: &[usize],
    batch: usize,
) -> Result<(Vec<Type>, Node<'g>)> {
    let mut types: Vec<Type> = Vec::new();
    let state = |shape: &[usize], types: &mut Vec<Type>| {
        types.push(Type::f32(shape));
        graph.state(StateId(types.len() as u32 - 1), "state", shape, DType::F32)
    };
    let classes = *sizes.last().expect("a network has sizes");
    let x = graph.input("x", [batch, sizes[0]], DType::F32);
    let y = match classes {
        1 => graph.input("y", [batch, 1], DType::F32),
        _ => graph.input("y", [batch], DType::I32),
    };
    let mut weights = Vec::new();
    for pair in sizes.windows(2) {
        weights.push(state(pair, &mut types));
        weights.push(state(&pair[1..], &mut types));
    }
    let mut hidden = x;
    let layers = sizes.len() - 1;
    for layer in 0..layers {
        let last = layer + 1 == layers;
        let activation = if last { LinearActivation::Identity } else { LinearActivation::Relu };
        hidden = hidden.linear(weights[2 * layer], Some(weights[2 * layer + 1]), activation);
    }
    let (loss, hits) = if classes == 1 {
        let p = hidden.sigmoid().clip(1e-7, 1.0 - 1e-7);
        let losses = -(y * p.log() + (1.0 - y) * (1.0 - p).log());
        (losses.mean_all(), p.greater(0.5).cast(DType::F32).equal(y).cast(DType::F32).sum_all())
    } else {
        let p = hidden.softmax();
        let p = (p / p.sum(&[-1]).keep(1)).clip(1e-7, 1.0 - 1e-7);
        let losses = -(y.one_hot(classes) * p.log()).sum(&[-1]);
        (losses.mean_all(), p.argmax(-1).equal(y).cast(DType::F32).sum_all())
    };
    let gradients = grad(loss, &weights)?;
    let count = state(&[], &mut types);
    let t = count + 1.0;
    let power = |base: f32| graph.constant(base).pow(t);
    let alpha = 1e-3 * (1.0 - power(0.999)).sqrt() / (1.0 - power(0.9));
    for (&w, &g) in weights.iter().zip(&gradients) {
        let (m, v) = (state(&w.shape(), &mut types), state(&w.shape(), &mut types));
        let m_next = m + (g - m) * 0.1;
        let v_next = v + (g * g - v) * 0.001;
        graph.assign(m, m_next);
        graph.assign(v, v_next);
        graph.assign(w, w - m_next * alpha / (v_next.sqrt() + 1e-7));
    }
    graph.assign(count, t);
    for value in [loss * batch as f32, hits] {
        let total = state(&[], &mut types);
        graph.assign(total, total + value);
    }
    Ok((types, loss))
}
