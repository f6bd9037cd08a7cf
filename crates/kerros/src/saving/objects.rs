//! Objects inside configs: whatever cannot be read is found at once, not one by one.

use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::problems::Problems;
use super::{activation_layers, refusals};
use crate::object::Family;
use crate::{
    activations, constraints, initializers, layers, losses, metrics, optimizers, regularizers,
    schedules,
};

/// The class name of a serialized object.
pub(super) fn class_name(value: &Value) -> Option<&str> {
    value.get("class_name")?.as_str()
}

/// A function that Keras serialized by its name alone, such as
/// `keras.losses.mean_squared_error` given to `compile`.
pub(super) fn function_name(value: &Value) -> Option<&str> {
    value.get("config")?.as_str().filter(|_| class_name(value) == Some("function"))
}

/// Refuses a class that is the user's own, for Kerros runs no code from files, and a class of
/// Keras with the same name would be another one; and what [`refusals`] lists.
///
/// # Errors
/// [`ErrorKind::Unsupported`] naming the class.
pub(super) fn check_is_keras(value: &Value) -> Result<()> {
    refusals::check(value)?;
    if function_name(value).is_some() {
        return Ok(());
    }
    let module = value.get("module").and_then(Value::as_str);
    let is_keras = |module: &str| {
        module == "builtins" || module.split('.').next().is_some_and(|root| root == "keras")
    };
    let registered = value.get("registered_name").and_then(Value::as_str);
    let class = class_name(value).unwrap_or_default();
    let is_custom = registered.is_some_and(|name| name != class || name.contains('>'));
    match (module.is_none_or(is_keras) && !is_custom) || is_registered(class) {
        true => Ok(()),
        false => {
            let name = registered.unwrap_or(class);
            let module = module.map_or(String::new(), |module| format!(" of `{module}`"));
            Err(Error::new(ErrorKind::Unsupported, format!("the custom class `{name}`{module}"))
                .expected("classes of Keras, or of this program")
                .hint("a program that has such a class names it with `REGISTRY.register`"))
        }
    }
}

/// Whether the program has a class of its own of this name.
fn is_registered(class: &str) -> bool {
    layers::REGISTRY.registered(class).is_some()
        || activations::REGISTRY.registered(class).is_some()
        || initializers::REGISTRY.registered(class).is_some()
        || regularizers::REGISTRY.registered(class).is_some()
        || constraints::REGISTRY.registered(class).is_some()
        || schedules::REGISTRY.registered(class).is_some()
        || losses::REGISTRY.registered(class).is_some()
        || metrics::REGISTRY.registered(class).is_some()
        || optimizers::REGISTRY.registered(class).is_some()
}

/// Reads an object of a family, and all that lies inside it.
///
/// Returns nothing when anything was wrong; `problems` then says what and where.
pub(super) fn read<T: Family + ?Sized>(
    value: &Value,
    place: &str,
    problems: &mut Problems,
) -> Option<Arc<T>> {
    problems.keep(place, check_is_keras(value))?;
    let name = value.get("config").and_then(|config| config.get("name")?.as_str());
    if let Some(name) = name.filter(|_| T::registry().noun == "layer") {
        problems.keep(place, refusals::check_name(name))?;
    }
    let mut inside = Problems::default();
    let mut known = value.clone();
    if let Some(config) = known.get_mut("config") {
        strip_unreadable(config, place, &mut inside);
    }
    let is_whole = inside.is_empty();
    problems.extend(inside);
    // What is unreadable inside was replaced by null, so that other arguments are checked too.
    let object = problems.keep(place, T::registry().deserialize(&known))?;
    is_whole.then_some(object)
}

/// Notes the objects in a config that cannot be read and puts null in their place; turns
/// activations that Keras writes as layers into activations.
fn strip_unreadable(value: &mut Value, place: &str, problems: &mut Problems) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries.iter_mut() {
                let is_activation = activation_layers::SETTINGS.contains(&key.as_str());
                if is_activation && let Some(activation) = activation_layers::read(value) {
                    *value = activation;
                }
                let found = match (class_name(value), value.as_str()) {
                    (Some(_), _) => {
                        if let Some(config) = value.get_mut("config") {
                            strip_unreadable(config, place, problems);
                        }
                        check_object(value)
                    }
                    (None, Some(name)) if is_activation => {
                        activations::REGISTRY.named(name).map(|_| ())
                    }
                    _ => {
                        strip_unreadable(value, place, problems);
                        continue;
                    }
                };
                if let Err(error) = found {
                    problems.note(&format!("{place}, `{key}`"), &error);
                    *value = Value::Null;
                }
            }
        }
        Value::Array(values) => {
            values.iter_mut().for_each(|value| strip_unreadable(value, place, problems));
        }
        _ => {}
    }
}

/// Checks an object by the module it says it is from; modules without a registry are left to
/// the object around it.
fn check_object(value: &Value) -> Result<()> {
    fn check<T: Family + ?Sized>(value: &Value) -> Result<()> {
        T::registry().deserialize(value).map(|_| ())
    }
    check_is_keras(value)?;
    match value.get("module").and_then(Value::as_str) {
        Some("keras.initializers") => check::<dyn initializers::Initializer>(value),
        Some("keras.constraints") => check::<dyn constraints::Constraint>(value),
        Some("keras.regularizers") => check::<dyn regularizers::Regularizer>(value),
        Some("keras.activations") => check::<dyn activations::Activation>(value),
        Some("keras.optimizers.schedules") => check::<dyn schedules::Schedule>(value),
        _ => Ok(()),
    }
}
