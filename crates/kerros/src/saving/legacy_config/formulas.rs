//! Functions of TensorFlow that take several operations of Keras.

use serde_json::{Value, json};

use super::images::slice;
use super::operations::{Call, Operation};

/// The last of the operations; none where the function is not among these. Those before it are
/// left in the call.
pub(super) fn operation(name: &str, call: &mut Call) -> Option<Operation> {
    let none = || json!({});
    match name.strip_prefix("compat.v1.").unwrap_or(name) {
        "math.add_n" | "math.accumulate_n" => sum(call),
        "math.squared_difference" => {
            let (x, y) = pair(call, "y")?;
            let difference = call.step("numpy", "Subtract", none(), vec![x, y])?;
            call.last("numpy", "Square", none(), vec![difference])
        }
        "math.multiply_no_nan" => {
            let (x, y) = pair(call, "y")?;
            let product = call.step("numpy", "Multiply", none(), vec![x, y.clone()])?;
            unless_zero(call, y, product)
        }
        "math.xdivy" => {
            let (x, y) = pair(call, "y")?;
            let quotient = call.step("numpy", "TrueDivide", none(), vec![x.clone(), y])?;
            unless_zero(call, x, quotient)
        }
        "math.xlogy" => {
            let (x, y) = pair(call, "y")?;
            let log = call.step("numpy", "Log", none(), vec![y])?;
            let product = call.step("numpy", "Multiply", none(), vec![x.clone(), log])?;
            unless_zero(call, x, product)
        }
        "math.reciprocal_no_nan" => {
            let x = call.first()?;
            call.last("numpy", "DivideNoNan", none(), vec![json!(1.0), x])
        }
        "math.erfc" => {
            let x = call.first()?;
            let erf = call.step("math", "Erf", none(), vec![x])?;
            call.last("numpy", "Subtract", none(), vec![json!(1.0), erf])
        }
        "norm" | "linalg.norm" | "math.reduce_euclidean_norm" => norm(call),
        "nn.l2_loss" => {
            let x = call.first()?;
            let square = call.step("numpy", "Square", none(), vec![x])?;
            let sum = call.step("numpy", "Sum", none(), vec![square])?;
            call.last("numpy", "Multiply", none(), vec![sum, json!(0.5)])
        }
        "math.zero_fraction" => {
            let x = call.first()?;
            let is_zero = call.step("numpy", "Equal", none(), vec![x, json!(0.0)])?;
            let one = call.step("core", "Cast", json!({"dtype": "float32"}), vec![is_zero])?;
            call.last("numpy", "Mean", none(), vec![one])
        }
        "clip_by_norm" => clip_by_norm(call),
        "sort" => {
            let axis = json!({"axis": call.take("axis").unwrap_or(json!(-1))});
            let x = call.first()?;
            if !is_descending(call)? {
                return call.last("numpy", "Sort", axis, vec![x]);
            }
            let x = call.step("numpy", "Negative", none(), vec![x])?;
            let sorted = call.step("numpy", "Sort", axis, vec![x])?;
            call.last("numpy", "Negative", none(), vec![sorted])
        }
        "argsort" => {
            let axis = json!({"axis": call.take("axis").unwrap_or(json!(-1))});
            call.given.shift_remove("stable");
            let mut x = call.first()?;
            if is_descending(call)? {
                x = call.step("numpy", "Negative", none(), vec![x])?;
            }
            call.last("numpy", "Argsort", axis, vec![x])
        }
        "math.cumsum" | "cumsum" | "math.cumprod" => running(name, call),
        "one_hot" => one_hot(call),
        "nn.crelu" => {
            let axis = json!({"axis": call.take("axis").unwrap_or(json!(-1))});
            let x = call.first()?;
            let below = call.step("numpy", "Negative", none(), vec![x.clone()])?;
            let (x, below) = (
                call.step("nn", "Relu", none(), vec![x])?,
                call.step("nn", "Relu", none(), vec![below])?,
            );
            call.last("numpy", "Concatenate", axis, vec![json!([x, below])])
        }
        "nn.silu" | "nn.swish" => {
            let x = call.first()?;
            let Some(beta) = call.take("beta").filter(|beta| beta.as_f64() != Some(1.0)) else {
                return call.last("nn", "Silu", none(), vec![x]);
            };
            let scaled = call.step("numpy", "Multiply", none(), vec![x.clone(), beta])?;
            let gate = call.step("nn", "Sigmoid", none(), vec![scaled])?;
            call.last("numpy", "Multiply", none(), vec![x, gate])
        }
        "nn.local_response_normalization" | "nn.lrn" => among_channels(call),
        "linalg.trace" => {
            let x = call.first()?;
            call.last("numpy", "Trace", json!({"offset": 0, "axis1": -2, "axis2": -1}), vec![x])
        }
        "linalg.diag_part" => {
            let x = call.first()?;
            call.last("numpy", "Diagonal", json!({"offset": 0, "axis1": -2, "axis2": -1}), vec![x])
        }
        "linalg.adjoint" | "linalg.matrix_transpose" => {
            let x = call.first()?;
            call.last("numpy", "Swapaxes", json!({"axis1": -2, "axis2": -1}), vec![x])
        }
        "linalg.band_part" => band(call),
        "slice" => part(call),
        "strided_slice" => strided(call),
        "boolean_mask" => kept(call),
        "nn.embedding_lookup" => {
            let rows = call.take("ids")?;
            call.args.push(rows);
            let args = call.args.clone();
            call.last("numpy", "Take", json!({"axis": 0}), args)
        }
        "sequence_mask" => sequence_mask(call),
        "math.in_top_k" | "nn.in_top_k" => {
            let (predictions, targets) = pair(call, "targets")?;
            let settings = json!({"k": call.take("k")?});
            call.last("math", "InTopK", settings, vec![targets, predictions])
        }
        "ensure_shape" => {
            call.given.shift_remove("shape");
            let x = call.first()?;
            call.last("numpy", "Copy", none(), vec![x])
        }
        _ => None,
    }
}

