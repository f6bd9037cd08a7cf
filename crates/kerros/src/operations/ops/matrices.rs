//! Products, and linear algebra of the matrices of the last two axes.

use serde_json::{Value, json};

use super::{Operand, apply};
use crate::model::{Argument, KerasTensor};

of_one! {
    /// The inverse of each matrix of the last two axes.
    inv = "ops.linalg" "Inv";
    /// The determinant of each matrix of the last two axes.
    det = "ops.linalg" "Det";
    /// The logarithm of the determinant of each matrix, which is symmetric and positive definite.
    logdet = "ops.math" "Logdet";
    /// The lower triangle that times itself across the diagonal is the matrix, which is
    /// symmetric and positive definite; NaN where there is none.
    cholesky = "ops.linalg" "Cholesky";
    /// The inverse of the matrix of which this is the lower triangle by [`cholesky`]; one matrix.
    cholesky_inverse = "ops.linalg" "CholeskyInverse";
    /// How rows go with each other: 1 for the same, -1 for the opposite; `[rows, rows]`.
    corrcoef = "ops.numpy" "Corrcoef";
}

of_two! {
    /// The matrix product over the last two axes.
    matmul = "Matmul";
    /// The sums of products over the last axis of `a` and the last but one of `b`, for all pairs
    /// of the others.
    dot = "Dot";
    /// The sums of products over the last axis of both, for all pairs of the others.
    inner = "Inner";
    /// The product of each element of `a` with each of `b`: `[elements of a, elements of b]`.
    outer = "Outer";
    /// The sum of all products of elements in the same place.
    vdot = "Vdot";
    /// Vectors at right angles to those of `a` and `b`, along the last axis.
    cross = "Cross";
    /// Each element of `a` times all of `b`, as blocks.
    kron = "Kron";
}

/// Sums of products over named axes: see [`einsum()`](crate::einsum()).
#[track_caller]
pub fn einsum<'a>(
    equation: &str,
    operands: impl IntoIterator<Item = &'a KerasTensor>,
) -> KerasTensor {
    let operands: Vec<Argument<KerasTensor>> = operands.into_iter().map(Argument::from).collect();
    apply("ops.numpy", "Einsum", &[("subscripts", json!(equation))], operands)
}

/// The axes that [`tensordot`] sums over: so many of the last of the one and the first of the
/// other, or those of two lists.
#[derive(Clone, Debug)]
pub struct Contracted(Value);

impl From<usize> for Contracted {
    fn from(count: usize) -> Self {
        Contracted(json!(count))
    }
}

impl<const N: usize> From<[[isize; N]; 2]> for Contracted {
    fn from(axes: [[isize; N]; 2]) -> Self {
        Contracted(axes.iter().map(|axes| json!(axes.to_vec())).collect())
    }
}

/// Sums of products over axes of both, for all pairs of the others.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([2, 2]).tensor();
/// let y = Tensor::new([2, 2], [1.0f32, 0.0, 0.0, 10.0])?;
/// let y = ops::tensordot(&x, &y, [[1, 2], [0, 1]]);
/// let mut model = Model::functional([&x], [&y])?;
/// let y = model.predict(Tensor::new([1, 2, 2], [1.0f32, 2.0, 3.0, 4.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [41.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn tensordot(a: impl Operand, b: impl Operand, axes: impl Into<Contracted>) -> KerasTensor {
    let settings = [("axes", axes.into().0)];
    apply("ops.numpy", "Tensordot", &settings, [a.into_operand(), b.into_operand()])
}

/// How far each row of `a` is from each of `b`: `[.., rows of a, rows of b]`.
#[track_caller]
pub fn cdist(a: impl Operand, b: impl Operand) -> KerasTensor {
    apply("ops.math", "CDist", &[], [a.into_operand(), b.into_operand()])
}

/// The sums of products of two vectors at each shift: `mode` is `"valid"` where one covers the
/// other, `"same"` as many as the longer has, `"full"` wherever they meet.
#[track_caller]
pub fn correlate(a: impl Operand, b: impl Operand, mode: &str) -> KerasTensor {
    let settings = [("mode", json!(mode))];
    apply("ops.numpy", "Correlate", &settings, [a.into_operand(), b.into_operand()])
}

/// The first `n` powers of each number of a vector, as a row, the highest first or, where they
/// are `increasing`, last.
#[track_caller]
pub fn vander(x: &KerasTensor, n: usize, increasing: bool) -> KerasTensor {
    let settings = [("N", json!(n)), ("increasing", json!(increasing))];
    apply("ops.numpy", "Vander", &settings, [x.into_operand()])
}

/// `x` with `a x = b`, for each matrix `a: [.., n, n]` and `b: [.., n, right sides]`, or `[n]`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let [a, b] = [[2, 2], [2, 1]].map(|shape| Input::new(shape).tensor());
/// let y = ops::solve(&a, &b);
/// let mut model = Model::functional([&a, &b], [&y])?;
/// let a = Tensor::new([1, 2, 2], [2.0f32, 0.0, 0.0, 4.0])?;
/// let y = model.predict(vec![a, Tensor::new([1, 2, 1], [6.0f32, 8.0])?])?;
/// assert_eq!(y.as_slice::<f32>()?, [3.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn solve(a: impl Operand, b: impl Operand) -> KerasTensor {
    apply("ops.linalg", "Solve", &[], [a.into_operand(), b.into_operand()])
}

/// [`solve`] where `a` is a triangle, the lower one or the upper one; what is on the other side of
/// the diagonal is not read.
#[track_caller]
pub fn solve_triangular(a: impl Operand, b: impl Operand, lower: bool) -> KerasTensor {
    let settings = [("lower", json!(lower))];
    apply("ops.linalg", "SolveTriangular", &settings, [a.into_operand(), b.into_operand()])
}

macro_rules! pairs {
    ($($(#[$doc:meta])* $function:ident = $module:literal $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor) -> (KerasTensor, KerasTensor) {
            let made = apply($module, $Class, &[], [x.into_operand()]);
            (made.output(0), made.output(1))
        }
    )*};
}

pairs! {
    /// The sign of the determinant, and the logarithm of its size.
    slogdet = "ops.numpy" "Slogdet";
    /// Columns of length 1 at right angles to each other, and an upper triangle: their product is
    /// the matrix. Of `[.., m, n]` they are `[.., m, k]` and `[.., k, n]`, `k` the smaller.
    qr = "ops.linalg" "Qr";
    /// A lower triangle with ones on its diagonal, which are not written, and an upper one in one
    /// matrix; and which row was exchanged with each. Their product is the matrix with these rows
    /// exchanged.
    lu_factor = "ops.linalg" "LuFactor";
}
