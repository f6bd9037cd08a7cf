//! What the equation of an [`EinsumDense`] says: its terms, and the shapes of the weights.

use std::collections::BTreeSet;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use serde_json::{Value, json};

use super::EinsumDense;
use crate::initializers::{Initializer, REGISTRY};

/// An equation, the axes that `...` stands for apart.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) input: Vec<char>,
    pub(super) kernel: Vec<char>,
    pub(super) output: Vec<char>,
    pub(super) before: usize,
    pub(super) after: usize,
}

/// The shapes of the weights.
#[derive(Debug)]
pub(super) struct Sizes {
    pub(super) kernel: Vec<usize>,
    pub(super) bias: Option<Vec<usize>>,
    pub(super) terms: Terms,
}

impl Terms {
    /// How many axes are summed over, when the layer is a dense one over the input's last axes:
    /// the kernel's first axes are these, in order, and its others are the result's last.
    pub(super) fn as_dense(&self, bias: Option<&str>) -> Option<usize> {
        let made = self.kernel.iter().rev().take_while(|letter| !self.input.contains(letter));
        let made = made.count();
        let summed = self.kernel.len() - made;
        let kept = self.input.len().checked_sub(summed)?;
        let fits = self.after == 0
            && summed > 0
            && made > 0
            && self.input[kept..] == self.kernel[..summed]
            && self.output[..] == [&self.input[..kept], &self.kernel[summed..]].concat()
            && bias.is_none_or(|bias| bias.chars().eq(self.kernel[summed..].iter().copied()));
        fits.then_some(summed)
    }
}

impl EinsumDense {
    /// The terms of the equation for inputs of so many axes, letters for those that `...`
    /// stands for, with the number of these at the beginning and at the end.
    pub(super) fn terms(&self, ndim: usize) -> Result<Terms> {
        let malformed = || {
            Error::new(ErrorKind::Argument, format!("the equation `{}`", self.equation)).expected(
                "a term for the input, one for the kernel and one for the result, such as \
                 \"abc,cd->abd\" or \"...x,xy->...y\"",
            )
        };
        let equation: String = self.equation.chars().filter(|c| !c.is_whitespace()).collect();
        let (inputs, output) = equation.split_once("->").ok_or_else(malformed)?;
        let (input, kernel) = inputs.split_once(',').ok_or_else(malformed)?;
        let is_plain = |term: &str| !term.is_empty() && term.chars().all(char::is_alphabetic);
        let stripped = |strip: fn(&str) -> Option<&str>| strip(input).zip(strip(output));
        let left = stripped(|term| term.strip_prefix("..."));
        let right = stripped(|term| term.strip_suffix("..."));
        let (plain_input, plain_output) = left.or(right).unwrap_or((input, output));
        if ![plain_input, kernel, plain_output].into_iter().all(is_plain) {
            return Err(malformed());
        }
        let elided = match (left.or(right), ndim.checked_sub(plain_input.chars().count())) {
            (Some(_), Some(elided)) => elided,
            (None, Some(0)) => 0,
            _ => {
                return Err(Error::new(ErrorKind::Shape, format!("an input of {ndim} axes"))
                    .expected(format!("the axes of `{input}`")));
            }
        };
        Ok(Terms {
            input: plain_input.chars().collect(),
            kernel: kernel.chars().collect(),
            output: plain_output.chars().collect(),
            before: if left.is_some() { elided } else { 0 },
            after: if left.is_some() { 0 } else { elided },
        })
    }

    /// The shapes of kernel and bias.
    pub(super) fn sizes(&self, input: &Shape) -> Result<Sizes> {
        let terms = self.terms(input.ndim())?;
        let given = || self.output_shape.iter().copied();
        // The result's axes, batch axis and elided ones included.
        let batch = input.first().copied();
        let own = |axes: std::ops::Range<usize>| input[axes].iter().map(|&dim| Some(dim));
        let output: Vec<Option<usize>> = std::iter::once(batch)
            .chain(own(1..terms.before.max(1)))
            .chain(given())
            .chain(own(input.ndim() - terms.after..input.ndim()))
            .collect();
        let expected = terms.before + terms.output.len() + terms.after;
        if output.len() != expected {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("an output shape of {} axes", self.output_shape.len()),
            )
            .expected(format!(
                "{}",
                (self.output_shape.len() + expected).saturating_sub(output.len())
            )));
        }
        let length_in = |letter: char| {
            let at = terms.input.iter().position(|&known| known == letter)?;
            Some(input[terms.before + at])
        };
        let length_out = |letter: char| -> Option<usize> {
            let at = terms.output.iter().position(|&known| known == letter)?;
            output[terms.before + at].or_else(|| length_in(letter))
        };
        for &letter in &terms.output {
            if let (Some(given), Some(own)) = (length_out(letter), length_in(letter))
                && given != own
            {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("the axis `{letter}` is {own} long in an input of shape {input}"),
                )
                .expected(format!("{given}, as in the output shape")));
            }
        }
        let unknown = |letter: char| {
            Error::new(
                ErrorKind::Argument,
                format!("the length of the axis `{letter}` is not known"),
            )
            .expected("an axis of the input, or a number in the output shape")
        };
        let length = |letter: char| {
            length_out(letter).or_else(|| length_in(letter)).ok_or_else(|| unknown(letter))
        };
        let kernel =
            terms.kernel.iter().map(|&letter| length(letter)).collect::<Result<Vec<_>>>()?;
        let bias = self.bias_axes.as_ref().map(|axes| -> Result<Vec<usize>> {
            let place = |letter: char| {
                let at = terms.output.iter().position(|&known| known == letter);
                at.ok_or_else(|| {
                    Error::new(ErrorKind::Argument, format!("the bias axis `{letter}`"))
                        .expected("an axis of the result")
                })
            };
            let places: BTreeSet<usize> = axes.chars().map(place).collect::<Result<_>>()?;
            let first = places.first().copied().unwrap_or(terms.output.len());
            let dim = |at: usize| match places.contains(&at) {
                true => length(terms.output[at]),
                false => Ok(1),
            };
            let named = (first..terms.output.len()).map(dim);
            named.chain((0..terms.after).map(|_| Ok(1))).collect()
        });
        Ok(Sizes { kernel, bias: bias.transpose()?, terms })
    }
}

/// An initializer that goes by the number of inputs and outputs is told which axes they are,
/// unless it was.
pub(super) fn with_axes(
    start: Arc<dyn Initializer>,
    terms: &Terms,
) -> Result<Arc<dyn Initializer>> {
    let mut config = start.config();
    let is_untold = |name: &str| config.get(name).is_some_and(Value::is_null);
    if !is_untold("input_axes") && !is_untold("output_axes") {
        return Ok(start);
    }
    let axes = |made: bool| -> Vec<usize> {
        let is_made = |at: &usize| terms.output.contains(&terms.kernel[*at]);
        (0..terms.kernel.len()).filter(|at| is_made(at) == made).collect()
    };
    config.insert("input_axes".into(), json!(axes(false)));
    config.insert("output_axes".into(), json!(axes(true)));
    REGISTRY.deserialize(&json!({"class_name": start.class_name(), "config": config}))
}
