//! `keras.ops.exp` and its like: functions of each element.

use kerros_core::{DType, Result};
use kerros_graph::Node;

use super::kind::{Operands, counted, kinds};
use crate::object::number;

/// A function of floats.
pub(super) fn of_float<'g>(
    operands: &Operands<'_, 'g>,
    function: impl Fn(Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    Ok(vec![function(operands.float("x")?)])
}

/// A function of numbers, whole ones included.
fn of_number<'g>(
    operands: &Operands<'_, 'g>,
    function: impl Fn(Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    Ok(vec![function(counted(operands.node("x")?))])
}

/// `max(x, x_min)` then `min(.., x_max)`.
fn clip<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (low, high) = (operands.number("x_min")?, operands.number("x_max")?);
    let x = counted(operands.node("x")?);
    Ok(vec![x.maximum(low as f32).minimum(high as f32)])
}

/// Rounds to so many decimals.
fn round<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let scale = 10.0f64.powi(operands.whole("decimals")? as i32) as f32;
    let x = operands.float("x")?;
    Ok(vec![if scale == 1.0 { x.round() } else { (x * scale).round() / scale }])
}

/// Numbers in place of NaN and the infinities.
fn nan_to_num<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    let or = |name: &str, default: f32| {
        number(operands.value(name)).map_or(default, |number| number as f32)
    };
    let is_finite = x.is_finite();
    let infinite = x.greater(0.0).select(or("posinf", f32::MAX), or("neginf", f32::MIN));
    let odd = x.is_nan().select(or("nan", 0.0), infinite);
    Ok(vec![is_finite.select(x, odd)])
}

/// All bits turned: `-x - 1`.
fn inverted<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    Ok(vec![match x.dtype() {
        DType::Bool => x.logical_not(),
        _ => -x.cast(DType::I32) - 1.0,
    }])
}

/// The number with this error function: a polynomial of `log(1 - x²)`, in the middle and at the
/// ends (Giles, Approximating the erfinv function, GPU Computing Gems 2011, in single precision,
/// as XLA has it).
fn erfinv(x: Node<'_>) -> Node<'_> {
    fn polynomial<'g>(coefficients: [f32; 9], w: Node<'g>) -> Node<'g> {
        let rest = coefficients[1..].iter();
        rest.fold(w * 0.0 + coefficients[0], |sum, &coefficient| sum * w + coefficient)
    }
    const MIDDLE: [f32; 9] = [
        2.810_226_4e-8,
        3.432_739_4e-7,
        -3.523_387_7e-6,
        -4.391_506_5e-6,
        2.185_808_7e-4,
        -1.253_725e-3,
        -4.177_681_6e-3,
        2.466_407_3e-1,
        1.501_409_4,
    ];
    const ENDS: [f32; 9] = [
        -2.002_142_6e-4,
        1.009_505_6e-4,
        1.349_343_2e-3,
        -3.673_428_4e-3,
        5.739_507_7e-3,
        -7.622_461e-3,
        9.438_870_5e-3,
        1.001_674,
        2.832_976_8,
    ];
    let w = -(-x * x).log1p();
    let is_middle = w.less(5.0);
    // A root of what is below 0 would be NaN, also where it is not taken.
    let root = is_middle.select(1.0, w).sqrt();
    let size = is_middle.select(polynomial(MIDDLE, w - 2.5), polynomial(ENDS, root - 3.0));
    let is_end = x.abs().equal(1.0);
    let y = is_end.select(x * f32::INFINITY, is_end.select(0.0, size * x));
    let slope = (y * y).exp() * (0.5 * std::f32::consts::PI.sqrt());
    y.replace_gradient(x * slope.stop_gradient())
}

kinds! { "ops.numpy";
    Negative(x) => |o| of_number(o, |x| -x);
    Absolute(x) => |o| of_number(o, |x| match x.dtype() {
        DType::F32 => x.abs(),
        _ => x.maximum(-x),
    });
    Fabs(x) => |o| of_float(o, Node::abs);
    Square(x) => |o| of_number(o, |x| x * x);
    Sqrt(x) => |o| of_float(o, Node::sqrt);
    Cbrt(x) => |o| of_float(o, |x| x.sign() * x.abs().pow(1.0 / 3.0));
    Sinc(x) => |o| of_float(o, |x| {
        let (angle, is_zero) = (x * std::f32::consts::PI, x.equal(0.0));
        is_zero.select(1.0, angle.sin() / is_zero.select(1.0, angle))
    });
    Exp(x) => |o| of_float(o, Node::exp);
    Exp2(x) => |o| of_float(o, |x| (x * std::f32::consts::LN_2).exp());
    Expm1(x) => |o| of_float(o, Node::expm1);
    Log(x) => |o| of_float(o, Node::log);
    Log1p(x) => |o| of_float(o, Node::log1p);
    Log2(x) => |o| of_float(o, |x| x.log() / std::f32::consts::LN_2);
    Log10(x) => |o| of_float(o, |x| x.log() / std::f32::consts::LN_10);
    Floor(x) => |o| of_float(o, Node::floor);
    Ceil(x) => |o| of_float(o, Node::ceil);
    Trunc(x) => |o| of_float(o, |x| x.less(0.0).select(x.ceil(), x.floor()));
    Round(x) [decimals = "0"] => round;
    Sign(x) => |o| of_float(o, Node::sign);
    Reciprocal(x) => |o| of_float(o, Node::reciprocal);
    Clip(x) [x_min = "!", x_max = "!"] => clip;
    NanToNum(x) [nan = "0.0", posinf = "null", neginf = "null"] => nan_to_num;
    Angle(x) => |o| of_float(o, |x| {
        x.is_nan().select(x, x.less(0.0).select(std::f32::consts::PI, 0.0))
    });
    BitwiseNot(x) => inverted;
    BitwiseInvert(x) => inverted;
    Copy(x) => |o| Ok(vec![o.node("x")?.copied()]);
}

/// Those of another module.
pub(super) mod math {
    use super::{Node, erfinv, kinds, of_float};

    kinds! { "ops.math";
        Rsqrt(x) => |o| of_float(o, Node::rsqrt);
        Erf(x) => |o| of_float(o, Node::erf);
        Erfinv(x) => |o| of_float(o, erfinv);
        Erfc(x) => |o| of_float(o, |x| 1.0 - x.erf());
    }
}
