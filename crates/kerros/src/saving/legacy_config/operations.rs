//! Functions of TensorFlow in the graph of tf.keras (`TFOpLambda`), as operations of Keras 3.

use serde_json::{Map, Value, json};

use super::super::objects::class_name;
use super::{formulas, functions, images, windows};

/// A call of a function of TensorFlow, in Keras 3's form.
pub(super) struct Call {
    /// The layer's name.
    name: String,
    /// Its arguments by place; what a function adds are those of the operation.
    pub(super) args: Vec<Value>,
    /// Its arguments by name; what is left in the end nothing understood.
    pub(super) given: Map<String, Value>,
    /// Operations before the last, where one of Keras is not enough.
    steps: Vec<Value>,
}

impl Call {
    /// The only call of a layer, if it has one.
    pub(super) fn of(layer: &Value) -> Option<Self> {
        let [call] = layer.get("inbound_nodes")?.as_array()?.as_slice() else { return None };
        let mut given = call.get("kwargs")?.as_object()?.clone();
        given.shift_remove("name");
        Some(Call {
            name: layer.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            args: call.get("args")?.as_array()?.clone(),
            given,
            steps: Vec::new(),
        })
    }

    /// Takes an argument out; none where it is absent or null.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.given.shift_remove(name).filter(|value| !value.is_null())
    }

    /// The argument that the function is called with.
    pub(super) fn first(&self) -> Option<Value> {
        self.args.first().cloned()
    }

    /// An operation before the last; its result.
    pub(super) fn step(
        &mut self,
        module: &'static str,
        class: &'static str,
        settings: Value,
        args: Vec<Value>,
    ) -> Option<Value> {
        let name = format!("{}_step_{}", self.name, self.steps.len() + 1);
        let mut layer = json!({"name": name});
        let settings = settings.as_object().cloned().unwrap_or_default();
        replace(&mut layer, Operation { module, class, settings }, args, Map::new());
        self.steps.push(layer);
        Some(tensor(&name))
    }

    /// The last operation, on these arguments.
    pub(super) fn last(
        &mut self,
        module: &'static str,
        class: &'static str,
        settings: Value,
        args: Vec<Value>,
    ) -> Option<Operation> {
        self.args = args;
        Some(Operation::new(module, class, settings))
    }
}

/// The result of the only call of a layer.
fn tensor(name: &str) -> Value {
    json!({"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}})
}

/// Whether a value is a tensor of the graph, or holds one.
pub(super) fn has_tensor(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(has_tensor),
        Value::Object(entries) => {
            class_name(value) == Some("__keras_tensor__") || entries.values().any(has_tensor)
        }
        _ => false,
    }
}

/// Arguments that only say of which type whole numbers are, or which way a value is found.
const WITHOUT_EFFECT: [&str; 5] =
    ["output_type", "out_type", "index_type", "partition_strategy", "use_cudnn_on_gpu"];

/// Turns a `TFOpLambda` whose calls are in Keras 3's form into an operation, and gives those that
/// come before it. A function that is not known, or one with an argument that is not, stays as it
/// is.
pub(super) fn modern(layer: &mut Value) -> Vec<Value> {
    let function = layer.get("config").and_then(|config| config.get("function"));
    let Some(name) = function.and_then(Value::as_str).map(str::to_owned) else { return vec![] };
    let Some(mut call) = Call::of(layer) else { return vec![] };
    WITHOUT_EFFECT.iter().for_each(|name| drop(call.given.shift_remove(*name)));
    let known = match &*name {
        "__operators__.getitem" => getitem(&mut call),
        "linalg.matmul" | "matmul" => matmul(&mut call),
        "math.l2_normalize" | "nn.l2_normalize" | "linalg.l2_normalize" => normalize(&mut call),
        "pad" | "compat.v1.pad" => pad(&mut call),
        name => functions::operation(name, &mut call)
            .or_else(|| windows::operation(name, &mut call))
            .or_else(|| images::operation(name, &mut call))
            .or_else(|| formulas::operation(name, &mut call)),
    };
    let Some(operation) = known else { return vec![] };
    // No axes that both sides share: what is meant anyway.
    if operation.class == "Take" && call.given.get("batch_dims") == Some(&json!(0)) {
        call.given.shift_remove("batch_dims");
    }
    // What nothing took changes what the function does. A tensor cannot be a setting.
    let is_plain = call.given.values().all(|value| value.is_null() || value == &json!(false))
        && !operation.settings.values().any(has_tensor)
        && has_tensor(&Value::Array(call.args.clone()));
    if !is_plain {
        return vec![];
    }
    replace(layer, operation, call.args, Map::new());
    call.steps
}

/// An operation of Keras: module, class, settings.
pub(super) struct Operation {
    pub(super) module: &'static str,
    pub(super) class: &'static str,
    pub(super) settings: Map<String, Value>,
}

impl Operation {
    pub(super) fn new(module: &'static str, class: &'static str, settings: Value) -> Self {
        let settings = settings.as_object().cloned().unwrap_or_default();
        Operation { module, class, settings }
    }
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

/// `x[1:, None, ..., 0]`.
fn getitem(call: &mut Call) -> Option<Operation> {
    let index = call.take("slice_spec")?;
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
    call.args.push(match &index {
        Value::Array(parts) => parts.iter().map(one).collect(),
        part => one(part),
    });
    Some(Operation { module: "numpy", class: "GetItem", settings: Map::new() })
}

/// `a · b`, either of them transposed if asked.
fn matmul(call: &mut Call) -> Option<Operation> {
    let b = call.take("b")?;
    call.args.push(b);
    let mut is_transposed = |name: &str| call.take(name) == Some(json!(true));
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
fn normalize(call: &mut Call) -> Option<Operation> {
    let axis = call.take("axis")?;
    let epsilon = call.take("epsilon").and_then(|epsilon| epsilon.as_f64());
    let epsilon = epsilon.unwrap_or(1e-12).sqrt();
    let settings = json!({"axis": axis, "order": 2, "epsilon": epsilon});
    let settings = settings.as_object().cloned()?;
    Some(Operation { module: "nn", class: "Normalize", settings })
}

/// Zeros, another number, or what is inside, around.
fn pad(call: &mut Call) -> Option<Operation> {
    let width = call.take("paddings")?;
    let mode = call.take("mode");
    let mode = mode.as_ref().and_then(Value::as_str).unwrap_or("CONSTANT").to_lowercase();
    if let Some(filling) = call.take("constant_values").filter(|value| value != &json!(0)) {
        call.args.push(filling);
    }
    Some(Operation::new("numpy", "Pad", json!({"pad_width": width, "mode": mode})))
}
