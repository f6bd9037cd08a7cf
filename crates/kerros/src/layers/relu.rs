use std::sync::Arc;

use kerros_core::{DType, Result};
use kerros_graph::Node;
use serde_json::json;

use super::options::{layer_methods, maybe_f64, out_of_range};
use super::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `max(x, 0)`, and its kin with a ceiling, a slope below and a threshold.
///
/// `max_value` where `x >= max_value`; `x` where `threshold <= x < max_value`;
/// `negative_slope * (x - threshold)` else.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `max_value`: the largest value that comes out, at least 0. Default: no limit.
/// - `negative_slope`: the slope below the threshold, at least 0. Default: 0.
/// - `threshold`: where the identity begins, at least 0. Default: 0.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3]).add(ReLU::new().max_value(6.0).negative_slope(0.5));
/// let y = model.predict(Tensor::new([1, 3], [-2.0f32, 3.0, 8.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [-1.0, 3.0, 6.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReLU {
    options: Options,
    max_value: Option<f64>,
    negative_slope: f64,
    threshold: f64,
}

layer_methods!(ReLU);

impl ReLU {
    /// `max(x, 0)`.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ReLU { options: Options::here(), max_value: None, negative_slope: 0.0, threshold: 0.0 }
    }

    /// Sets the largest value that comes out.
    pub fn max_value(mut self, max_value: f64) -> Self {
        self.max_value = Some(max_value);
        self
    }

    /// Sets the slope below the threshold.
    pub fn negative_slope(mut self, negative_slope: f64) -> Self {
        self.negative_slope = negative_slope;
        self
    }

    /// Sets where the identity begins.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

impl Described for ReLU {
    fn class_name(&self) -> &'static str {
        "ReLU"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("max_value".into(), json!(self.max_value));
        config.insert("negative_slope".into(), json!(self.negative_slope));
        config.insert("threshold".into(), json!(self.threshold));
        config
    }
}

impl Layer for ReLU {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let settings = [
            ("max_value", self.max_value.unwrap_or(0.0)),
            ("negative_slope", self.negative_slope),
            ("threshold", self.threshold),
        ];
        match settings.into_iter().find(|(_, value)| value.is_nan() || *value < 0.0) {
            Some((name, value)) => Err(out_of_range(name, value, "at least 0")),
            None => Ok(()),
        }
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let (slope, threshold) = (self.negative_slope as f32, self.threshold as f32);
        let above = match threshold == 0.0 {
            true => x.relu(),
            false => x * x.greater(threshold).cast(DType::F32),
        };
        let capped = match self.max_value {
            Some(max_value) => above.clip(0.0, max_value as f32),
            None => above,
        };
        if slope == 0.0 {
            return Ok(vec![capped]);
        }
        // What lies below the threshold, with its sign turned.
        let below = match threshold == 0.0 {
            true => (-x).relu(),
            false => (threshold - x).relu(),
        };
        Ok(vec![capped - below * slope])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "ReLU",
    names: &[],
    summary: "max(x, 0), with an optional ceiling, slope and threshold",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let layer = ReLU {
        options: Options::read(reader)?,
        max_value: maybe_f64(reader, "max_value"),
        negative_slope: maybe_f64(reader, "negative_slope").unwrap_or(0.0),
        threshold: maybe_f64(reader, "threshold").unwrap_or(0.0),
    };
    layer.check()?;
    Ok(Arc::new(layer))
}
