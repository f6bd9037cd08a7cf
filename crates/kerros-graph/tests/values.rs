//! What operations compute: the evaluator against formulas written independently of it, and
//! `f32` by the law against `f64`.

mod formulas;

use formulas::{Grid, formula};
use kerros_core::{DType, Tensor};
use kerros_graph::eval::evaluate;
use kerros_graph::{Graph, Op, Tier};
use kerros_testkit::{Draw, sample};

/// Values and the results in both precisions.
fn both(op: &kerros_graph::operation::Sample<Op>, seed: u64) -> (Vec<Tensor>, Tensor, Tensor) {
    let graph = Graph::new();
    let (_, y) = sample::apply(&graph, op);
    let values = sample::values(&mut Draw::new(seed), op);
    let wide = evaluate::<f64>(&graph, &[y], &values, &[]).unwrap().remove(0);
    let narrow = evaluate::<f32>(&graph, &[y], &values, &[]).unwrap().remove(0);
    (values, wide, narrow)
}

/// In `f64` the evaluator computes the formula. The samples are of at most 60 terms per sum
/// and of size 30 at most, so both roundings together stay below `60 * 30 * 2^-52 = 4e-13`.
#[test]
fn the_evaluator_computes_the_formulas() {
    let mut composites = 0;
    for seed in [41, 42, 43] {
        for case in Op::samples() {
            let (values, found, _) = both(&case, seed);
            let grids: Vec<Grid> = values.iter().map(Grid::new).collect();
            let want = formula(&case.op, &grids, found.shape()).expect("samples have formulas");
            assert_eq!(want.shape, found.shape().to_vec(), "{:?}", case.op);
            for (at, (found, want)) in found.to_vec_f64().iter().zip(&want.values).enumerate() {
                let same = found == want || (found.is_nan() && want.is_nan());
                assert!(
                    same || (found - want).abs() <= 4e-13,
                    "{:?} on {:?}: element {at} is {found}, not {want}",
                    case.op,
                    case.inputs
                );
            }
            composites += usize::from(case.op.tier() == Tier::Composite);
        }
    }
    assert!(composites >= 3 * 18, "{composites}");
}

/// In `f32` it computes the same up to rounding: integers and truth values exactly, floats
/// within `c * k * eps * size` for `k` inputs to each result, with `c = 4`: the bound of the
/// elementary functions is below 4 units in the last place, sums round once per term.
#[test]
fn single_precision_is_close_to_double() {
    for seed in [44, 45, 46] {
        for case in Op::samples() {
            let (values, wide, narrow) = both(&case, seed);
            let (wide_values, narrow_values) = (wide.to_vec_f64(), narrow.to_vec_f64());
            let largest = values
                .iter()
                .filter(|value| value.dtype() == DType::F32)
                .flat_map(|value| value.to_vec_f64())
                .chain(wide_values.iter().copied())
                .filter(|value| value.is_finite())
                .fold(1.0, |largest: f64, value| largest.max(value.abs()));
            let elements: usize = values.iter().map(Tensor::num_elements).sum();
            let terms = (elements / wide_values.len().max(1)).max(1);
            let tolerance = match narrow.dtype() {
                DType::F32 => 4.0 * terms as f64 * f64::from(f32::EPSILON) * largest,
                _ => 0.0,
            };
            for (found, want) in narrow_values.iter().zip(&wide_values) {
                let same = found == want || (found.is_nan() && want.is_nan());
                let apart = (found - want).abs();
                assert!(same || apart <= tolerance, "{:?}: {found}, not {want}", case.op);
            }
        }
    }
}