fn pair(call: &mut Call, other: &str) -> Option<(Value, Value)> {
    Some((call.first()?, call.take(other)?))
}

/// 0 where `x` is, `value` elsewhere.
fn unless_zero(call: &mut Call, x: Value, value: Value) -> Option<Operation> {
    let is_zero = call.step("numpy", "Equal", json!({}), vec![x, json!(0.0)])?;
    call.last("numpy", "Where", json!({}), vec![is_zero, json!(0.0), value])
}

/// `a + b + c ..`.
fn sum(call: &mut Call) -> Option<Operation> {
    let tensors = match call.args.as_slice() {
        [Value::Array(tensors)] => tensors.clone(),
        tensors => tensors.to_vec(),
    };
    ["shape", "tensor_dtype"].iter().for_each(|name| drop(call.given.shift_remove(*name)));
    let mut tensors = tensors.into_iter();
    let (Some(mut sum), Some(mut next)) = (tensors.next(), tensors.next()) else { return None };
    for after in tensors {
        sum = call.step("numpy", "Add", json!({}), vec![sum, next])?;
        next = after;
    }
    call.last("numpy", "Add", json!({}), vec![sum, next])
}

fn is_descending(call: &mut Call) -> Option<bool> {
    match call.take("direction") {
        None => Some(false),
        Some(direction) => match direction.as_str()? {
            "ASCENDING" => Some(false),
            "DESCENDING" => Some(true),
            _ => None,
        },
    }
}

/// The length of vectors; of matrices the root of the sum of all squares, unless another is named.
fn norm(call: &mut Call) -> Option<Operation> {
    let x = call.first()?;
    let axis = call.take("axis").unwrap_or(Value::Null);
    let keepdims = call.take("keepdims").unwrap_or(json!(false));
    let ord = call.take("ord").unwrap_or(json!("euclidean"));
    let axes = json!({"axis": axis, "keepdims": keepdims});
    let is_root = ord == "euclidean" || ord == "fro" || (ord == 2 && !axis.is_array());
    if is_root {
        let square = call.step("numpy", "Square", json!({}), vec![x])?;
        let sum = call.step("numpy", "Sum", axes, vec![square])?;
        return call.last("numpy", "Sqrt", json!({}), vec![sum]);
    }
    if axis.is_null() {
        return None;
    }
    // Two axes are those of matrices on both sides.
    let settings = json!({"ord": ord, "axis": axis, "keepdims": keepdims});
    call.last("linalg", "Norm", settings, vec![x])
}

/// `x * most / max(|x|, most)`, the root taken of what is not 0.
fn clip_by_norm(call: &mut Call) -> Option<Operation> {
    let x = call.first()?;
    let most = call.take("clip_norm")?.as_f64()?;
    let axes = json!({"axis": call.take("axes").unwrap_or(Value::Null), "keepdims": true});
    let square = call.step("numpy", "Square", json!({}), vec![x.clone()])?;
    let sum = call.step("numpy", "Sum", axes, vec![square])?;
    let sum = call.step("numpy", "Maximum", json!({}), vec![sum, json!(most * most)])?;
    let norm = call.step("numpy", "Sqrt", json!({}), vec![sum])?;
    let scaled = call.step("numpy", "Multiply", json!({}), vec![x, json!(most)])?;
    call.last("numpy", "TrueDivide", json!({}), vec![scaled, norm])
}

