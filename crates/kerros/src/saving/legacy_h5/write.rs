//! The old format, for writing.

use kerros_core::{Error, ErrorKind, Result, Tensor};
use serde_json::{Map, Value, json};

use super::super::archive::{Archive, WeightTree};
use super::super::metadata::KERAS_VERSION;
use super::super::python_json;
use super::super::weights::OPTIMIZER;
use super::KERROS_VERSION;
use super::attributes::set_names;
use super::parts::{flat_order, named_layers, parts};

/// A whole model as Keras 3 writes it to a `.h5` file.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a layer of the user's own whose weights the format cannot order.
pub(in crate::saving) fn model(archive: &Archive) -> Result<WeightTree> {
    let mut tree = WeightTree::default();
    weights_below(&archive.config, &archive.weights, "model_weights", &mut tree)?;
    let states = archive.weights.group(OPTIMIZER);
    if let Some(states) = states.filter(|states| states.datasets().len() > 0) {
        let name = states.text("name").unwrap_or("optimizer").to_owned();
        let states = states.datasets().map(|(number, state)| {
            let kind = match number {
                "0" => "iteration".to_owned(),
                "1" if state.shape().ndim() == 0 => "learning_rate".to_owned(),
                number => format!("state_{number}"),
            };
            (format!("{name}/{kind}"), state.clone())
        });
        named_arrays("optimizer_weights", states.collect(), &mut tree);
    }
    let mut described = bare(&archive.config);
    let compile = described.as_object_mut().and_then(|model| model.shift_remove("compile_config"));
    let root = tree.group_mut("");
    root.set_text("backend", "jax");
    root.set_text("keras_version", KERAS_VERSION);
    root.set_text(KERROS_VERSION, env!("CARGO_PKG_VERSION"));
    root.set_text("model_config", python_json::to_string(&described));
    if let Some(Value::Object(mut training)) = compile
        && let Some(optimizer) = training.shift_remove("optimizer")
    {
        training.insert("optimizer_config".into(), without_module(&optimizer));
        root.set_text("training_config", python_json::to_string(&Value::Object(training)));
    }
    Ok(tree)
}

/// Weights alone, as Keras 2 writes them to a `.h5` file and Keras 3 reads them.
///
/// # Errors
/// As [`model`].
pub(in crate::saving) fn weights(archive: &Archive) -> Result<WeightTree> {
    let mut tree = WeightTree::default();
    weights_below(&archive.config, &archive.weights, "", &mut tree)?;
    Ok(tree)
}

fn weights_below(
    config: &Value,
    weights: &WeightTree,
    path: &str,
    to: &mut WeightTree,
) -> Result<()> {
    let empty = Map::new();
    let model = config.get("config").and_then(Value::as_object).unwrap_or(&empty);
    let mut names = Vec::new();
    for (layer, group) in named_layers(model, "layers") {
        let name = super::layer_name(layer);
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        names.push(name.to_owned());
        to.group_mut(&below);
        let parts = parts(layer);
        let value = |at: usize, number: usize| {
            let group = parts[at].group(&format!("layers/{group}"));
            let key = (parts[at].first() + number).to_string();
            weights.tensor(&group, &key).cloned().ok_or_else(|| {
                Error::new(ErrorKind::Internal, format!("weight {number} of `{group}` is missing"))
            })
        };
        let arrays = match flat_order(&parts) {
            Some(order) => {
                let named = |(at, number): (usize, usize)| {
                    let part = &parts[at];
                    let variable = part.variables.as_ref().map_or("weight", |all| all[number].name);
                    let path = match part.path.as_str() {
                        "" => format!("{name}/{variable}"),
                        path => format!("{name}/{path}/{variable}"),
                    };
                    Ok((path, value(at, number)?))
                };
                order.into_iter().map(named).collect::<Result<Vec<_>>>()?
            }
            None if parts.len() == 1 => {
                let all = weights.group(&parts[0].group(&format!("layers/{group}")));
                let all = all.into_iter().flat_map(|group| group.datasets());
                all.map(|(number, value)| (format!("{name}/{number}"), value.clone())).collect()
            }
            None => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "a `.h5` file with weights of your own layer inside another",
                )
                .context(format!("layer `{name}`"))
                .hint("save it as `.keras`"));
            }
        };
        named_arrays(&below, arrays, to);
    }
    let group = to.group_mut(path);
    set_names(group, "layer_names", names);
    group.set_text("backend", "jax");
    group.set_text("keras_version", KERAS_VERSION);
    Ok(())
}

/// Puts arrays below a group, each at its name, and lists the names in order.
fn named_arrays(path: &str, arrays: Vec<(String, Tensor)>, to: &mut WeightTree) {
    let names = arrays.iter().map(|(name, _)| name.clone()).collect();
    for (name, array) in arrays {
        let full = format!("{path}/{name}");
        let (parent, key) = full.rsplit_once('/').unwrap_or(("", &full));
        to.group_mut(parent).set_dataset(key, array);
    }
    set_names(to.group_mut(path), "weight_names", names);
}

/// A model's config as the old format has it: layers without their modules and shapes.
fn bare(model: &Value) -> Value {
    let mut model = without_module(model);
    let layers = model.get_mut("config").and_then(|config| config.get_mut("layers"));
    for layer in layers.and_then(Value::as_array_mut).into_iter().flatten() {
        let is_model = matches!(
            layer.get("class_name").and_then(Value::as_str),
            Some("Sequential" | "Functional")
        );
        let module = layer.get("module").and_then(Value::as_str).unwrap_or("keras.layers");
        // Operations are found by their module alone.
        if module == "keras.layers" || is_model {
            *layer = bare(layer);
        }
    }
    model
}

fn without_module(object: &Value) -> Value {
    let Some(entries) = object.as_object() else { return json!(object) };
    let is_kept = |key: &str| {
        !matches!(key, "module" | "registered_name" | "build_config" | "shared_object_id")
    };
    let kept = entries.iter().filter(|(key, _)| is_kept(key));
    let mut bare: Map<String, Value> =
        kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    // Without its module the class has the name that it has inside Keras.
    if bare.get("class_name").is_some_and(|class| class == "GroupQueryAttention") {
        bare.insert("class_name".into(), json!("GroupedQueryAttention"));
    }
    bare.into()
}
