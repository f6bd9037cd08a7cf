//! Functions of TensorFlow in the graph of tf.keras (`TFOpLambda`), as operations of Keras 3.

use serde_json::{Map, Value, json};

/// A function of TensorFlow and the operation of Keras that does the same.
struct Function {
    /// Its names in the public interface of TensorFlow.
    names: &'static [&'static str],
    module: &'static str,
    class: &'static str,
    /// The arguments after the first that are values of the graph, in Keras's order.
    values: &'static [&'static str],
    /// The other arguments: their name there, here, and what is meant where they are absent.
    settings: &'static [(&'static str, &'static str, &'static str)],
}

const fn elementwise(
    names: &'static [&'static str],
    module: &'static str,
    class: &'static str,
) -> Function {
    Function { names, module, class, values: &[], settings: &[] }
}

const fn binary(names: &'static [&'static str], class: &'static str) -> Function {
    Function { names, module: "numpy", class, values: &["y"], settings: &[] }
}

const fn reduction(
    names: &'static [&'static str],
    module: &'static str,
    class: &'static str,
) -> Function {
    let settings = &[("axis", "axis", "null"), ("keepdims", "keepdims", "false")];
    Function { names, module, class, values: &[], settings }
}

const fn with(
    names: &'static [&'static str],
    module: &'static str,
    class: &'static str,
    settings: &'static [(&'static str, &'static str, &'static str)],
) -> Function {
    Function { names, module, class, values: &[], settings }
}

