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
    Copy(x) => |o| Ok(vec![o.node("x")?]);
}

/// Those of another module.
pub(super) mod math {
    use super::{Node, kinds, of_float};

    kinds! { "ops.math";
        Rsqrt(x) => |o| of_float(o, Node::rsqrt);
        Erf(x) => |o| of_float(o, Node::erf);
        Erfc(x) => |o| of_float(o, |x| 1.0 - x.erf());
    }
}
