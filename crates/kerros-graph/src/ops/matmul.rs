use kerros_core::{Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// `op(a) · op(b)` over the last two axes, where `op` may transpose; any leading axes are
/// equal and are a batch.
///
/// Each element is one contraction by the law. This is the canonical form of a general dot
/// product: other forms are transposed and reshaped into it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MatMul {
    /// Whether `a` is `[.., k, m]` rather than `[.., m, k]`.
    pub transpose_a: bool,
    /// Whether `b` is `[.., n, k]` rather than `[.., k, n]`.
    pub transpose_b: bool,
}

/// The sizes of a matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatMulSizes {
    /// Products side by side.
    pub batch: usize,
    /// Rows of the result.
    pub m: usize,
    /// Length of the contraction.
    pub k: usize,
    /// Columns of the result.
    pub n: usize,
}

impl MatMul {
    /// The sizes for operands of these shapes, if they fit.
    pub fn sizes(&self, a: &[usize], b: &[usize]) -> Option<MatMulSizes> {
        let (batch_a, &[a0, a1]) = a.split_last_chunk::<2>()?;
        let (batch_b, &[b0, b1]) = b.split_last_chunk::<2>()?;
        let (m, k) = if self.transpose_a { (a1, a0) } else { (a0, a1) };
        let (k2, n) = if self.transpose_b { (b1, b0) } else { (b0, b1) };
        (batch_a == batch_b && k == k2).then_some(MatMulSizes {
            batch: batch_a.iter().product(),
            m,
            k,
            n,
        })
    }
}

impl Operation for MatMul {
    const NAME: &'static str = "matmul";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        expect_float(&inputs[0])?;
        expect_float(&inputs[1])?;
        let (a, b) = (&inputs[0].shape, &inputs[1].shape);
        let sizes = self.sizes(a, b).ok_or_else(|| {
            let turned = |on: bool| if on { " (transposed)" } else { "" };
            Error::new(
                ErrorKind::Shape,
                format!(
                    "the matrix product of {a}{} and {b}{}",
                    turned(self.transpose_a),
                    turned(self.transpose_b)
                ),
            )
            .expected("[.., m, k] and [.., k, n] with equal leading axes")
        })?;
        let mut dims = a[..a.ndim() - 2].to_vec();
        dims.extend([sizes.m, sizes.n]);
        Ok(Type::f32(dims))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (a, b, dy) = (context.inputs[0], context.inputs[1], context.dy);
        let (da, db) = match (self.transpose_a, self.transpose_b) {
            (false, false) => (dy.matmul_with(b, false, true), a.matmul_with(dy, true, false)),
            (false, true) => (dy.matmul_with(b, false, false), dy.matmul_with(a, true, false)),
            (true, false) => (b.matmul_with(dy, false, true), a.matmul_with(dy, false, false)),
            (true, true) => (b.matmul_with(dy, true, true), dy.matmul_with(a, true, true)),
        };
        Ok(vec![Some(da), Some(db)])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let (a, b) = (inputs[0].as_floats(), inputs[1].as_floats());
        let MatMulSizes { batch, m, k, n } = self
            .sizes(&inputs[0].shape, &inputs[1].shape)
            .expect("the shape rule accepted the operands");
        let (a_row, a_column) = if self.transpose_a { (1, m) } else { (k, 1) };
        let (b_row, b_column) = if self.transpose_b { (1, k) } else { (n, 1) };
        let mut y = Vec::with_capacity(batch * m * n);
        for at in 0..batch {
            let (a, b) = (&a[at * m * k..], &b[at * k * n..]);
            for i in 0..m {
                for j in 0..n {
                    y.push(T::dot(
                        k,
                        |p| a[i * a_row + p * a_column],
                        |p| b[p * b_row + j * b_column],
                    ));
                }
            }
        }
        Array::floats(&ty.shape, y)
    }

    attributes!(transpose_a, transpose_b);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        for (transpose_a, transpose_b) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            for batch in [&[][..], &[2][..]] {
                let shaped = |swap: bool, rows: usize, columns: usize| {
                    let matrix = if swap { [columns, rows] } else { [rows, columns] };
                    Type::f32([batch, &matrix[..]].concat())
                };
                samples.push(Sample {
                    op: MatMul { transpose_a, transpose_b },
                    inputs: vec![shaped(transpose_a, 3, 5), shaped(transpose_b, 5, 4)],
                    range: (-1.0, 1.0),
                });
            }
        }
        samples
    }
}
