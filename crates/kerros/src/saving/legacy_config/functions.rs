//! Functions of TensorFlow that one operation of Keras is, with other names for its arguments.

use serde_json::{Map, Value, json};

use super::operations::{Call, Operation};

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
    binary(&["math.logical_xor"], "LogicalXor"),
    binary(&["math.divide_no_nan"], "DivideNoNan"),
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
    elementwise(&["math.softplus", "nn.softplus"], "nn", "Softplus"),
    elementwise(&["nn.softsign", "math.softsign"], "nn", "Softsign"),
    elementwise(&["math.log_sigmoid"], "nn", "LogSigmoid"),
    elementwise(&["math.expm1"], "numpy", "Expm1"),
    elementwise(&["math.tan", "tan"], "numpy", "Tan"),
    elementwise(&["math.asin", "asin"], "numpy", "Arcsin"),
    elementwise(&["math.acos", "acos"], "numpy", "Arccos"),
    elementwise(&["math.atan", "atan"], "numpy", "Arctan"),
    elementwise(&["math.sinh", "sinh"], "numpy", "Sinh"),
    elementwise(&["math.cosh", "cosh"], "numpy", "Cosh"),
    elementwise(&["math.asinh", "asinh"], "numpy", "Arcsinh"),
    elementwise(&["math.acosh", "acosh"], "numpy", "Arccosh"),
    elementwise(&["math.atanh", "atanh"], "numpy", "Arctanh"),
    elementwise(&["math.rint"], "numpy", "Round"),
    elementwise(&["math.is_nan"], "numpy", "Isnan"),
    elementwise(&["math.is_inf"], "numpy", "Isinf"),
    elementwise(&["math.is_finite"], "numpy", "Isfinite"),
    elementwise(&["math.real", "convert_to_tensor"], "numpy", "Copy"),
    elementwise(&["linalg.inv"], "linalg", "Inv"),
    elementwise(&["linalg.det"], "linalg", "Det"),
    elementwise(&["linalg.cholesky"], "linalg", "Cholesky"),
    elementwise(&["image.rgb_to_grayscale"], "image", "RGBToGrayscale"),
    elementwise(&["image.rgb_to_hsv"], "image", "RGBToHSV"),
    elementwise(&["image.hsv_to_rgb"], "image", "HSVToRGB"),
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
    with(&["math.argmin", "argmin"], "numpy", "Argmin", &[("axis", "axis", "0")]),
    with(&["math.count_nonzero"], "numpy", "CountNonzero", &[("axis", "axis", "null")]),
    with(&["math.top_k"], "math", "TopK", &[("k", "k", "1"), ("sorted", "sorted", "true")]),
    with(&["unstack"], "core", "Unstack", &[("num", "num", "null"), ("axis", "axis", "0")]),
    with(
        &["signal.frame"],
        "math",
        "ExtractSequences",
        &[("frame_length", "sequence_length", "null"), ("frame_step", "sequence_stride", "null")],
    ),
    with(&["broadcast_to"], "numpy", "BroadcastTo", &[("shape", "shape", "null")]),
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
        names: &["math.atan2", "atan2"],
        module: "numpy",
        class: "Arctan2",
        values: &["x"],
        settings: &[],
    },
    Function {
        names: &["linalg.cross"],
        module: "numpy",
        class: "Cross",
        values: &["b"],
        settings: &[],
    },
    Function {
        names: &["linalg.solve"],
        module: "linalg",
        class: "Solve",
        values: &["rhs"],
        settings: &[],
    },
    Function {
        names: &["linalg.triangular_solve"],
        module: "linalg",
        class: "SolveTriangular",
        values: &["rhs"],
        settings: &[("lower", "lower", "true")],
    },
    Function {
        names: &["math.unsorted_segment_sum"],
        module: "math",
        class: "SegmentSum",
        values: &["segment_ids"],
        settings: &[("num_segments", "num_segments", "null")],
    },
    Function {
        names: &["math.unsorted_segment_max"],
        module: "math",
        class: "SegmentMax",
        values: &["segment_ids"],
        settings: &[("num_segments", "num_segments", "null")],
    },
    Function {
        names: &["tensor_scatter_nd_update"],
        module: "core",
        class: "ScatterUpdate",
        values: &["indices", "updates"],
        settings: &[],
    },
    Function {
        names: &["image.ssim"],
        module: "image",
        class: "SSIM",
        values: &["img2"],
        settings: &[
            ("max_val", "max_val", "null"),
            ("filter_size", "filter_size", "11"),
            ("filter_sigma", "filter_sigma", "1.5"),
            ("k1", "k1", "0.01"),
            ("k2", "k2", "0.03"),
        ],
    },
    Function {
        names: &[
            "nn.softmax_cross_entropy_with_logits",
            "compat.v1.nn.softmax_cross_entropy_with_logits_v2",
        ],
        module: "nn",
        class: "CategoricalCrossentropy",
        values: &["logits"],
        settings: &[("axis", "axis", "-1"), ("from_logits", "from_logits", "true")],
    },
    Function {
        names: &[
            "nn.sigmoid_cross_entropy_with_logits",
            "compat.v1.nn.sigmoid_cross_entropy_with_logits",
        ],
        module: "nn",
        class: "BinaryCrossentropy",
        values: &["logits"],
        settings: &[("from_logits", "from_logits", "true")],
    },
    Function {
        names: &["tensordot"],
        module: "numpy",
        class: "Tensordot",
        values: &["b"],
        settings: &[("axes", "axes", "null")],
    },
];

/// A function of the list, with its arguments; none where it is not in it.
pub(super) fn operation(name: &str, call: &mut Call) -> Option<Operation> {
    let function = FUNCTIONS.iter().find(|function| function.names.contains(&name))?;
    for value in function.values {
        let value = call.take(value)?;
        call.args.push(value);
    }
    let mut settings = Map::new();
    for (there, here, absent) in function.settings {
        let value = call.take(there);
        let value = value.or_else(|| serde_json::from_str(absent).ok())?;
        settings.insert((*here).to_owned(), value);
    }
    if function.class == "Split"
        && let Some(sizes) = settings["indices_or_sections"].as_array()
    {
        // Sizes there, the places between them here; a last size of -1 is what is left.
        let sizes = match sizes.as_slice() {
            [sizes @ .., last] if last == &json!(-1) => [sizes, &[json!(0)]].concat(),
            sizes => sizes.to_vec(),
        };
        let mut end = 0;
        let sizes: Option<Vec<u64>> = sizes.iter().map(Value::as_u64).collect();
        let sizes = sizes?;
        let ends = sizes.iter().map(|&size| {
            end = u64::saturating_add(end, size);
            end
        });
        let places: Vec<u64> = ends.take(sizes.len().saturating_sub(1)).collect();
        settings.insert("indices_or_sections".into(), json!(places));
    }
    Some(Operation { module: function.module, class: function.class, settings })
}
