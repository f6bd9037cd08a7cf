use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::options::layer_methods;
use super::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `e^x / sum(e^x)` along an axis: numbers that are positive and add up to 1.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `axis`: along which the sum is 1; negative counts from the end, 0 is the batch axis.
///   Default: -1. Several axes are taken together.
#[derive(Clone, Debug)]
pub struct Softmax {
    options: Options,
    axes: Vec<isize>,
}

layer_methods!(Softmax);

impl Softmax {
    /// Along the last axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Softmax { options: Options::here(), axes: vec![-1] }
    }

    /// Sets the axis.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axes = vec![axis];
        self
    }

    /// Sets several axes, over which together the sum is 1.
    pub fn axes(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.axes = axes.into();
        self
    }
}

impl Described for Softmax {
    fn class_name(&self) -> &'static str {
        "Softmax"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        let axis = match self.axes.as_slice() {
            [axis] => json!(axis),
            axes => json!(axes),
        };
        config.insert("axis".into(), axis);
        config
    }
}

impl Layer for Softmax {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        match self.axes.is_empty() {
            true => Err(Error::new(ErrorKind::Argument, "a softmax over no axis")
                .expected("at least one axis")),
            false => Ok(()),
        }
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let shape = x.shape();
        let mut axes: Vec<usize> =
            self.axes.iter().map(|&axis| shape.axis(axis)).collect::<Result<_>>()?;
        axes.sort_unstable();
        axes.dedup();
        // The axes go to the end, become one, and go back.
        let others = (0..shape.ndim()).filter(|axis| !axes.contains(axis));
        let order: Vec<usize> = others.chain(axes.iter().copied()).collect();
        let moved = match order.iter().copied().eq(0..shape.ndim()) {
            true => x,
            false => x.transpose(&order),
        };
        let moved_shape = moved.shape();
        let split = shape.ndim() - axes.len();
        let mut flat = moved_shape[..split].to_vec();
        flat.push(moved_shape[split..].iter().product());
        let y = moved.reshape(flat).softmax().reshape(moved_shape);
        let mut back = vec![0; order.len()];
        for (at, &axis) in order.iter().enumerate() {
            back[axis] = at;
        }
        Ok(match order == back && order.iter().copied().eq(0..order.len()) {
            true => vec![y],
            false => vec![y.transpose(&back)],
        })
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Softmax",
    names: &[],
    summary: "e^x / sum(e^x) along an axis",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let axis = |value: &Value| value.as_i64().map(|axis| axis as isize);
    let axes = match reader.value("axis") {
        None => vec![-1],
        Some(value) => {
            let axes = match value.as_array() {
                Some(axes) => axes.iter().map(axis).collect(),
                None => axis(value).map(|axis| vec![axis]),
            };
            axes.unwrap_or_else(|| {
                reader.refuse(format!("`axis` is {value}, expected a whole number or a list"));
                vec![-1]
            })
        }
    };
    let layer = Softmax { options, axes };
    layer.check()?;
    Ok(Arc::new(layer))
}
