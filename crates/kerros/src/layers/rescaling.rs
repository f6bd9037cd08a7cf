use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::options::layer_methods;
use super::{Call, Layer, Options, Weight, row};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = x * scale + offset`.
///
/// `Rescaling::new(1.0 / 255.0)` turns the bytes of an image into numbers from 0 to 1.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`; `scale` and `offset` are single numbers, or one per entry
/// of the last axis.
///
/// # Parameters
/// - `scale`: the factor.
/// - `offset`: what is added. Default: 0.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3]).add(Rescaling::new(0.5).offset(-1.0));
/// let y = model.predict(Tensor::new([1, 3], [0.0f32, 2.0, 8.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [-1.0, 0.0, 3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rescaling {
    options: Options,
    scale: Numbers,
    offset: Numbers,
}

layer_methods!(Rescaling);

/// A number, or one per entry of the last axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// The same for all.
    One(f64),
    /// One per entry of the last axis.
    Each(Vec<f64>),
}

impl From<f64> for Numbers {
    fn from(number: f64) -> Self {
        Numbers::One(number)
    }
}
impl From<Vec<f64>> for Numbers {
    fn from(numbers: Vec<f64>) -> Self {
        Numbers::Each(numbers)
    }
}
impl<const N: usize> From<[f64; N]> for Numbers {
    fn from(numbers: [f64; N]) -> Self {
        Numbers::Each(numbers.to_vec())
    }
}

impl Numbers {
    pub(super) fn value(&self) -> Value {
        match self {
            Numbers::One(number) => json!(number),
            Numbers::Each(numbers) => json!(numbers),
        }
    }

    pub(super) fn tensor(&self) -> Result<Tensor> {
        match self {
            Numbers::One(number) => Ok(Tensor::scalar(*number as f32)),
            Numbers::Each(numbers) => {
                let numbers: Vec<f32> = numbers.iter().map(|&number| number as f32).collect();
                Tensor::new([numbers.len()], numbers)
            }
        }
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        match value.as_array() {
            None => value.as_f64().map(Numbers::One),
            Some(numbers) => {
                numbers.iter().map(Value::as_f64).collect::<Option<_>>().map(Numbers::Each)
            }
        }
    }
}

impl Rescaling {
    /// Multiplies by `scale`.
    #[track_caller]
    pub fn new(scale: impl Into<Numbers>) -> Self {
        Rescaling { options: Options::here(), scale: scale.into(), offset: Numbers::One(0.0) }
    }

    /// Sets what is added after.
    pub fn offset(mut self, offset: impl Into<Numbers>) -> Self {
        self.offset = offset.into();
        self
    }
}

impl Described for Rescaling {
    fn class_name(&self) -> &'static str {
        "Rescaling"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("scale".into(), self.scale.value());
        config.insert("offset".into(), self.offset.value());
        config
    }
}

impl Layer for Rescaling {
    fn options(&self) -> &Options {
        &self.options
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let input = &row(&inputs[0]);
        for numbers in [&self.scale, &self.offset] {
            if let Numbers::Each(numbers) = numbers
                && ![1, input.last()].contains(&numbers.len())
            {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("{} numbers for rows of shape {input}", numbers.len()),
                )
                .expected("one number, or one per entry of the last axis"));
            }
        }
        Ok(Vec::new())
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        // Pixels may be whole numbers.
        let x = inputs[0].cast(DType::F32);
        let graph = x.graph();
        Ok(vec![x * graph.literal(self.scale.tensor()?) + graph.literal(self.offset.tensor()?)])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "Rescaling", names: &[], summary: "y = x * scale + offset", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let mut numbers = |name: &str, default: f64| match reader.value(name) {
        None => Numbers::One(default),
        Some(value) => Numbers::read(value).unwrap_or_else(|| {
            reader.refuse(format!("`{name}` is {value}, expected a number or a list"));
            Numbers::One(default)
        }),
    };
    let (scale, offset) = (numbers("scale", 1.0), numbers("offset", 0.0));
    Ok(Arc::new(Rescaling { options, scale, offset }))
}
