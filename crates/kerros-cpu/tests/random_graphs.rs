//! Graphs that nobody would write: the CPU device gives the bits of the reference evaluator,
//! fused or not, on any number of threads.

use kerros_core::Tensor;
use kerros_cpu::{Cpu, CpuOptions};
use kerros_graph::{Graph, NodeId, StateId, Type};
use kerros_plan::{CompileOptions, Device, Feed, Reference};
use kerros_testkit::Draw;
use kerros_testkit::graphs::{self, Values};

/// How many seeded graphs are tried.
const GRAPHS: u64 = 150;

/// Whether two results are the same: of NaN the law leaves the payload open.
fn same(found: &Tensor, want: &Tensor) -> bool {
    let mut pairs = found.to_vec_f64().into_iter().zip(want.to_vec_f64());
    let equal = |(a, b): (f64, f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    found.shape() == want.shape() && found.dtype() == want.dtype() && pairs.all(equal)
}

/// Outputs and states after two runs.
fn run(
    device: &dyn Device,
    graph: &Graph,
    outputs: &[NodeId],
    values: &Values,
    fuse: bool,
) -> Vec<Tensor> {
    let options = CompileOptions { fuse, ..CompileOptions::default() };
    let mut executable = device.compile(graph, outputs, &options).unwrap();
    let mut store = device.new_store();
    for state in &values.states {
        let id = store.declare(&Type::new(state.dtype(), state.shape()));
        store.write(id, state).unwrap();
    }
    let feeds: Vec<Feed<'_>> = values.inputs.iter().map(Feed::Whole).collect();
    for _ in 0..2 {
        executable.run(store.as_mut(), &feeds).unwrap();
    }
    let mut all: Vec<Tensor> =
        (0..outputs.len()).map(|at| executable.output(at).unwrap()).collect();
    all.extend((0..values.states.len()).map(|at| store.read(StateId(at as u32)).unwrap()));
    all
}

#[test]
fn any_graph_gives_the_bits_of_the_reference() {
    // Rows go through several steps all together, or one at a time.
    let cpus = [(1, None), (2, Some(1)), (3, None), (1, Some(1)), (3, Some(1))];
    let cpus = cpus.map(|(threads, block_bytes)| {
        let threads = Some(threads);
        let options = CpuOptions { threads, isa: None, always_parallel: true, block_bytes };
        Cpu::with(&options).unwrap()
    });
    for seed in 0..GRAPHS {
        let graph = Graph::new();
        let num_nodes = 10 + seed as usize % 7 * 15;
        let (outputs, values) = graphs::fill(&mut Draw::new(seed), &graph, num_nodes);
        let ids: Vec<NodeId> = outputs.iter().map(|node| node.id()).collect();
        let want = run(&Reference, &graph, &ids, &values, true);
        for cpu in &cpus {
            for fuse in [true, false] {
                let found = run(cpu, &graph, &ids, &values, fuse);
                for (at, (found, want)) in found.iter().zip(&want).enumerate() {
                    let name = cpu.name();
                    assert!(same(found, want), "graph {seed} on {name}, fuse {fuse}: result {at}");
                }
            }
        }
    }
}
