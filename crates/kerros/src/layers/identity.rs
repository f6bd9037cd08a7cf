use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;

use super::options::layer_methods;
use super::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = x`: a placeholder.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2]).add(Identity::new());
/// let y = model.predict(Tensor::new([1, 2], [-1.0f32, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [-1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Identity {
    options: Options,
}

layer_methods!(Identity);

impl Identity {
    /// Passes its input on.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Identity { options: Options::here() }
    }
}

impl Described for Identity {
    fn class_name(&self) -> &'static str {
        "Identity"
    }

    fn config(&self) -> Config {
        self.options.config()
    }
}

impl Layer for Identity {
    fn options(&self) -> &Options {
        &self.options
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(inputs.to_vec())
    }
}

pub(super) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "Identity", names: &[], summary: "y = x", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    Ok(Arc::new(Identity { options: Options::read(reader)? }))
}
