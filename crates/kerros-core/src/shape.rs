//! The lengths of a tensor's axes.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::{Error, ErrorKind, Result};

/// The length of each axis, outermost first. A scalar has no axes.
///
/// ```
/// use kerros_core::Shape;
/// let shape = Shape::from([32, 784]);
/// assert_eq!(shape.num_elements(), 25_088);
/// assert_eq!(shape.to_string(), "[32, 784]");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(
    /// Shared, because graphs copy shapes much more often than they make them; none for a
    /// scalar.
    Option<Arc<[usize]>>,
);

impl Shape {
    /// The shape of a single number: no axes, one element.
    pub const fn scalar() -> Self {
        Shape(None)
    }

    /// The number of axes.
    pub fn ndim(&self) -> usize {
        self.dims().len()
    }

    /// The lengths of the axes.
    pub fn dims(&self) -> &[usize] {
        self.0.as_deref().unwrap_or(&[])
    }

    /// The product of the lengths; 1 for a scalar. A product that does not fit is `usize::MAX`.
    pub fn num_elements(&self) -> usize {
        self.dims().iter().fold(1, |product, &dim| product.saturating_mul(dim))
    }

    /// Like [`Shape::num_elements`], but `None` when the product does not fit a `usize`:
    /// for shapes that come from a file.
    pub fn checked_num_elements(&self) -> Option<usize> {
        self.dims().iter().try_fold(1usize, |product, &dim| product.checked_mul(dim))
    }

    /// Elements to skip to move by one along each axis of a row-major tensor.
    pub fn strides(&self) -> Vec<usize> {
        let dims = self.dims();
        let mut strides = vec![1; dims.len()];
        for axis in (0..dims.len().saturating_sub(1)).rev() {
            strides[axis] = strides[axis + 1] * dims[axis + 1];
        }
        strides
    }

    /// Resolves an axis given as Keras gives it: negative counts from the end.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] when the axis is outside `-ndim..ndim`.
    pub fn axis(&self, axis: isize) -> Result<usize> {
        let ndim = self.ndim() as isize;
        let resolved = if axis < 0 { axis + ndim } else { axis };
        if (0..ndim).contains(&resolved) {
            Ok(resolved as usize)
        } else {
            Err(Error::new(ErrorKind::Argument, format!("axis {axis} of a tensor of shape {self}"))
                .expected(format!("an axis in -{ndim}..{ndim}")))
        }
    }

    /// The shape both broadcast to under NumPy's rule (axes aligned at the end, length 1
    /// stretches), or `None`.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let ndim = self.ndim().max(other.ndim());
        let dim = |shape: &Shape, axis: usize| {
            let missing = ndim - shape.ndim();
            if axis < missing { 1 } else { shape.dims()[axis - missing] }
        };
        (0..ndim)
            .map(|axis| match (dim(self, axis), dim(other, axis)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(Shape::from)
    }

    /// The last axis' length; 1 for a scalar.
    pub fn last(&self) -> usize {
        self.dims().last().copied().unwrap_or(1)
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        self.dims()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, dim) in self.dims().iter().enumerate() {
            if axis > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        dims.as_slice().into()
    }
}
impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Shape((!dims.is_empty()).then(|| dims.into()))
    }
}
impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        dims.as_slice().into()
    }
}
impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}
impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(dims: I) -> Self {
        dims.into_iter().collect::<Vec<_>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        let a = Shape::from([4, 1, 3]);
        assert_eq!(a.broadcast(&Shape::from([5, 3])), Some(Shape::from([4, 5, 3])));
        assert_eq!(a.broadcast(&Shape::scalar()), Some(a.clone()));
        assert_eq!(a.broadcast(&Shape::from([2, 2])), None);
    }

    #[test]
    fn strides_are_row_major() {
        assert_eq!(Shape::from([2, 3, 4]).strides(), [12, 4, 1]);
        assert_eq!(Shape::scalar().strides(), [0usize; 0]);
    }

    #[test]
    fn axes_count_from_the_end() {
        let shape = Shape::from([2, 3]);
        assert_eq!(shape.axis(-1).unwrap(), 1);
        assert!(shape.axis(2).is_err());
        assert!(shape.axis(-3).is_err());
    }
}
