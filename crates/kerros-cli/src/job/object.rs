//! Objects in a job file: a name, or a table with `type` and Keras's arguments.

use std::sync::Arc;

use kerros::object::Family;
use kerros::optimizers::Optimizer;
use kerros::trainer::{Losses, MetricLists, PerOutput};
use kerros::{Choice, Compile, Error, Model, Result};
use serde_json::{Map, Value as Json, json};
use toml::{Table, Value};

use super::section::{Section, number};
use crate::messages::{in_job, nearest};

/// `[compile]`: how the model is to learn.
#[derive(Debug)]
pub struct CompileSpec {
    optimizer: Choice<dyn Optimizer>,
    loss: Losses,
    loss_weights: Option<PerOutput<f32>>,
    metrics: MetricLists,
    weighted_metrics: MetricLists,
}

impl CompileSpec {
    /// Reads the table.
    pub(super) fn read(mut section: Section<'_>) -> Result<Self> {
        let spec = CompileSpec {
            optimizer: one(&mut section, "optimizer", "\"adam\"")?,
            loss: losses(&mut section)?,
            loss_weights: loss_weights(&mut section)?,
            metrics: several(&mut section, "metrics")?,
            weighted_metrics: several(&mut section, "weighted_metrics")?,
        };
        section.finish()?;
        Ok(spec)
    }

    /// Compiles a model; everything random in it follows from the seed.
    ///
    /// # Errors
    /// As [`Model::compile`].
    pub fn compile(&self, model: &mut Model, seed: Option<u64>) -> Result<()> {
        let (loss, metrics) = (self.loss.clone(), self.metrics.clone());
        let mut compile = Compile::new(self.optimizer.clone(), loss, metrics)
            .weighted_metrics(self.weighted_metrics.clone());
        if let Some(weights) = &self.loss_weights {
            compile = compile.loss_weights(weights.clone());
        }
        if let Some(seed) = seed {
            compile = compile.seed(seed);
        }
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

/// A loss, a list with one for each output, or a table with one for each name of an output.
fn losses(section: &mut Section<'_>) -> Result<Losses> {
    const EXAMPLE: &str = "\"sparse_categorical_crossentropy\"";
    let Some(value) = section.value("loss") else { return Err(section.missing("loss", EXAMPLE)) };
    let losses = match value {
        Value::Array(values) => {
            values.iter().map(choice).collect::<Result<Vec<_>>>().map(Losses::list)
        }
        Value::Table(table) if is_by_output(table) => by_output(table, choice),
        value => choice(value).map(Losses::All),
    };
    losses.map_err(|error| in_key(error, section, "loss"))
}

/// How much the loss of each output counts: a list, or a table with the names of outputs.
fn loss_weights(section: &mut Section<'_>) -> Result<Option<PerOutput<f32>>> {
    let what = "a number for each output: a list, or a table such as { age = 0.1, smoker = 1.0 }";
    section.typed("loss_weights", what, |value| match value {
        Value::Array(values) => {
            let weights = values.iter().map(|value| Some(Some(number(value)? as f32)));
            weights.collect::<Option<_>>().map(PerOutput::List)
        }
        value => {
            let weights = value.as_table()?.iter();
            let weights = weights.map(|(name, value)| Some((name.clone(), number(value)? as f32)));
            weights.collect::<Option<_>>().map(PerOutput::Named)
        }
    })
}

/// The metrics below a key: one, a list, or a table with those of each name of an output.
fn several(section: &mut Section<'_>, key: &'static str) -> Result<MetricLists> {
    let list = |value: &Value| match value {
        Value::Array(values) => values.iter().map(choice).collect(),
        value => choice(value).map(|metric| vec![metric]),
    };
    let metrics = match section.value(key) {
        None => Ok(MetricLists::All(Vec::new())),
        Some(Value::Table(table)) if is_by_output(table) => by_output(table, list),
        Some(value) => list(value).map(MetricLists::All),
    };
    metrics.map_err(|error| in_key(error, section, key))
}

/// Whether a table names outputs: that of an object has a `type`.
fn is_by_output(table: &Table) -> bool {
    !table.contains_key("type")
}

fn by_output<T>(table: &Table, read: impl Fn(&Value) -> Result<T>) -> Result<PerOutput<T>> {
    let entry = |(name, value): (&String, &Value)| {
        let entry = read(value).map_err(|error| error.context(format!("output `{name}`")))?;
        Ok((name.clone(), entry))
    };
    table.iter().map(entry).collect::<Result<_>>().map(PerOutput::Named)
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
        assert_eq!(spec.metrics.entries()[0].len(), 2);
    }
}
