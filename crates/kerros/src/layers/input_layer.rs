use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::{Call, Layer, Options};
use crate::model::{InputSpec, PartialShape};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = x`: where data enters, and the shape of one row is given.
///
/// `Sequential::input` adds one; it does not count among the model's layers.
///
/// # Shape
/// `x: [batch, shape..] -> [batch, shape..]`
///
/// # Parameters
/// - `shape`: of one row, without the batch axis.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().add(InputLayer::new([2])).add(Rescaling::new(10.0));
/// let y = model.predict(Tensor::new([1, 2], [1.0f32, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [10.0, 20.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct InputLayer {
    options: Options,
    spec: InputSpec,
    /// The element type as Keras names it, such as `int64`.
    dtype_name: String,
}

impl InputLayer {
    /// An input of rows of this shape; `None` for axes of any length.
    #[track_caller]
    pub fn new(shape: impl Into<PartialShape>) -> Self {
        InputLayer {
            options: Options::here(),
            spec: InputSpec::new(shape),
            dtype_name: "float32".into(),
        }
    }

    /// The layer of an input as a model has it.
    pub(crate) fn of(spec: &InputSpec) -> Self {
        let options = Options { name: Some(spec.name.clone()), ..Options::here() };
        InputLayer { options, spec: spec.clone(), dtype_name: spec.dtype.to_string() }
    }

    /// Sets the name; without one the model makes it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Sets the element type: `float32` (the default), `int32` for indices, `bool` for truth
    /// values.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype_name = dtype.to_string();
        self.spec.dtype = dtype;
        self
    }

    /// Sets whether Keras may be given nothing (`None`) for this input, for layers of one's own
    /// that know what to do then. Here data are always given. Default: `false`.
    pub fn optional(mut self, optional: bool) -> Self {
        self.spec.optional = optional;
        self
    }

    /// Fixes the number of rows of each batch.
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.spec.batch = Some(rows);
        self
    }
}

impl Described for InputLayer {
    fn class_name(&self) -> &'static str {
        "InputLayer"
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.insert("batch_shape".into(), self.spec.shape.with_batch_axis(self.spec.batch));
        config.insert("dtype".into(), json!(self.dtype_name));
        config.insert("sparse".into(), json!(false));
        config.insert("ragged".into(), json!(false));
        config.insert("name".into(), json!(self.options.name));
        config.insert("optional".into(), json!(self.spec.optional));
        config
    }
}

impl Layer for InputLayer {
    fn options(&self) -> &Options {
        &self.options
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(inputs.to_vec())
    }

    fn input_spec(&self) -> Option<InputSpec> {
        let name = self.options.name.clone().unwrap_or_default();
        Some(InputSpec { name, ..self.spec.clone() })
    }
}

pub(super) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "InputLayer", names: &[], summary: "where data enters", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options { name: reader.maybe_string("name"), ..Options::here() };
    let shape = reader.value("batch_shape").or_else(|| reader.value("batch_input_shape"));
    let Some(spec) = shape.and_then(InputSpec::of_batch_shape) else {
        let found = shape.map_or("missing".into(), Value::to_string);
        return Err(Error::new(ErrorKind::Unsupported, format!("`batch_shape` is {found}"))
            .expected("null for the batch axis, then a whole number or null for each axis"));
    };
    let dtype_name = reader.maybe_string("dtype").unwrap_or_else(|| "float32".into());
    let dtype = match dtype_name.as_str() {
        "float32" | "float64" | "float16" | "bfloat16" => DType::F32,
        "bool" => DType::Bool,
        "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" => DType::I32,
        other => {
            reader.refuse(format!("`dtype` is {other}, expected float32, int32 or bool"));
            DType::F32
        }
    };
    for name in ["sparse", "ragged"] {
        if reader.bool(name, false) {
            reader.refuse(format!("`{name}` is true, which is not supported"));
        }
    }
    let optional = reader.bool("optional", false);
    let spec = InputSpec { dtype, optional, ..spec };
    Ok(Arc::new(InputLayer { options, spec, dtype_name }))
}
