//! What must hold of every operation, on the samples that each gives of itself.

use kerros_core::{DType, Tensor};
use kerros_graph::eval::evaluate;
use kerros_graph::verify::verify;
use kerros_graph::{Graph, Node, Op, Type, grad_where_connected, text};
use kerros_testkit::{Draw, sample};

/// Operations that have no samples: they have no inputs, and every other test uses them.
const LEAVES: [&str; 2] = ["input", "state"];

#[test]
fn every_operation_has_samples() {
    let samples = Op::samples();
    for name in Op::NAMES.iter().filter(|name| !LEAVES.contains(name)) {
        assert!(samples.iter().any(|sample| sample.op.name() == *name), "{name}");
    }
}

#[test]
fn results_have_the_type_of_the_shape_rule() {
    let mut draw = Draw::new(21);
    for case in Op::samples() {
        let graph = Graph::new();
        let (_, y) = sample::apply(&graph, &case);
        let values = sample::values(&mut draw, &case);
        let found = evaluate::<f32>(&graph, &[y], &values, &[]).unwrap().remove(0);
        assert_eq!(Type::new(found.dtype(), found.shape()), y.ty(), "{:?}", case.op);
        assert_eq!(case.op.infer(&case.inputs).unwrap(), y.ty(), "{:?}", case.op);
    }
}

/// Graphs with the operation and its derivative.
fn with_derivative<'g>(graph: &'g Graph, case: &kerros_graph::operation::Sample<Op>) -> Node<'g> {
    let (nodes, y) = sample::apply(graph, case);
    if y.dtype() == DType::F32 {
        let loss = sample::weighted_sum(&mut Draw::new(22), y);
        let floats: Vec<Node<'_>> =
            nodes.into_iter().filter(|node| node.dtype() == DType::F32).collect();
        grad_where_connected(loss, &floats).unwrap();
    }
    y
}

#[test]
fn graphs_read_back_from_their_text() {
    let mut draw = Draw::new(23);
    for case in Op::samples() {
        let graph = Graph::new();
        let y = with_derivative(&graph, &case);
        verify(&graph).unwrap();
        let written = text::print(&graph);
        let again = text::parse(&written).unwrap_or_else(|e| panic!("{e}\n{written}"));
        verify(&again).unwrap();
        assert_eq!(text::print(&again), written);
        let values = sample::values(&mut draw, &case);
        let want = evaluate::<f32>(&graph, &[y], &values, &[]).unwrap();
        let found = evaluate::<f32>(&again, &[again.node(y.id())], &values, &[]).unwrap();
        assert_eq!(bits(&found[0]), bits(&want[0]), "{written}");
    }
}

fn bits(tensor: &Tensor) -> Vec<u8> {
    tensor.bytes().to_vec()
}

/// A shape rule answers whatever it is asked: with a type or with an error, never a panic.
#[test]
fn shape_rules_answer_any_inputs() {
    let odd = [
        Type::f32([]),
        Type::f32([0]),
        Type::f32([1]),
        Type::f32([7]),
        Type::f32([0, 3]),
        Type::f32([3, 0]),
        Type::f32([3, 4]),
        Type::f32([2, 3, 4, 5]),
        Type::new(DType::I32, []),
        Type::new(DType::I32, [4]),
        Type::new(DType::I32, [3, 4]),
        Type::new(DType::Bool, [3, 4]),
    ];
    let (mut accepted, mut refused) = (0, 0);
    for case in Op::samples() {
        let mut lists: Vec<Vec<Type>> = vec![vec![]];
        for at in 0..case.inputs.len() {
            let mut fewer = case.inputs.clone();
            fewer.remove(at);
            lists.push(fewer);
            for ty in &odd {
                let mut changed = case.inputs.clone();
                changed[at] = ty.clone();
                lists.push(changed);
            }
        }
        lists.extend(odd.iter().map(|ty| vec![ty.clone(); case.inputs.len()]));
        lists.push([&case.inputs[..], &case.inputs[..]].concat());
        for list in lists {
            // What a rule accepts the evaluator must be able to compute, too.
            let Ok(ty) = case.op.infer(&list) else {
                refused += 1;
                continue;
            };
            accepted += 1;
            let graph = Graph::new();
            let nodes = sample::inputs(&graph, &list);
            let y = graph.apply(case.op.clone(), &nodes);
            let mut draw = Draw::new(24);
            let values: Vec<Tensor> = list.iter().map(|ty| draw.tensor(ty, case.range)).collect();
            let found = evaluate::<f32>(&graph, &[y], &values, &[]).unwrap();
            assert_eq!(*found[0].shape(), ty.shape, "{:?} on {list:?}", case.op);
        }
    }
    assert!(accepted > 100 && refused > 1000, "{accepted} {refused}");
}
