//! Layers that say what they take: branches, shared layers, several inputs and outputs.

use std::collections::HashMap;
use std::sync::Arc;

use kerros::layers::Layer;
use kerros::model::{Argument, Arguments, Input, IntoLayer, KerasTensor};
use kerros::{DType, Error, ErrorKind, Model, Result, Tensor};
use toml::{Table, Value};

use super::layers::{LayerSpec, Made, in_layer, row_of, row_shape};
use super::section::Section;
use crate::messages::{in_job, nearest};

/// One table of `[[inputs]]`.
#[derive(Debug)]
pub(super) struct InputSpec {
    name: String,
    /// Nothing: as the data are.
    shape: Option<Vec<usize>>,
    dtype: Option<DType>,
}

impl InputSpec {
    /// Reads the table.
    pub(super) fn read(table: &Table) -> Result<Self> {
        let mut input = Section::new("[[inputs]]", table);
        let name = input.text("name")?.ok_or_else(|| input.missing("name", "\"x\""))?;
        let spec = InputSpec {
            name: name.to_string(),
            shape: input.typed("shape", "the shape of one row, such as [64]", row_shape)?,
            dtype: input.typed("dtype", "\"float32\" or \"int32\"", |value| {
                [DType::F32, DType::I32]
                    .into_iter()
                    .find(|dtype| value.as_str() == Some(dtype.name()))
            })?,
        };
        input.finish()?;
        Ok(spec)
    }
}

/// What a layer takes in one place: the name of an input or layer, or several as a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Taken {
    One(String),
    Several(Vec<String>),
}

impl Taken {
    /// Reads `inputs` of a layer.
    pub(super) fn read(value: &Value) -> Result<Vec<Self>> {
        let one = |value: &Value| match value {
            Value::String(name) => Some(Taken::One(name.clone())),
            Value::Array(names) => {
                let names = names.iter().map(|name| name.as_str().map(String::from));
                names.collect::<Option<_>>().map(Taken::Several)
            }
            _ => None,
        };
        let taken = match value {
            Value::Array(values) => values.iter().map(one).collect(),
            value => one(value).map(|one| vec![one]),
        };
        taken.filter(|taken: &Vec<Taken>| !taken.is_empty()).ok_or_else(|| {
            in_job(format!("`inputs` is {value}")).expected(
                "the name of an input or layer, or a list of them; for a list in one place, such as \
                 the state of an LSTM, [\"x\", [\"h\", \"c\"]]",
            )
        })
    }
}

/// The model whose layers take what they say; the arrays of `data` are its inputs in their order.
///
/// # Errors
/// A name that is not there, or there twice; another number of inputs than arrays; a layer that
/// does not fit what it takes.
pub(super) fn model(
    inputs: &[InputSpec],
    layers: &[LayerSpec],
    outputs: &[String],
    data: &[Tensor],
) -> Result<Model> {
    let mut graph = Graph::default();
    let inputs = graph.inputs(inputs, data)?;
    let mut last = match inputs.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let mut applied = Vec::with_capacity(layers.len());
    for (at, spec) in layers.iter().enumerate() {
        let (layer, tensor) =
            graph.apply(spec, last.as_ref()).map_err(|error| in_layer(error, at))?;
        applied.push(layer);
        last = Some(tensor);
    }
    let outputs = match outputs {
        [] => last.into_iter().collect(),
        names => names.iter().map(|name| graph.tensor(name)).collect::<Result<Vec<_>>>()?,
    };
    let model = Model::functional(&inputs, &outputs)?;
    let is_there = |layer| model.layers().iter().any(|entry| Arc::ptr_eq(&entry.layer, layer));
    match applied.iter().position(|layer| !is_there(layer)) {
        None => Ok(model),
        Some(at) => Err(in_layer(
            in_job("no output of the model comes from this layer")
                .expected("a layer that takes it, or its name among the `outputs` of [model]"),
            at,
        )),
    }
}

/// What has been described so far.
#[derive(Default)]
struct Graph<'a> {
    tensors: HashMap<String, KerasTensor>,
    layers: HashMap<String, Arc<dyn Layer>>,
    /// The arrays that are inputs.
    data: HashMap<String, &'a Tensor>,
    /// What the first layer takes, where there is one array alone.
    first_data: Option<&'a Tensor>,
}

