//! Objects in a job file: a name, or a table with `type` and Keras's arguments.

use std::sync::Arc;

use kerros::losses::Loss;
use kerros::metrics::Metric;
use kerros::object::Family;
use kerros::optimizers::Optimizer;
use kerros::{Choice, Compile, Error, Model, Result};
use serde_json::{Map, Value as Json, json};
use toml::{Table, Value};

use super::section::Section;
use crate::messages::{in_job, nearest};

/// `[compile]`: how the model is to learn.
#[derive(Debug)]
pub struct CompileSpec {
    optimizer: Choice<dyn Optimizer>,
    loss: Choice<dyn Loss>,
    metrics: Vec<Choice<dyn Metric>>,
    weighted_metrics: Vec<Choice<dyn Metric>>,
}

impl CompileSpec {
    /// Reads the table.
    pub(super) fn read(mut section: Section<'_>) -> Result<Self> {
        let spec = CompileSpec {
            optimizer: one(&mut section, "optimizer", "\"adam\"")?,
            loss: one(&mut section, "loss", "\"sparse_categorical_crossentropy\"")?,
            metrics: several(&mut section, "metrics")?,
            weighted_metrics: several(&mut section, "weighted_metrics")?,
        };
        section.finish()?;
        Ok(spec)
    }

    /// Compiles a model.
    ///
    /// # Errors
    /// As [`Model::compile`].
    pub fn compile(&self, model: &mut Model) -> Result<()> {
        let compile = Compile::new(self.optimizer.clone(), self.loss.clone(), self.metrics.clone())
            .weighted_metrics(self.weighted_metrics.clone());
        model.compile_with(compile).map_err(|error| error.context("[compile]"))
    }
}

/// The object below a key that must be there.
fn one<T: Family + ?Sized>(
    section: &mut Section<'_>,
    key: &'static str,
    example: &str,
) -> Result<Choice<T>> {
    match section.value(key) {
        Some(value) => choice(value).map_err(|error| in_key(error, section, key)),
        None => Err(section.missing(key, example)),
    }
}

/// The objects below a key: one, a list, or none.
fn several<T: Family + ?Sized>(
    section: &mut Section<'_>,
    key: &'static str,
) -> Result<Vec<Choice<T>>> {
    match section.value(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| choice(value).map_err(|error| in_key(error, section, key)))
            .collect(),
        Some(value) => Ok(vec![choice(value).map_err(|error| in_key(error, section, key))?]),
    }
}

fn in_key(error: Error, section: &Section<'_>, key: &str) -> Error {
    error.context(format!("{} {key}", section.name()))
}

fn choice<T: Family + ?Sized>(value: &Value) -> Result<Choice<T>> {
    match value {
        // Words such as "accuracy" mean something only beside the loss and the shapes, so names
        // are looked up when the model is compiled.
        Value::String(name) => Ok(Choice::from(name.as_str())),
        Value::Table(table) => build(table).map(Choice::Object),
        value => Err(in_job(format!("`{value}` is not a {}", T::registry().noun))
            .expected("a name, or a table such as { type = \"Name\", argument = 1 }")),
    }
}

/// The object that a table with `type` and arguments describes.
///
/// # Errors
/// An unknown class; wrong arguments, with the nearest known ones.
pub(super) fn build<T: Family + ?Sized>(table: &Table) -> Result<Arc<T>> {
    let built = T::registry().deserialize(&object(table)?);
    built.map_err(|error| match misspelt::<T>(table) {
        Some((known, near)) => {
            let error = error.expected(format!("some of: {}", known.join(", ")));
            match near {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            }
        }
        None => error,
    })
}

/// The arguments that an object has, and the nearest of them, when leaving out a single one
/// that it does not have mends the table.
fn misspelt<T: Family + ?Sized>(table: &Table) -> Option<(Vec<String>, Option<String>)> {
    table.keys().filter(|key| *key != "type").find_map(|key| {
        let mut rest = table.clone();
        rest.remove(key);
        let config = T::registry().deserialize(&object(&rest).ok()?).ok()?.config();
        if config.contains_key(key) {
            return None;
        }
        let known: Vec<&str> = config.keys().map(String::as_str).collect();
        let near = nearest(key, &known).first().map(|near| near.to_string());
        Some((config.keys().cloned().collect(), near))
    })
}

/// A table with `type` and arguments, as Keras serializes such an object.
///
/// # Errors
/// A table without `type`.
pub fn object(table: &Table) -> Result<Json> {
    let Some(class) = table.get("type").and_then(Value::as_str) else {
        return Err(in_job(format!("`type` is missing in {{ {} }}", table.to_string().trim()))
            .expected("the class, such as type = \"Adam\""));
    };
    Ok(json!({"class_name": class, "config": arguments(table)?}))
}

/// The arguments of an object: all keys but `type`.
pub(super) fn arguments(table: &Table) -> Result<Map<String, Json>> {
    let given = table.iter().filter(|(key, _)| *key != "type");
    given.map(|(key, value)| Ok((key.clone(), argument(value)?))).collect()
}

fn argument(value: &Value) -> Result<Json> {
    Ok(match value {
        Value::String(text) => json!(text),
        Value::Integer(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Boolean(truth) => json!(truth),
        Value::Datetime(time) => json!(time.to_string()),
        Value::Array(values) => Json::Array(values.iter().map(argument).collect::<Result<_>>()?),
        Value::Table(table) if table.contains_key("type") => object(table)?,
        Value::Table(table) => Json::Object(arguments(table)?),
    })
}

#[cfg(test)]
mod tests {
    use kerros::layers::Layer;

    use super::*;

    #[test]
    fn a_misspelt_argument_gets_the_nearest() {
        let table: Table = "type = 'Dense'\nunits = 3\nactivaton = 'relu'".parse().unwrap();
        let text = build::<dyn Layer>(&table).unwrap_err().to_string();
        assert!(text.contains("unknown argument `activaton`"), "{text}");
        assert!(text.ends_with("did you mean `activation`?"), "{text}");
    }

    #[test]
    fn tables_become_keras_objects() {
        let table: Table = r#"
            type = "Dense"
            units = 3
            kernel_regularizer = { type = "L2", l2 = 0.01 }
        "#
        .parse()
        .unwrap();
        assert_eq!(
            object(&table).unwrap(),
            json!({"class_name": "Dense", "config": {
                "units": 3,
                "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.01}},
            }})
        );
    }

    #[test]
    fn a_schedule_may_stand_for_the_learning_rate() {
        let table: Table = r#"
            optimizer = { type = "SGD", momentum = 0.9, learning_rate = { type = "ExponentialDecay", initial_learning_rate = 0.1, decay_steps = 100, decay_rate = 0.9 } }
            loss = "mse"
            metrics = ["mae", { type = "RootMeanSquaredError" }]
        "#
        .parse()
        .unwrap();
        let spec = CompileSpec::read(Section::new("[compile]", &table)).unwrap();
        let Choice::Object(optimizer) = &spec.optimizer else { panic!("an object") };
        assert_eq!(optimizer.config()["momentum"], 0.9);
        assert_eq!(optimizer.config()["learning_rate"]["class_name"], "ExponentialDecay");
        assert_eq!(spec.metrics.len(), 2);
    }
}
