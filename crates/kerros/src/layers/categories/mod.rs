//! Layers that make categories of numbers: whole numbers from 0 on, or rows of 0 and 1.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use crate::object::ConfigReader;

mod adapt;
pub(super) mod category_encoding;
pub(super) mod discretization;
pub(super) mod integer_lookup;

/// In what form categories are given.
///
/// A name that is none of these is a mistake, which the model reports when it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputMode {
    /// The number of the category: `[batch, ..] -> [batch, ..]`, whole numbers.
    Int,
    /// A row of zeros with a 1 for each entry: `[batch, .., 1] -> [batch, .., categories]`, or
    /// `[batch, ..] -> [batch, .., categories]`.
    OneHot,
    /// A row with a 1 for every category that is there: `[batch, entries] -> [batch, categories]`.
    MultiHot,
    /// How often each category is there: `[batch, entries] -> [batch, categories]`.
    Count,
    /// Some other name.
    Unknown(String),
}

impl From<&str> for OutputMode {
    fn from(name: &str) -> Self {
        match name {
            "int" => OutputMode::Int,
            "one_hot" => OutputMode::OneHot,
            // Keras's older name.
            "multi_hot" | "binary" => OutputMode::MultiHot,
            "count" => OutputMode::Count,
            _ => OutputMode::Unknown(name.into()),
        }
    }
}

impl OutputMode {
    /// Keras's name for it.
    pub fn name(&self) -> &str {
        match self {
            OutputMode::Int => "int",
            OutputMode::OneHot => "one_hot",
            OutputMode::MultiHot => "multi_hot",
            OutputMode::Count => "count",
            OutputMode::Unknown(name) => name,
        }
    }

    /// # Errors
    /// A name that is none of `expected`.
    fn check(&self, expected: &[OutputMode]) -> Result<()> {
        if expected.contains(self) {
            return Ok(());
        }
        let names: Vec<&str> = expected.iter().map(OutputMode::name).collect();
        Err(Error::new(ErrorKind::UnknownName, format!("the output mode `{}`", self.name()))
            .expected(format!("one of {}", names.join(", "))))
    }

    /// The mode of a config, if given.
    fn read(reader: &mut ConfigReader<'_>) -> Option<Self> {
        reader.maybe_string("output_mode").map(|name| (&*name).into())
    }

    /// # Errors
    /// An input whose entries are no list per row, where that is needed.
    fn check_input(&self, shape: &Shape) -> Result<()> {
        let takes_rows = matches!(self, OutputMode::MultiHot | OutputMode::Count);
        match takes_rows && shape.ndim() != 2 {
            false => Ok(()),
            true => Err(Error::new(ErrorKind::Shape, format!("an input of shape {shape}"))
                .expected(format!("[batch, entries] for the output mode {}", self.name()))),
        }
    }

    /// Numbers of categories in this form. Those outside `0..categories` are left out, but for
    /// [`OutputMode::Int`]; so are numbers that are not whole, but for [`OutputMode::MultiHot`],
    /// which rounds them towards 0.
    fn encode<'g>(
        &self,
        x: Node<'g>,
        categories: usize,
        count_weights: Option<Node<'g>>,
    ) -> Node<'g> {
        match self {
            OutputMode::OneHot => {
                let shape = x.shape();
                match shape.dims() {
                    // The entries of a last axis of length 1 lie along it.
                    [rest @ .., 1] if shape.ndim() > 1 => one_hot(x.reshape(rest), categories),
                    _ => one_hot(x, categories),
                }
            }
            OutputMode::MultiHot => one_hot(x.cast(DType::I32), categories).max(&[1]),
            OutputMode::Count => {
                let hot = one_hot(x, categories);
                match count_weights {
                    Some(weights) => (hot * weights.cast(DType::F32).expand_dims(2)).sum(&[1]),
                    None => hot.sum(&[1]),
                }
            }
            OutputMode::Int | OutputMode::Unknown(_) => x.cast(DType::I32),
        }
    }
}

/// `[..] -> [.., categories]`.
fn one_hot(x: Node<'_>, categories: usize) -> Node<'_> {
    let number = x.graph().iota(categories).cast(x.dtype());
    x.expand_dims(x.ndim()).equal(number).cast(DType::F32)
}

/// Refuses sparse tensors, which are not here.
fn refuse_sparse(reader: &mut ConfigReader<'_>) {
    if reader.bool("sparse", false) {
        reader.refuse("`sparse` is true, expected false: there are no sparse tensors");
    }
}
