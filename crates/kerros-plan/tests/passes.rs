//! Passes keep every bit of any graph, and plans of any graph are sound.

mod mlp;

use std::time::Instant;

use kerros_core::{DType, Tensor};
use kerros_graph::decompose::decompose_all;
use kerros_graph::eval::evaluate;
use kerros_graph::verify::verify;
use kerros_graph::{Graph, Node, NodeId, Op, StateId, Type, grad};
use kerros_plan::check::check;
use kerros_plan::simplify::simplify;
use kerros_plan::{CompileOptions, Device, Feed, Reference, compile, explain};
use kerros_testkit::Draw;
use kerros_testkit::graphs::{self, Values};
use mlp::{Step, has_kernel};

/// How many seeded graphs are tried, and how large they are.
const GRAPHS: u64 = 60;
const NODES: usize = 60;

fn states(values: &Values) -> Vec<(StateId, Tensor)> {
    (0..).map(StateId).zip(values.states.iter().cloned()).collect()
}

/// The values of some nodes by the reference evaluator.
fn results(graph: &Graph, roots: &[NodeId], values: &Values) -> Vec<Vec<u8>> {
    let nodes: Vec<_> = roots.iter().map(|&id| graph.node(id)).collect();
    let found = evaluate::<f32>(graph, &nodes, &values.inputs, &states(values)).unwrap();
    found.iter().map(|value| value.bytes().to_vec()).collect()
}

/// Outputs and next states.
fn roots(graph: &Graph, outputs: &[NodeId]) -> Vec<NodeId> {
    let next = graph.updates().into_iter().map(|(_, value)| value);
    outputs.iter().copied().chain(next).collect()
}

fn num_computed(graph: &Graph) -> usize {
    graph.nodes().iter().filter(|node| !node.inputs.is_empty()).count()
}

#[test]
fn simplifying_keeps_every_bit() {
    let (mut before, mut after) = (0, 0);
    for seed in 0..GRAPHS {
        let graph = Graph::new();
        let (outputs, values) = graphs::fill(&mut Draw::new(seed), &graph, NODES);
        let ids: Vec<NodeId> = outputs.iter().map(|node| node.id()).collect();
        let roots = roots(&graph, &ids);
        let want = results(&graph, &roots, &values);

        let (simple, simple_roots) = simplify(&graph, &roots).unwrap();
        verify(&simple).unwrap();
        assert_eq!(results(&simple, &simple_roots, &values), want, "seed {seed}");

        let (plain, plain_roots) = decompose_all(&simple, &simple_roots, |_| true).unwrap();
        let (plain, plain_roots) = simplify(&plain, &plain_roots).unwrap();
        verify(&plain).unwrap();
        assert_eq!(results(&plain, &plain_roots, &values), want, "seed {seed}, decomposed");

        // Against the same nodes, copied without a change.
        let (copied, _) = decompose_all(&graph, &roots, |_| false).unwrap();
        before += num_computed(&copied);
        after += num_computed(&simple);
    }
    assert!(after * 100 < before * 95, "{before} operations, {after} after simplifying");
}

#[test]
fn the_way_back_through_relu_keeps_its_result_alone() {
    let graph = Graph::new();
    let x = graph.input("x", [4], DType::F32);
    let y = (x * 3.0).relu();
    let dx = grad((y * y).sum(&[0]), &[x]).unwrap()[0];
    // What the conditions of all choices are of.
    let compared = |graph: &Graph| {
        let nodes = graph.nodes();
        let chosen = nodes.iter().filter(|node| matches!(node.op, Op::Select(_)));
        let closed = chosen.map(|node| &nodes[node.inputs[0].index()]);
        let is_choice = |id: NodeId| matches!(nodes[id.index()].op, Op::Select(_));
        closed.map(|closed| is_choice(closed.inputs[0])).collect::<Vec<bool>>()
    };
    let roots = [y.id(), dx.id()];
    let (copied, _) = decompose_all(&graph, &roots, |_| false).unwrap();
    let (simple, simple_roots) = simplify(&graph, &roots).unwrap();
    assert_eq!((compared(&copied), compared(&simple)), (vec![false; 2], vec![false, true]));
    let values = Values {
        inputs: vec![Tensor::new([4], [-1.0f32, -0.0, 2.0, f32::NAN]).unwrap()],
        states: Vec::new(),
    };
    assert_eq!(results(&simple, &simple_roots, &values), results(&graph, &roots, &values));
}