const FUNCTIONS: &[Function] = &[
    binary(&["math.add", "add", "__operators__.add"], "Add"),
    binary(&["math.subtract", "subtract", "__operators__.sub"], "Subtract"),
    binary(&["math.multiply", "multiply", "__operators__.mul"], "Multiply"),
    binary(&["math.truediv", "truediv", "math.divide", "divide", "realdiv"], "TrueDivide"),
    binary(&["math.floordiv", "compat.v1.floor_div"], "FloorDivide"),
    binary(&["math.pow", "pow"], "Power"),
    binary(&["math.mod", "math.floormod"], "Mod"),
    binary(&["math.maximum", "maximum"], "Maximum"),
    binary(&["math.minimum", "minimum"], "Minimum"),
    binary(&["math.equal", "equal"], "Equal"),
    binary(&["math.not_equal", "not_equal"], "NotEqual"),
    binary(&["math.greater", "greater"], "Greater"),
    binary(&["math.greater_equal", "greater_equal"], "GreaterEqual"),
    binary(&["math.less", "less"], "Less"),
    binary(&["math.less_equal", "less_equal"], "LessEqual"),
    binary(&["math.logical_and"], "LogicalAnd"),
    binary(&["math.logical_or"], "LogicalOr"),
    elementwise(&["math.negative", "negative"], "numpy", "Negative"),
    elementwise(&["math.abs", "abs"], "numpy", "Absolute"),
    elementwise(&["math.sqrt", "sqrt"], "numpy", "Sqrt"),
    elementwise(&["math.rsqrt"], "math", "Rsqrt"),
    elementwise(&["math.square", "square"], "numpy", "Square"),
    elementwise(&["math.exp", "exp"], "numpy", "Exp"),
    elementwise(&["math.log"], "numpy", "Log"),
    elementwise(&["math.log1p"], "numpy", "Log1p"),
    elementwise(&["math.sin", "sin"], "numpy", "Sin"),
    elementwise(&["math.cos", "cos"], "numpy", "Cos"),
    elementwise(&["math.sign", "sign"], "numpy", "Sign"),
    elementwise(&["math.floor", "floor"], "numpy", "Floor"),
    elementwise(&["math.ceil"], "numpy", "Ceil"),
    elementwise(&["identity"], "numpy", "Copy"),
    elementwise(&["math.round", "round"], "numpy", "Round"),
    elementwise(&["zeros_like", "compat.v1.zeros_like"], "numpy", "ZerosLike"),
    elementwise(&["ones_like", "compat.v1.ones_like"], "numpy", "OnesLike"),
    elementwise(&["math.reciprocal"], "numpy", "Reciprocal"),
    elementwise(&["math.erf"], "math", "Erf"),
    elementwise(&["math.logical_not"], "numpy", "LogicalNot"),
    elementwise(&["math.tanh", "tanh", "nn.tanh"], "numpy", "Tanh"),
    elementwise(&["math.sigmoid", "sigmoid", "nn.sigmoid"], "nn", "Sigmoid"),
    elementwise(&["nn.relu"], "nn", "Relu"),
    elementwise(&["nn.relu6"], "nn", "Relu6"),
    elementwise(&["nn.selu"], "nn", "Selu"),
    elementwise(&["nn.silu", "nn.swish"], "nn", "Silu"),
    elementwise(&["math.softplus", "nn.softplus"], "nn", "Softplus"),
    elementwise(&["nn.softsign", "math.softsign"], "nn", "Softsign"),
    elementwise(&["stop_gradient"], "core", "StopGradient"),
    with(&["nn.elu"], "nn", "Elu", &[("alpha", "alpha", "1.0")]),
    with(&["nn.gelu"], "nn", "Gelu", &[("approximate", "approximate", "false")]),
    with(&["nn.leaky_relu"], "nn", "LeakyRelu", &[("alpha", "negative_slope", "0.2")]),
    with(&["nn.softmax", "math.softmax"], "nn", "Softmax", &[("axis", "axis", "-1")]),
    with(&["nn.log_softmax", "math.log_softmax"], "nn", "LogSoftmax", &[("axis", "axis", "-1")]),
    reduction(&["math.reduce_sum", "reduce_sum"], "numpy", "Sum"),
    reduction(&["math.reduce_mean", "reduce_mean"], "numpy", "Mean"),
    reduction(&["math.reduce_max", "reduce_max"], "numpy", "Max"),
    reduction(&["math.reduce_min", "reduce_min"], "numpy", "Min"),
    reduction(&["math.reduce_prod", "reduce_prod"], "numpy", "Prod"),
    reduction(&["math.reduce_std"], "numpy", "Std"),
    reduction(&["math.reduce_variance"], "numpy", "Var"),
    reduction(&["math.reduce_any", "reduce_any"], "numpy", "Any"),
    reduction(&["math.reduce_all", "reduce_all"], "numpy", "All"),
    reduction(&["math.reduce_logsumexp", "reduce_logsumexp"], "math", "Logsumexp"),
    with(&["math.argmax", "argmax"], "numpy", "Argmax", &[("axis", "axis", "0")]),
    with(&["math.cumsum", "cumsum"], "numpy", "Cumsum", &[("axis", "axis", "0")]),
    with(&["reshape"], "numpy", "Reshape", &[("shape", "newshape", "null")]),
    with(&["transpose", "compat.v1.transpose"], "numpy", "Transpose", &[("perm", "axes", "null")]),
    with(&["expand_dims"], "numpy", "ExpandDims", &[("axis", "axis", "null")]),
    with(&["squeeze", "compat.v1.squeeze"], "numpy", "Squeeze", &[("axis", "axis", "null")]),
    with(&["concat"], "numpy", "Concatenate", &[("axis", "axis", "0")]),
    with(&["stack"], "numpy", "Stack", &[("axis", "axis", "0")]),
    with(&["tile"], "numpy", "Tile", &[("multiples", "repeats", "null")]),
    with(
        &["repeat"],
        "numpy",
        "Repeat",
        &[("repeats", "repeats", "null"), ("axis", "axis", "null")],
    ),
    with(&["reverse"], "numpy", "Flip", &[("axis", "axis", "null")]),
    with(&["roll"], "numpy", "Roll", &[("shift", "shift", "null"), ("axis", "axis", "null")]),
    with(&["cast"], "core", "Cast", &[("dtype", "dtype", "null")]),
    with(
        &["clip_by_value"],
        "numpy",
        "Clip",
        &[("clip_value_min", "x_min", "null"), ("clip_value_max", "x_max", "null")],
    ),
    with(
        &["split"],
        "numpy",
        "Split",
        &[("num_or_size_splits", "indices_or_sections", "null"), ("axis", "axis", "0")],
    ),
    with(
        &["one_hot"],
        "nn",
        "OneHot",
        &[
            ("depth", "num_classes", "null"),
            ("axis", "axis", "-1"),
            ("dtype", "dtype", "\"float32\""),
        ],
    ),
    Function {
        names: &["where"],
        module: "numpy",
        class: "Where",
        values: &["x", "y"],
        settings: &[],
    },
    Function {
        names: &["gather", "compat.v1.gather"],
        module: "numpy",
        class: "Take",
        values: &["indices"],
        settings: &[("axis", "axis", "0")],
    },
    Function {
        names: &["nn.bias_add"],
        module: "numpy",
        class: "Add",
        values: &["bias"],
        settings: &[],
    },
    Function {
        names: &["tensordot"],
        module: "numpy",
        class: "Tensordot",
        values: &["b"],
        settings: &[("axes", "axes", "null")],
    },
];

