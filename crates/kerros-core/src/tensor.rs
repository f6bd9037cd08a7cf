//! The host tensor: a shape, a dtype and a buffer.

use std::fmt;
use std::sync::Arc;

use crate::{Buffer, DType, Element, Error, ErrorKind, Result, Shape};

/// A row-major array of any number of axes in host memory.
///
/// Cloning shares the buffer; writing to a shared buffer copies it first.
///
/// ```
/// use kerros_core::Tensor;
/// let x = Tensor::new([2, 3], vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(x.shape().dims(), [2, 3]);
/// assert_eq!(x.to_f32().as_slice::<f32>()?[4], 5.0);
/// # Ok::<(), kerros_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    shape: Shape,
    dtype: DType,
    buffer: Arc<Buffer>,
}

impl Tensor {
    /// A tensor with these elements, last axis fastest.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] when the number of elements is not the shape's.
    pub fn new<T: Element>(shape: impl Into<Shape>, elements: impl AsRef<[T]>) -> Result<Self> {
        let (shape, elements) = (shape.into(), elements.as_ref());
        if shape.checked_num_elements() != Some(elements.len()) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("{} elements were given for the shape {shape}", elements.len()),
            )
            .expected("as many elements as the product of the shape's axes"));
        }
        let mut tensor = Tensor::zeros(shape, T::DTYPE);
        tensor.bytes_mut().copy_from_slice(bytemuck::cast_slice(elements));
        Ok(tensor)
    }

    /// A truth-value tensor.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] when the number of elements is not the shape's.
    pub fn from_bools(shape: impl Into<Shape>, elements: &[bool]) -> Result<Self> {
        let bytes: Vec<u8> = elements.iter().map(|&element| element as u8).collect();
        let mut tensor = Tensor::new(shape, bytes)?;
        tensor.dtype = DType::Bool;
        Ok(tensor)
    }

    /// A tensor of zeros (`false` for booleans).
    pub fn zeros(shape: impl Into<Shape>, dtype: DType) -> Self {
        let shape = shape.into();
        let num_bytes = shape.num_elements() * dtype.size_bytes();
        Tensor { shape, dtype, buffer: Arc::new(Buffer::zeroed(num_bytes)) }
    }

    /// A tensor whose elements are all `value`.
    pub fn full<T: Element>(shape: impl Into<Shape>, value: T) -> Self {
        let mut tensor = Tensor::zeros(shape, T::DTYPE);
        bytemuck::cast_slice_mut(tensor.bytes_mut()).fill(value);
        tensor
    }

    /// A tensor of shape `[]` holding one number.
    pub fn scalar<T: Element>(value: T) -> Self {
        Tensor::full(Shape::scalar(), value)
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The number of elements.
    pub fn num_elements(&self) -> usize {
        self.shape.num_elements()
    }

    /// The elements as bytes, in the machine's byte order.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// The elements as bytes, for writing.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        Arc::make_mut(&mut self.buffer).bytes_mut()
    }

    fn check<T: Element>(&self) -> Result<()> {
        if T::DTYPE == self.dtype || (T::DTYPE == DType::U8 && self.dtype == DType::Bool) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::DType,
            format!("a {} tensor was read as {}", self.dtype, T::DTYPE),
        )
        .expected(format!("{}", self.dtype))
        .hint("convert it first, for example with `to_f32`"))
    }

    /// The elements, last axis fastest. Booleans are read as `u8`.
    ///
    /// # Errors
    /// [`ErrorKind::DType`] when `T` is not the tensor's type.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        self.check::<T>()?;
        Ok(bytemuck::cast_slice(self.bytes()))
    }

    /// The elements for writing, last axis fastest.
    ///
    /// # Errors
    /// [`ErrorKind::DType`] when `T` is not the tensor's type.
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T]> {
        self.check::<T>()?;
        Ok(bytemuck::cast_slice_mut(self.bytes_mut()))
    }

    /// The same elements under another shape; shares the buffer.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] when the number of elements differs.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape.checked_num_elements() != Some(self.num_elements()) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("a tensor of shape {} cannot become {shape}", self.shape),
            )
            .expected(format!("{} elements", self.num_elements())));
        }
        Ok(Tensor { shape, ..self.clone() })
    }

    /// The elements as `f32` (rounded to nearest; `true` is 1). Shares the buffer when they
    /// already are.
    pub fn to_f32(&self) -> Self {
        if self.dtype == DType::F32 {
            return self.clone();
        }
        let mut out = Tensor::zeros(self.shape.clone(), DType::F32);
        let to: &mut [f32] = bytemuck::cast_slice_mut(out.bytes_mut());
        self.for_each_f64(|index, value| to[index] = value as f32);
        out
    }

    /// The elements as `i32`, when every one is a whole number in range.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] naming the first element that is not.
    pub fn to_i32(&self) -> Result<Self> {
        self.to_whole(|value| value as i32, "whole numbers that fit 32 bits")
    }

    /// The elements as `i8`, when every one is a whole number from -128 to 127.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] naming the first element that is not.
    pub fn to_i8(&self) -> Result<Self> {
        self.to_whole(|value| value as i8, "whole numbers from -128 to 127")
    }

    /// The elements cut to whole numbers, when that changes none.
    fn to_whole<T: Element + Into<f64>>(
        &self,
        cut: impl Fn(f64) -> T,
        expected: &str,
    ) -> Result<Self> {
        if self.dtype == T::DTYPE {
            return Ok(self.clone());
        }
        let mut out = Tensor::zeros(self.shape.clone(), T::DTYPE);
        let to: &mut [T] = bytemuck::cast_slice_mut(out.bytes_mut());
        let mut bad = None;
        self.for_each_f64(|index, value| {
            to[index] = cut(value);
            if to[index].into() != value && bad.is_none() {
                bad = Some((index, value));
            }
        });
        match bad {
            None => Ok(out),
            Some((index, value)) => Err(Error::new(
                ErrorKind::Data,
                format!("element {index} is {value}, in a tensor of shape {}", self.shape),
            )
            .expected(expected)),
        }
    }

    /// Visits every element as `f64`. `i64` values beyond 2^53 are rounded.
    pub fn for_each_f64(&self, mut visit: impl FnMut(usize, f64)) {
        fn each<T: Element>(
            bytes: &[u8],
            to: impl Fn(T) -> f64,
            visit: &mut impl FnMut(usize, f64),
        ) {
            let elements: &[T] = bytemuck::cast_slice(bytes);
            for (index, &element) in elements.iter().enumerate() {
                visit(index, to(element));
            }
        }
        let bytes = self.bytes();
        match self.dtype {
            DType::F32 => each(bytes, |v: f32| v as f64, &mut visit),
            DType::F64 => each(bytes, |v: f64| v, &mut visit),
            DType::I32 => each(bytes, |v: i32| v as f64, &mut visit),
            DType::I64 => each(bytes, |v: i64| v as f64, &mut visit),
            DType::I8 => each(bytes, |v: i8| v as f64, &mut visit),
            DType::U8 | DType::Bool => each(bytes, |v: u8| v as f64, &mut visit),
        }
    }

    /// The elements as a vector of `f64`: for tests and reports.
    pub fn to_vec_f64(&self) -> Vec<f64> {
        let mut out = vec![0.0; self.num_elements()];
        self.for_each_f64(|index, value| out[index] = value);
        out
    }

    /// Bytes of one row: the elements that share an index on axis 0.
    pub fn row_bytes(&self) -> usize {
        self.shape.iter().skip(1).product::<usize>() * self.dtype.size_bytes()
    }

    /// The rows (entries of axis 0) with these indices, in this order.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] for a scalar; [`ErrorKind::Argument`] for a row out of range.
    pub fn take_rows(&self, rows: &[u32]) -> Result<Self> {
        let Some(&num_rows) = self.shape.first() else {
            return Err(Error::new(ErrorKind::Shape, "rows were taken from a scalar"));
        };
        let row_bytes = self.row_bytes();
        let dims: Shape =
            std::iter::once(rows.len()).chain(self.shape[1..].iter().copied()).collect();
        let mut out = Tensor::zeros(dims, self.dtype);
        let from = self.bytes();
        let to = out.bytes_mut();
        for (position, &row) in rows.iter().enumerate() {
            let row = row as usize;
            if row >= num_rows {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("row {row} of {num_rows} rows"),
                ));
            }
            to[position * row_bytes..][..row_bytes]
                .copy_from_slice(&from[row * row_bytes..][..row_bytes]);
        }
        Ok(out)
    }

    /// The rows `range` of axis 0.
    ///
    /// # Errors
    /// As [`Tensor::take_rows`].
    pub fn slice_rows(&self, range: std::ops::Range<usize>) -> Result<Self> {
        let num_rows = self.shape.first().copied();
        if range.start > range.end || num_rows.is_none_or(|num_rows| range.end > num_rows) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("rows {}..{} of a tensor of shape {}", range.start, range.end, self.shape),
            ));
        }
        let mut dims = self.shape.to_vec();
        if let Some(rows) = dims.first_mut() {
            *rows = range.len();
        }
        let mut out = Tensor::zeros(dims, self.dtype);
        let row_bytes = self.row_bytes();
        out.bytes_mut()
            .copy_from_slice(&self.bytes()[range.start * row_bytes..range.end * row_bytes]);
        Ok(out)
    }
}

