//! What an operation is made of: a class of Keras, its arguments, and a formula.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::Value;

use super::constants;
use crate::layers::Call;
use crate::model::Argument;
use crate::object::{self, Config};

/// A class of `keras.ops`.
pub(super) struct Kind {
    /// The class name, such as `"TrueDivide"`.
    pub(super) class_name: &'static str,
    /// The module below `keras.src`, such as `"ops.numpy"`.
    pub(super) module: &'static str,
    /// The parameters of its call, in order.
    pub(super) parameters: &'static [&'static str],
    /// What it is made with, with defaults as JSON; `"!"` for what must be given.
    pub(super) settings: &'static [(&'static str, &'static str)],
    /// Its results.
    pub(super) apply: for<'a, 'g> fn(&Operands<'a, 'g>) -> Result<Vec<Node<'g>>>,
}

/// Declares the operations of one module: class, parameters of the call, settings with their
/// defaults, and the formula.
macro_rules! kinds {
    ($module:literal; $(
        $Class:ident($($parameter:ident),*) $([$($setting:ident = $default:literal),*])? => $apply:expr;
    )*) => {
        pub(in crate::operations) static KINDS: &[$crate::operations::kind::Kind] = &[$(
            $crate::operations::kind::Kind {
                class_name: stringify!($Class),
                module: $module,
                parameters: &[$(stringify!($parameter)),*],
                settings: &[$($((stringify!($setting), $default)),*)?],
                apply: $apply,
            },
        )*];
    };
}
pub(super) use kinds;

/// What an operation is applied to: the arguments of its call and its settings.
pub(super) struct Operands<'a, 'g> {
    pub(super) call: &'a Call<'a, 'g>,
    pub(super) inputs: &'a [Node<'g>],
    pub(super) config: &'a Config,
}

