//! Axes that a layer goes along.

use kerros_core::{Error, ErrorKind, Result, Shape};
use serde_json::{Value, json};

use crate::object::ConfigReader;

/// One axis, or several taken together; negative ones count from the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axes {
    /// One axis.
    One(isize),
    /// Several.
    Several(Vec<isize>),
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Axes::One(axis)
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        Axes::Several(axes.to_vec())
    }
}

impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Self {
        Axes::Several(axes)
    }
}

impl Axes {
    /// The axes as they were given.
    pub fn get(&self) -> &[isize] {
        match self {
            Axes::One(axis) => std::slice::from_ref(axis),
            Axes::Several(axes) => axes,
        }
    }

    /// As Keras writes it: a number, or a list.
    pub(super) fn value(&self) -> Value {
        match self {
            Axes::One(axis) => json!(axis),
            Axes::Several(axes) => json!(axes),
        }
    }

    /// Reads a number or a list, if given.
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Option<Self> {
        let value = reader.value("axis")?;
        let axis = |value: &Value| value.as_i64().map(|axis| axis as isize);
        let axes = match value {
            Value::Array(axes) => axes.iter().map(axis).collect::<Option<_>>().map(Axes::Several),
            value => axis(value).map(Axes::One),
        };
        if axes.is_none() {
            reader.refuse(format!("`axis` is {value}, expected a whole number or a list of them"));
        }
        axes
    }

    /// Checks that there are any, each once.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`].
    pub(super) fn check(&self) -> Result<()> {
        let axes = self.get();
        let twice = (1..axes.len()).any(|at| axes[..at].contains(&axes[at]));
        match axes.is_empty() || twice {
            true => Err(Error::new(ErrorKind::Argument, format!("the axes {axes:?}"))
                .expected("at least one axis, each once")),
            false => Ok(()),
        }
    }

    /// A shape with the lengths of these axes, and 1 elsewhere.
    ///
    /// # Errors
    /// An axis that the shape does not have.
    pub(super) fn kept(&self, shape: &Shape) -> Result<Vec<usize>> {
        let mut dims = vec![1; shape.ndim()];
        for &axis in self.get() {
            let axis = shape.axis(axis)?;
            dims[axis] = shape[axis];
        }
        Ok(dims)
    }

    /// A shape with 1 at these axes, and the lengths of the others.
    ///
    /// # Errors
    /// An axis that the shape does not have.
    pub(super) fn reduced(&self, shape: &Shape) -> Result<Vec<usize>> {
        let mut dims = shape.to_vec();
        for &axis in self.get() {
            dims[shape.axis(axis)?] = 1;
        }
        Ok(dims)
    }
}
