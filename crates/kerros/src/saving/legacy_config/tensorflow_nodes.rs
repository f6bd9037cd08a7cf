//! Nodes of a TensorFlow graph in the configs of tf.keras 2.0 to 2.3 (`TensorFlowOpLayer`), as
//! operations of Keras 3.

use serde_json::{Map, Value, json};

use super::formulas::strided_key;
use super::operations::{Operation, replace};

/// Nodes whose inputs are the arguments of an operation of Keras, in the same order.
const SAME: &[(&str, &str, &str)] = &[
    ("Add", "numpy", "Add"),
    ("AddV2", "numpy", "Add"),
    ("Sub", "numpy", "Subtract"),
    ("Mul", "numpy", "Multiply"),
    ("RealDiv", "numpy", "TrueDivide"),
    ("FloorDiv", "numpy", "FloorDivide"),
    ("Pow", "numpy", "Power"),
    ("Maximum", "numpy", "Maximum"),
    ("Minimum", "numpy", "Minimum"),
    ("Neg", "numpy", "Negative"),
    ("Abs", "numpy", "Absolute"),
    ("Sqrt", "numpy", "Sqrt"),
    ("Rsqrt", "math", "Rsqrt"),
    ("Square", "numpy", "Square"),
    ("Exp", "numpy", "Exp"),
    ("Log", "numpy", "Log"),
    ("Tanh", "numpy", "Tanh"),
    ("Sigmoid", "nn", "Sigmoid"),
    ("Relu", "nn", "Relu"),
    ("Relu6", "nn", "Relu6"),
    ("Elu", "nn", "Elu"),
    ("Selu", "nn", "Selu"),
    ("Softplus", "nn", "Softplus"),
    ("Softmax", "nn", "Softmax"),
    ("Softsign", "nn", "Softsign"),
    ("LogSoftmax", "nn", "LogSoftmax"),
    ("BiasAdd", "numpy", "Add"),
    ("Log1p", "numpy", "Log1p"),
    ("Expm1", "numpy", "Expm1"),
    ("Sin", "numpy", "Sin"),
    ("Cos", "numpy", "Cos"),
    ("Tan", "numpy", "Tan"),
    ("Floor", "numpy", "Floor"),
    ("Ceil", "numpy", "Ceil"),
    ("Round", "numpy", "Round"),
    ("Rint", "numpy", "Round"),
    ("Sign", "numpy", "Sign"),
    ("Reciprocal", "numpy", "Reciprocal"),
    ("Erf", "math", "Erf"),
    ("FloorMod", "numpy", "Mod"),
    ("DivNoNan", "numpy", "DivideNoNan"),
    ("Equal", "numpy", "Equal"),
    ("NotEqual", "numpy", "NotEqual"),
    ("Greater", "numpy", "Greater"),
    ("GreaterEqual", "numpy", "GreaterEqual"),
    ("Less", "numpy", "Less"),
    ("LessEqual", "numpy", "LessEqual"),
    ("LogicalAnd", "numpy", "LogicalAnd"),
    ("LogicalOr", "numpy", "LogicalOr"),
    ("LogicalNot", "numpy", "LogicalNot"),
    ("SelectV2", "numpy", "Where"),
    ("ZerosLike", "numpy", "ZerosLike"),
    ("OnesLike", "numpy", "OnesLike"),
    ("Identity", "numpy", "Copy"),
    ("StopGradient", "core", "StopGradient"),
    ("BatchMatMulV2", "numpy", "Matmul"),
    ("MatMul", "numpy", "Matmul"),
];

/// Nodes whose last input is a setting in Keras.
const LAST_IS_SETTING: &[(&str, &str, &str, &str)] = &[
    ("Reshape", "numpy", "Reshape", "newshape"),
    ("Transpose", "numpy", "Transpose", "axes"),
    ("Sum", "numpy", "Sum", "axis"),
    ("Mean", "numpy", "Mean", "axis"),
    ("Max", "numpy", "Max", "axis"),
    ("Min", "numpy", "Min", "axis"),
    ("Prod", "numpy", "Prod", "axis"),
    ("ExpandDims", "numpy", "ExpandDims", "axis"),
    ("Tile", "numpy", "Tile", "repeats"),
    ("ConcatV2", "numpy", "Concatenate", "axis"),
    ("Pad", "numpy", "Pad", "pad_width"),
];

/// Turns a `TensorFlowOpLayer` whose calls are in Keras 3's form into an operation; one that has
/// no counterpart stays as it is.
pub(super) fn modern(layer: &mut Value) {
    let Some((operation, args)) = operation(layer) else { return };
    replace(layer, operation, args, Map::new());
}

