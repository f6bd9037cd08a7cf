//! A model from Keras's config: layers and how to compile them.

use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::problems::Problems;
use super::{compile_config, functional, objects};
use crate::layers::{DTypePolicy, Layer};
use crate::model::{InputSpec, Network};
use crate::object::{Config, ConfigReader};
use crate::operations;
use crate::trainer::Compile;

/// Layers that a file may have: no network comes near it, and each costs time before it is known to
/// be harmless.
const MAX_LAYERS: usize = 10_000;

/// What a config describes, before anything is built.
#[derive(Debug)]
pub(super) struct Plan {
    /// The layers and how values flow, unbuilt.
    pub(super) network: Network,
    pub(super) compile: Option<Compile>,
    /// In what else than `float32` Keras computes some of it.
    pub(super) policies: Vec<DTypePolicy>,
}

/// Reads a serialized model.
///
/// # Errors
/// [`ErrorKind::Format`] when it is no model; else all layers, objects and arguments that are
/// not supported, each by name.
#[track_caller]
pub(super) fn plan(model: &Value, with_compile: bool) -> Result<Plan> {
    let class = objects::class_name(model).ok_or_else(|| not_a_model("`class_name`"))?;
    let config = model.get("config").and_then(Value::as_object);
    let config = config.ok_or_else(|| not_a_model("`config`"))?;
    let mut problems = Problems::default();
    problems.keep("model", objects::check_is_keras(model));
    let mut network = network(class, config, &mut problems)?;
    // Keras drops this of a `Sequential`: the layers have it too.
    if class != "Sequential" && config.get("trainable") == Some(&Value::Bool(false)) {
        let layers = network.iter_mut().flat_map(|network| &mut network.layers);
        layers.for_each(|entry| entry.trainable = false);
    }
    let compile = match with_compile {
        true => compile_config::read(model.get("compile_config"), &mut problems),
        false => None,
    };
    if let Err(error) = problems.finish("parts of the file are not supported") {
        let is_compile_alone = with_compile && plan(model, false).is_ok();
        return Err(match is_compile_alone {
            true => error.hint(
                "load it without, as `kerros predict` and `kerros convert` do, or in Rust \
                 `Load::new().compile(false)`",
            ),
            false => error,
        });
    }
    let network = network.ok_or_else(|| Error::new(ErrorKind::Internal, "a model got lost"))?;
    Ok(Plan { network, compile, policies: DTypePolicy::others_in(config) })
}

/// The model of this class and config, as a layer of another model has it. What it says of
/// being trained as a whole says nothing: Keras asks its layers, which may differ.
///
/// # Errors
/// As [`plan`].
pub(crate) fn nested(class: &str, config: &Config) -> Result<Network> {
    let mut problems = Problems::default();
    let network = network(class, config, &mut problems)?;
    problems.finish("parts of the model are not supported")?;
    network.ok_or_else(|| Error::new(ErrorKind::Internal, "a model got lost"))
}

fn not_a_model(what: &str) -> Error {
    Error::new(ErrorKind::Format, format!("the config has no {what}"))
        .expected("a model as Keras serializes it: `class_name`, `config` with `layers`")
}

/// Checks that a model is of a class whose layers are in its config.
///
/// # Errors
/// [`ErrorKind::Unsupported`] naming the class.
pub(super) fn check_model_class(class: &str) -> Result<()> {
    match class {
        "Sequential" | "Functional" | "Model" => Ok(()),
        _ => Err(Error::new(ErrorKind::Unsupported, format!("a model of class `{class}`"))
            .expected("a Sequential or a functional model")
            .hint("rebuild it from Keras's own layers, and load its weights")),
    }
}

/// The network of a model; none when `problems` were found.
fn network(class: &str, config: &Config, problems: &mut Problems) -> Result<Option<Network>> {
    check_model_class(class)?;
    let values = config.get("layers").and_then(Value::as_array);
    let values = values.ok_or_else(|| not_a_model("`layers`"))?;
    if values.len() > MAX_LAYERS {
        return Err(Error::new(ErrorKind::Unsupported, format!("{} layers", values.len()))
            .expected(format!("at most {MAX_LAYERS}")));
    }
    let (name, dtype) = options(config, class, problems);
    let layers = values.iter().enumerate();
    let layers: Vec<(Arc<dyn Layer>, &Value)> =
        layers.filter_map(|(at, value)| Some((layer(at, value, problems)?, value))).collect();
    if layers.len() < values.len() {
        return Ok(None);
    }
    let found = match class {
        "Sequential" => {
            let mut network = chain(layers.into_iter().map(|(layer, _)| layer));
            // A model that found its shape when it first saw data has no layer for its input, and
            // tells the shape here; batches may have other numbers of rows.
            let built_for = config.get("build_input_shape").and_then(InputSpec::of_batch_shape);
            if let Some(spec) = built_for.filter(|_| network.inputs.is_empty()) {
                network.set_inputs(vec![InputSpec { batch: None, ..spec }]);
            }
            Some(network)
        }
        _ => functional::network(config, layers, problems),
    };
    Ok(found.map(|mut network| {
        network.name = name;
        network.is_read = true;
        network.dtype = dtype;
        network
    }))
}

/// The network of a chain of layers, the input first, if there is one.
fn chain(layers: impl Iterator<Item = Arc<dyn Layer>>) -> Network {
    let mut network = Network::default();
    for layer in layers {
        match layer.input_spec() {
            Some(spec) if network.layers.is_empty() && network.inputs.is_empty() => {
                network.set_inputs(vec![spec]);
            }
            _ => network.push(layer),
        }
    }
    network
}

/// Name and dtype policy of a model; every other argument must be one that is known.
fn options(config: &Config, class: &str, problems: &mut Problems) -> (String, DTypePolicy) {
    let mut reader = ConfigReader::new(config);
    reader.ignore(&["layers", "build_input_shape"]);
    if class != "Sequential" {
        reader.ignore(&["input_layers", "output_layers"]);
    }
    let default = if class == "Sequential" { "sequential" } else { "functional" };
    let name = reader.maybe_string("name").unwrap_or_else(|| default.into());
    reader.bool("trainable", true);
    let dtype = DTypePolicy::read(&mut reader);
    problems.keep("model", reader.finish());
    (name, dtype)
}

/// The module of an operation, where a file leaves out all modules as the `.h5` files of Keras 3 do.
/// Layers share some names with operations, but say whether they are trained.
fn bare_operation(value: &Value) -> Option<&'static str> {
    let config = value.get("config").and_then(Value::as_object)?;
    if value.get("module").is_some() || config.contains_key("trainable") {
        return None;
    }
    operations::module_of(objects::class_name(value)?)
}

fn layer(at: usize, value: &Value, problems: &mut Problems) -> Option<Arc<dyn Layer>> {
    let name = value.get("config").and_then(|config| config.get("name")).and_then(Value::as_str);
    let place = match name {
        Some(name) => format!("layer `{name}`"),
        None => format!("layer {at}"),
    };
    let module = value.get("module").and_then(Value::as_str);
    if let Some(module) = bare_operation(value) {
        let mut value = value.clone();
        value["module"] = module.into();
        return problems.keep(&place, operations::deserialize(&value));
    }
    if module.is_some_and(operations::is_operation) {
        problems.keep(&place, objects::check_is_keras(value))?;
        return problems.keep(&place, operations::deserialize(value));
    }
    objects::read::<dyn Layer>(value, &place, problems)
}
