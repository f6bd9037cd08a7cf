//! `keras.ops.cast` and its like: other types, other values of the same shape.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, kinds};

/// The type that the setting `dtype` names; none when it is null.
pub(super) fn dtype(operands: &Operands<'_, '_>) -> Result<Option<DType>> {
    let name = match operands.value("dtype") {
        Value::Null => return Ok(None),
        value => value.as_str().unwrap_or_default(),
    };
    let dtype = match name {
        "bool" => DType::Bool,
        name if name.starts_with("int") || name.starts_with("uint") => DType::I32,
        "float32" | "float64" => DType::F32,
        _ => {
            return Err(Error::new(ErrorKind::Unsupported, format!("the dtype `{name}`"))
                .expected("float32, int32 or bool"));
        }
    };
    Ok(Some(dtype))
}

/// A tensor in the type that the setting `dtype` names, or in its own.
pub(super) fn in_dtype<'g>(operands: &Operands<'_, 'g>, x: Node<'g>) -> Result<Node<'g>> {
    let Some(dtype) = dtype(operands)? else { return Ok(x) };
    let range = range(operands.value("dtype").as_str().unwrap_or_default());
    Ok(match (x.dtype(), range) {
        (DType::F32, Some(range)) => whole(x, range),
        (DType::I32, Some((low, high))) => wrapped(x, low, high),
        _ => x.cast(dtype),
    })
}

/// The smallest and the largest number of a type of whole numbers; of those that are more than
/// Kerros's own, the smallest and largest of these.
fn range(dtype: &str) -> Option<(i32, i32)> {
    Some(match dtype {
        "int8" => (-128, 127),
        "int16" => (-32_768, 32_767),
        "uint8" => (0, 255),
        "uint16" => (0, 65_535),
        "int32" | "int64" => (i32::MIN, i32::MAX),
        "uint32" | "uint64" => (0, i32::MAX),
        _ => return None,
    })
}

/// Floats towards 0 as whole numbers; what is outside the range becomes its end, NaN 0.
pub(super) fn whole(x: Node<'_>, (low, high): (i32, i32)) -> Node<'_> {
    let (graph, x) = (x.graph(), x.stop_gradient());
    let end = |end: i32| graph.constant_i32(end);
    let below = x.less(low as f32).select(end(low), x.cast(DType::I32));
    // As a float the largest number of 32 bits is the one behind it.
    let within = x.greater_equal(high as f32).select(end(high), below);
    x.is_nan().select(end(0), within)
}

/// Whole numbers of 32 bits in fewer: the bits above are lost.
fn wrapped(x: Node<'_>, low: i32, high: i32) -> Node<'_> {
    let bits = (i64::from(high) - i64::from(low) + 1).trailing_zeros();
    if bits >= 31 {
        return x;
    }
    // What is left is exact as a float: it has the upper places to itself.
    let up = x * x.graph().constant_i32(1 << (32 - bits));
    let signed = (up.cast(DType::F32) * 0.5f32.powi(32 - bits as i32)).cast(DType::I32);
    let is_below = signed.less(0.0);
    match low {
        0 => is_below.select(signed + x.graph().constant_i32(high + 1), signed),
        _ => signed,
    }
}

fn cast<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    Ok(vec![in_dtype(operands, operands.node("x")?)?])
}

/// The same number everywhere.
fn filled<'g>(operands: &Operands<'_, 'g>, value: Node<'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let dtype = dtype(operands)?.unwrap_or(x.dtype());
    Ok(vec![value.cast(dtype).broadcast_to(x.shape())])
}

fn constant<'g>(operands: &Operands<'_, 'g>, value: f32) -> Result<Vec<Node<'g>>> {
    filled(operands, operands.inputs[0].graph().constant(value))
}

/// A tensor of the shape of a setting with the same number everywhere.
fn full<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let dims = operands.wholes("shape")?.unwrap_or_default().into_iter();
    let dims: Option<Vec<usize>> = dims.map(|dim| usize::try_from(dim).ok()).collect();
    let dims = dims.ok_or_else(|| operands.wrong("shape", "lengths"))?;
    let value = operands.node("fill_value")?.cast(dtype(operands)?.unwrap_or(DType::F32));
    Ok(vec![value.broadcast_to(dims)])
}

/// How many numbers may be made between two: each is a step of its own.
const MAX_NUMBERS: usize = 1 << 14;

/// Numbers at equal distances from `start` to `stop`, along an axis of their own.
fn between<'g>(
    operands: &Operands<'_, 'g>,
    number: impl Fn(Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let made = spaced(operands, operands.float("start")?, operands.float("stop")?, number)?;
    Ok(vec![made.cast(dtype(operands)?.unwrap_or(DType::F32))])
}

