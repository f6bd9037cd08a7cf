//! What an operation must say of itself.

use std::fmt::Debug;
use std::hash::Hash;

use kerros_core::{Error, ErrorKind, Result};

use crate::attributes::Attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::node::Node;

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// A primitive: every device must run it, the evaluator defines it.
    Primitive,
    /// Made of primitives ([`Operation::decompose`]); a device may have a kernel for the whole.
    Composite,
}

/// What a derivative rule is given: `output = op(inputs)` and d(loss)/d(output).
pub struct Backward<'a, 'g> {
    /// What the operation was applied to.
    pub inputs: &'a [Node<'g>],
    /// What it gave.
    pub output: Node<'g>,
    /// The derivative of the loss with respect to the output; same type as the output.
    pub dy: Node<'g>,
}

/// The derivatives with respect to each input; `None` where none flows (integers, indices).
pub type Cotangents<'g> = Vec<Option<Node<'g>>>;

/// One case for the generic tests: the operation, its input types, and the range that
/// float inputs are drawn from (integers are drawn from `0..range.1`).
#[derive(Clone, Debug)]
pub struct Sample<T> {
    /// The operation with its attributes.
    pub op: T,
    /// The types of its inputs.
    pub inputs: Vec<Type>,
    /// Where inputs are drawn from, away from kinks.
    pub range: (f64, f64),
}

/// An operation: a file of its own in `ops/`, and a line in the list there.
pub trait Operation: Clone + Debug + PartialEq + Eq + Hash + Sized {
    /// The name in texts, lower case.
    const NAME: &'static str;
    /// Primitive or composite.
    const TIER: Tier = Tier::Primitive;

    /// The type of the result, or why there is none.
    ///
    /// # Errors
    /// Types that do not fit each other, with the values received and what was expected.
    fn infer(&self, inputs: &[Type]) -> Result<Type>;

    /// The derivative rule, as more graph.
    ///
    /// # Errors
    /// [`ErrorKind::Gradient`] when there is no derivative, with the remedy.
    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>>;

    /// A composite in terms of simpler operations: its meaning.
    fn decompose<'g>(&self, _inputs: &[Node<'g>]) -> Option<Node<'g>> {
        None
    }

    /// A primitive on arrays: its meaning. `f32` goes by the law of arithmetic, `f64` is the
    /// oracle of derivatives. Composites are decomposed before they are evaluated.
    fn eval<T: Real>(&self, _inputs: &[&Array<T>], _ty: &Type) -> Array<T> {
        unreachable!("{} is evaluated through its decomposition", Self::NAME)
    }

    /// The attributes by name, for the text form.
    fn attributes(&self) -> Attributes;

    /// The operation from its attributes.
    ///
    /// # Errors
    /// A missing or unreadable attribute.
    fn from_attributes(attributes: &Attributes) -> Result<Self>;

    /// Cases for the generic tests: shape rule, derivative, kernels, text.
    fn samples() -> Vec<Sample<Self>>;
}

/// Checks the number of inputs.
///
/// # Errors
/// [`ErrorKind::Internal`]: the builder passed another number.
pub fn expect_inputs(inputs: &[Type], count: usize) -> Result<()> {
    if inputs.len() == count {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Internal, format!("{} inputs were given", inputs.len()))
        .expected(format!("{count}")))
}

/// The error for operands that do not fit each other.
pub fn misfit(inputs: &[Type], expected: &str) -> Error {
    let types: Vec<String> = inputs.iter().map(Type::to_string).collect();
    Error::new(ErrorKind::Shape, format!("operands of types {}", types.join(", ")))
        .expected(expected)
}

/// Checks that an input is of floats.
///
/// # Errors
/// [`ErrorKind::DType`].
pub fn expect_float(ty: &Type) -> Result<()> {
    if ty.dtype.is_float() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::DType, format!("the operand is {ty}"))
        .expected("float32")
        .hint("convert it with `cast`"))
}
