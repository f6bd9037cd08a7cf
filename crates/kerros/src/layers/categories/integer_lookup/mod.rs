use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use self::table::Table;
use super::OutputMode;
use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::Entry;

mod adapt;
mod config;
mod table;

/// `y = i + start` where `x` is entry `i` of a vocabulary of whole numbers; other numbers get an
/// index below `start`.
///
/// For categories that are numbers with gaps: codes, years, identifiers.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`, `i32`; in other output modes `f32` as with
/// [`CategoryEncoding`](crate::layers::CategoryEncoding)
///
/// # Parameters
/// - `vocabulary`: the numbers that are known, each once; or [`IntegerLookup::adapt`] finds them
///   in data. From -2^31 to 2^31 - 1. (Keras keeps a vocabulary that was found in a text beside
///   the config; in a `.keras` file it is read from there.)
/// - `num_oov_indices`: how many indices the numbers share that are not known, by their remainder.
///   With 0 they give -1, where Keras stops. Default: 1.
/// - `mask_token`: a number that stands for nothing: index 0, and no entry in other output modes.
///   Default: none.
/// - `oov_token`: what `invert` gives for other indices. Default: -1.
/// - `max_tokens`: the most indices there are. Default: no bound.
/// - `output_mode`: `int` (the default), `one_hot`, `multi_hot` or `count`.
/// - `pad_to_max_tokens`: whether rows have `max_tokens` entries. Default: `false`.
/// - `invert`: whether to go the other way, from indices to numbers. Default: `false`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3]).add(IntegerLookup::new([12, 36, 1000]));
/// let y = model.predict(Tensor::new([1, 3], [36.0f32, 12.0, 5.0])?)?;
/// assert_eq!(y.as_slice::<i32>()?, [2, 1, 0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct IntegerLookup {
    options: Options,
    vocabulary: Option<Vec<i32>>,
    num_oov_indices: usize,
    mask_token: Option<i32>,
    oov_token: Option<i32>,
    max_tokens: Option<usize>,
    output_mode: OutputMode,
    pad_to_max_tokens: bool,
    invert: bool,
}

layer_methods!(IntegerLookup);

/// Remainders are exact up to far more; more shared indices are taken for a mistake.
const MAX_OOV_INDICES: usize = 1 << 20;

impl IntegerLookup {
    /// Looks numbers up in this vocabulary.
    #[track_caller]
    pub fn new(vocabulary: impl Into<Vec<i32>>) -> Self {
        IntegerLookup { vocabulary: Some(vocabulary.into()), ..Self::without_vocabulary() }
    }

    /// A layer whose vocabulary [`IntegerLookup::adapt`] finds.
    #[track_caller]
    pub fn without_vocabulary() -> Self {
        IntegerLookup {
            options: Options::here(),
            vocabulary: None,
            num_oov_indices: 1,
            mask_token: None,
            oov_token: Some(-1),
            max_tokens: None,
            output_mode: OutputMode::Int,
            pad_to_max_tokens: false,
            invert: false,
        }
    }

    /// Sets how many indices unknown numbers share.
    pub fn num_oov_indices(mut self, num_oov_indices: usize) -> Self {
        self.num_oov_indices = num_oov_indices;
        self
    }

    /// Sets the number that stands for nothing.
    pub fn mask_token(mut self, mask_token: i32) -> Self {
        self.mask_token = Some(mask_token);
        self
    }

    /// Sets what `invert` gives for other indices.
    pub fn oov_token(mut self, oov_token: i32) -> Self {
        self.oov_token = Some(oov_token);
        self
    }

    /// Sets the most indices there are.
    pub fn max_tokens(mut self, max_tokens: usize) -> Self {
        self.max_tokens = Some(max_tokens);
        self
    }

    /// Sets the form: `int`, `one_hot`, `multi_hot` or `count`.
    pub fn output_mode(mut self, output_mode: impl Into<OutputMode>) -> Self {
        self.output_mode = output_mode.into();
        self
    }

    /// Sets whether rows have `max_tokens` entries.
    pub fn pad_to_max_tokens(mut self, pad: bool) -> Self {
        self.pad_to_max_tokens = pad;
        self
    }

    /// Sets whether to go from indices to numbers.
    pub fn invert(mut self, invert: bool) -> Self {
        self.invert = invert;
        self
    }

    /// The first index that unknown numbers share.
    fn first_oov(&self) -> usize {
        usize::from(self.mask_token.is_some() && self.output_mode == OutputMode::Int)
    }

    /// The index of the first number of the vocabulary.
    fn first_token(&self) -> usize {
        self.first_oov() + self.num_oov_indices
    }