/// Running sums from the end on, or without the place itself.
fn running(name: &str, call: &mut Call) -> Option<Operation> {
    let (class, first) = match name {
        "math.cumprod" => ("Cumprod", "OnesLike"),
        _ => ("Cumsum", "ZerosLike"),
    };
    let axis = call.take("axis").unwrap_or(json!(0)).as_i64()?;
    let mut is_set = |name: &str| call.take(name) == Some(json!(true));
    let (is_exclusive, is_reverse) = (is_set("exclusive"), is_set("reverse"));
    let axis = json!({"axis": axis});
    let mut x = call.first()?;
    if !is_exclusive && !is_reverse {
        return call.last("numpy", class, axis, vec![x]);
    }
    if is_reverse {
        x = call.step("numpy", "Flip", axis.clone(), vec![x])?;
    }
    x = call.step("numpy", class, axis.clone(), vec![x])?;
    if is_exclusive {
        let at = |part: Value| -> Option<Value> {
            let all = slice(Value::Null, Value::Null, Value::Null);
            match axis["axis"].as_i64()? {
                -1 => Some(json!([{"class_name": "__ellipsis__", "config": {}}, part])),
                axis @ 0..32 => Some((0..axis).map(|_| all.clone()).chain([part]).collect()),
                _ => None,
            }
        };
        let start = at(slice(json!(0), json!(1), Value::Null))?;
        let others = at(slice(Value::Null, json!(-1), Value::Null))?;
        let start = call.step("numpy", "GetItem", json!({}), vec![x.clone(), start])?;
        let start = call.step("numpy", first, json!({}), vec![start])?;
        let others = call.step("numpy", "GetItem", json!({}), vec![x, others])?;
        x = call.step("numpy", "Concatenate", axis.clone(), vec![json!([start, others])])?;
    }
    match is_reverse {
        true => call.last("numpy", "Flip", axis, vec![x]),
        false => call.last("numpy", "Copy", json!({}), vec![x]),
    }
}

/// Rows of `on` and `off` in the place of 1 and 0.
fn one_hot(call: &mut Call) -> Option<Operation> {
    let x = call.first()?;
    let number = |value: Option<Value>, absent: f64| match value {
        Some(value) => value.as_f64(),
        None => Some(absent),
    };
    let on = number(call.take("on_value"), 1.0)?;
    let off = number(call.take("off_value"), 0.0)?;
    let settings = json!({
        "num_classes": call.take("depth")?,
        "axis": call.take("axis").unwrap_or(json!(-1)),
        "dtype": call.take("dtype").unwrap_or(json!("float32")),
    });
    if (on, off) == (1.0, 0.0) {
        return call.last("nn", "OneHot", settings, vec![x]);
    }
    let ones = call.step("nn", "OneHot", settings, vec![x])?;
    let scaled = call.step("numpy", "Multiply", json!({}), vec![ones, json!(on - off)])?;
    call.last("numpy", "Add", json!({}), vec![scaled, json!(off)])
}

/// `x / (bias + alpha sum(x²))^beta`, with the sum over channels nearby.
fn among_channels(call: &mut Call) -> Option<Operation> {
    let x = call.first()?;
    let mut number = |name: &str, absent: f64| match call.take(name) {
        Some(value) => value.as_f64(),
        None => Some(absent),
    };
    let radius = number("depth_radius", 5.0)?;
    let (bias, alpha) = (number("bias", 1.0)?, number("alpha", 1.0)?);
    let beta = number("beta", 0.5)?;
    if !(0.0..65_536.0).contains(&radius) {
        return None;
    }
    let (radius, window) = (radius as u64, 2 * radius as u64 + 1);
    let square = call.step("numpy", "Square", json!({}), vec![x.clone()])?;
    let width =
        json!({"pad_width": [[0, 0], [0, 0], [0, 0], [radius, radius]], "mode": "constant"});
    let padded = call.step("numpy", "Pad", width, vec![square])?;
    let volume = call.step("numpy", "ExpandDims", json!({"axis": -1}), vec![padded])?;
    let pool = json!({
        "pool_size": [1, 1, window], "strides": [1, 1, 1], "padding": "valid",
        "data_format": "channels_last",
    });
    let mean = call.step("nn", "AveragePool", pool, vec![volume])?;
    let mean = call.step("numpy", "Squeeze", json!({"axis": -1}), vec![mean])?;
    let scale = json!(alpha * window as f64);
    let scaled = call.step("numpy", "Multiply", json!({}), vec![mean, scale])?;
    let base = call.step("numpy", "Add", json!({}), vec![scaled, json!(bias)])?;
    let power = call.step("numpy", "Power", json!({}), vec![base, json!(beta)])?;
    call.last("numpy", "TrueDivide", json!({}), vec![x, power])
}