impl PartialEq for Tensor {
    /// Same shape, same dtype and the same bytes: NaN equals the same NaN, and 0 is not -0.
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.dtype == other.dtype && self.bytes() == other.bytes()
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        write!(f, "{}{}(", self.dtype, self.shape)?;
        let elements = self.to_vec_f64();
        for (index, element) in elements.iter().take(SHOWN).enumerate() {
            write!(f, "{}{element}", if index > 0 { ", " } else { "" })?;
        }
        f.write_str(if elements.len() > SHOWN { ", ...)" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_to_a_clone_leaves_the_original() {
        let a = Tensor::full([2], 1.0f32);
        let mut b = a.clone();
        b.as_mut_slice::<f32>().unwrap()[0] = 5.0;
        assert_eq!(a.as_slice::<f32>().unwrap(), [1.0, 1.0]);
    }

    #[test]
    fn fractions_are_not_integers() {
        let labels = Tensor::new([2], [1.0f32, 2.5]).unwrap();
        assert_eq!(labels.to_i32().unwrap_err().kind(), ErrorKind::Data);
        assert_eq!(
            Tensor::new([1], [3i64]).unwrap().to_i32().unwrap().as_slice::<i32>().unwrap(),
            [3]
        );
    }

    #[test]
    fn what_does_not_fit_a_byte_is_named() {
        let fits = Tensor::new([3], [-128.0f32, 0.0, 127.0]).unwrap();
        assert_eq!(fits.to_i8().unwrap().as_slice::<i8>().unwrap(), [-128, 0, 127]);
        assert_eq!(fits.to_i8().unwrap().to_f32(), fits);
        for bad in [128.0f32, -128.5, 0.5, f32::NAN] {
            let error = Tensor::new([2], [1.0, bad]).unwrap().to_i8().unwrap_err();
            assert!(error.to_string().contains("element 1 is"), "{error}");
        }
    }

    #[test]
    fn rows_are_taken_in_order() {
        let x = Tensor::new([3, 2], [0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let y = x.take_rows(&[2, 0]).unwrap();
        assert_eq!(y.as_slice::<f32>().unwrap(), [4.0, 5.0, 0.0, 1.0]);
        assert!(x.take_rows(&[3]).is_err());
    }

    #[test]
    fn an_empty_tensor_is_fine() {
        let x = Tensor::zeros([0, 4], DType::F32);
        assert!(x.as_slice::<f32>().unwrap().is_empty());
    }
}
