use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::options::{layer_methods, maybe_f64};
use super::{Call, Layer, Options};
use crate::object::{Choice, Config, ConfigReader, Described, Entry};
use crate::regularizers::L1L2;

/// `y = x`, with `(l1 · sum |x| + l2 · sum x^2) / batch` added to the loss.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `l1`, `l2`: the weights of the two penalties. Default: 0.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = ActivityRegularization::new().l1(0.5);
/// let mut model = Sequential::new().input([2]).add(layer);
/// model.compile(SGD::new(0.1), "mse", ())?;
/// let x = Tensor::new([1, 2], [1.0f32, -2.0])?;
/// assert_eq!(model.evaluate((&x, &x))?.get("loss"), Some(1.5));
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ActivityRegularization {
    options: Options,
    l1: f64,
    l2: f64,
}

layer_methods!(ActivityRegularization);

impl ActivityRegularization {
    /// No penalty yet.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ActivityRegularization { options: Options::here(), l1: 0.0, l2: 0.0 }.penalized()
    }

    /// Sets the weight of `sum |x|`.
    pub fn l1(mut self, l1: f64) -> Self {
        self.l1 = l1;
        self.penalized()
    }

    /// Sets the weight of `sum x^2`.
    pub fn l2(mut self, l2: f64) -> Self {
        self.l2 = l2;
        self.penalized()
    }

    /// With the penalty that the numbers say.
    fn penalized(mut self) -> Self {
        self.options.activity_regularizer = Some(Choice::from(L1L2::new(self.l1, self.l2)));
        self
    }
}

impl Described for ActivityRegularization {
    fn class_name(&self) -> &'static str {
        "ActivityRegularization"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.shift_remove("activity_regularizer");
        config.insert("l1".into(), json!(self.l1));
        config.insert("l2".into(), json!(self.l2));
        config
    }
}

impl Layer for ActivityRegularization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(vec![inputs[0]])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "ActivityRegularization",
    names: &[],
    summary: "a penalty on what goes through",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    if options.activity_regularizer.is_some() {
        reader.refuse("`activity_regularizer` beside `l1` and `l2`");
    }
    let l1 = maybe_f64(reader, "l1").unwrap_or(0.0);
    let l2 = maybe_f64(reader, "l2").unwrap_or(0.0);
    Ok(Arc::new(ActivityRegularization { options, l1, l2 }.penalized()))
}
