use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::{OutputMode, adapt, refuse_sparse};
use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = i` where `boundaries[i - 1] <= x < boundaries[i]`: the number of the bin that `x` is in.
///
/// The first bin extends to -infinity, the last to infinity; NaN is in the last. Boundaries may
/// also fall; then `boundaries[i - 1] > x >= boundaries[i]`, and NaN is in the first.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`, `i32`; in other output modes `f32` as with
/// [`CategoryEncoding`](crate::layers::CategoryEncoding)
///
/// # Parameters
/// - `bin_boundaries`: the numbers at which a bin begins, in order.
/// - `num_bins`: how many bins there are, instead of boundaries:
///   [`Discretization::adapt`] finds them from data.
/// - `epsilon`: how exactly it does: the summary of the data that bins are made from has about
///   `1 / epsilon` numbers. Default: 0.01.
/// - `output_mode`: `int` (the default), `one_hot`, `multi_hot` or `count`.
///
/// # Gradient
/// None: the result is a step function.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3]).add(Discretization::new([0.0, 1.0]));
/// let y = model.predict(Tensor::new([1, 3], [-5.0f32, 0.0, 7.0])?)?;
/// assert_eq!(y.as_slice::<i32>()?, [0, 1, 2]);
///
/// let mut halves = Discretization::with_num_bins(2);
/// halves.adapt(&Tensor::new([4], [1.0f32, 2.0, 3.0, 4.0])?)?;
/// assert_eq!(halves.bin_boundaries().unwrap(), [2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Discretization {
    options: Options,
    bin_boundaries: Option<Vec<f64>>,
    num_bins: Option<usize>,
    epsilon: f64,
    output_mode: OutputMode,
}

layer_methods!(Discretization);

/// More boundaries are taken for a mistake: every element is compared with each.
const MAX_BOUNDARIES: usize = 1 << 20;

impl Discretization {
    /// Bins between these numbers.
    #[track_caller]
    pub fn new(bin_boundaries: impl Into<Vec<f64>>) -> Self {
        Discretization {
            options: Options::here(),
            bin_boundaries: Some(bin_boundaries.into()),
            num_bins: None,
            epsilon: 0.01,
            output_mode: OutputMode::Int,
        }
    }

    /// So many bins, whose boundaries [`Discretization::adapt`] finds.
    #[track_caller]
    pub fn with_num_bins(num_bins: usize) -> Self {
        Discretization {
            options: Options::here(),
            bin_boundaries: None,
            num_bins: Some(num_bins),
            epsilon: 0.01,
            output_mode: OutputMode::Int,
        }
    }

    /// Sets how exactly data are summarized.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Sets the form: `int`, `one_hot`, `multi_hot` or `count`.
    pub fn output_mode(mut self, output_mode: impl Into<OutputMode>) -> Self {
        self.output_mode = output_mode.into();
        self
    }

    /// Finds boundaries between which about the same number of elements lie.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] when boundaries were given instead of a number of bins;
    /// [`ErrorKind::Data`] when there are no elements.
    pub fn adapt(&mut self, data: &Tensor) -> Result<()> {
        let Some(num_bins) = self.num_bins else {
            return Err(Error::new(
                ErrorKind::Argument,
                "a Discretization layer was adapted that was given its boundaries",
            )
            .expected("`with_num_bins`, or given boundaries")
            .at(&self.options.origin));
        };
        self.check().map_err(|error| error.at(&self.options.origin))?;
        if data.shape().num_elements() == 0 {
            return Err(Error::new(ErrorKind::Data, format!("data of shape {}", data.shape()))
                .expected("at least one element")
                .at(&self.options.origin));
        }
        let boundaries =
            adapt::boundaries(data.to_f32().as_slice::<f32>()?, num_bins, self.epsilon);
        self.bin_boundaries = Some(boundaries);
        Ok(())
    }

    /// The boundaries, once given or found.
    pub fn bin_boundaries(&self) -> Option<&[f64]> {
        self.bin_boundaries.as_deref()
    }

