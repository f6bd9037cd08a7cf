//! A model from Keras's config: layers and how to compile them.

use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::problems::Problems;
use super::{compile_config, functional, objects};
use crate::layers::{InputLayer, Layer};
use crate::object::{Config, ConfigReader};
use crate::trainer::Compile;

/// Layers that a file may have: building takes time that grows with the square of their number.
const MAX_LAYERS: usize = 10_000;

/// What a config describes, before anything is built.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    /// Whether the layers learn, unless they are frozen themselves.
    pub(super) trainable: bool,
    /// The input first, if there is one.
    pub(super) layers: Vec<Arc<dyn Layer>>,
    pub(super) compile: Option<Compile>,
}

/// Reads a serialized model.
///
/// # Errors
/// [`ErrorKind::Format`] when it is no model; else all layers, objects and arguments that are
/// not supported, each by name.
#[track_caller]
pub(super) fn plan(model: &Value, with_compile: bool) -> Result<Plan> {
    let not_a_model = |what: &str| {
        Error::new(ErrorKind::Format, format!("the config has no {what}"))
            .expected("a model as Keras serializes it: `class_name`, `config` with `layers`")
    };
    let class = objects::class_name(model).ok_or_else(|| not_a_model("`class_name`"))?;
    let config = model.get("config").and_then(Value::as_object);
    let config = config.ok_or_else(|| not_a_model("`config`"))?;
    let layers = config.get("layers").and_then(Value::as_array);
    let mut problems = Problems::default();
    problems.keep("model", objects::check_is_keras(model));
    let layers = match class {
        "Sequential" => layers.ok_or_else(|| not_a_model("`layers`"))?.clone(),
        "Functional" => {
            let layers = layers.ok_or_else(|| not_a_model("`layers`"))?;
            functional::chain(config, layers, &mut problems)
        }
        _ => {
            return Err(Error::new(ErrorKind::Unsupported, format!("a model of class `{class}`"))
                .expected("a Sequential model, or a functional one that is a chain of layers"));
        }
    };
    if layers.len() > MAX_LAYERS {
        return Err(Error::new(ErrorKind::Unsupported, format!("{} layers", layers.len()))
            .expected(format!("at most {MAX_LAYERS}")));
    }
    let (name, trainable) = options(config, class, &mut problems);
    let layers =
        layers.iter().enumerate().filter_map(|(at, value)| layer(at, value, &mut problems));
    let layers: Vec<Arc<dyn Layer>> = layers.collect();
    let compile = match with_compile {
        true => compile_config::read(model.get("compile_config"), &mut problems),
        false => None,
    };
    if let Err(error) = problems.finish("parts of the file are not supported") {
        let is_compile_alone = with_compile && plan(model, false).is_ok();
        return Err(match is_compile_alone {
            true => error.hint("load it without: `Load::new().compile(false)`, then compile anew"),
            false => error,
        });
    }
    Ok(Plan { name, trainable, layers, compile })
}

/// Name and trainability of a model; every other argument must be one that is known.
fn options(config: &Config, class: &str, problems: &mut Problems) -> (String, bool) {
    let mut reader = ConfigReader::new(config);
    reader.ignore(&["layers", "build_input_shape"]);
    if class == "Functional" {
        reader.ignore(&["input_layers", "output_layers"]);
    }
    let name = reader.maybe_string("name").unwrap_or_else(|| "sequential".into());
    let trainable = reader.bool("trainable", true);
    if let Some(dtype) = reader.value("dtype") {
        let policy = dtype.get("config").and_then(|config| config.get("name")).unwrap_or(dtype);
        if policy.as_str() != Some("float32") {
            reader.refuse(format!("`dtype` is {policy}, expected float32"));
        }
    }
    problems.keep("model", reader.finish());
    (name, trainable)
}

fn layer(at: usize, value: &Value, problems: &mut Problems) -> Option<Arc<dyn Layer>> {
    let name = value.get("config").and_then(|config| config.get("name")).and_then(Value::as_str);
    let place = match name {
        Some(name) => format!("layer `{name}`"),
        None => format!("layer {at}"),
    };
    let layer = objects::read::<dyn Layer>(value, &place, problems)?;
    match layer.input_shape() {
        Some(shape) if name.is_none() => Some(Arc::new(InputLayer::new(shape).name("input_layer"))),
        _ => Some(layer),
    }
}