impl<'a> Graph<'a> {
    /// The inputs of the model.
    fn inputs(&mut self, specs: &[InputSpec], data: &'a [Tensor]) -> Result<Vec<KerasTensor>> {
        self.first_data = data.first().filter(|_| data.len() == 1);
        if let ([], [only]) = (specs, data) {
            return Ok(vec![Input::new(row_of(only)).dtype(only.dtype()).tensor()]);
        }
        if specs.len() != data.len() {
            let what = format!("{} inputs for {} arrays of data", specs.len(), data.len());
            return Err(
                in_job(what).expected("a table [[inputs]] for each array, in the same order")
            );
        }
        let mut tensors = Vec::with_capacity(specs.len());
        for (spec, array) in specs.iter().zip(data) {
            let input = match &spec.shape {
                Some(shape) => Input::new(shape.as_slice()),
                None => Input::new(row_of(array)),
            };
            let dtype = spec.dtype.unwrap_or(array.dtype());
            let tensor = input.name(spec.name.as_str()).dtype(dtype).tensor();
            self.name(&spec.name, tensor.clone())?;
            self.data.insert(spec.name.clone(), array);
            tensors.push(tensor);
        }
        Ok(tensors)
    }

    fn name(&mut self, name: &str, tensor: KerasTensor) -> Result<()> {
        match self.tensors.insert(name.to_string(), tensor) {
            None => Ok(()),
            Some(_) => Err(in_job(format!("the name `{name}` is given twice"))
                .expected("a name of its own for each input and layer")),
        }
    }

    /// What bears this name; `lstm:1` is the second result of `lstm`.
    fn tensor(&self, name: &str) -> Result<KerasTensor> {
        let (known, output) = match name.rsplit_once(':') {
            Some((known, output)) => (known, output.parse().ok()),
            None => (name, None),
        };
        match (self.tensors.get(known), output) {
            (Some(tensor), Some(output)) => Ok(tensor.output(output)),
            (Some(tensor), None) if known == name => Ok(tensor.clone()),
            _ => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> Error {
        let mut known: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
        known.sort_unstable();
        let error = Error::new(
            ErrorKind::UnknownName,
            format!("there is no input or layer `{name}` above"),
        )
        .expected(format!("one of: {}", known.join(", ")));
        match nearest(name, &known).first() {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    fn apply(
        &mut self,
        spec: &LayerSpec,
        last: Option<&KerasTensor>,
    ) -> Result<(Arc<dyn Layer>, KerasTensor)> {
        let layer = match &spec.made {
            Made::Again(name) => self.layers.get(name).cloned(),
            _ => None,
        };
        let layer = match layer {
            Some(layer) => layer,
            None => spec.layer(self.data_of(spec))?,
        };
        let arguments = match (&spec.takes, last) {
            (Some(takes), _) => self.arguments(takes, layer.parameters())?,
            (None, Some(last)) => {
                Arguments { positional: vec![Argument::from(last)], keyword: Vec::new() }
            }
            (None, None) => {
                return Err(in_job("the first layer does not say which input it takes")
                    .expected("inputs = \"the name of an input\""));
            }
        };
        let tensor = layer.clone().on(arguments);
        if let Some(name) = &spec.name {
            self.name(name, tensor.clone())?;
            self.layers.insert(name.clone(), layer.clone());
        }
        self.first_data = None;
        Ok((layer, tensor))
    }

    /// The array that a layer takes, if it takes an input.
    fn data_of(&self, spec: &LayerSpec) -> Option<&'a Tensor> {
        match spec.takes.as_deref() {
            Some([Taken::One(name)]) => self.data.get(name).copied(),
            Some(_) => None,
            None => self.first_data,
        }
    }

    /// As Keras's layers are called: those that merge take one list, those with several parameters
    /// (a query and a value, a sequence and a state) take one after the other.
    fn arguments(&self, takes: &[Taken], parameters: &[&str]) -> Result<Arguments<KerasTensor>> {
        let argument = |taken: &Taken| match taken {
            Taken::One(name) => self.tensor(name).map(Argument::Tensor),
            Taken::Several(names) => {
                let tensors = names.iter().map(|name| self.tensor(name).map(Argument::Tensor));
                tensors.collect::<Result<_>>().map(Argument::List)
            }
        };
        let mut positional = takes.iter().map(argument).collect::<Result<Vec<_>>>()?;
        if positional.len() > 1 && parameters.first() == Some(&"inputs") {
            positional = vec![Argument::List(positional)];
        }
        Ok(Arguments { positional, keyword: Vec::new() })
    }
}