#[test]
fn simplifying_twice_changes_nothing_more() {
    for seed in 0..GRAPHS {
        let graph = Graph::new();
        let (outputs, _) = graphs::fill(&mut Draw::new(seed), &graph, NODES);
        let ids: Vec<NodeId> = outputs.iter().map(|node| node.id()).collect();
        let (once, once_roots) = simplify(&graph, &ids).unwrap();
        let (twice, _) = simplify(&once, &once_roots).unwrap();
        assert!(num_computed(&twice) <= num_computed(&once), "seed {seed}");
    }
}

/// Plans of any graph, fused or not, with kernels or without, pass the checker, and their
/// buffers lie within the arena.
#[test]
fn plans_of_any_graph_are_sound() {
    for seed in 0..GRAPHS {
        let graph = Graph::new();
        let (outputs, _) = graphs::fill(&mut Draw::new(seed), &graph, NODES);
        let ids: Vec<NodeId> = outputs.iter().map(|node| node.id()).collect();
        for fuse in [true, false] {
            let options = CompileOptions { fuse, ..CompileOptions::default() };
            for kernels in [true, false] {
                let plan =
                    compile(&graph, &ids, &options, |node| kernels && has_kernel(node)).unwrap();
                check(&plan).unwrap();
                assert_eq!(plan.outputs.len(), ids.len());
                let covered: usize = plan.regions.iter().map(|region| region.steps.len()).sum();
                assert_eq!(covered, plan.steps.len());
                for step in &plan.steps {
                    for operand in step.reads.iter().chain(&step.writes) {
                        let buffer = &plan.buffers[operand.buffer];
                        if let kerros_plan::plan::Home::Arena(offset) = buffer.home {
                            assert!(offset + 4 * buffer.len() <= plan.arena_bytes, "seed {seed}");
                        }
                    }
                }
            }
        }
    }
}

/// A plan of many thousand steps: a network with shortcuts, whose gradient reads every layer again
/// from the last to the first. Eight times the layers take eight times as long and, because they
/// leave the caches, somewhat more; sixty-four times where a pass compares all steps with each
/// other. Three times the one is a third of the other, so a busy machine does not decide it.
#[test]
fn deep_networks_compile_in_time() {
    let seconds = |layers: u32| {
        let graph = Graph::new();
        let weights: Vec<_> =
            (0..layers).map(|id| graph.state(StateId(id), "kernel", [8, 8], DType::F32)).collect();
        let mut y = graph.input("x", [4, 8], DType::F32);
        for &weight in &weights {
            y = y + y.matmul(weight).tanh();
        }
        let gradients = grad(y.square().mean_all(), &weights).unwrap();
        for (&weight, gradient) in weights.iter().zip(gradients) {
            graph.assign(weight, weight - gradient * 0.1);
        }
        let begun = Instant::now();
        let plan = compile(&graph, &[], &CompileOptions::default(), has_kernel).unwrap();
        assert!(plan.steps.len() > 5 * layers as usize);
        begun.elapsed().as_secs_f64()
    };
    let least = |layers| (0..3).map(|_| seconds(layers)).fold(f64::INFINITY, f64::min);
    let (few, many) = (least(1000), least(8000));
    assert!(many < 24.0 * few, "{few} s, then {many} s");
}