    /// The boundaries.
    ///
    /// # Errors
    /// That they are not known yet.
    fn known(&self) -> Result<&[f64]> {
        self.bin_boundaries().ok_or_else(|| {
            Error::new(ErrorKind::State, "a Discretization layer without boundaries")
                .expected("boundaries, given or found")
                .hint("call `adapt` with data before the model is built")
        })
    }
}

impl Described for Discretization {
    fn class_name(&self) -> &'static str {
        "Discretization"
    }

    fn config(&self) -> Config {
        Config::from_iter([
            ("bin_boundaries".into(), json!(self.bin_boundaries)),
            ("num_bins".into(), json!(self.num_bins)),
            ("epsilon".into(), json!(self.epsilon)),
            ("output_mode".into(), self.output_mode.name().into()),
            ("sparse".into(), false.into()),
            ("name".into(), json!(self.options.name)),
            ("dtype".into(), "float32".into()),
        ])
    }
}

impl Layer for Discretization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: String, expected: &str| {
            Err(Error::new(ErrorKind::Argument, what).expected(expected))
        };
        if let Some(boundaries) = &self.bin_boundaries {
            let is_sorted = boundaries.is_sorted() || boundaries.iter().rev().is_sorted();
            if !is_sorted || boundaries.is_empty() || boundaries.len() > MAX_BOUNDARIES {
                let found = format!("{} boundaries of bins", boundaries.len());
                return wrong(found, &format!("1 to {MAX_BOUNDARIES}, in order"));
            }
        }
        match self.num_bins {
            Some(bins @ (0 | MAX_BOUNDARIES..)) => {
                return wrong(format!("{bins} bins"), &format!("1 to {MAX_BOUNDARIES}"));
            }
            None if self.bin_boundaries.is_none() => {
                return wrong("neither `bin_boundaries` nor `num_bins`".into(), "one of them");
            }
            _ => {}
        }
        if !(self.epsilon > 0.0 && self.epsilon <= 1.0) {
            return wrong(format!("`epsilon` is {}", self.epsilon), "a share above 0, up to 1");
        }
        self.output_mode.check(&[
            OutputMode::Int,
            OutputMode::OneHot,
            OutputMode::MultiHot,
            OutputMode::Count,
        ])
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        self.known()?;
        self.output_mode.check_input(&inputs[0])?;
        Ok(Vec::new())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let (x, boundaries) = (inputs[0].cast(DType::F32), self.known()?);
        let graph = x.graph();
        let single: Vec<f32> = boundaries.iter().map(|&boundary| boundary as f32).collect();
        let literal = graph.literal(Tensor::new([single.len()], single)?);
        let place = x.expand_dims(x.ndim());
        // NaN is past no boundary, but in the last bin of those that rise.
        let bin = if boundaries.first() <= boundaries.last() {
            let bin = place.greater_equal(literal).cast(DType::I32).sum(&[-1]);
            let last = graph.constant_i32(boundaries.len() as i32).broadcast_to(x.shape());
            x.is_nan().select(last, bin)
        } else {
            place.less(literal).cast(DType::I32).sum(&[-1])
        };
        Ok(vec![self.output_mode.encode(bin, boundaries.len() + 1, None)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Discretization",
    names: &[],
    summary: "the number of the bin that a value is in",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let mut layer =
        Discretization { options: Options::read(reader)?, ..Discretization::with_num_bins(1) };
    if let Some(value) = reader.value("bin_boundaries") {
        let numbers = value.as_array().map(|list| list.iter().map(Value::as_f64).collect());
        layer.bin_boundaries = numbers.flatten();
        if layer.bin_boundaries.is_none() {
            reader.refuse(format!("`bin_boundaries` is {value}, expected a list of numbers"));
        }
    }
    layer.num_bins = reader.maybe_usize("num_bins");
    layer.epsilon = reader.maybe_f64("epsilon").unwrap_or(layer.epsilon);
    layer.output_mode = OutputMode::read(reader).unwrap_or(OutputMode::Int);
    refuse_sparse(reader);
    layer.check()?;
    Ok(Arc::new(layer))
}