impl<'g> Operands<'_, 'g> {
    /// The argument as a tensor, if it is given: a node, or a constant.
    ///
    /// # Errors
    /// A constant that is no array of numbers.
    pub(super) fn maybe(&self, name: &str) -> Result<Option<Node<'g>>> {
        match self.call.argument(name) {
            None | Some(Argument::Value(Value::Null)) => Ok(None),
            Some(argument) => self.node_of(argument).map(Some),
        }
    }

    /// The argument as a tensor.
    ///
    /// # Errors
    /// As [`Operands::maybe`]; an argument that is not given.
    pub(super) fn node(&self, name: &str) -> Result<Node<'g>> {
        self.maybe(name)?.ok_or_else(|| missing(name))
    }

    /// The argument as several tensors.
    ///
    /// # Errors
    /// As [`Operands::node`].
    pub(super) fn nodes(&self, name: &str) -> Result<Vec<Node<'g>>> {
        match self.call.argument(name) {
            Some(Argument::List(items)) => items.iter().map(|item| self.node_of(item)).collect(),
            Some(argument) => Ok(vec![self.node_of(argument)?]),
            None => Err(missing(name)),
        }
    }

    /// All positional arguments as tensors: for operations that take any number.
    ///
    /// # Errors
    /// As [`Operands::node`].
    pub(super) fn all(&self) -> Result<Vec<Node<'g>>> {
        self.call.arguments.positional.iter().map(|argument| self.node_of(argument)).collect()
    }

    fn node_of(&self, argument: &Argument<Node<'g>>) -> Result<Node<'g>> {
        let graph = self.inputs[0].graph();
        match argument {
            Argument::Tensor(node) => Ok(*node),
            Argument::Value(value) => Ok(graph.literal(constants::tensor(value)?)),
            Argument::List(_) | Argument::Dictionary(_) => {
                Err(Error::new(ErrorKind::Unsupported, "a list of tensors").expected("one tensor"))
            }
        }
    }

    /// Two arguments as tensors of one type: floats when either is.
    ///
    /// # Errors
    /// As [`Operands::node`].
    pub(super) fn pair(&self, a: &str, b: &str) -> Result<(Node<'g>, Node<'g>)> {
        let (a, b) = (self.node(a)?, self.node(b)?);
        Ok(match (a.dtype(), b.dtype()) {
            (one, other) if one == other => (a, b),
            (DType::F32, _) | (_, DType::F32) => (a.cast(DType::F32), b.cast(DType::F32)),
            _ => (a.cast(DType::I32), b.cast(DType::I32)),
        })
    }

    /// Two arguments as floats, or as whole numbers: truth values count as 0 and 1.
    ///
    /// # Errors
    /// As [`Operands::node`].
    pub(super) fn numbers(&self, a: &str, b: &str) -> Result<(Node<'g>, Node<'g>)> {
        let (a, b) = self.pair(a, b)?;
        Ok((counted(a), counted(b)))
    }

    /// The argument as floats.
    ///
    /// # Errors
    /// As [`Operands::node`].
    pub(super) fn float(&self, name: &str) -> Result<Node<'g>> {
        Ok(self.node(name)?.cast(DType::F32))
    }

    /// A setting, or an argument of the call that is no tensor; null when it is neither.
    pub(super) fn value(&self, name: &str) -> &Value {
        match (self.config.get(name), self.call.argument(name)) {
            (Some(value), _) => value,
            (None, Some(Argument::Value(value))) => value,
            _ => &Value::Null,
        }
    }

    /// A setting that is true or false.
    pub(super) fn flag(&self, name: &str) -> bool {
        object::truth(self.value(name)).unwrap_or(false)
    }

    /// A setting that is a number.
    ///
    /// # Errors
    /// Another value.
    pub(super) fn number(&self, name: &str) -> Result<f64> {
        object::number(self.value(name)).ok_or_else(|| self.wrong(name, "a number"))
    }

    /// A setting that is a whole number.
    ///
    /// # Errors
    /// Another value.
    pub(super) fn whole(&self, name: &str) -> Result<isize> {
        object::whole(self.value(name)).ok_or_else(|| self.wrong(name, "a whole number"))
    }

    /// A setting that is a whole number or a list of them; none when it is null.
    ///
    /// # Errors
    /// Another value.
    pub(super) fn wholes(&self, name: &str) -> Result<Option<Vec<isize>>> {
        let list = match self.value(name) {
            Value::Null => return Ok(None),
            Value::Array(list) => list.iter().map(object::whole).collect(),
            value => object::whole(value).map(|number| vec![number]),
        };
        list.map(Some).ok_or_else(|| self.wrong(name, "a whole number or a list of them"))
    }

    /// A setting that is an axis of a tensor with so many axes.
    ///
    /// # Errors
    /// Another value; an axis that is not there.
    pub(super) fn axis(&self, name: &str, ndim: usize) -> Result<usize> {
        axis_of(self.whole(name)?, ndim)
    }

    /// The axes that a setting names, ascending; all of them when it is null.
    ///
    /// # Errors
    /// As [`Operands::axis`].
    pub(super) fn axes(&self, name: &str, ndim: usize) -> Result<Vec<usize>> {
        let Some(axes) = self.wholes(name)? else { return Ok((0..ndim).collect()) };
        let axes = axes.into_iter().map(|axis| axis_of(axis, ndim));
        let mut axes = axes.collect::<Result<Vec<_>>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }

    /// The error for a setting of the wrong sort.
    pub(super) fn wrong(&self, name: &str, expected: &str) -> Error {
        Error::new(ErrorKind::Argument, format!("`{name}` is {}", self.value(name)))
            .expected(expected)
    }
}

/// A result in the type that two operands share: truth values of truth values.
pub(super) fn as_truth_of_truths<'g>(operands: [Node<'g>; 2], made: Node<'g>) -> Node<'g> {
    match operands.map(Node::dtype) {
        [DType::Bool, DType::Bool] => made.cast(DType::Bool),
        _ => made,
    }
}

/// Truth values as 0 and 1; numbers as they are.
pub(super) fn counted(x: Node<'_>) -> Node<'_> {
    match x.dtype() {
        DType::Bool => x.cast(DType::I32),
        _ => x,
    }
}

/// An axis, counted from the front.
///
/// # Errors
/// An axis that is not there.
pub(super) fn axis_of(axis: isize, ndim: usize) -> Result<usize> {
    let at = if axis < 0 { axis + ndim as isize } else { axis };
    usize::try_from(at).ok().filter(|at| *at < ndim).ok_or_else(|| {
        Error::new(ErrorKind::Argument, format!("the axis {axis} of {ndim} axes"))
            .expected("an axis that is there")
    })
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::Argument, format!("`{name}` is missing")).expected("a tensor or a number")
}
