use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// Where data enters: gives the shape of one row.
///
/// `Sequential::input` adds one; it does not count among the model's layers.
///
/// # Parameters
/// - `shape`: of one row, without the batch axis.
#[derive(Clone, Debug)]
pub struct InputLayer {
    options: Options,
    shape: Shape,
}

impl InputLayer {
    /// An input of rows of this shape.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        InputLayer { options: Options::here(), shape: shape.into() }
    }

    /// Sets the name; without one the model makes it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }
}

impl Described for InputLayer {
    fn class_name(&self) -> &'static str {
        "InputLayer"
    }

    fn config(&self) -> Config {
        let batch: Vec<Option<usize>> =
            std::iter::once(None).chain(self.shape.iter().copied().map(Some)).collect();
        let mut config = Config::new();
        config.insert("batch_shape".into(), json!(batch));
        config.insert("dtype".into(), json!("float32"));
        config.insert("sparse".into(), json!(false));
        config.insert("ragged".into(), json!(false));
        config.insert("name".into(), json!(self.options.name));
        config.insert("optional".into(), json!(false));
        config
    }
}

impl Layer for InputLayer {
    fn options(&self) -> &Options {
        &self.options
    }

    fn weights(&self, _input: &Shape) -> Result<Vec<Weight>> {
        Ok(Vec::new())
    }

    fn call<'g>(&self, x: Node<'g>, _call: &Call<'_, 'g>) -> Result<Node<'g>> {
        Ok(x)
    }

    fn input_shape(&self) -> Option<&Shape> {
        Some(&self.shape)
    }
}

pub(super) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "InputLayer", names: &[], summary: "where data enters", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options { name: reader.maybe_string("name"), ..Options::here() };
    let shape = reader.value("batch_shape").or_else(|| reader.value("batch_input_shape"));
    let dims = shape.and_then(Value::as_array).and_then(|dims| {
        dims.get(1..)?.iter().map(|dim| dim.as_u64().map(|dim| dim as usize)).collect()
    });
    let Some(dims) = dims.map(|dims: Vec<usize>| dims) else {
        let found = shape.map_or("missing".into(), Value::to_string);
        return Err(Error::new(ErrorKind::Unsupported, format!("`batch_shape` is {found}"))
            .expected("null for the batch axis, then a whole number for each axis"));
    };
    if let Some(dtype) = reader.maybe_string("dtype").filter(|dtype| dtype != "float32") {
        reader.refuse(format!("`dtype` is {dtype}, expected float32"));
    }
    for name in ["sparse", "ragged", "optional"] {
        if reader.bool(name, false) {
            reader.refuse(format!("`{name}` is true, which is not supported"));
        }
    }
    Ok(Arc::new(InputLayer { options, shape: Shape::from(dims) }))
}
