//! Every operation and whole training steps: the CPU device gives the bits of the reference
//! evaluator, fused or not, for any number of threads and on every instruction set.

use kerros_core::{DType, Tensor};
use kerros_cpu::{Cpu, CpuOptions};
use kerros_graph::ops::{ConvSpec, LinearActivation};
use kerros_graph::{Graph, Node, Op, StateId, Type, grad};
use kerros_kernels::Isa;
use kerros_plan::{CompileOptions, Device, Feed, Reference};
use kerros_testkit::Draw;

/// The CPU in every way it can run here.
fn devices() -> Vec<(String, Cpu)> {
    let mut devices = Vec::new();
    for isa in Isa::available() {
        // Rows go through several steps all together, or one at a time.
        for (threads, block_bytes) in [(1, None), (2, Some(1)), (3, None), (8, Some(1))] {
            let options = CpuOptions {
                threads: Some(threads),
                isa: Some(isa.level().name().into()),
                always_parallel: true,
                block_bytes,
            };
            let cpu = Cpu::with(&options).unwrap();
            devices.push((cpu.name(), cpu));
        }
    }
    devices
}

/// Outputs and states after some runs.
fn run(
    device: &dyn Device,
    graph: &Graph,
    outputs: &[Node<'_>],
    inputs: &[Tensor],
    states: &[Tensor],
    options: &CompileOptions,
    steps: usize,
) -> Vec<Tensor> {
    let ids: Vec<_> = outputs.iter().map(|node| node.id()).collect();
    let mut executable = device.compile(graph, &ids, options).unwrap();
    let mut store = device.new_store();
    for state in states {
        let id = store.declare(&Type::new(state.dtype(), state.shape()));
        store.write(id, state).unwrap();
    }
    let feeds: Vec<Feed<'_>> = inputs.iter().map(Feed::Whole).collect();
    for _ in 0..steps {
        executable.run(store.as_mut(), &feeds).unwrap();
    }
    let mut all: Vec<Tensor> = (0..ids.len()).map(|at| executable.output(at).unwrap()).collect();
    all.extend((0..states.len()).map(|at| store.read(StateId(at as u32)).unwrap()));
    all
}

fn same_bits(what: &str, got: &[Tensor], want: &[Tensor]) {
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.shape(), want.shape(), "{what}: result {at}");
        assert!(got == want, "{what}: result {at}\n got {got:?}\nwant {want:?}");
    }
}