/// Turns a `TFOpLambda` whose calls are in Keras 3's form into an operation. A function that is
/// not in the list, or one with an argument that is not, stays as it is.
pub(super) fn modern(layer: &mut Value) {
    let function = layer.get("config").and_then(|config| config.get("function"));
    let Some(name) = function.and_then(Value::as_str) else { return };
    let calls = layer.get("inbound_nodes").and_then(Value::as_array);
    let Some([call]) = calls.map(Vec::as_slice) else { return };
    let (Some(args), Some(given)) = (call["args"].as_array(), call["kwargs"].as_object()) else {
        return;
    };
    let mut args = args.clone();
    let mut given = given.clone();
    given.shift_remove("name");
    let operation = match name {
        "__operators__.getitem" => getitem(&mut args, &mut given),
        "linalg.matmul" | "matmul" => matmul(&mut args, &mut given),
        "math.l2_normalize" | "nn.l2_normalize" | "linalg.l2_normalize" => normalize(&mut given),
        "pad" | "compat.v1.pad" => pad(&mut given),
        "math.add_n" => sum_of_two(&mut args),
        "image.resize" => resize(&mut given),
        name => from_list(name, &mut args, &mut given),
    };
    let Some(operation) = operation else { return };
    // No axes that both sides share: what is meant anyway.
    if operation.class == "Take" && given.get("batch_dims") == Some(&json!(0)) {
        given.shift_remove("batch_dims");
    }
    // What nothing took changes what the function does.
    let is_plain = given.values().all(|value| value.is_null() || value == &json!(false));
    if is_plain {
        replace(layer, operation, args, Map::new());
    }
}

/// An operation of Keras: module, class, settings.
pub(super) struct Operation {
    pub(super) module: &'static str,
    pub(super) class: &'static str,
    pub(super) settings: Map<String, Value>,
}

/// Puts an operation in the place of a layer, with one call.
pub(super) fn replace(
    layer: &mut Value,
    operation: Operation,
    args: Vec<Value>,
    kwargs: Map<String, Value>,
) {
    let name = layer.get("name").cloned().unwrap_or(Value::Null);
    let mut config = Map::new();
    config.insert("name".into(), name.clone());
    config.extend(operation.settings);
    *layer = json!({
        "module": format!("keras.src.ops.{}", operation.module),
        "class_name": operation.class,
        "config": config,
        "registered_name": operation.class,
        "name": name,
        "inbound_nodes": [{"args": args, "kwargs": kwargs}],
    });
}

fn from_list(
    name: &str,
    args: &mut Vec<Value>,
    given: &mut Map<String, Value>,
) -> Option<Operation> {
    let function = FUNCTIONS.iter().find(|function| function.names.contains(&name))?;
    for value in function.values {
        args.push(given.shift_remove(*value)?);
    }
    let mut settings = Map::new();
    for (there, here, absent) in function.settings {
        let value = given.shift_remove(*there).filter(|value| !value.is_null());
        let value = value.or_else(|| serde_json::from_str(absent).ok())?;
        settings.insert((*here).to_owned(), value);
    }
    if function.class == "Split"
        && let Some(sizes) = settings["indices_or_sections"].as_array()
    {
        // Sizes there, the places between them here.
        let mut end = 0;
        let sizes: Option<Vec<u64>> = sizes.iter().map(Value::as_u64).collect();
        let sizes = sizes?;
        let ends = sizes.iter().map(|size| {
            end += size;
            end
        });
        let places: Vec<u64> = ends.take(sizes.len().saturating_sub(1)).collect();
        settings.insert("indices_or_sections".into(), json!(places));
    }
    Some(Operation { module: function.module, class: function.class, settings })
}

