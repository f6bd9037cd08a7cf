//! `[model]` and `[[layers]]`: the layers from top to bottom.

use std::sync::Arc;

use kerros::layers::{Layer, Normalization};
use kerros::{Error, Result, Sequential, Shape, Tensor};
use toml::{Table, Value};

use super::object::build;
use super::section::Section;
use crate::messages::in_job;

/// The model of a job.
#[derive(Debug)]
pub struct ModelSpec {
    name: Option<String>,
    input: Option<Vec<usize>>,
    layers: Vec<LayerSpec>,
}

/// A layer of a job.
#[derive(Debug)]
enum LayerSpec {
    /// Made from its arguments alone.
    Ready(Arc<dyn Layer>),
    /// A normalization that takes mean and variance from the training data.
    Adapted { table: Table },
}

impl ModelSpec {
    /// Reads the tables.
    pub(super) fn read(model: Option<Section<'_>>, layers: &[&Table]) -> Result<Self> {
        let mut spec = ModelSpec { name: None, input: None, layers: Vec::new() };
        if let Some(mut model) = model {
            spec.name = model.text("name")?.map(String::from);
            spec.input = model.typed("input", "the shape of one row, such as [64]", |value| {
                let dim = |value: &Value| usize::try_from(value.as_integer()?).ok();
                value.as_array()?.iter().map(dim).collect()
            })?;
            model.finish()?;
        }
        if layers.is_empty() {
            return Err(in_job("there are no layers").expected(
                "a table per layer, from top to bottom:\n    [[layers]]\n    type = \"Dense\"\n    \
                 units = 64",
            ));
        }
        for (at, table) in layers.iter().enumerate() {
            let layer = layer(table).map_err(|error| in_layer(error, at))?;
            spec.layers.push(layer);
        }
        Ok(spec)
    }

    /// The model for these inputs: one array, rows first.
    ///
    /// # Errors
    /// A layer that cannot be made for them.
    pub(super) fn build(&self, job: &str, inputs: &[Tensor]) -> Result<Sequential> {
        let name = self.name.clone().unwrap_or_else(|| model_name(job));
        let mut model = Sequential::new().name(name);
        let data_row = inputs.first().map(|input| match input.shape().dims() {
            [] | [_] => Shape::from([1]),
            dims => Shape::from(&dims[1..]),
        });
        let has_input_layer = matches!(self.layers.first(),
            Some(LayerSpec::Ready(layer)) if layer.input_spec().is_some());
        match (&self.input, data_row) {
            (Some(input), _) => model = model.input(input.as_slice()),
            (None, Some(row)) if !has_input_layer => model = model.input(row),
            _ => {}
        }
        for (at, spec) in self.layers.iter().enumerate() {
            match spec {
                LayerSpec::Ready(layer) => model.push(layer.clone()),
                LayerSpec::Adapted { table } => {
                    let layer = adapted(table, at, inputs).map_err(|error| in_layer(error, at))?;
                    model.push(layer);
                }
            }
        }
        Ok(model)
    }
}

fn in_layer(error: Error, at: usize) -> Error {
    error.context(format!("[[layers]] number {}", at + 1))
}

/// A model's name must not hold what separates the parts of weight paths.
fn model_name(job: &str) -> String {
    let fits = |letter: char| if letter.is_alphanumeric() { letter } else { '_' };
    job.chars().map(fits).collect()
}

fn layer(table: &Table) -> Result<LayerSpec> {
    let class = table.get("type").and_then(Value::as_str).unwrap_or_default();
    let is_given = ["mean", "variance"].iter().any(|key| table.contains_key(*key));
    if class.eq_ignore_ascii_case("Normalization") && !is_given {
        return Ok(LayerSpec::Adapted { table: table.clone() });
    }
    build(table).map(LayerSpec::Ready)
}

/// A normalization with the mean and variance of the training data.
fn adapted(table: &Table, at: usize, inputs: &[Tensor]) -> Result<Normalization> {
    let mut section = Section::new("Normalization", table);
    section.text("type")?;
    let mut layer = Normalization::new();
    if let Some(axes) = section.typed("axis", "a whole number, or a list of them", |value| {
        let axis = |value: &Value| isize::try_from(value.as_integer()?).ok();
        match value {
            Value::Array(axes) => axes.iter().map(axis).collect::<Option<Vec<isize>>>(),
            value => Some(vec![axis(value)?]),
        }
    })? {
        layer = layer.axes(axes);
    }
    if let Some(invert) = section.bool("invert")? {
        layer = layer.invert(invert);
    }
    if let Some(name) = section.text("name")? {
        layer = layer.name(name);
    }
    section.finish()?;
    match inputs.first() {
        Some(input) if at == 0 => layer.adapt(input)?,
        _ => {
            return Err(in_job("a Normalization without `mean` and `variance`").expected(
                "the first layer (it then takes them from the training data), or given numbers",
            ));
        }
    }
    Ok(layer)
}
