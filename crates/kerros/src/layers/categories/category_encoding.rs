use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::{OutputMode, refuse_sparse};
use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y[c] = 1` where category `c` is among the entries of a row, else 0; or how often it is there.
///
/// For categories given as whole numbers, how many there are being known.
///
/// # Shape
/// `x: [batch, entries] -> [batch, num_tokens]`, `i32` or `f32`; for `one_hot` `[batch, ..] ->
/// [batch, .., num_tokens]`, or of `[batch, .., 1]` the same. `count_weights`: as `x`.
///
/// # Parameters
/// - `num_tokens`: how many categories there are; entries are `0..num_tokens`. Others are left
///   out.
/// - `output_mode`: `multi_hot` (the default), `one_hot` (each entry for itself) or `count` (how
///   often each category is there: the sum of the entries' `count_weights`, if they are given).
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3]).add(CategoryEncoding::new(4));
/// let y = model.predict(Tensor::new([1, 3], [0.0f32, 1.0, 1.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [1.0, 1.0, 0.0, 0.0]);
///
/// // Weights go beside the entries.
/// let (x, w) = (Input::new([3]).tensor(), Input::new([3]).tensor());
/// let layer = CategoryEncoding::new(4).output_mode("count");
/// let counts = layer.on(arguments([&x]).with("count_weights", &w));
/// let mut model = Model::functional([&x, &w], [&counts])?;
/// let x = Tensor::new([1, 3], [0.0f32, 1.0, 1.0])?;
/// let w = Tensor::new([1, 3], [0.5f32, 1.0, 2.0])?;
/// assert_eq!(model.predict(vec![x, w])?.as_slice::<f32>()?, [0.5, 3.0, 0.0, 0.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CategoryEncoding {
    options: Options,
    num_tokens: usize,
    output_mode: OutputMode,
}

layer_methods!(CategoryEncoding);

/// More categories are taken for a mistake: each takes an element of every row.
const MAX_TOKENS: usize = 1 << 24;

impl CategoryEncoding {
    /// Encodes the categories `0..num_tokens`.
    #[track_caller]
    pub fn new(num_tokens: usize) -> Self {
        let output_mode = OutputMode::MultiHot;
        CategoryEncoding { options: Options::here(), num_tokens, output_mode }
    }

    /// Sets the form: `multi_hot`, `one_hot` or `count`.
    pub fn output_mode(mut self, output_mode: impl Into<OutputMode>) -> Self {
        self.output_mode = output_mode.into();
        self
    }
}

impl Described for CategoryEncoding {
    fn class_name(&self) -> &'static str {
        "CategoryEncoding"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("num_tokens".into(), json!(self.num_tokens));
        config.insert("output_mode".into(), self.output_mode.name().into());
        config
    }
}

impl Layer for CategoryEncoding {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        if !(1..=MAX_TOKENS).contains(&self.num_tokens) {
            let found = format!("`num_tokens` is {}", self.num_tokens);
            return Err(
                Error::new(ErrorKind::Argument, found).expected(format!("1 to {MAX_TOKENS}"))
            );
        }
        self.output_mode.check(&[OutputMode::MultiHot, OutputMode::OneHot, OutputMode::Count])
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "count_weights"]
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        1..=2
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        self.output_mode.check_input(&inputs[0])?;
        let Some(weights) = inputs.get(1) else { return Ok(Vec::new()) };
        if self.output_mode != OutputMode::Count {
            let found = format!("`count_weights` with the output mode {}", self.output_mode.name());
            return Err(Error::new(ErrorKind::Argument, found).expected("the output mode count"));
        }
        match *weights == inputs[0] {
            true => Ok(Vec::new()),
            false => Err(Error::new(ErrorKind::Shape, format!("`count_weights` of {weights}"))
                .expected(format!("one for each entry: {}", inputs[0]))),
        }
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let count_weights = inputs.get(1).copied();
        Ok(vec![self.output_mode.encode(inputs[0], self.num_tokens, count_weights)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "CategoryEncoding",
    names: &[],
    summary: "categories as rows of 0 and 1, or as counts",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let num_tokens = reader.maybe_usize("num_tokens").unwrap_or_else(|| {
        reader.refuse("`num_tokens` is missing, expected the number of categories");
        1
    });
    let output_mode = OutputMode::read(reader).unwrap_or(OutputMode::MultiHot);
    refuse_sparse(reader);
    let layer = CategoryEncoding { options, num_tokens, output_mode };
    layer.check()?;
    Ok(Arc::new(layer))
}