/// The diagonals from so many below the middle to so many above; all where a number is negative.
fn band(call: &mut Call) -> Option<Operation> {
    let mut x = call.first()?;
    let below = call.take("num_lower")?.as_i64()?;
    let above = call.take("num_upper")?.as_i64()?;
    if below >= 0 {
        x = call.step("numpy", "Triu", json!({"k": -below}), vec![x])?;
    }
    match above >= 0 {
        true => call.last("numpy", "Tril", json!({"k": above}), vec![x]),
        false => call.last("numpy", "Copy", json!({}), vec![x]),
    }
}

fn wholes(value: &Value) -> Option<Vec<i64>> {
    value.as_array()?.iter().map(Value::as_i64).collect()
}

/// From `begin` on, `size` entries of each axis, or all that follow.
fn part(call: &mut Call) -> Option<Operation> {
    let x = call.first()?;
    let (begin, size) = (wholes(&call.take("begin")?)?, wholes(&call.take("size")?)?);
    let mut key = Vec::new();
    for (begin, size) in begin.iter().zip(&size) {
        let end = match size {
            -1 => Value::Null,
            size => json!(begin.checked_add(*size)?),
        };
        key.push(slice(json!(begin), end, Value::Null));
    }
    call.last("numpy", "GetItem", json!({}), vec![x, json!(key)])
}

/// `x[begin:end:strides]` for each axis; bit `i` of a mask leaves that end of axis `i` open.
fn strided(call: &mut Call) -> Option<Operation> {
    let x = call.first()?;
    let (begin, end) = (wholes(&call.take("begin")?)?, wholes(&call.take("end")?)?);
    let steps = match call.take("strides") {
        Some(steps) => wholes(&steps)?,
        None => vec![1; begin.len()],
    };
    let mut mask = |name: &str| match call.take(name) {
        Some(mask) => mask.as_i64(),
        None => Some(0),
    };
    let key = strided_key(
        &[begin, end, steps],
        [mask("begin_mask")?, mask("end_mask")?, mask("ellipsis_mask")?],
        [mask("new_axis_mask")?, mask("shrink_axis_mask")?],
    )?;
    call.last("numpy", "GetItem", json!({}), vec![x, key])
}

/// The index that begins, ends, steps and masks of TensorFlow mean.
pub(super) fn strided_key(
    [begin, end, steps]: &[Vec<i64>; 3],
    [open_begin, open_end, ellipsis]: [i64; 3],
    [new_axis, single]: [i64; 2],
) -> Option<Value> {
    if begin.len() != end.len() || begin.len() != steps.len() || begin.len() > 32 {
        return None;
    }
    let mut key = Vec::new();
    for (at, ((begin, end), step)) in begin.iter().zip(end).zip(steps).enumerate() {
        let is_set = |mask: i64| mask >> at & 1 == 1;
        let number = |is_open: bool, number: &i64| match is_open {
            true => Value::Null,
            false => json!(number),
        };
        key.push(match () {
            () if is_set(ellipsis) => json!({"class_name": "__ellipsis__", "config": {}}),
            () if is_set(new_axis) => Value::Null,
            () if is_set(single) => json!(begin),
            () => {
                slice(number(is_set(open_begin), begin), number(is_set(open_end), end), json!(step))
            }
        });
    }
    Some(Value::Array(key))
}

/// The entries of an axis where a constant is true.
fn kept(call: &mut Call) -> Option<Operation> {
    let x = call.first()?;
    let mask = call.take("mask")?;
    let flags: Option<Vec<bool>> = mask.as_array()?.iter().map(Value::as_bool).collect();
    let flags = flags?;
    let places: Vec<usize> = (0..flags.len()).filter(|&at| flags[at]).collect();
    let axis = call.take("axis").unwrap_or(json!(0));
    call.last("numpy", "Take", json!({"axis": axis}), vec![x, json!(places)])
}

/// How long a row of `sequence_mask` may be: each place is a number in the config.
const MAX_LENGTH: u64 = 65_536;

/// Which places of a row come before its length.
fn sequence_mask(call: &mut Call) -> Option<Operation> {
    let lengths = call.first()?;
    let length = call.take("maxlen")?.as_u64().filter(|length| *length <= MAX_LENGTH)?;
    let dtype = call.take("dtype").unwrap_or(json!("bool"));
    let lengths = call.step("numpy", "ExpandDims", json!({"axis": -1}), vec![lengths])?;
    let places: Vec<u64> = (0..length).collect();
    let is_before = call.step("numpy", "Less", json!({}), vec![json!(places), lengths])?;
    call.last("core", "Cast", json!({"dtype": dtype}), vec![is_before])
}
