//! Arrays of the evaluator.

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};

use super::Real;

/// The elements: floats (also truth values, as 0 and 1), or integers.
#[derive(Clone, Debug)]
pub enum Values<T> {
    /// `f32` in the working precision, or truth values.
    Float(Vec<T>),
    /// `i32`.
    Int(Vec<i32>),
}

/// A row-major array in the working precision `T`.
#[derive(Clone, Debug)]
pub struct Array<T> {
    /// The lengths of the axes.
    pub shape: Shape,
    /// The graph's dtype.
    pub dtype: DType,
    /// The elements.
    pub values: Values<T>,
}

impl<T: Real> Array<T> {
    /// An array of floats.
    pub fn floats(shape: impl Into<Shape>, values: Vec<T>) -> Self {
        Array { shape: shape.into(), dtype: DType::F32, values: Values::Float(values) }
    }

    /// An array of integers.
    pub fn ints(shape: impl Into<Shape>, values: Vec<i32>) -> Self {
        Array { shape: shape.into(), dtype: DType::I32, values: Values::Int(values) }
    }

    /// The floats (or truth values). The shape rules guarantee the type.
    pub fn as_floats(&self) -> &[T] {
        match &self.values {
            Values::Float(values) => values,
            Values::Int(_) => unreachable!("the shape rule asked for floats"),
        }
    }

    /// The integers. The shape rules guarantee the type.
    pub fn as_ints(&self) -> &[i32] {
        match &self.values {
            Values::Int(values) => values,
            Values::Float(_) => unreachable!("the shape rule asked for integers"),
        }
    }

    /// The elements at `index(i)` for each `i` of the new shape.
    pub fn gather(&self, shape: &Shape, index: impl Fn(usize) -> usize) -> Self {
        let count = shape.num_elements();
        let values = match &self.values {
            Values::Float(v) => Values::Float((0..count).map(|i| v[index(i)]).collect()),
            Values::Int(v) => Values::Int((0..count).map(|i| v[index(i)]).collect()),
        };
        Array { shape: shape.clone(), dtype: self.dtype, values }
    }

    /// The elements at `index(i)` where there is one, zero elsewhere.
    pub fn gather_or_zero(&self, shape: &Shape, index: impl Fn(usize) -> Option<usize>) -> Self {
        let count = shape.num_elements();
        let values = match &self.values {
            Values::Float(v) => Values::Float(
                (0..count).map(|i| index(i).map_or(T::from_f32(0.0), |at| v[at])).collect(),
            ),
            Values::Int(v) => {
                Values::Int((0..count).map(|i| index(i).map_or(0, |at| v[at])).collect())
            }
        };
        Array { shape: shape.clone(), dtype: self.dtype, values }
    }

    /// The array of a host tensor, read as the graph's dtype.
    ///
    /// # Errors
    /// [`ErrorKind::DType`] for a dtype that the graph does not compute in.
    pub fn from_tensor(tensor: &Tensor, dtype: DType) -> Result<Self> {
        let values = match dtype {
            DType::I32 => Values::Int(tensor.to_i32()?.as_slice::<i32>()?.to_vec()),
            DType::F32 | DType::Bool => {
                Values::Float(tensor.to_vec_f64().into_iter().map(T::from_f64).collect())
            }
            other => {
                return Err(Error::new(ErrorKind::DType, format!("a graph cannot hold {other}"))
                    .expected("float32, int32 or bool"));
            }
        };
        Ok(Array { shape: tensor.shape().clone(), dtype, values })
    }

    /// The host tensor of an array.
    pub fn to_tensor(&self) -> Tensor {
        let built = match (&self.values, self.dtype) {
            (Values::Int(values), _) => Tensor::new(&self.shape, values),
            (Values::Float(values), DType::Bool) => {
                let truths: Vec<bool> = values.iter().map(|v| v.to_f64() != 0.0).collect();
                Tensor::from_bools(&self.shape, &truths)
            }
            (Values::Float(values), _) => T::tensor(&self.shape, values),
        };
        built.expect("an array has as many elements as its shape")
    }
}
