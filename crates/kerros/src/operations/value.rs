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
    Ok(x.cast(dtype(operands)?.unwrap_or(x.dtype())))
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

/// Numbers at equal distances from `start` to `stop`, along an axis of their own.
fn between<'g>(
    operands: &Operands<'_, 'g>,
    number: impl Fn(Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let (start, stop) = operands.float("start")?.broadcast_together(operands.float("stop")?);
    let axis = operands.axis("axis", start.ndim() + 1)?;
    let count = usize::try_from(operands.whole("num")?).unwrap_or(0);
    if count == 0 || operands.flag("retstep") {
        return Err(operands.wrong("num", "at least 1, and `retstep` false"));
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
    let made = Node::concat(&parts.collect::<Vec<_>>(), axis);
    Ok(vec![made.cast(dtype(operands)?.unwrap_or(DType::F32))])
}

/// Another type, in whose range what is outside becomes the nearest end.
fn saturate_cast<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let (low, high) = match operands.value("dtype").as_str() {
        Some("int8") => (-128.0, 127.0),
        Some("uint8") => (0.0, 255.0),
        Some("int16") => (-32_768.0, 32_767.0),
        Some("uint16") => (0.0, 65_535.0),
        // What a cast does.
        _ => return cast(operands),
    };
    let within = x.cast(DType::F32).maximum(low).minimum(high);
    Ok(vec![within.cast(dtype(operands)?.unwrap_or(x.dtype()))])
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