/// A function of numbers at equal distances between two.
fn spaced<'g>(
    operands: &Operands<'_, 'g>,
    start: Node<'g>,
    stop: Node<'g>,
    number: impl Fn(Node<'g>) -> Node<'g>,
) -> Result<Node<'g>> {
    let (start, stop) = start.broadcast_together(stop);
    let axis = operands.axis("axis", start.ndim() + 1)?;
    let count = usize::try_from(operands.whole("num")?).unwrap_or(0);
    if !(1..=MAX_NUMBERS).contains(&count) || operands.flag("retstep") {
        let expected = format!("1 to {MAX_NUMBERS}, and `retstep` false");
        return Err(operands.wrong("num", &expected));
    }
    let ends = operands.flag("endpoint");
    let steps = if ends { count - 1 } else { count }.max(1);
    let parts = (0..count).map(|at| {
        let share = at as f32 / steps as f32;
        let at = match ends && at + 1 == count && count > 1 {
            true => stop,
            false => start * (1.0 - share) + stop * share,
        };
        number(at).expand_dims(axis)
    });
    Ok(Node::concat(&parts.collect::<Vec<_>>(), axis))
}

/// Numbers at equal ratios from `start` to `stop`, which are of one sign.
fn geometric<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (start, stop) = operands.float("start")?.broadcast_together(operands.float("stop")?);
    let axis = operands.axis("axis", start.ndim() + 1)?;
    let is_negative = start.less(0.0).logical_and(stop.less(0.0));
    let made = spaced(operands, start.abs().log(), stop.abs().log(), |x| x.exp())?;
    let made = is_negative.expand_dims(axis).select(-made, made);
    // The ends are those that are given.
    let (count, place) = (made.shape()[axis], |x: Node<'g>| x.expand_dims(axis));
    let mut parts = vec![place(start)];
    if operands.flag("endpoint") && count > 1 {
        parts.extend((count > 2).then(|| made.slice(axis, 1, count - 1)));
        parts.push(place(stop));
    } else if count > 1 {
        parts.push(made.slice(axis, 1, count));
    }
    Ok(vec![Node::concat(&parts, axis).cast(dtype(operands)?.unwrap_or(DType::F32))])
}

/// Another type, in whose range what is outside becomes the nearest end.
fn saturate_cast<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let range = range(operands.value("dtype").as_str().unwrap_or_default());
    match (x.dtype(), range) {
        (DType::I32, Some((low, high))) => {
            let end = |end: i32| x.graph().constant_i32(end);
            Ok(vec![x.maximum(end(low)).minimum(end(high))])
        }
        // What a cast of floats does.
        _ => cast(operands),
    }
}

kinds! { "ops.numpy";
    ZerosLike(x) [dtype = "null"] => |o| constant(o, 0.0);
    OnesLike(x) [dtype = "null"] => |o| constant(o, 1.0);
    EmptyLike(x) [dtype = "null"] => |o| constant(o, 0.0);
    Full(fill_value) [shape = "!", dtype = "null"] => full;
    Array(x) [dtype = "null"] => cast;
    // Numbers are real here.
    Real(x) => |o| Ok(vec![o.node("x")?]);
    Imag(x) => |o| filled(o, o.inputs[0].graph().constant(0.0));
    Conj(x) => |o| Ok(vec![o.node("x")?]);
    Conjugate(x) => |o| Ok(vec![o.node("x")?]);
    Linspace(start, stop) [num = "50", endpoint = "true", retstep = "false", dtype = "null", axis = "0"]
        => |o| between(o, |x| x);
    Geomspace(start, stop) [num = "50", endpoint = "true", dtype = "null", axis = "0"]
        => geometric;
    Logspace(start, stop) [num = "50", endpoint = "true", base = "10", dtype = "null", axis = "0"]
        => |o| {
            let base = o.number("base")? as f32;
            between(o, |x| x.graph().constant(base).pow(x))
        };
    FullLike(x, fill_value) [dtype = "null"] => |o| filled(o, o.node("fill_value")?);
}

/// Those of the core.
pub(super) mod core {
    use super::{cast, kinds, saturate_cast};

    kinds! { "ops.core";
        Cast(x) [dtype = "!"] => cast;
        ConvertToTensor(x) [dtype = "null", sparse = "null", ragged = "null"] => cast;
        SaturateCast(x) [dtype = "!"] => saturate_cast;
        StopGradient(variable) => |o| Ok(vec![o.node("variable")?.stop_gradient()]);
    }
}