/// The reference device carries out a whole training step: it learns, and what it computes is
/// what the simplified graph says.
#[test]
fn the_reference_device_trains() {
    let graph = Graph::new();
    let mut step = Step::new(&graph, 8);
    step.train().unwrap();
    let mut draw = Draw::new(7);
    let starts: Vec<Tensor> = step
        .states
        .iter()
        .enumerate()
        .map(|(at, ty)| {
            let is_rate = *ty == Type::f32([]) && at > 0 && step.states[at - 1].dtype == DType::I32;
            match at < 6 {
                true => draw.tensor(ty, (-0.05, 0.05)),
                false if is_rate => Tensor::scalar(0.001f32),
                false => Tensor::zeros(&ty.shape, ty.dtype),
            }
        })
        .collect();
    let labels = draw.tensor(&Type::new(DType::I32, [8]), (0.0, 10.0));
    let x = draw.tensor(&Type::f32([8, 784]), (-1.0, 1.0));
    let values = Values { inputs: vec![labels, x], states: starts };

    let updated = roots(&graph, &[]);
    let (simple, simple_roots) = simplify(&graph, &updated).unwrap();
    let want = results(&simple, &simple_roots, &values);

    let mut executable = Reference.compile(&graph, &[], &CompileOptions::default()).unwrap();
    let mut store = Reference.new_store();
    for (ty, value) in step.states.iter().zip(&values.states) {
        let id = store.declare(ty);
        store.write(id, value).unwrap();
    }
    let feeds: Vec<Feed<'_>> = values.inputs.iter().map(Feed::Whole).collect();
    executable.run(store.as_mut(), &feeds).unwrap();
    for ((state, _), want) in graph.updates().iter().zip(&want) {
        let id = graph.states().iter().find(|(_, node, ..)| node == state).expect("a state").0;
        assert_eq!(store.read(id).unwrap().bytes(), want, "state {}", id.0);
    }
    let total = |store: &dyn kerros_plan::StateStore| {
        let id = graph.states().iter().find(|(_, _, name, _)| &**name == "loss_total").unwrap().0;
        store.read(id).unwrap().to_vec_f64()[0]
    };
    let first = total(store.as_ref());
    for _ in 1..30 {
        executable.run(store.as_mut(), &feeds).unwrap();
    }
    let before = total(store.as_ref());
    executable.run(store.as_mut(), &feeds).unwrap();
    let last = total(store.as_ref()) - before;
    assert!(last < 0.5 * first, "the loss went from {first} to {last} in 30 steps");
}

/// The text of a plan for the product of `[4, 3]` and `[3, 5]`, gated by a `[4, 5]`, and for
/// whatever else is asked for.
fn gated(also: impl for<'g> Fn(Node<'g>, Node<'g>) -> Vec<Node<'g>>) -> String {
    let graph = Graph::new();
    let [x, w, y] = [("x", [4, 3]), ("w", [3, 5]), ("y", [4, 5])]
        .map(|(name, shape)| graph.input(name, shape, DType::F32));
    let product = x.matmul(w);
    let mut outputs = vec![y.less_equal(0.0).select(0.0, product)];
    outputs.extend(also(product, y));
    let ids: Vec<NodeId> = outputs.iter().map(|node| node.id()).collect();
    let plan = compile(&graph, &ids, &CompileOptions::default(), has_kernel).unwrap();
    explain::print(&plan)
}

#[test]
fn a_product_takes_its_gate_unless_others_want_it_without() {
    let alone = gated(|_, _| vec![]);
    assert!(alone.contains("a b, gate}") && !alone.contains("map{"), "{alone}");
    let handed_out = gated(|product, _| vec![product]);
    assert!(handed_out.contains("a b}") && handed_out.contains("map{"), "{handed_out}");
    let read_twice = gated(|product, y| vec![product.matmul_with(y, true, false)]);
    assert!(!read_twice.contains("gate"), "{read_twice}");
}
