//! Shapes in which some axes are not known before the data are.

use std::fmt;

use kerros_core::Shape;
use serde_json::{Value, json};

/// The shape of one row, without the batch axis: `None` for axes whose length the data tell,
/// such as the time axis of sequences of any length.
///
/// ```
/// use kerros::model::PartialShape;
/// let image = PartialShape::from([28, 28, 1]);
/// let sequence = PartialShape::from([None, Some(8)]);
/// assert_eq!((image.to_string(), sequence.to_string()),
///            ("[28, 28, 1]".into(), "[None, 8]".into()));
/// assert!(sequence.admits(&[5, 8]) && !sequence.admits(&[5, 7]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartialShape(Vec<Option<usize>>);

impl PartialShape {
    /// A shape without axes.
    pub(crate) const NONE: &'static PartialShape = &PartialShape(Vec::new());

    /// The axes.
    pub fn dims(&self) -> &[Option<usize>] {
        &self.0
    }

    /// The number of axes.
    pub fn ndim(&self) -> usize {
        self.0.len()
    }

    /// The shape, when every axis is known.
    pub fn known(&self) -> Option<Shape> {
        self.0.iter().copied().collect::<Option<Vec<usize>>>().map(Shape::from)
    }

    /// The shape with this length for each unknown axis.
    pub fn filled(&self, length: usize) -> Shape {
        self.0.iter().map(|dim| dim.unwrap_or(length)).collect()
    }

    /// Whether rows of this shape fit.
    pub fn admits(&self, row: &[usize]) -> bool {
        let fits = |(dim, &length): (&Option<usize>, &usize)| dim.is_none_or(|dim| dim == length);
        self.0.len() == row.len() && self.0.iter().zip(row).all(fits)
    }

    /// What two shapes have in common: axes in which they differ are unknown. Shapes of
    /// different numbers of axes have nothing in common.
    pub fn common(a: &[usize], b: &[usize]) -> Option<Self> {
        let common = |(a, b): (&usize, &usize)| (a == b).then_some(*a);
        (a.len() == b.len()).then(|| PartialShape(a.iter().zip(b).map(common).collect()))
    }

    /// As Keras writes it, the batch axis in front.
    pub fn with_batch_axis(&self, batch: Option<usize>) -> Value {
        let dims: Vec<Option<usize>> =
            std::iter::once(batch).chain(self.0.iter().copied()).collect();
        json!(dims)
    }
}

impl fmt::Display for PartialShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dim = |dim: &Option<usize>| dim.map_or("None".into(), |dim: usize| dim.to_string());
        write!(f, "[{}]", self.0.iter().map(dim).collect::<Vec<_>>().join(", "))
    }
}

macro_rules! from_shapes {
    ($([$($generics:tt)*] $ty:ty),*) => {$(
        impl<$($generics)*> From<$ty> for PartialShape {
            fn from(shape: $ty) -> Self {
                let shape = Shape::from(shape);
                PartialShape(shape.iter().copied().map(Some).collect())
            }
        }
    )*};
}
from_shapes!([const N: usize] [usize; N], [] &[usize], [] Vec<usize>, [] Shape, [] &Shape);

impl<const N: usize> From<[Option<usize>; N]> for PartialShape {
    fn from(dims: [Option<usize>; N]) -> Self {
        PartialShape(dims.to_vec())
    }
}

impl From<Vec<Option<usize>>> for PartialShape {
    fn from(dims: Vec<Option<usize>>) -> Self {
        PartialShape(dims)
    }
}

impl From<&PartialShape> for PartialShape {
    fn from(shape: &PartialShape) -> Self {
        shape.clone()
    }
}
