use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::options::{
    layer_methods, resolve_constraint, resolve_regularizer, serialize_constraint,
    serialize_regularizer,
};
use super::{Call, Layer, Options, Weight, row};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::object::{Choice, Config, ConfigReader, Described, Entry};
use crate::regularizers::Regularizer;

/// `x` where `x >= 0`, `alpha * x` below, with a learned `alpha` per element.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`; `alpha: [..]`, of length 1 on the shared axes.
///
/// # Parameters
/// - `alpha_initializer`: default `zeros`, which starts as ReLU.
/// - `alpha_regularizer`: a penalty on `alpha`; `alpha_constraint`: a rule. Default: none.
/// - `shared_axes`: axes of `x`, counted from the batch axis 0, along which one `alpha` serves
///   all. Default: none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3]).add(PReLU::new().alpha_initializer("ones"));
/// let y = model.predict(Tensor::new([1, 3], [-2.0f32, 0.0, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [-2.0, 0.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// He, Zhang, Ren, Sun: "Delving deep into rectifiers", arXiv 1502.01852.
#[derive(Clone, Debug)]
pub struct PReLU {
    options: Options,
    alpha_initializer: Choice<dyn Initializer>,
    alpha_regularizer: Option<Choice<dyn Regularizer>>,
    alpha_constraint: Option<Choice<dyn Constraint>>,
    shared_axes: Option<Vec<usize>>,
}

layer_methods!(PReLU);

impl PReLU {
    /// A learned slope for each element.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        PReLU {
            options: Options::here(),
            alpha_initializer: "zeros".into(),
            alpha_regularizer: None,
            alpha_constraint: None,
            shared_axes: None,
        }
    }

    /// Sets how the slopes start.
    pub fn alpha_initializer(mut self, start: impl Into<Choice<dyn Initializer>>) -> Self {
        self.alpha_initializer = start.into();
        self
    }

    /// Sets a penalty on the slopes.
    pub fn alpha_regularizer(mut self, penalty: impl Into<Choice<dyn Regularizer>>) -> Self {
        self.alpha_regularizer = Some(penalty.into());
        self
    }

    /// Sets a rule that the slopes obey after each step.
    pub fn alpha_constraint(mut self, rule: impl Into<Choice<dyn Constraint>>) -> Self {
        self.alpha_constraint = Some(rule.into());
        self
    }

    /// Sets the axes along which one slope serves all; the batch axis is 0.
    pub fn shared_axes(mut self, axes: impl Into<Vec<usize>>) -> Self {
        self.shared_axes = Some(axes.into());
        self
    }
}

impl Described for PReLU {
    fn class_name(&self) -> &'static str {
        "PReLU"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("alpha_initializer".into(), self.alpha_initializer.serialize());
        let regularizer = serialize_regularizer(&self.alpha_regularizer);
        config.insert("alpha_regularizer".into(), regularizer);
        config.insert("alpha_constraint".into(), serialize_constraint(&self.alpha_constraint));
        config.insert("shared_axes".into(), json!(self.shared_axes));
        config
    }
}

impl Layer for PReLU {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.alpha_initializer.resolve()?;
        resolve_regularizer(&self.alpha_regularizer)?;
        resolve_constraint(&self.alpha_constraint).map(|_| ())
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let input = &row(&inputs[0]);
        let mut dims = input.to_vec();
        for &axis in self.shared_axes.iter().flatten() {
            match axis.checked_sub(1).and_then(|at| dims.get_mut(at)) {
                Some(dim) => *dim = 1,
                None => {
                    return Err(Error::new(
                        ErrorKind::Argument,
                        format!("axis {axis} is shared, of inputs of shape [batch] + {input}"),
                    )
                    .expected(format!("axes in 1..={}", dims.len())));
                }
            }
        }
        let alpha = Weight::new("alpha", dims, self.alpha_initializer.resolve()?);
        let regularizer = resolve_regularizer(&self.alpha_regularizer)?;
        let constraint = resolve_constraint(&self.alpha_constraint)?;
        Ok(vec![Weight { regularizer, constraint, ..alpha }])
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        Ok(vec![x.relu() - call.weights[0] * (-x).relu()])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "PReLU",
    names: &[],
    summary: "x where x >= 0, a learned slope below",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let mut layer = PReLU { options: Options::read(reader)?, ..PReLU::new() };
    if let Some(start) = reader.object::<dyn Initializer>("alpha_initializer")? {
        layer.alpha_initializer = start.into();
    }
    let regularizer = reader.object::<dyn Regularizer>("alpha_regularizer")?;
    layer.alpha_regularizer = regularizer.map(Choice::from);
    if let Some(value) = reader.value("shared_axes") {
        let axis = |axis: &Value| axis.as_u64().map(|axis| axis as usize);
        layer.shared_axes =
            value.as_array().and_then(|axes| axes.iter().map(axis).collect()).or_else(|| {
                reader.refuse(format!("`shared_axes` is {value}, expected a list of axes"));
                None
            });
    }
    let constraint = reader.object::<dyn Constraint>("alpha_constraint")?;
    layer.alpha_constraint = constraint.map(Choice::from);
    layer.check()?;
    Ok(Arc::new(layer))
}
