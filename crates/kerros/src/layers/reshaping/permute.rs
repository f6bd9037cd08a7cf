use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::{Value, json};

use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// Axis `i` of each row becomes what axis `dims[i]` was.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, n1, n2, ..] -> [batch, n_dims[0], n_dims[1], ..]`
///
/// # Parameters
/// - `dims`: each axis once, counted from 1; the batch axis (0) stays.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2, 2]).add(Permute::new([2, 1]));
/// let x = Tensor::new([1, 2, 2], [1.0f32, 2.0, 3.0, 4.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 3.0, 2.0, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Permute {
    options: Options,
    dims: Vec<usize>,
}

layer_methods!(Permute);

impl Permute {
    /// Puts the axes of each row in this order.
    #[track_caller]
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Permute { options: Options::here(), dims: dims.into() }
    }
}

impl Described for Permute {
    fn class_name(&self) -> &'static str {
        "Permute"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("dims".into(), json!(self.dims));
        config
    }
}

impl Layer for Permute {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        match sorted.into_iter().eq(1..=self.dims.len()) {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Argument, format!("`dims` is {:?}", self.dims))
                .expected("each of the axes 1, 2 .. once")),
        }
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let expected = format!("a batch axis and {} more", self.dims.len());
        super::expect_ndim(&inputs[0], self.dims.len() + 1, &expected)?;
        Ok(Vec::new())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let order: Vec<usize> = [0].into_iter().chain(self.dims.iter().copied()).collect();
        Ok(vec![inputs[0].transpose(&order)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Permute",
    names: &[],
    summary: "the axes of each row in another order",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let dim = |dim: &Value| dim.as_u64().map(|dim| dim as usize);
    let dims = reader.value("dims").and_then(Value::as_array);
    let Some(dims) = dims.and_then(|dims| dims.iter().map(dim).collect()) else {
        return Err(Error::new(ErrorKind::Format, "`dims` is missing").expected("a list of axes"));
    };
    let layer = Permute { options, dims };
    layer.check()?;
    Ok(Arc::new(layer))
}