fn operation(layer: &Value) -> Option<(Operation, Vec<Value>)> {
    let config = layer.get("config")?;
    let node = node_def(config.get("node_def")?)?;
    let calls = layer.get("inbound_nodes")?.as_array()?;
    let [call] = calls.as_slice() else { return None };
    let tensors = match call["args"].as_array()?.as_slice() {
        [Value::Array(tensors)] => tensors.clone(),
        tensors => tensors.to_vec(),
    };
    let constants = config.get("constants").and_then(Value::as_object);
    let mut args = inputs(&node, tensors, constants)?;
    let kind = node.get("op")?.as_str()?;
    if let Some((_, module, class)) = SAME.iter().find(|(name, ..)| *name == kind) {
        let transposes = ["transpose_a", "transpose_b", "adj_x", "adj_y"];
        if transposes.iter().any(|name| attribute(&node, name) == Some(json!(true))) {
            return None;
        }
        let mut settings = Map::new();
        if ["Softmax", "LogSoftmax"].contains(class) {
            settings.insert("axis".into(), json!(-1));
        }
        return Some((Operation { module, class, settings }, args));
    }
    let whole = |name: &str| node.get("attr")?.get(name)?.get("i").and_then(number);
    let text = |name: &str| node.get("attr")?.get(name)?.get("s")?.as_str();
    match kind {
        "StridedSlice" => {
            let mut numbers =
                || -> Option<Vec<i64>> { args.pop()?.as_array()?.iter().map(number).collect() };
            let (steps, end, begin) = (numbers()?, numbers()?, numbers()?);
            let mask = |name: &str| whole(name).unwrap_or(0);
            let key = strided_key(
                &[begin, end, steps],
                [mask("begin_mask"), mask("end_mask"), mask("ellipsis_mask")],
                [mask("new_axis_mask"), mask("shrink_axis_mask")],
            )?;
            args.push(key);
            return Some((Operation::new("numpy", "GetItem", json!({})), args));
        }
        "Pack" => {
            let axis = json!({"axis": whole("axis").unwrap_or(0)});
            return Some((Operation::new("numpy", "Stack", axis), vec![Value::Array(args)]));
        }
        // Texts are written in base 64: that of `NHWC`.
        "DepthToSpace" | "SpaceToDepth"
            if text("data_format").is_none_or(|text| text == "TkhXQw==") =>
        {
            let class = if kind == "DepthToSpace" { "DepthToSpace" } else { "SpaceToDepth" };
            let settings =
                json!({"block_size": whole("block_size")?, "data_format": "channels_last"});
            return Some((Operation::new("nn", class, settings), args));
        }
        "LeakyRelu" => {
            let slope = node.get("attr")?.get("alpha")?.get("f")?.as_f64()?;
            let settings = json!({"negative_slope": slope});
            return Some((Operation::new("nn", "LeakyRelu", settings), args));
        }
        _ => {}
    }
    if kind == "Squeeze" {
        let axes = node.get("attr")?.get("squeeze_dims")?.get("list")?.get("i")?.as_array()?;
        let axes: Option<Vec<i64>> = axes.iter().map(number).collect();
        let settings = Map::from_iter([("axis".to_owned(), json!(axes?))]);
        return Some((Operation { module: "numpy", class: "Squeeze", settings }, args));
    }
    let (_, module, class, setting) =
        LAST_IS_SETTING.iter().find(|(name, ..)| *name == kind).copied()?;
    let mut settings = Map::from_iter([(setting.to_owned(), args.pop()?)]);
    match kind {
        "Sum" | "Mean" | "Max" | "Min" | "Prod" => {
            let keeps = attribute(&node, "keep_dims").unwrap_or(json!(false));
            settings.insert("keepdims".into(), keeps);
        }
        "ConcatV2" => args = vec![Value::Array(args)],
        "Pad" => drop(settings.insert("mode".into(), json!("constant"))),
        _ => {}
    }
    // A tensor cannot be a setting.
    let is_constant = settings[setting].get("class_name").is_none();
    is_constant.then_some((Operation { module, class, settings }, args))
}

/// The node, which some versions wrote as a text.
fn node_def(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        Value::Object(_) => Some(value.clone()),
        _ => None,
    }
}

/// The inputs of the node in order: constants at their places, tensors between them.
fn inputs(
    node: &Value,
    tensors: Vec<Value>,
    constants: Option<&Map<String, Value>>,
) -> Option<Vec<Value>> {
    let count = node.get("input")?.as_array()?.len();
    let mut tensors = tensors.into_iter();
    let at = |place: usize| constants.and_then(|all| all.get(&place.to_string())).cloned();
    let inputs: Option<Vec<Value>> =
        (0..count).map(|place| at(place).or_else(|| tensors.next())).collect();
    inputs.filter(|_| tensors.next().is_none())
}

/// An attribute of the node that is true or false.
fn attribute(node: &Value, name: &str) -> Option<Value> {
    node.get("attr")?.get(name)?.get("b").cloned()
}

/// A whole number, which the JSON of protocol buffers writes as text.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
