//! `keras.ops.arctan2` and its like: angles, and the hyperbolic functions.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use kerros_graph::Node;

use super::elementwise::of_float;
use super::kind::kinds;

/// The angle whose tangent is `x`: a polynomial within `|x| <= tan(pi / 8)`, to which the rest is
/// turned by `pi / 4` or `pi / 2` (Cephes, `atanf`; within two units in the last place).
fn arctan(x: Node<'_>) -> Node<'_> {
    const TAN_PI_8: f32 = 0.414_213_57;
    const TAN_3_PI_8: f32 = 2.414_213_7;
    let size = x.abs();
    let (is_middle, is_large) = (size.greater(TAN_PI_8), size.greater(TAN_3_PI_8));
    let middle = (size - 1.0) / (size + 1.0);
    let z = is_large.select(-size.reciprocal(), is_middle.select(middle, size));
    let turn = is_large.select(FRAC_PI_2, is_middle.select(FRAC_PI_4, z * 0.0));
    let square = z * z;
    let polynomial = ((square * 8.053_744_5e-2 - 1.387_768_6e-1) * square + 1.997_771_1e-1)
        * square
        - 3.333_295e-1;
    let angle = turn + (polynomial * square * z + z);
    let signed = x.less(0.0).select(-angle, angle);
    let slope = (x * x + 1.0).reciprocal();
    signed.replace_gradient(x * slope.stop_gradient())
}

/// Whether a number is below 0, or the 0 that comes from there.
fn is_negative(x: Node<'_>) -> Node<'_> {
    x.less(0.0).logical_or((1.0 / x).equal(f32::NEG_INFINITY))
}

/// The angle of the point `(x, y)`, from `-pi` to `pi`; at the origin and at infinity that of the
/// signs, as in IEEE 754.
pub(crate) fn arctan2<'g>(y: Node<'g>, x: Node<'g>) -> Node<'g> {
    let (tall, wide) = (y.abs(), x.abs());
    let is_steep = tall.greater(wide);
    let (small, large) = (is_steep.select(wide, tall), is_steep.select(tall, wide));
    let is_origin = large.equal(0.0);
    let is_far = large.equal(f32::INFINITY);
    let safe = is_origin.logical_or(is_far).select(1.0, large);
    // Two infinities are in the middle, all else is none beside one; NaN stays.
    let beside = small.equal(f32::INFINITY).select(1.0, small * 0.0);
    let flat = arctan(is_far.select(beside, small / safe));
    let first = is_steep.select(FRAC_PI_2 - flat, flat);
    let right_or_left = is_negative(x).select(PI - first, first);
    is_negative(y).select(-right_or_left, right_or_left)
}

/// `asin x = 2 atan(x / (1 + sqrt(1 - x²)))`
fn arcsin(x: Node<'_>) -> Node<'_> {
    arctan(x / (((1.0 - x) * (x + 1.0)).sqrt() + 1.0)) * 2.0
}

/// `acos x = 2 atan2(sqrt(1 - x), sqrt(1 + x))`
fn arccos(x: Node<'_>) -> Node<'_> {
    arctan2((1.0 - x).sqrt(), (x + 1.0).sqrt()) * 2.0
}

/// `sinh x = (e^x - e^-x) / 2`; near 0 from `e^x - 1`, which keeps its digits there.
fn sinh(x: Node<'_>) -> Node<'_> {
    let is_small = x.abs().less(1.0);
    let grown = is_small.select(x, x * 0.0).expm1();
    let near = (grown + grown / (grown + 1.0)) * 0.5;
    is_small.select(near, (x.exp() - (-x).exp()) * 0.5)
}

/// `asinh x = sign(x) log(|x| + sqrt(x² + 1))`
fn arcsinh(x: Node<'_>) -> Node<'_> {
    let size = x.abs();
    let square = size * size;
    let positive = (size + square / ((square + 1.0).sqrt() + 1.0)).log1p();
    x.less(0.0).select(-positive, positive)
}

kinds! { "ops.numpy";
    Sin(x) => |o| of_float(o, Node::sin);
    Cos(x) => |o| of_float(o, Node::cos);
    Tan(x) => |o| of_float(o, |x| x.sin() / x.cos());
    Arcsin(x) => |o| of_float(o, arcsin);
    Arccos(x) => |o| of_float(o, arccos);
    Arctan(x) => |o| of_float(o, arctan);
    Arctan2(x1, x2) => |o| Ok(vec![arctan2(o.float("x1")?, o.float("x2")?)]);
    Sinh(x) => |o| of_float(o, sinh);
    Cosh(x) => |o| of_float(o, |x| (x.exp() + (-x).exp()) * 0.5);
    Tanh(x) => |o| of_float(o, Node::tanh);
    Arcsinh(x) => |o| of_float(o, arcsinh);
    Arccosh(x) => |o| of_float(o, |x| (x + ((x - 1.0) * (x + 1.0)).sqrt()).log());
    Arctanh(x) => |o| of_float(o, |x| (x.log1p() - (-x).log1p()) * 0.5);
    Deg2rad(x) => |o| of_float(o, |x| x * (PI / 180.0));
    Rad2deg(x) => |o| of_float(o, |x| x * (180.0 / PI));
}

#[cfg(test)]
mod tests {
    use kerros_core::{DType, Tensor};

    use crate::model::{Input, KerasTensor, Model};
    use crate::operations::ops;

    /// The function and its derivative at these places.
    fn values(function: fn(&KerasTensor) -> KerasTensor, x: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let input = Input::new([1]).tensor();
        let mut model = Model::functional([&input], [&function(&input)]).unwrap();
        let x = Tensor::new([x.len(), 1], x).unwrap();
        let mut pass = model
            .function(|graph| {
                let inputs = [graph.input("x", x.shape(), DType::F32)];
                let y = model.call(&inputs, false, None)?.0.outputs[0];
                let slopes = kerros_graph::grad(y.sum_all(), &inputs)?;
                Ok(vec![y, slopes[0]])
            })
            .unwrap();
        pass.run_on(&mut model, &[&x]).unwrap();
        (pass.output(0).unwrap().to_vec_f64(), pass.output(1).unwrap().to_vec_f64())
    }

    #[track_caller]
    fn check(
        function: fn(&KerasTensor) -> KerasTensor,
        exact: fn(f64) -> f64,
        slope: fn(f64) -> f64,
        x: &[f32],
    ) {
        let (found, slopes) = values(function, x);
        for ((&x, found), found_slope) in x.iter().zip(found).zip(slopes) {
            let x = f64::from(x);
            let off = |found: f64, exact: f64| (found - exact).abs() / (exact.abs() + 1e-30);
            // A few roundings of f32.
            assert!(off(found, exact(x)) < 1e-6, "at {x}: {found}, not {}", exact(x));
            let wanted = slope(x);
            assert!(off(found_slope, wanted) < 4e-6, "slope at {x}: {found_slope}, not {wanted}");
        }
    }

    const ANY: [f32; 11] = [-3e4, -7.5, -2.5, -1.25, -0.3, -1e-4, 2e-3, 0.41, 0.9, 3.3, 1e3];
    const SHARES: [f32; 8] = [-0.99, -0.7, -0.25, -1e-3, 1e-4, 0.3, 0.65, 0.95];

    #[test]
    fn inverses_agree_with_the_standard_librarys() {
        check(ops::arctan, f64::atan, |x| 1.0 / (1.0 + x * x), &ANY);
        check(ops::arcsin, f64::asin, |x| 1.0 / (1.0 - x * x).sqrt(), &SHARES);
        check(ops::arccos, f64::acos, |x| -1.0 / (1.0 - x * x).sqrt(), &SHARES);
        check(ops::arcsinh, f64::asinh, |x| 1.0 / (1.0 + x * x).sqrt(), &ANY);
        check(ops::arctanh, f64::atanh, |x| 1.0 / (1.0 - x * x), &SHARES);
        let large = [1.01, 1.5, 4.0, 300.0];
        check(ops::arccosh, f64::acosh, |x| 1.0 / (x * x - 1.0).sqrt(), &large);
        check(ops::sinh, f64::sinh, f64::cosh, &[-20.0, -1.5, -0.9, -1e-3, 1e-4, 0.6, 2.0, 9.0]);
    }

    #[test]
    fn angles_lie_in_their_quadrants() {
        let [y, x] = [(); 2].map(|()| Input::new([1]).tensor());
        let angle = ops::arctan2(&y, &x);
        let mut model = Model::functional(&[y, x], [&angle]).unwrap();
        let places = [-2.0f32, -1.0, -1e-3, 0.0, 0.5, 3.0];
        let pairs: Vec<(f32, f32)> =
            places.iter().flat_map(|&y| places.iter().map(move |&x| (y, x))).collect();
        let of = |values: Vec<f32>| Tensor::new([values.len(), 1], values).unwrap();
        let (y, x) =
            (of(pairs.iter().map(|p| p.0).collect()), of(pairs.iter().map(|p| p.1).collect()));
        let found = model.predict(vec![y, x]).unwrap().to_vec_f64();
        for (&(y, x), found) in pairs.iter().zip(found) {
            let exact = f64::from(y).atan2(f64::from(x));
            assert!(
                (found - exact).abs() < 1e-6 * exact.abs().max(1e-3),
                "{y}, {x}: {found} {exact}"
            );
        }
    }
}
