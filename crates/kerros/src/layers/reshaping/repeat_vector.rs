use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y[step] = x` for each of `n` steps: a vector as a sequence that stays the same.
///
/// # Shape
/// `x: [batch, features] -> [batch, n, features]`
///
/// # Parameters
/// - `n`: how many steps, at least 1.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2]).add(RepeatVector::new(2));
/// let x = Tensor::new([1, 2], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0, 1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RepeatVector {
    options: Options,
    n: usize,
}

layer_methods!(RepeatVector);

impl RepeatVector {
    /// Gives the vector this many times.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        RepeatVector { options: Options::here(), n }
    }
}

impl Described for RepeatVector {
    fn class_name(&self) -> &'static str {
        "RepeatVector"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("n".into(), json!(self.n));
        config
    }
}

impl Layer for RepeatVector {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        match self.n {
            0 => Err(Error::new(ErrorKind::Argument, "`n` is 0").expected("at least 1")),
            _ => Ok(()),
        }
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        super::expect_ndim(&inputs[0], 2, "[batch, features]").map(|()| Vec::new())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let shape = inputs[0].shape();
        let dims = [shape[0], self.n, shape[1]];
        Ok(vec![inputs[0].expand_dims(1).broadcast_to(dims)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "RepeatVector",
    names: &[],
    summary: "a vector as a sequence that stays the same",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let Some(n) = reader.maybe_usize("n") else {
        return Err(Error::new(ErrorKind::Format, "`n` is missing").expected("a whole number"));
    };
    let layer = RepeatVector { options, n };
    layer.check()?;
    Ok(Arc::new(layer))
}
