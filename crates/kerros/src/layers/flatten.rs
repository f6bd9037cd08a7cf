use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::options::layer_methods;
use super::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// All axes but the batch axis as one.
///
/// # Shape
/// `x: [batch, a, b, ..] -> [batch, a * b * ..]`; `[batch] -> [batch, 1]`
#[derive(Clone, Debug)]
pub struct Flatten {
    options: Options,
}

layer_methods!(Flatten);

impl Flatten {
    /// One axis beside the batch axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Flatten { options: Options::here() }
    }
}

impl Described for Flatten {
    fn class_name(&self) -> &'static str {
        "Flatten"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), json!("channels_last"));
        config
    }
}

impl Layer for Flatten {
    fn options(&self) -> &Options {
        &self.options
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let shape = x.shape();
        Ok(vec![x.reshape([shape[0], shape[1..].iter().product()])])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Flatten",
    names: &[],
    summary: "all axes but the batch axis as one",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let format = reader.maybe_string("data_format");
    if let Some(format) = format.filter(|format| format != "channels_last") {
        reader.refuse(format!("`data_format` is {format}, expected channels_last"));
    }
    Ok(Arc::new(Flatten { options }))
}