    /// The vocabulary without the special numbers that may stand before it.
    fn tokens(&self) -> &[i32] {
        let all = self.vocabulary.as_deref().unwrap_or_default();
        let masks = std::iter::repeat_n(self.mask_token, self.first_oov());
        let special = masks.chain(std::iter::repeat_n(self.oov_token, self.num_oov_indices));
        let count = self.first_token();
        let begins = count > 0
            && count <= all.len()
            && special.zip(all).all(|(special, &token)| special == Some(token));
        if begins { &all[count..] } else { all }
    }

    /// How many indices there are.
    fn size(&self) -> usize {
        self.first_token() + self.tokens().len()
    }

    fn indices<'g>(&self, x: Node<'g>) -> Node<'g> {
        let first = self.first_token() as i32;
        let tokens = self.tokens().iter().zip(first..).map(|(&token, index)| (token, index));
        let graph = x.graph();
        let number = |value: i32| graph.constant_i32(value).broadcast_to(x.shape());
        let oov = match self.num_oov_indices {
            0 => number(-1),
            1 => number(self.first_oov() as i32),
            shared => remainder(x, shared) + self.first_oov() as f32,
        };
        let index = Table::new(tokens).look_up(x, oov);
        match self.mask_token {
            None => index,
            Some(mask) => {
                // In other modes than `int` a masked number has no entry.
                let masked = if self.output_mode == OutputMode::Int { 0 } else { -1 };
                x.equal(number(mask)).select(number(masked), index)
            }
        }
    }

    fn numbers<'g>(&self, x: Node<'g>) -> Node<'g> {
        let first = self.first_token() as i32;
        let masked = self.mask_token.map(|mask| (0, mask));
        let tokens = self.tokens().iter().zip(first..).map(|(&token, index)| (index, token));
        let other = x.graph().constant_i32(self.oov_token.unwrap_or(-1)).broadcast_to(x.shape());
        Table::new(masked.into_iter().chain(tokens)).look_up(x, other)
    }
}

/// The remainder of whole numbers divided by `divisor`, never negative.
///
/// There is no division of `i32`: the first quotient is off by up to 2^-22 of itself, which leaves
/// a number that `f32` holds and divides exactly enough.
fn remainder(x: Node<'_>, divisor: usize) -> Node<'_> {
    fn pass(x: Node<'_>, divisor: f32) -> Node<'_> {
        let quotient = (x.cast(DType::F32) / divisor).floor().cast(DType::I32);
        x - quotient * divisor
    }
    pass(pass(x, divisor as f32), divisor as f32)
}

impl Layer for IntegerLookup {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let modes = [OutputMode::Int, OutputMode::OneHot, OutputMode::MultiHot, OutputMode::Count];
        self.output_mode.check(if self.invert { &modes[..1] } else { &modes })?;
        let wrong = |what: String, expected: &str| {
            Err(Error::new(ErrorKind::Argument, what).expected(expected))
        };
        if self.num_oov_indices > MAX_OOV_INDICES {
            let found = format!("`num_oov_indices` is {}", self.num_oov_indices);
            return wrong(found, &format!("up to {MAX_OOV_INDICES}"));
        }
        let mut sorted = self.tokens().to_vec();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return wrong(format!("{} is in the vocabulary twice", pair[0]), "each number once");
        }
        let special = [self.mask_token, self.oov_token.filter(|_| self.invert)];
        for token in special.into_iter().flatten() {
            if sorted.binary_search(&token).is_ok() {
                let found = format!("the special number {token} is in the vocabulary");
                return wrong(found, "a vocabulary without it");
            }
        }
        match self.max_tokens {
            Some(most) if most < 2 || self.vocabulary.is_some() && most < self.size() => {
                wrong(format!("`max_tokens` is {most}"), &format!("at least {}", self.size()))
            }
            None if self.pad_to_max_tokens => {
                wrong("`pad_to_max_tokens` without `max_tokens`".into(), "both or none")
            }
            _ => Ok(()),
        }
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        if self.vocabulary.as_ref().is_none_or(Vec::is_empty) {
            return Err(Error::new(ErrorKind::State, "an IntegerLookup layer without vocabulary")
                .expected("a vocabulary, given or found")
                .hint("call `adapt` with data before the model is built"));
        }
        self.output_mode.check_input(&inputs[0])?;
        Ok(Vec::new())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0].cast(DType::I32);
        if self.invert {
            return Ok(vec![self.numbers(x)]);
        }
        let padded = self.max_tokens.filter(|_| self.pad_to_max_tokens);
        let size = padded.unwrap_or_else(|| self.size());
        Ok(vec![self.output_mode.encode(self.indices(x), size, None)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "IntegerLookup",
    names: &[],
    summary: "the place of whole numbers in a vocabulary",
    from_config: config::from_config,
};
