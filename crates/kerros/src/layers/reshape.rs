use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::options::layer_methods;
use super::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry, whole};

/// `y[b] = x[b]` under another shape: the elements of each row in the same row-major order.
///
/// # Shape
/// `x: [batch, ..] -> [batch] + target_shape`
///
/// # Parameters
/// - `target_shape`: without the batch axis; one length may be -1, which is then what is left.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([4]).add(Reshape::new([2, -1]));
/// let y = model.predict(Tensor::new([1, 4], [1.0f32, 2.0, 3.0, 4.0])?)?;
/// assert_eq!(y.shape().dims(), [1, 2, 2]);
/// assert_eq!(y.as_slice::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reshape {
    options: Options,
    target_shape: Vec<isize>,
}

layer_methods!(Reshape);

impl Reshape {
    /// Gives each row this shape.
    #[track_caller]
    pub fn new(target_shape: impl Into<Vec<isize>>) -> Self {
        Reshape { options: Options::here(), target_shape: target_shape.into() }
    }

    /// The target shape for rows of this shape.
    fn target(&self, input: &[usize]) -> Result<Vec<usize>> {
        let count: usize = input.iter().product();
        let known: usize =
            self.target_shape.iter().filter(|&&dim| dim >= 0).map(|&dim| dim as usize).product();
        let is_open = self.target_shape.contains(&-1);
        let fits = match is_open {
            true => known > 0 && count.is_multiple_of(known),
            false => known == count,
        };
        if !fits {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "rows of shape {} ({count} elements) cannot become {:?}",
                    Shape::from(input),
                    self.target_shape
                ),
            )
            .expected("as many elements in each row before and after")
            .hint("let one length be -1"));
        }
        let open = if is_open { count / known } else { 0 };
        let length = |&dim: &isize| if dim < 0 { open } else { dim as usize };
        Ok(self.target_shape.iter().map(length).collect())
    }
}

impl Described for Reshape {
    fn class_name(&self) -> &'static str {
        "Reshape"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("target_shape".into(), json!(self.target_shape));
        config
    }
}

impl Layer for Reshape {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let open = self.target_shape.iter().filter(|&&dim| dim == -1).count();
        if open > 1 || self.target_shape.iter().any(|&dim| dim < -1) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("the target shape {:?}", self.target_shape),
            )
            .expected("lengths from 0 on, and at most one -1"));
        }
        Ok(())
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        self.target(&inputs[0][1..]).map(|_| Vec::new())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let shape = x.shape();
        let mut dims = vec![shape[0]];
        dims.extend(self.target(&shape[1..])?);
        Ok(vec![x.reshape(dims)])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Reshape",
    names: &[],
    summary: "the same elements under another shape",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let dims = reader.value("target_shape").and_then(Value::as_array);
    let Some(target_shape) = dims.and_then(|dims| dims.iter().map(whole).collect()) else {
        return Err(Error::new(ErrorKind::Format, "`target_shape` is missing")
            .expected("a list of whole numbers"));
    };
    let layer = Reshape { options, target_shape };
    layer.check()?;
    Ok(Arc::new(layer))
}