fn everywhere(
    what: &str,
    graph: &Graph,
    outputs: &[Node<'_>],
    inputs: &[Tensor],
    states: &[Tensor],
    steps: usize,
) {
    let fused = CompileOptions::default();
    let plain = CompileOptions { fuse: false, ..CompileOptions::default() };
    let want = run(&Reference, graph, outputs, inputs, states, &fused, steps);
    for (name, cpu) in devices() {
        let got = run(&cpu, graph, outputs, inputs, states, &fused, steps);
        same_bits(&format!("{what} on {name}"), &got, &want);
    }
    let cpu = Cpu::new().unwrap();
    let got = run(&cpu, graph, outputs, inputs, states, &plain, steps);
    same_bits(&format!("{what} unfused"), &got, &want);
}

#[test]
fn every_operation() {
    let mut draw = Draw::new(11);
    for sample in Op::samples() {
        let graph = Graph::new();
        let nodes: Vec<Node<'_>> = sample
            .inputs
            .iter()
            .enumerate()
            .map(|(at, ty)| graph.input(&format!("x{at}"), &ty.shape, ty.dtype))
            .collect();
        let y = graph.apply(sample.op.clone(), &nodes);
        let inputs: Vec<Tensor> =
            sample.inputs.iter().map(|ty| draw.tensor(ty, sample.range)).collect();
        everywhere(&format!("{:?}", sample.op), &graph, &[y], &inputs, &[], 1);
    }
}

#[test]
fn every_derivative() {
    let mut draw = Draw::new(12);
    for sample in Op::samples() {
        let graph = Graph::new();
        let nodes: Vec<Node<'_>> = sample
            .inputs
            .iter()
            .enumerate()
            .map(|(at, ty)| graph.input(&format!("x{at}"), &ty.shape, ty.dtype))
            .collect();
        let y = graph.apply(sample.op.clone(), &nodes);
        if y.dtype() != DType::F32 {
            continue;
        }
        let weights = graph.input("weights", y.shape(), DType::F32);
        let loss = (y * weights).sum_all();
        let floats: Vec<Node<'_>> =
            nodes.iter().copied().filter(|node| node.dtype() == DType::F32).collect();
        let found = kerros_graph::grad_where_connected(loss, &floats).unwrap();
        let outputs: Vec<Node<'_>> = found.into_iter().flatten().collect();
        let mut inputs: Vec<Tensor> =
            sample.inputs.iter().map(|ty| draw.tensor(ty, sample.range)).collect();
        inputs.push(draw.tensor(&weights.ty(), (-1.0, 1.0)));
        everywhere(&format!("grad {:?}", sample.op), &graph, &outputs, &inputs, &[], 1);
    }
}

/// Operations that may run through the reference evaluator on this device, too.
const FALLBACKS: [&str; 9] = [
    "conv",
    "conv_input_gradient",
    "conv_kernel_gradient",
    "conv_linear",
    "max_pool",
    "max_pool_gather",
    "max_pool_scatter",
    "sum_pool",
    "sum_pool_scatter",
];

#[test]
fn every_operation_has_a_kernel() {
    let cpu = Cpu::new().unwrap();
    for sample in Op::samples() {
        let graph = Graph::new();
        let (_, y) = kerros_testkit::sample::apply(&graph, &sample);
        let executable = cpu.compile(&graph, &[y.id()], &CompileOptions::default()).unwrap();
        let falls_back = executable.explain().contains("fallback");
        let name = sample.op.name();
        assert!(!falls_back || FALLBACKS.contains(&name), "{name}:\n{}", executable.explain());
    }
}

/// Rows by index, as an embedding uses and updates them: repeated indices add up in order.
#[test]
fn embeddings() {
    let graph = Graph::new();
    let tokens = graph.input("tokens", [6, 5], DType::I32);
    let table = graph.state(StateId(0), "table", [11, 7], DType::F32);
    let vectors = table.gather(tokens, 0);
    let loss = (vectors * vectors).tanh().mean_all();
    let dtable = grad(loss, &[table]).unwrap()[0];
    graph.assign(table, table - dtable * 0.5);
    // Positions far apart and close together, some outside.
    let places = (0..30).map(|i| [0, 3, 3, 10, 11, -1, 7][i * i % 7]).collect::<Vec<i32>>();
    let inputs = [Tensor::new([6, 5], places).unwrap()];
    let states = [Draw::new(17).tensor(&table.ty(), (-1.0, 1.0))];
    let safe = vectors.is_nan().select(0.0, vectors);
    everywhere("embedding", &graph, &[safe, dtable], &inputs, &states, 3);
}

/// A value of 8 rows is spread over rows that are cut elsewhere.
#[test]
fn a_stretched_value_seen_under_another_shape() {
    let graph = Graph::new();
    let x = graph.input("x", [8], DType::F32);
    let y = graph.input("y", [3, 8], DType::F32);
    let spread = x.reshape([8, 1]).broadcast_to([8, 3]).reshape([3, 8]);
    let mut draw = Draw::new(19);
    let inputs = [draw.tensor(&x.ty(), (-1.0, 1.0)), draw.tensor(&y.ty(), (-1.0, 1.0))];
    everywhere("stretched", &graph, &[spread * y], &inputs, &[], 1);
}

/// Attention's permutations, joined and cut parts, on shapes that threads divide unevenly.
#[test]
fn moved_elements() {
    let graph = Graph::new();
    let x = graph.input("x", [5, 17, 3, 20], DType::F32);
    let heads = x.transpose(&[0, 2, 1, 3]);
    let turned = x.transpose(&[3, 1, 0, 2]);
    let keys = heads.transpose(&[0, 1, 3, 2]);
    let gates: Vec<Node<'_>> = (0..4).map(|gate| x.slice(3, 5 * gate, 5 * gate + 5)).collect();
    let joined = Node::concat(&[gates[2], gates[0].reverse(1)], 3);
    let stacked = Node::concat(&[gates[1], gates[3]], 0);
    let spaced = gates[3].pad(1, 2, 1, 3).pad(0, 1, 1, 2);
    let running = x.cumsum(0) + x.cumsum(2);
    let outputs = [heads, turned, keys, joined, stacked, spaced, running, x.sort(true)];
    let inputs = [Draw::new(18).tensor(&x.ty(), (-1.0, 1.0))];
    everywhere("moves", &graph, &outputs, &inputs, &[], 1);
}

/// A multilayer perceptron with dropout, trained by Adam on the states.
#[test]
fn training_steps() {
    train(13, 5);
}

/// Batches whose sums over rows are cut, where as many chunks go to each thread: for 1, 2 and 8
/// threads, then for 1 and 3.
#[test]
fn training_steps_of_several_chunks() {
    train(8192, 1);
    train(3072, 2);
}

fn train(batch: usize, steps: usize) {
    let graph = Graph::new();
    let x = graph.input("x", [batch, 20], DType::F32);
    let y = graph.input("y", [batch], DType::I32);
    let mut draw = Draw::new(13);
    let mut states: Vec<Tensor> = Vec::new();
    let declare =
        |shape: &[usize], range: (f64, f64), states: &mut Vec<Tensor>, draw: &mut Draw| {
            let ty = Type::f32(shape);
            states.push(draw.tensor(&ty, range));
            graph.state(StateId(states.len() as u32 - 1), "s", shape, DType::F32)
        };
    let shapes: [&[usize]; 4] = [&[20, 33], &[33], &[33, 7], &[7]];
    let weights: Vec<Node<'_>> =
        shapes.iter().map(|shape| declare(shape, (-0.5, 0.5), &mut states, &mut draw)).collect();
    let slots: Vec<[Node<'_>; 2]> = shapes
        .iter()
        .map(|shape| [0, 1].map(|_| declare(shape, (0.0, 0.0), &mut states, &mut draw)))
        .collect();
    let count = declare(&[], (0.0, 0.0), &mut states, &mut draw);
    states.push(Tensor::new([4], [7, 8, 0, 0]).unwrap());
    let key = graph.state(StateId(states.len() as u32 - 1), "key", [4], DType::I32);

    let hidden = x.linear(weights[0], Some(weights[1]), LinearActivation::Relu).dropout(key, 0.2);
    let logits = hidden.tanh().linear(weights[2], Some(weights[3]), LinearActivation::Identity);
    let loss = logits.softmax_cross_entropy(y).mean_all();
    let hits = logits.argmax(-1).equal(y).cast(DType::F32).sum_all();
    let gradients = grad(loss, &weights).unwrap();
    let norm = Node::global_norm(&gradients);
    let t = count + 1.0;
    let beta = |b: f32| graph.constant(b).pow(t);
    let alpha = 0.01 * (1.0 - beta(0.999)).sqrt() / (1.0 - beta(0.9));
    for ((w, g), [m, v]) in weights.iter().zip(&gradients).zip(&slots) {
        let g = *g * (1.0f32 / (norm.maximum(1.0)));
        let m_next = *m + (g - *m) * 0.1;
        let v_next = *v + (g * g - *v) * 0.001;
        graph.assign(*m, m_next);
        graph.assign(*v, v_next);
        graph.assign(*w, *w - m_next * alpha / (v_next.sqrt() + 1e-7));
    }
    graph.assign(count, t);
    graph.assign(key, key + graph.literal(Tensor::new([4], [0, 0, 1, 0]).unwrap()));

    let inputs = [draw.tensor(&x.ty(), (-1.0, 1.0)), draw.tensor(&y.ty(), (0.0, 7.0))];
    everywhere(&format!("training {batch}"), &graph, &[loss, hits, norm], &inputs, &states, steps);
}

/// Each thread gathers the rows of its chunks, as many threads as there happen to be.
#[test]
fn gathered_rows_of_several_chunks() {
    let graph = Graph::new();
    let x = graph.input("x", [4096, 3], DType::F32);
    let w = graph.state(StateId(0), "w", [3, 20], DType::F32);
    let y = x.linear(w, None, LinearActivation::Relu);
    let gradient = grad((y * y).mean_all(), &[w]).unwrap()[0];
    graph.assign(w, w - gradient * 0.1);
    let mut draw = Draw::new(17);
    let rows: Vec<u32> = (0..4096).map(|row| row * 1237 % 5000).collect();
    let data = draw.tensor(&Type::f32([5000, 3]), (-1.0, 1.0));
    let start = draw.tensor(&w.ty(), (-1.0, 1.0));
    let mut results = Vec::new();
    for threads in [1, 2, 4] {
        let threads = Some(threads);
        let options = CpuOptions { threads, always_parallel: true, ..CpuOptions::default() };
        let cpu = Cpu::with(&options).unwrap();
        let mut executable = cpu.compile(&graph, &[], &CompileOptions::default()).unwrap();
        assert!(executable.explain().contains("chunk_products"), "{}", executable.explain());
        let mut store = cpu.new_store();
        let id = store.declare(&w.ty());
        store.write(id, &start).unwrap();
        for _ in 0..2 {
            let feeds = [Feed::Rows { tensor: &data, rows: &rows }];
            executable.run(store.as_mut(), &feeds).unwrap();
        }
        results.push(store.read(id).unwrap());
    }
    let taken = [data.take_rows(&rows).unwrap()];
    let want = run(
        &Reference,
        &graph,
        &[],
        &taken,
        std::slice::from_ref(&start),
        &CompileOptions::default(),
        2,
    );
    results.iter().for_each(|found| assert!(*found == want[0]));
}

/// Weights that stay with the thread that updates them: each thread gathers the columns that go
/// with them, as many threads as there happen to be.
#[test]
fn gathered_columns_of_weights_that_stay() {
    for (inputs, bias, relu, staying) in [
        (784, true, LinearActivation::Relu, [2].as_slice()),
        (2048, false, LinearActivation::Identity, &[2, 4]),
        (2048, true, LinearActivation::Identity, &[2, 4]),
        (2048, false, LinearActivation::Relu, &[2, 4]),
    ] {
        let graph = Graph::new();
        let x = graph.input("x", [8, inputs], DType::F32);
        let w = graph.state(StateId(0), "w", [inputs, 24], DType::F32);
        let b = graph.state(StateId(1), "b", [24], DType::F32);
        let y = x.linear(w, bias.then_some(b), relu);
        let gradient = grad((y * y).mean_all(), &[w]).unwrap()[0];
        graph.assign(w, w - gradient * 0.1);
        let mut draw = Draw::new(19);
        let rows: Vec<u32> = (0..8).map(|row| row * 7 % 30).collect();
        let data = draw.tensor(&Type::f32([30, inputs]), (-1.0, 1.0));
        let states = [w, b].map(|state| draw.tensor(&state.ty(), (-1.0, 1.0)));
        let taken = [data.take_rows(&rows).unwrap()];
        let want = run(&Reference, &graph, &[y], &taken, &states, &CompileOptions::default(), 3);
        for threads in [1, 2, 3, 4] {
            for isa in Isa::available() {
                let options = CpuOptions {
                    threads: Some(threads),
                    isa: Some(isa.level().name().into()),
                    always_parallel: true,
                    ..CpuOptions::default()
                };
                let cpu = Cpu::with(&options).unwrap();
                let options = CompileOptions::default();
                let mut executable = cpu.compile(&graph, &[y.id()], &options).unwrap();
                let stays = executable.explain().contains("part_products");
                assert_eq!(stays, staying.contains(&threads), "{}", executable.explain());
                let mut store = cpu.new_store();
                for state in &states {
                    let id = store.declare(&Type::new(state.dtype(), state.shape()));
                    store.write(id, state).unwrap();
                }
                for _ in 0..3 {
                    let feeds = [Feed::Rows { tensor: &data, rows: &rows }];
                    executable.run(store.as_mut(), &feeds).unwrap();
                }
                let found = [executable.output(0).unwrap(), store.read(StateId(0)).unwrap()];
                same_bits(&format!("{} {inputs}", cpu.name()), &found, &want[..2]);
                let whole = run(&cpu, &graph, &[y], &taken, &states, &options, 3);
                same_bits(&format!("{} {inputs}, whole", cpu.name()), &whole, &want);
            }
        }
    }
}

/// So many rows that threads take a few at a time through several steps, and what lies between
/// these steps has room for a few only.
/// Sums down channels, added up by threads that have some of the items: of what a convolution made,
/// of squares that nothing else needs, and of a derivative. The items are cut unevenly.
#[test]
fn columns_are_summed_where_they_are_made() {
    let graph = Graph::new();
    let x = graph.input("x", [7, 16, 32, 3], DType::F32);
    let kernel = graph.state(StateId(0), "k", [3, 3, 3, 19], DType::F32);
    let mut draw = Draw::new(23);
    let y = x.conv(kernel, ConvSpec { padding: vec![(1, 1); 2], ..ConvSpec::new(2) });
    let mean = y.sum(&[0, 1, 2]) * (1.0 / 3584.0);
    let centred = y - mean.broadcast_to(y.shape());
    let variance = (centred * centred).sum(&[0, 1, 2]) * (1.0 / 3584.0);
    let scale = (variance + 1e-3).rsqrt();
    let normal = (centred * scale.broadcast_to(y.shape())).relu();
    let loss = (normal * normal * normal).mean_all();
    let gradient = grad(loss, &[kernel]).unwrap()[0];
    graph.assign(kernel, kernel - gradient * 0.1);
    let cpu = Cpu::new().unwrap();
    let executable = cpu.compile(&graph, &[loss.id()], &CompileOptions::default()).unwrap();
    assert!(executable.explain().contains("piece_sums{3584, 19}"), "{}", executable.explain());
    let states = [draw.tensor(&kernel.ty(), (-0.5, 0.5))];
    let inputs = [draw.tensor(&x.ty(), (-1.0, 1.0))];
    everywhere("sums of columns", &graph, &[loss], &inputs, &states, 2);
}

#[test]
fn blocks_of_rows() {
    let graph = Graph::new();
    let x = graph.input("x", [50, 900], DType::F32);
    let y = graph.input("y", [50, 70], DType::F32);
    let mut draw = Draw::new(5);
    let weights = graph.state(StateId(0), "w", [900, 70], DType::F32);
    let slot = graph.state(StateId(1), "m", [900, 70], DType::F32);
    let probabilities = x.matmul(weights).softmax();
    let loss = ((probabilities - y) * (probabilities - y)).mean_all();
    let gradient = grad(loss, &[weights]).unwrap()[0];
    // Rows of the gradient are scaled by their own sums before they are used.
    let scaled = gradient / (1e-3 + (gradient * gradient).sum(&[1]).expand_dims(1));
    let next = slot * 0.9 + scaled;
    graph.assign(slot, next);
    graph.assign(weights, weights - next * 0.1);
    let states = [0.1, 0.0].map(|bound| draw.tensor(&weights.ty(), (-bound, bound)));
    let inputs = [&x, &y].map(|input| draw.tensor(&input.ty(), (-1.0, 1.0)));
    everywhere("blocks", &graph, &[loss], &inputs, &states, 3);
}

/// The last of these values takes the place of the first and lives on, when the first has room for
/// a few rows only.
#[test]
fn a_value_takes_the_place_of_one_that_passes() {
    let graph = Graph::new();
    let x = graph.input("x", [400, 600], DType::F32);
    let w = graph.input("w", [600, 500], DType::F32);
    let mut draw = Draw::new(6);
    let y = x.softmax().log_softmax().softmax().log_softmax().matmul(w);
    let inputs = [&x, &w].map(|input| draw.tensor(&input.ty(), (-1.0, 1.0)));
    everywhere("places", &graph, &[y], &inputs, &[], 1);
}

#[test]
fn states_may_stay_or_be_copied_on() {
    let graph = Graph::new();
    let [a, b, c] =
        [0, 1, 2].map(|id| graph.state(StateId(id), &format!("s{id}"), [3], DType::F32));
    // Nothing reads these but their updates: one keeps its value, one is passed on while it is
    // overwritten.
    graph.assign(a, b);
    graph.assign(b, b);
    graph.assign(c, a);
    let states = [1.0f32, 2.0, 3.0].map(|value| Tensor::full([3], value));
    everywhere("chain", &graph, &[], &[], &states, 1);
    everywhere("chain, twice", &graph, &[], &[], &states, 2);
}

#[test]
fn states_may_trade_places() {
    let graph = Graph::new();
    let a = graph.state(StateId(0), "a", [3], DType::F32);
    let b = graph.state(StateId(1), "b", [3], DType::F32);
    graph.assign(a, b);
    graph.assign(b, a);
    let states = [Tensor::full([3], 1.0f32), Tensor::full([3], 2.0f32)];
    everywhere("swap", &graph, &[a + b, a], &[], &states, 3);
}
