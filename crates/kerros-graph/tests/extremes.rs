//! Values and derivatives where numbers are zero, huge, infinite or no numbers at all.

use kerros_core::program::Unary as Function;
use kerros_core::{DType, Tensor};
use kerros_graph::eval::evaluate;
use kerros_graph::{Graph, Node, Op, Type, grad_where_connected};
use kerros_testkit::{Draw, sample};

/// `e^89` is beyond `f32`, `e^-89` below its normal numbers.
const EXTREMES: [f32; 9] =
    [0.0, -0.0, 89.0, -89.0, 1e4, -1e4, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

/// A margin below the largest `f32`, where rounding may overflow.
const LARGEST: f64 = 3e38;

/// Whether the operation is the derivative of another and takes what that one kept: never
/// huge gates, whose powers cancel. It is among the derivatives of that one here.
fn takes_a_trace(op: &Op) -> bool {
    matches!(op, Op::LstmGradient(_) | Op::GruGradient(_) | Op::SimpleRnnGradient(_))
}

/// Whether results go through the operation again, step by step: a huge kernel multiplies
/// each rounding at every step, so that only finiteness can be asked.
fn feeds_back(op: &Op) -> bool {
    matches!(op, Op::Lstm(_) | Op::Gru(_) | Op::SimpleRnn(_))
}

/// How many huge operands are multiplied by each other where their differences are 0 but for
/// rounding. In `dq = ds · k` with `ds = (dp - sum(dp p)) p` and `dp = dy · v^T` the rounding of
/// the difference is as large as `v` times `dy`, and is multiplied by `k`. A derivative through
/// the scores, products of two operands, has one operand more.
fn degree(op: &Op, is_derivative: bool) -> i32 {
    match op {
        Op::Attention(_) if is_derivative => 2,
        Op::AttentionGradient(_) if is_derivative => 4,
        Op::AttentionGradient(_) => 3,
        _ => 1,
    }
}

/// Values and derivatives of every operation at the extremes: no panic, and `f32` is finite
/// and near wherever `f64`, which has the room that `f32` lacks, is within the range of `f32`. Near is `1e-5`, about 100 roundings, of the
/// largest number around: sums of huge and usual numbers keep no more.
#[test]
fn results_are_finite_where_the_limit_is() {
    let mut compared = 0;
    for case in Op::samples().into_iter().filter(|case| !takes_a_trace(&case.op)) {
        let graph = Graph::new();
        let (nodes, y) = sample::apply(&graph, &case);
        let floats: Vec<Node<'_>> =
            nodes.iter().copied().filter(|node| node.dtype() == DType::F32).collect();
        if y.dtype() != DType::F32 || floats.is_empty() {
            continue;
        }
        let loss = sample::weighted_sum(&mut Draw::new(51), y);
        let mut results = vec![y];
        results.extend(grad_where_connected(loss, &floats).unwrap().into_iter().flatten());
        let usual = sample::values(&mut Draw::new(52), &case);
        let places: Vec<usize> =
            (0..nodes.len()).filter(|&at| nodes[at].dtype() == DType::F32).collect();
        for value in EXTREMES {
            let around = if value.is_finite() { f64::from(value.abs()) } else { 0.0 };
            let filled = |at: usize| Tensor::full(usual[at].shape(), value);
            let everywhere =
                |at: usize| if places.contains(&at) { filled(at) } else { usual[at].clone() };
            let mut lists: Vec<Vec<Tensor>> = vec![(0..usual.len()).map(everywhere).collect()];
            // One operand whole, or its first element alone, among usual numbers.
            for &place in &places {
                let mut one = usual.clone();
                one[place] = filled(place);
                lists.push(one);
                let mut first = usual.clone();
                first[place].as_mut_slice::<f32>().unwrap()[0] = value;
                lists.push(first);
            }
            for inputs in lists {
                let narrow = evaluate::<f32>(&graph, &results, &inputs, &[]).unwrap();
                let wide = evaluate::<f64>(&graph, &results, &inputs, &[]).unwrap();
                let in_range = |value: f64| value.abs() < LARGEST;
                for (at, (narrow, wide)) in narrow.iter().zip(&wide).enumerate() {
                    for (found, want) in narrow.to_vec_f64().iter().zip(wide.to_vec_f64()) {
                        if in_range(want) {
                            compared += 1;
                            let around = around.powi(degree(&case.op, at > 0));
                            let size = want.abs().max(around).max(1.0);
                            let near = (found - want).abs() <= 1e-5 * size;
                            assert!(
                                found.is_finite() && (near || feeds_back(&case.op)),
                                "{:?} with {value}: result {at} is {found}, not {want}",
                                case.op
                            );
                        }
                    }
                    // Where the value itself is out of range its derivative may be, too.
                    if at == 0 && !wide.to_vec_f64().into_iter().all(in_range) {
                        break;
                    }
                }
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}

/// What is not a number does not turn into one on the way.
#[test]
fn nan_stays_nan() {
    for case in Op::samples() {
        let keeps = match &case.op {
            // A truth value, or chosen by something else.
            Op::Unary(unary) => !matches!(unary.function, Function::IsNan | Function::IsFinite),
            Op::Select(_) | Op::Slice(_) | Op::Literal(_) | Op::Dropout(_) => false,
            // Zero elements stay zero; the others are NaN.
            Op::Pad(_) | Op::ConvInputGradient(_) => false,
            // Likewise, where no maximum or no window is.
            Op::MaxPoolScatter(_) | Op::SumPoolScatter(_) => false,
            // Likewise, for keys that come after all queries.
            Op::AttentionGradient(op) => !op.causal,
            _ => true,
        };
        let graph = Graph::new();
        let (nodes, y) = sample::apply(&graph, &case);
        let all_floats = nodes.iter().all(|node| node.dtype() == DType::F32);
        if !keeps || y.dtype() != DType::F32 || nodes.is_empty() || !all_floats {
            continue;
        }
        let values: Vec<Tensor> =
            case.inputs.iter().map(|ty| Tensor::full(&ty.shape, f32::NAN)).collect();
        let found = evaluate::<f32>(&graph, &[y], &values, &[]).unwrap();
        assert!(found[0].to_vec_f64().iter().all(|value| value.is_nan()), "{:?}", case.op);
    }
}

/// The value of a function of one row at a point.
fn at(build: impl for<'g> Fn(Node<'g>) -> Node<'g>, x: &[f32]) -> Vec<f32> {
    let graph = Graph::new();
    let input = graph.input("x", [1, x.len()], DType::F32);
    let value = Tensor::new([1, x.len()], x).unwrap();
    let found = evaluate::<f32>(&graph, &[build(input)], &[value], &[]).unwrap();
    found[0].as_slice::<f32>().unwrap().to_vec()
}

/// Its derivative.
fn slope(build: impl for<'g> Fn(Node<'g>) -> Node<'g>, x: &[f32]) -> Vec<f32> {
    at(|x| grad_where_connected(build(x).sum_all(), &[x]).unwrap()[0].unwrap(), x)
}

const INF: f32 = f32::INFINITY;

#[test]
fn bounded_functions_reach_their_limits() {
    for far in [1e4, INF] {
        assert_eq!(at(|x| x.sigmoid(), &[far, -far]), [1.0, 0.0]);
        assert_eq!(at(|x| x.tanh(), &[far, -far]), [1.0, -1.0]);
        assert_eq!(at(|x| x.erf(), &[far, -far]), [1.0, -1.0]);
        assert_eq!(at(|x| x.exp(), &[-far]), [0.0]);
        assert_eq!(at(|x| x.expm1(), &[-far]), [-1.0]);
        for flat in [slope(|x| x.sigmoid(), &[far, -far]), slope(|x| x.tanh(), &[far, -far])] {
            assert_eq!(flat, [0.0, 0.0]);
        }
        assert_eq!(slope(|x| x.erf(), &[far, -far]), [0.0, 0.0]);
        assert_eq!(slope(|x| x.relu(), &[far, -far]), [1.0, 0.0]);
    }
    assert_eq!(at(|x| x.rsqrt(), &[INF]), [0.0]);
    assert_eq!(slope(|x| x.log(), &[INF]), [0.0]);
}

#[test]
fn softmax_stays_a_distribution() {
    assert_eq!(at(|x| x.softmax(), &[1e4, -1e4, 0.0]), [1.0, 0.0, 0.0]);
    assert_eq!(at(|x| x.softmax(), &[1e4, 1e4]), [0.5, 0.5]);
    // Minus infinity leaves a class out.
    assert_eq!(at(|x| x.softmax(), &[0.0, -INF, 0.0]), [0.5, 0.0, 0.5]);
    assert_eq!(slope(|x| x.softmax().slice(1, 0, 1), &[1e4, -1e4]), [0.0, 0.0]);
    assert_eq!(at(|x| x.log_softmax(), &[1e4, -1e4]), [0.0, -2e4]);
}

#[test]
fn losses_grow_with_the_logits_and_no_faster() {
    let cross_entropy = |label: i32| {
        move |x: Node<'_>| -> Vec<f32> {
            let graph = x.graph();
            let labels = graph.literal(Tensor::new([1], [label]).unwrap());
            let loss = x.softmax_cross_entropy(labels);
            let dx = grad_where_connected(loss.sum_all(), &[x]).unwrap()[0].unwrap();
            let value = [Tensor::new([1, 2], [1e4f32, -1e4]).unwrap()];
            let found = evaluate::<f32>(graph, &[loss, dx], &value, &[]).unwrap();
            found.iter().flat_map(|part| part.as_slice::<f32>().unwrap().to_vec()).collect()
        }
    };
    let graph = Graph::new();
    let x = graph.input("x", [1, 2], DType::F32);
    assert_eq!(cross_entropy(0)(x), [0.0, 0.0, 0.0]);
    assert_eq!(cross_entropy(1)(x), [2e4, 1.0, -1.0]);

    let binary = |x: Node<'_>, target: f32| -> (Vec<f32>, Vec<f32>) {
        let graph = x.graph();
        let targets = graph.full(x.shape(), target);
        let loss = x.sigmoid_cross_entropy(targets);
        let dx = grad_where_connected(loss.sum_all(), &[x]).unwrap()[0].unwrap();
        let value = [Tensor::new([1, 2], [1e4f32, -1e4]).unwrap()];
        let found = evaluate::<f32>(graph, &[loss, dx], &value, &[]).unwrap();
        let part = |at: usize| found[at].as_slice::<f32>().unwrap().to_vec();
        (part(0), part(1))
    };
    assert_eq!(binary(x, 0.0), (vec![1e4, 0.0], vec![1.0, 0.0]));
    assert_eq!(binary(x, 1.0), (vec![0.0, 1e4], vec![0.0, -1.0]));
}

#[test]
fn the_norm_of_nothing_has_a_derivative() {
    let graph = Graph::new();
    let x = graph.input("x", [3], DType::F32);
    let norm = Node::global_norm(&[x]);
    let dx = grad_where_connected(norm, &[x]).unwrap()[0].unwrap();
    let zeros = [Tensor::zeros([3], DType::F32)];
    let found = evaluate::<f32>(&graph, &[norm, dx], &zeros, &[]).unwrap();
    assert_eq!(found[0].as_slice::<f32>().unwrap(), [0.0]);
    assert_eq!(found[1].as_slice::<f32>().unwrap(), [0.0; 3]);
    assert_eq!(dx.ty(), Type::f32([3]));
}
