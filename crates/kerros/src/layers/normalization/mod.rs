use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::{Value, json};

use self::nested::{nested, read_nested};
use super::options::layer_methods;
use super::{Call, Layer, Options, Weight, row};
use crate::initializers::Initializer;
use crate::object::{Choice, Config, ConfigReader, Described, Entry};

mod adapt;
mod nested;

/// The smallest standard deviation that is divided by (Keras's `epsilon()`).
const SMALLEST_DEVIATION: f32 = 1e-7;

/// `y = (x - mean) / sqrt(variance)` with the mean and variance of the data.
///
/// [`Normalization::adapt`] computes them from the training data before training; afterwards
/// they are weights that no optimizer moves, saved with the model.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`; `mean`, `variance`: the lengths of the kept axes;
/// `count: []` (`i32`, always 0, kept for Keras's files).
///
/// # Parameters
/// - `axis`: which axes have a mean each; negative counts from the end. Default: -1, one mean
///   per feature.
/// - `mean`, `variance`: given instead of computed; then the layer has no weights.
/// - `invert`: whether to undo the normalization instead: `y = x * sqrt(variance) + mean`.
///
/// # Example
/// ```
/// use kerros::Tensor;
/// use kerros::layers::Normalization;
/// let x = Tensor::new([2, 1], [1.0f32, 3.0])?;
/// let mut layer = Normalization::new();
/// layer.adapt(&x)?;
/// assert_eq!(layer.statistics().unwrap().0.as_slice::<f32>()?, [2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Normalization {
    options: Options,
    axes: Vec<isize>,
    given: Option<(Tensor, Tensor)>,
    adapted: Option<(Tensor, Tensor)>,
    invert: bool,
}

layer_methods!(Normalization);

impl Normalization {
    /// One mean and variance per entry of the last axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Normalization {
            options: Options::here(),
            axes: vec![-1],
            given: None,
            adapted: None,
            invert: false,
        }
    }

    /// Sets the axis that has a mean for each entry.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axes = vec![axis];
        self
    }

    /// Sets the axes that have a mean for each entry; none for a single mean of everything.
    pub fn axes(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.axes = axes.into();
        self
    }

    /// Sets mean and variance instead of computing them: single numbers, or as many axes as
    /// are kept (or fewer, counted from the last).
    pub fn mean_and_variance(mut self, mean: Tensor, variance: Tensor) -> Self {
        self.given = Some((mean.to_f32(), variance.to_f32()));
        self
    }

    /// Sets whether to undo the normalization instead.
    pub fn invert(mut self, invert: bool) -> Self {
        self.invert = invert;
        self
    }

    /// Mean and variance, once given or computed.
    pub fn statistics(&self) -> Option<(&Tensor, &Tensor)> {
        self.given.as_ref().or(self.adapted.as_ref()).map(|(mean, variance)| (mean, variance))
    }

    /// The kept axes of data of this shape (batch axis included), ascending.
    fn kept(&self, shape: &Shape) -> Result<Vec<usize>> {
        let mut kept: Vec<usize> = self
            .axes
            .iter()
            .map(|&axis| shape.axis(axis))
            .collect::<Result<_>>()
            .map_err(|error| error.at(&self.options.origin))?;
        kept.sort_unstable();
        kept.dedup();
        if kept.first() == Some(&0) {
            return Err(Error::new(ErrorKind::Argument, "axis 0 is kept, the batch axis")
                .expected("axes from 1 on, or negative ones")
                .at(&self.options.origin));
        }
        Ok(kept)
    }

    /// The kept axes of rows of shape `input`, counted without the batch axis.
    fn kept_of_row(&self, input: &Shape) -> Result<Vec<usize>> {
        let with_batch: Shape = std::iter::once(1).chain(input.iter().copied()).collect();
        Ok(self.kept(&with_batch)?.into_iter().map(|axis| axis - 1).collect())
    }

    /// Given numbers with their axes laid on the kept axes, the last on the last.
    fn aligned<'g>(&self, x: Node<'g>, numbers: &Tensor, kept: &[usize]) -> Result<Node<'g>> {
        let row_ndim = x.ndim() - 1;
        let mut dims = vec![1; row_ndim];
        let shape = numbers.shape();
        if shape.ndim() > kept.len() {
            return Err(Error::new(ErrorKind::Shape, format!("a mean of shape {shape}"))
                .expected(format!("at most {} axes, one per kept axis", kept.len())));
        }
        for (&axis, &dim) in kept.iter().rev().zip(shape.iter().rev()) {
            dims[axis] = dim;
        }
        Ok(x.graph().literal(numbers.reshape(dims)?))
    }
}

