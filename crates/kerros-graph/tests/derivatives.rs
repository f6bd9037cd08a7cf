//! Every derivative rule against differences in `f64`.

use kerros_core::DType;
use kerros_core::program::{Binary, Unary};
use kerros_graph::eval::evaluate;
use kerros_graph::operation::Sample;
use kerros_graph::{Graph, Node, Op, Type, grad_where_connected};
use kerros_testkit::gradients::{self, Refusal};
use kerros_testkit::{Draw, sample};

/// How often other values are drawn when the first have a kink between the two points.
const DRAWS: usize = 3;

/// The samples from floats to floats, of at least one element. Operations whose derivative is
/// meant to differ from that of their value have tests of their own.
fn from_floats_to_floats() -> Vec<Sample<Op>> {
    let is_float = |ty: &Type| ty.dtype == DType::F32;
    let mut samples = Op::samples();
    samples.retain(|case| {
        let result = case.op.infer(&case.inputs).expect("samples fit their operation");
        let differs_by_intent = matches!(case.op, Op::StopGradient(_) | Op::ReplaceGradient(_));
        let some = is_float(&result) && result.shape.num_elements() > 0;
        some && case.inputs.iter().any(is_float) && !differs_by_intent
    });
    samples
}

fn floats<'g>(nodes: &[Node<'g>]) -> Vec<Node<'g>> {
    nodes.iter().copied().filter(|node| node.dtype() == DType::F32).collect()
}

/// Runs `confirm` on seeded values until they are away from kinks.
fn away_from_kinks(
    case: &Sample<Op>,
    seed: u64,
    confirm: impl Fn(&mut Draw) -> Result<(), Refusal>,
) {
    let mut last = None;
    for again in 0..DRAWS {
        match confirm(&mut Draw::new(seed + 1000 * again as u64)) {
            Ok(()) => return,
            Err(Refusal::Kink) => last = Some(Refusal::Kink),
            Err(refusal) => panic!("{:?} on {:?}: {refusal}", case.op, case.inputs),
        }
    }
    panic!("{:?} on {:?}: {}", case.op, case.inputs, last.expect("something was refused"));
}

#[test]
fn first_derivatives() {
    let samples = from_floats_to_floats();
    assert!(samples.len() > 80, "{} samples", samples.len());
    for case in samples {
        away_from_kinks(&case, 31, |draw| {
            let graph = Graph::new();
            let (nodes, y) = sample::apply(&graph, &case);
            let values = sample::values(draw, &case);
            let loss = sample::weighted_sum(draw, y);
            gradients::check(&graph, loss, &floats(&nodes), &values, draw)
        });
    }
}

/// Whether the second derivative is neither 0 everywhere nor undefined.
fn is_curved(op: &Op) -> bool {
    match op {
        Op::Unary(unary) => matches!(
            unary.function,
            Unary::Exp
                | Unary::Expm1
                | Unary::Log
                | Unary::Log1p
                | Unary::Sqrt
                | Unary::Rsqrt
                | Unary::Sin
                | Unary::Cos
                | Unary::Tanh
                | Unary::Sigmoid
                | Unary::Erf
        ),
        Op::Binary(binary) => matches!(binary.function, Binary::Mul | Binary::Div | Binary::Pow),
        Op::MatMul(_)
        | Op::Conv(_)
        | Op::ConvInputGradient(_)
        | Op::ConvKernelGradient(_)
        | Op::ConvLinear(_)
        | Op::Linear(_)
        | Op::Softmax(_)
        | Op::LogSoftmax(_)
        | Op::SoftmaxCrossEntropy(_)
        | Op::SigmoidCrossEntropy(_)
        | Op::GlobalNorm(_)
        | Op::Lstm(_)
        | Op::Gru(_)
        | Op::SimpleRnn(_)
        | Op::Attention(_)
        | Op::RowNorm(_) => true,
        _ => false,
    }
}

#[test]
fn second_derivatives() {
    let samples: Vec<Sample<Op>> =
        from_floats_to_floats().into_iter().filter(|case| is_curved(&case.op)).collect();
    assert!(samples.len() > 35, "{} samples", samples.len());
    for case in samples {
        away_from_kinks(&case, 32, |draw| {
            let graph = Graph::new();
            let (nodes, y) = sample::apply(&graph, &case);
            let values = sample::values(draw, &case);
            let loss = sample::weighted_sum(draw, y);
            // Squares, so that an operation that is linear in each input alone is curved too.
            let first = grad_where_connected(loss, &floats(&nodes))?;
            let squares = first.into_iter().flatten().map(|dx| sample::weighted_sum(draw, dx * dx));
            let penalty = squares.reduce(|sum, next| sum + next).expect("a smooth operation");
            gradients::check(&graph, penalty, &floats(&nodes), &values, draw)
        });
    }
}

#[test]
fn a_stopped_gradient_stops_and_a_replaced_one_is_the_other() {
    let graph = Graph::new();
    let x = graph.input("x", [3], DType::F32);
    let loss = (x.stop_gradient() * x.exp()).sum_all();
    let frozen = graph.input("frozen", [3], DType::F32);
    let same = (frozen * x.exp()).sum_all();
    let dx = grad_where_connected(loss, &[x]).unwrap()[0].unwrap();
    let want = grad_where_connected(same, &[x]).unwrap()[0].unwrap();
    let values = Draw::new(33).tensor(&x.ty(), (-1.0, 1.0));
    let both = [values.clone(), values];
    let found = evaluate::<f32>(&graph, &[dx, want], &both, &[]).unwrap();
    assert_eq!(found[0].as_slice::<f32>().unwrap(), found[1].as_slice::<f32>().unwrap());
    assert_ne!(found[0].as_slice::<f32>().unwrap(), [0.0; 3]);

    let straight = x.round().replace_gradient(x.sin()).sum_all();
    let dx = grad_where_connected(straight, &[x]).unwrap()[0].unwrap();
    let found = evaluate::<f32>(&graph, &[dx, x.cos()], &both, &[]).unwrap();
    assert_eq!(found[0].as_slice::<f32>().unwrap(), found[1].as_slice::<f32>().unwrap());
}

/// A node that is an input twice gets the derivatives of both places once.
#[test]
fn one_node_in_two_places_of_a_recurrent_layer() {
    use kerros_graph::ops::CellActivation::{Sigmoid, Tanh};
    let graph = Graph::new();
    let x = graph.input("x", [2, 2, 8], DType::F32);
    let kernel = graph.input("kernel", [2, 8], DType::F32);
    let state = graph.input("state", [2, 2], DType::F32);
    let y = x.lstm(kernel, (state, state), (Tanh, Sigmoid), None);
    let mut draw = Draw::new(34);
    let values = [&x, &kernel, &state].map(|node| draw.tensor(&node.ty(), (-1.0, 1.0)));
    let loss = sample::weighted_sum(&mut draw, y.sequence);
    let wrt = [x, kernel, state];
    gradients::check(&graph, loss, &wrt, &values, &mut draw).unwrap();
    let first = grad_where_connected(loss, &wrt).unwrap();
    let squares = first.into_iter().flatten().map(|dx| sample::weighted_sum(&mut draw, dx * dx));
    let penalty = squares.reduce(|sum, next| sum + next).unwrap();
    gradients::check(&graph, penalty, &wrt, &values, &mut draw).unwrap();
}