/// `x[1:, None, ..., 0]`.
fn getitem(args: &mut Vec<Value>, given: &mut Map<String, Value>) -> Option<Operation> {
    let index = given.shift_remove("slice_spec")?;
    let one = |part: &Value| match part {
        Value::Object(part) if part.contains_key("start") => json!({
            "class_name": "__slice__",
            "config": {"start": part["start"], "stop": part["stop"], "step": part["step"]},
        }),
        Value::Object(part) if part.get("class_name") == Some(&json!("__ellipsis__")) => {
            json!({"class_name": "__ellipsis__", "config": {}})
        }
        part => part.clone(),
    };
    args.push(match &index {
        Value::Array(parts) => parts.iter().map(one).collect(),
        part => one(part),
    });
    Some(Operation { module: "numpy", class: "GetItem", settings: Map::new() })
}

/// `a · b`, either of them transposed if asked.
fn matmul(args: &mut Vec<Value>, given: &mut Map<String, Value>) -> Option<Operation> {
    args.push(given.shift_remove("b")?);
    let mut is_transposed = |name: &str| given.shift_remove(name) == Some(json!(true));
    let (a, b) = (is_transposed("transpose_a"), is_transposed("transpose_b"));
    if !a && !b {
        return Some(Operation { module: "numpy", class: "Matmul", settings: Map::new() });
    }
    let side = |transposed: bool, plain: &'static str, other: &'static str| {
        if transposed { other } else { plain }
    };
    let subscripts = format!("...{},...{}->...ik", side(a, "ij", "ji"), side(b, "jk", "kj"));
    let settings = Map::from_iter([("subscripts".to_owned(), json!(subscripts))]);
    Some(Operation { module: "numpy", class: "Einsum", settings })
}

/// `x / sqrt(max(sum(x²), epsilon))` there, `x / max(|x|, epsilon)` here.
fn normalize(given: &mut Map<String, Value>) -> Option<Operation> {
    let axis = given.shift_remove("axis").filter(|axis| !axis.is_null())?;
    let epsilon = given.shift_remove("epsilon").and_then(|epsilon| epsilon.as_f64());
    let epsilon = epsilon.unwrap_or(1e-12).sqrt();
    let settings = json!({"axis": axis, "order": 2, "epsilon": epsilon});
    let settings = settings.as_object().cloned()?;
    Some(Operation { module: "nn", class: "Normalize", settings })
}

/// `add_n([a, b])`; of more tensors no operation of Keras is the sum.
fn sum_of_two(args: &mut Vec<Value>) -> Option<Operation> {
    let tensors = match args.as_slice() {
        [Value::Array(tensors)] => tensors.clone(),
        tensors => tensors.to_vec(),
    };
    if tensors.len() != 2 {
        return None;
    }
    *args = tensors;
    Some(Operation { module: "numpy", class: "Add", settings: Map::new() })
}

fn pad(given: &mut Map<String, Value>) -> Option<Operation> {
    let width = given.shift_remove("paddings")?;
    let mode = given.shift_remove("mode");
    let mode = mode.as_ref().and_then(Value::as_str).unwrap_or("CONSTANT").to_lowercase();
    if given.get("constant_values").is_some_and(|value| value.as_f64() == Some(0.0)) {
        given.shift_remove("constant_values");
    }
    let settings = json!({"pad_width": width, "mode": mode}).as_object().cloned()?;
    Some(Operation { module: "numpy", class: "Pad", settings })
}

fn resize(given: &mut Map<String, Value>) -> Option<Operation> {
    let size = given.shift_remove("size")?;
    let method = given.shift_remove("method").unwrap_or(json!("bilinear"));
    given
        .shift_remove("preserve_aspect_ratio")
        .filter(|keep| keep == &json!(true))
        .map_or(Some(()), |_| None)?;
    let settings = json!({
        "size": size,
        "interpolation": method,
        "antialias": given.shift_remove("antialias").unwrap_or(json!(false)),
        "data_format": "channels_last",
    });
    let settings = settings.as_object().cloned()?;
    Some(Operation { module: "image", class: "Resize", settings })
}