impl Described for Normalization {
    fn class_name(&self) -> &'static str {
        "Normalization"
    }

    fn config(&self) -> Config {
        let given = |pick: fn(&(Tensor, Tensor)) -> &Tensor| {
            self.given.as_ref().map_or(Value::Null, |given| nested(pick(given)))
        };
        let mut config = self.options.config();
        config.insert("axis".into(), json!(self.axes));
        config.insert("invert".into(), json!(self.invert));
        config.insert("mean".into(), given(|given| &given.0));
        config.insert("variance".into(), given(|given| &given.1));
        config
    }
}

impl Layer for Normalization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        match &self.given {
            Some((mean, variance)) if mean.shape() != variance.shape() => Err(Error::new(
                ErrorKind::Shape,
                format!("a mean of shape {} and a variance of {}", mean.shape(), variance.shape()),
            )
            .expected("the same shape")),
            _ => Ok(()),
        }
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let input = &row(&inputs[0]);
        if self.given.is_some() {
            return Ok(Vec::new());
        }
        let kept = self.kept_of_row(input)?;
        let dims: Shape = kept.iter().map(|&axis| input[axis]).collect();
        let start = |name: &'static str, initializer: &str| -> Result<Weight> {
            let initializer = Choice::<dyn Initializer>::from(initializer).resolve()?;
            Ok(Weight { trainable: false, ..Weight::new(name, &dims, initializer) })
        };
        let (mean, variance) = match &self.adapted {
            None => (start("mean", "zeros")?, start("variance", "ones")?),
            Some((mean, _)) if mean.shape() != &dims => {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("the layer was adapted to means of shape {}", mean.shape()),
                )
                .expected(format!("{dims}, from inputs of shape [batch] + {input}"))
                .hint("adapt it to data of the same shape as the layer's input"));
            }
            Some((mean, variance)) => {
                (Weight::fixed("mean", mean.clone()), Weight::fixed("variance", variance.clone()))
            }
        };
        Ok(vec![mean, variance, Weight::fixed("count", Tensor::scalar(0i32))])
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let shape = x.shape();
        let row = row(&shape);
        let kept = self.kept_of_row(&row)?;
        let (mean, variance) = match &self.given {
            Some((mean, variance)) => {
                (self.aligned(x, mean, &kept)?, self.aligned(x, variance, &kept)?)
            }
            None => {
                let mut dims = vec![1; row.ndim()];
                for &axis in &kept {
                    dims[axis] = row[axis];
                }
                (call.weights[0].reshape(dims.clone()), call.weights[1].reshape(dims))
            }
        };
        let deviation = variance.sqrt().maximum(SMALLEST_DEVIATION);
        Ok(match self.invert {
            true => vec![mean + x * deviation],
            false => vec![(x - mean) / deviation],
        })
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Normalization",
    names: &[],
    summary: "(x - mean) / sqrt(variance) with the statistics of the data",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let mut layer = Normalization { options: Options::read(reader)?, ..Normalization::new() };
    let axis = |value: &Value| value.as_i64().map(|axis| axis as isize);
    layer.axes = match reader.value("axis") {
        // Keras writes `axis=None` as an empty list, and reads null as none too.
        None => Vec::new(),
        Some(value) => {
            let axes = match value.as_array() {
                Some(axes) => axes.iter().map(axis).collect(),
                None => axis(value).map(|axis| vec![axis]),
            };
            axes.unwrap_or_else(|| {
                reader.refuse(format!("`axis` is {value}, expected a list of whole numbers"));
                Vec::new()
            })
        }
    };
    layer.invert = reader.bool("invert", false);
    let (mean, variance) = (reader.value("mean"), reader.value("variance"));
    layer.given = match (mean, variance) {
        (None, None) => None,
        (mean, variance) => {
            let given = mean.and_then(read_nested).zip(variance.and_then(read_nested));
            if given.is_none() {
                reader.refuse("`mean` and `variance` are not both numbers");
            }
            given
        }
    };
    layer.check()?;
    Ok(Arc::new(layer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_numbers_go_through_the_config() {
        let numbers = Tensor::new([2], [1.0f32, 2.0]).unwrap();
        let layer = Normalization::new().mean_and_variance(numbers.clone(), numbers.clone());
        let config = layer.config();
        assert_eq!(config["mean"], json!([1.0, 2.0]));
        let again = super::super::REGISTRY
            .deserialize(&json!({"class_name": "Normalization", "config": config}))
            .unwrap();
        assert_eq!(again.config(), layer.config());
    }
}
