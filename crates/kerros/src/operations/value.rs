//! `keras.ops.cast` and its like: other types, other values of the same shape.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, kinds};

/// The type that a setting names; none when it is null.
fn dtype(operands: &Operands<'_, '_>) -> Result<Option<DType>> {
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

fn cast<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    Ok(vec![x.cast(dtype(operands)?.unwrap_or(x.dtype()))])
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

kinds! { "ops.numpy";
    ZerosLike(x) [dtype = "null"] => |o| constant(o, 0.0);
    OnesLike(x) [dtype = "null"] => |o| constant(o, 1.0);
    FullLike(x, fill_value) [dtype = "null"] => |o| filled(o, o.node("fill_value")?);
}

/// Those of the core.
pub(super) mod core {
    use super::{cast, kinds};

    kinds! { "ops.core";
        Cast(x) [dtype = "!"] => cast;
        ConvertToTensor(x) [dtype = "null", sparse = "null", ragged = "null"] => cast;
        StopGradient(variable) => |o| Ok(vec![o.node("variable")?.stop_gradient()]);
    }
}
