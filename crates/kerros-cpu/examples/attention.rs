//! What attention costs as one operation and as the plain formula, forward alone and with the
//! derivatives of queries, keys and values.
//!
//! `cargo run --release -p kerros-cpu --example attention -- [threads] [batch] [time]`

use std::time::Instant;

use kerros_core::{DType, Result, Tensor};
use kerros_cpu::{Cpu, CpuOptions};
use kerros_graph::ops::ScoreBias;
use kerros_graph::{Graph, Node, NodeId, Type, grad};
use kerros_plan::{CompileOptions, Device, Feed};
use kerros_testkit::Draw;

const HEADS: usize = 4;
const DIM: usize = 32;
const SCALE: f32 = 0.17;
const RUNS: usize = 25;

/// `[batch, time, heads, dim]`, with the heads in front for the products.
fn plain<'g>([q, k, v]: [Node<'g>; 3], is_causal: bool) -> Node<'g> {
    let [q, k, v] = [q, k, v].map(|x| x.transpose(&[0, 2, 1, 3]));
    let mut scores = q.matmul_with(k, false, true) * SCALE;
    if is_causal {
        let time = q.shape()[2];
        let place = q.graph().iota(time);
        let before = place.less_equal(place.expand_dims(1));
        scores = before.select(scores, -0.7 * f32::MAX);
    }
    scores.softmax().matmul(v).transpose(&[0, 2, 1, 3])
}

fn main() -> Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).map_while(|n| n.parse().ok()).collect();
    let (batch, time) = (numbers.get(1).unwrap_or(&8), numbers.get(2).unwrap_or(&128));
    let threads = numbers.first().copied();
    let cpu = Cpu::with(&CpuOptions { threads, ..CpuOptions::default() })?;
    println!("{}: batch {batch}, {HEADS} heads, time {time}, dim {DIM}", cpu.name());
    let ty = Type::f32([*batch, *time, HEADS, DIM]);
    let values: Vec<Tensor> = (0..4).map(|seed| Draw::new(seed).tensor(&ty, (-1.0, 1.0))).collect();
    for is_causal in [false, true] {
        for backward in [false, true] {
            for is_plain in [true, false] {
                let graph = Graph::new();
                let input = |name: &str| graph.input(name, &ty.shape, DType::F32);
                let [q, k, v, dy] = ["q", "k", "v", "dy"].map(input);
                let y = match is_plain {
                    true => plain([q, k, v], is_causal),
                    false => q.attention(k, v, SCALE, is_causal, ScoreBias::None),
                };
                let mut results: Vec<NodeId> = vec![y.id()];
                let loss = (y * dy).sum_all();
                if backward {
                    results.extend(grad(loss, &[q, k, v])?.iter().map(|dx| dx.id()));
                } else {
                    results.push(loss.id());
                }
                let options = CompileOptions::default();
                let mut executable = cpu.compile(&graph, &results, &options)?;
                let mut store = cpu.new_store();
                let feeds: Vec<Feed<'_>> = values.iter().map(Feed::Whole).collect();
                let mut millis = Vec::new();
                for _ in 0..RUNS + 3 {
                    let begun = Instant::now();
                    executable.run(store.as_mut(), &feeds)?;
                    millis.push(begun.elapsed().as_secs_f64() * 1e3);
                }
                // The first runs fill caches.
                let mut millis = millis.split_off(3);
                millis.sort_by(f64::total_cmp);
                println!(
                    "{}{}, {}: {:.3} ms (median of {RUNS}; best {:.3})",
                    if backward { "forward and backward" } else { "forward" },
                    if is_causal { ", causal" } else { "" },
                    if is_plain { "plain formula" } else { "one operation" },
                    millis[RUNS / 2],
                    millis[0],
                );
            }
        }
    }
    Ok(())
}
