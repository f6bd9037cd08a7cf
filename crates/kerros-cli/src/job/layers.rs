//! `[model]`, `[[inputs]]` and `[[layers]]`: a chain from top to bottom, or a graph.

use std::sync::Arc;

use kerros::layers::{Layer, Normalization};
use kerros::{Error, Model, Result, Sequential, Shape, Tensor};
use toml::{Table, Value};

use super::graph::{self, InputSpec, Taken};
use super::object::build;
use super::section::Section;
use crate::messages::in_job;

/// The model of a job.
#[derive(Debug)]
pub struct ModelSpec {
    name: Option<String>,
    /// The shape of one row of a chain.
    input: Option<Vec<usize>>,
    inputs: Vec<InputSpec>,
    outputs: Vec<String>,
    layers: Vec<LayerSpec>,
}

/// A layer of a job, and what it takes.
#[derive(Debug)]
pub(super) struct LayerSpec {
    pub name: Option<String>,
    pub made: Made,
    /// Nothing: what the layer before it gives.
    pub takes: Option<Vec<Taken>>,
}

/// How a layer comes about.
#[derive(Debug)]
pub(super) enum Made {
    /// From its arguments alone.
    Ready(Arc<dyn Layer>),
    /// A normalization that takes mean and variance from the training data.
    Adapted(Table),
    /// It is another one, applied once more.
    Again(String),
}

impl ModelSpec {
    /// Reads the tables.
    pub(super) fn read(
        model: Option<Section<'_>>,
        inputs: &[&Table],
        layers: &[&Table],
    ) -> Result<Self> {
        let mut spec = ModelSpec {
            name: None,
            input: None,
            inputs: inputs.iter().map(|table| InputSpec::read(table)).collect::<Result<_>>()?,
            outputs: Vec::new(),
            layers: Vec::new(),
        };
        if let Some(mut model) = model {
            spec.name = model.text("name")?.map(String::from);
            spec.input = model.typed("input", "the shape of one row, such as [64]", row_shape)?;
            spec.outputs = model.texts("outputs")?.into_iter().map(String::from).collect();
            model.finish()?;
        }
        if layers.is_empty() {
            return Err(in_job("there are no layers").expected(
                "a table per layer, from top to bottom:\n    [[layers]]\n    type = \"Dense\"\n    \
                 units = 64",
            ));
        }
        for (at, table) in layers.iter().enumerate() {
            spec.layers.push(LayerSpec::read(table).map_err(|error| in_layer(error, at))?);
        }
        if !spec.is_chain() && spec.input.is_some() {
            return Err(in_job("[model] `input` is for layers that are a chain").expected(
                "a table per input:\n    [[inputs]]\n    name = \"x\"\n    shape = [64]",
            ));
        }
        Ok(spec)
    }

    /// Whether each layer takes what the one before it gives.
    fn is_chain(&self) -> bool {
        let follows =
            |layer: &LayerSpec| layer.takes.is_none() && !matches!(layer.made, Made::Again(_));
        self.inputs.is_empty() && self.outputs.is_empty() && self.layers.iter().all(follows)
    }

    /// The model for these inputs: arrays, rows first.
    ///
    /// # Errors
    /// A layer that cannot be made for them.
    pub(super) fn build(&self, job: &str, inputs: &[Tensor]) -> Result<Model> {
        let name = self.name.clone().unwrap_or_else(|| model_name(job));
        if self.is_chain() {
            return Ok(self.chain(name, inputs)?.into_model());
        }
        let model = graph::model(&self.inputs, &self.layers, &self.outputs, inputs)?;
        Ok(model.name_model(name))
    }

    fn chain(&self, name: String, inputs: &[Tensor]) -> Result<Sequential> {
        let mut model = Sequential::new().name(name);
        let data_row = inputs.first().map(row_of);
        let has_input_layer = matches!(self.layers.first(),
            Some(LayerSpec { made: Made::Ready(layer), .. }) if layer.input_spec().is_some());
        match (&self.input, data_row) {
            (Some(input), _) => model = model.input(input.as_slice()),
            (None, Some(row)) if !has_input_layer => model = model.input(row),
            _ => {}
        }
        for (at, layer) in self.layers.iter().enumerate() {
            let data = inputs.first().filter(|_| at == 0);
            let layer = layer.layer(data).map_err(|error| in_layer(error, at))?;
            model.push(layer);
        }
        Ok(model)
    }
}

impl LayerSpec {
    fn read(table: &Table) -> Result<Self> {
        let mut own = table.clone();
        let takes = own.remove("inputs").map(|value| Taken::read(&value)).transpose()?;
        let name = own.get("name").and_then(Value::as_str).map(String::from);
        if let Some(layer) = own.get("layer") {
            let mut section = Section::new("[[layers]]", &own);
            section.text("name")?;
            let again = section.text("layer")?.map(String::from);
            section.finish()?;
            let again = again.unwrap_or_else(|| layer.to_string());
            return Ok(LayerSpec { name, made: Made::Again(again), takes });
        }
        let class = own.get("type").and_then(Value::as_str).unwrap_or_default();
        let is_given = ["mean", "variance"].iter().any(|key| own.contains_key(*key));
        let made = match class.eq_ignore_ascii_case("Normalization") && !is_given {
            true => Made::Adapted(own),
            false => Made::Ready(build(&own)?),
        };
        Ok(LayerSpec { name, made, takes })
    }

    /// The layer, made for what it takes: an array where that is data.
    ///
    /// # Errors
    /// A normalization that should take its numbers from data and does not get any.
    pub(super) fn layer(&self, data: Option<&Tensor>) -> Result<Arc<dyn Layer>> {
        match &self.made {
            Made::Ready(layer) => Ok(layer.clone()),
            Made::Adapted(table) => Ok(Arc::new(adapted(table, data)?)),
            Made::Again(name) => Err(in_job(format!("there is no layer `{name}` before this one"))
                .expected("the name of a layer that stands above")),
        }
    }
}

/// The shape of one row of an array; rows that are single numbers have one element.
pub(super) fn row_of(array: &Tensor) -> Shape {
    match array.shape().dims() {
        [] | [_] => Shape::from([1]),
        dims => Shape::from(&dims[1..]),
    }
}

/// A list of whole numbers.
pub(super) fn row_shape(value: &Value) -> Option<Vec<usize>> {
    let dim = |value: &Value| usize::try_from(value.as_integer()?).ok();
    value.as_array()?.iter().map(dim).collect()
}

pub(super) fn in_layer(error: Error, at: usize) -> Error {
    error.context(format!("[[layers]] number {}", at + 1))
}

/// A model's name must not hold what separates the parts of weight paths.
fn model_name(job: &str) -> String {
    let fits = |letter: char| if letter.is_alphanumeric() { letter } else { '_' };
    job.chars().map(fits).collect()
}

/// A normalization with the mean and variance of the training data.
fn adapted(table: &Table, data: Option<&Tensor>) -> Result<Normalization> {
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
    match data {
        Some(data) => layer.adapt(data)?,
        None => {
            return Err(in_job("a Normalization without `mean` and `variance`").expected(
                "the first layer (it then takes them from the training data), or given numbers",
            ));
        }
    }
    Ok(layer)
}
