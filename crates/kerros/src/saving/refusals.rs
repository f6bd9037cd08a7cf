//! What a file may ask for and never gets: code run, other files read, safety switched off.
//!
//! Nothing here could be done in the first place, for classes are looked up in lists and no
//! config names a path that is opened. It is refused by name so that whoever was sent such a
//! file learns what it is.

use kerros_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::objects::class_name;

/// Layers that wrap an object of another library, which Keras stores as pickled code.
const PICKLED: [&str; 3] = ["TorchModuleWrapper", "JaxLayer", "FlaxLayer"];

/// Layers whose `vocabulary` may be a path.
const WITH_VOCABULARY: [&str; 3] = ["StringLookup", "IntegerLookup", "TextVectorization"];

/// Functions of Keras that change what loading does, or fetch and open files.
const ACTIONS: [&str; 5] =
    ["enable_unsafe_deserialization", "get_file", "load_model", "load_weights", "import_module"];

/// Refuses an object for what it would do.
///
/// # Errors
/// [`ErrorKind::Unsupported`] with the reason and what to do instead.
pub(super) fn check(value: &Value) -> Result<()> {
    let Some(class) = class_name(value) else { return Ok(()) };
    let argument = |name: &str| value.get("config").and_then(|config| config.get(name));
    let refused = |what: String, expected: &str, hint: &str| {
        Err(Error::new(ErrorKind::Unsupported, what).expected(expected).hint(hint))
    };
    match class {
        "Lambda" | "__lambda__" => {
            let function = argument("function").unwrap_or(value);
            let named = function.get("config").and_then(Value::as_str).or(function.as_str());
            let what = match named {
                Some(name) => {
                    format!("a `Lambda` of the function `{name}`, which is not in the file")
                }
                None => "a `Lambda` whose code is in the file".to_owned(),
            };
            refused(
                what,
                "no code: what a file holds is never run",
                "say it with layers (`Rescaling`, `Reshape`, `Multiply` ..) or `keras.ops` in Keras \
                 and save again; or write a layer in Rust and load the weights alone",
            )
        }
        "TFOpLambda" | "SlicingOpLambda" => {
            let function = argument("function").and_then(Value::as_str).unwrap_or_default();
            match function {
                "einsum" | "linalg.einsum" => refused(
                    "the function `einsum` of TensorFlow, whose tensors tf.keras left out of the file"
                        .to_owned(),
                    "what it is applied to",
                    "say it with `tf.matmul`, `Dot` or `EinsumDense` in tf.keras and save again; or \
                     load the weights alone",
                ),
                _ => refused(
                    format!("the function `{function}` of TensorFlow, or one of its arguments"),
                    "functions that operations of Keras stand for",
                    "say it with layers or other functions in tf.keras and save again; or rebuild \
                     the model with `keras.ops` and load the weights alone",
                ),
            }
        }
        class if PICKLED.contains(&class) => refused(
            format!("a `{class}`, whose pickled object is code"),
            "no code: what a file holds is never run",
            "rebuild that part from Keras's own layers",
        ),
        "TFSMLayer" => {
            let path = argument("filepath").and_then(Value::as_str).unwrap_or_default();
            refused(
                format!("a `TFSMLayer` that runs the program in `{path}`"),
                "no other file: a model file is read alone",
                "rebuild that part from Keras's own layers",
            )
        }
        class if WITH_VOCABULARY.contains(&class) => match argument("vocabulary") {
            Some(Value::String(path)) => refused(
                format!("a `{class}` that reads its vocabulary from `{path}`"),
                "no other file: a model file is read alone",
                "give the words themselves in Keras and save again",
            ),
            _ => Ok(()),
        },
        _ => {
            let name = value.get("config").and_then(Value::as_str).unwrap_or(class);
            let last = name.rsplit('.').next().unwrap_or(name);
            match ACTIONS.contains(&last) {
                true => refused(
                    format!("the file calls `{last}`"),
                    "layers and their settings: loading does nothing else",
                    "do not load this file in Keras either",
                ),
                false => Ok(()),
            }
        }
    }
}

/// Refuses a layer name that is a path: Keras allows no `/` in names, and names become paths
/// where weights are written.
///
/// # Errors
/// [`ErrorKind::Format`] with the name.
pub(super) fn check_name(name: &str) -> Result<()> {
    let is_path = name.contains(['/', '\\']) || name.chars().any(char::is_control) || name == "..";
    match is_path {
        true => Err(Error::new(ErrorKind::Format, format!("the layer name {name:?}"))
            .expected("a name without `/`: it is no path")),
        false => Ok(()),
    }
}
