//! `keras.ops.solve` and its like: matrices taken apart, on their last two axes.
//!
//! Elimination is written out step by step, so that each step is a few nodes of whole matrices,
//! and the size of a matrix is bounded. What has a short derivative has it in its short form, by
//! the inverse that is found on the way.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::kind::{Operands, kinds};

/// How many rows or columns a matrix may have: each is a step of its own.
const MAX_SIDE: usize = 128;

/// Matrices in a row, `[matrices, rows, columns]`, and the axes that were before them.
pub(super) struct Matrices<'g> {
    pub(super) x: Node<'g>,
    outer: Vec<usize>,
}

pub(super) fn misfit(what: String, expected: &str) -> Error {
    Error::new(ErrorKind::Shape, what).expected(expected)
}

impl<'g> Matrices<'g> {
    pub(super) fn new(x: Node<'g>) -> Result<Self> {
        let shape = x.shape();
        let [ref outer @ .., rows, columns] = shape[..] else {
            return Err(misfit(format!("a matrix of shape {shape}"), "at least two axes"));
        };
        if rows == 0 || columns == 0 || rows.max(columns) > MAX_SIDE {
            let expected = format!("1 to {MAX_SIDE} rows and columns");
            return Err(misfit(format!("matrices of shape {shape}"), &expected));
        }
        let count = outer.iter().product();
        Ok(Matrices { x: x.reshape([count, rows, columns]), outer: outer.to_vec() })
    }

    pub(super) fn square(x: Node<'g>) -> Result<Self> {
        let made = Matrices::new(x)?;
        match made.rows() == made.columns() {
            true => Ok(made),
            false => {
                Err(misfit(format!("matrices of shape {}", x.shape()), "as many rows as columns"))
            }
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.x.shape()[1]
    }

    pub(super) fn columns(&self) -> usize {
        self.x.shape()[2]
    }

    /// A result of each matrix under the axes that were before them.
    pub(super) fn back(&self, result: Node<'g>) -> Node<'g> {
        let dims: Shape = self.outer.iter().chain(&result.shape()[1..]).copied().collect();
        result.reshape(dims)
    }
}

/// Column or row numbers, to compare with: `[1, n, 1]` and `[1, 1, n]`.
pub(super) fn rows_of(x: Node<'_>) -> Node<'_> {
    let rows = x.shape()[1];
    x.graph().iota(rows).reshape([1, rows, 1])
}

pub(super) fn columns_of(x: Node<'_>) -> Node<'_> {
    let columns = x.shape()[2];
    x.graph().iota(columns).reshape([1, 1, columns])
}

pub(super) fn column(x: Node<'_>, at: usize) -> Node<'_> {
    x.slice(2, at, at + 1)
}

pub(super) fn row(x: Node<'_>, at: usize) -> Node<'_> {
    x.slice(1, at, at + 1)
}

pub(super) fn element(x: Node<'_>, at: usize) -> Node<'_> {
    column(row(x, at), at)
}

/// Ones on the diagonal: `[1, n, n]`.
pub(super) fn identity<'g>(x: Node<'g>, n: usize) -> Node<'g> {
    let line = x.graph().iota(n);
    let is_on = line.reshape([n, 1]).equal(line);
    is_on.cast(kerros_core::DType::F32).reshape([1, n, n])
}

pub(super) fn transposed(x: Node<'_>) -> Node<'_> {
    x.transpose(&[0, 2, 1])
}

/// Matrices after elimination of the columns of a first part with that many of them.
pub(super) struct Eliminated<'g> {
    /// The upper triangle, the factors of the rows below it, and what stood beside.
    pub(super) x: Node<'g>,
    /// `[matrices]`: 1, or -1 after an odd number of exchanges.
    pub(super) sign: Node<'g>,
    /// `[matrices, 1]` each: which row was exchanged with the row of each step.
    pub(super) pivots: Vec<Node<'g>>,
}

/// Gauss's elimination, in each column by the row whose element is largest.
pub(super) fn eliminated(x: Node<'_>, columns: usize) -> Eliminated<'_> {
    let (graph, shape) = (x.graph(), x.shape());
    let (count, rows) = (shape[0], shape[1]);
    let (line, across) = (rows_of(x), columns_of(x));
    let mut made = Eliminated { x, sign: graph.full([count], 1.0), pivots: Vec::new() };
    for step in 0..columns.min(rows) {
        let at = graph.constant_i32(step as i32);
        let sizes = column(made.x, step).slice(1, step, rows).abs();
        let pivot = sizes.argmax(1).reshape([count, 1, 1]) + at;
        made.pivots.push(pivot.reshape([count, 1]));
        if step + 1 < rows {
            let to = line.equal(at).select(pivot, line.equal(pivot).select(at, line));
            made.x = made.x.take_along_axis(to, 1);
            let is_other = pivot.not_equal(at).reshape([count]);
            made.sign = is_other.select(-made.sign, made.sign);
        }
        let below = line.greater(at);
        let factors = below.select(column(made.x, step) / element(made.x, step), 0.0);
        let right = across.greater(at).select(row(made.x, step), 0.0);
        let (below, is_here) = below.broadcast_together(across.equal(at));
        made.x = below.logical_and(is_here).select(factors, made.x - factors * right);
    }
    made
}

/// `x` with `T x = right` for a triangle `T` of `n` rows, from its last row up, or from its first
/// down; what is on the other side of the diagonal is not read.
pub(super) fn substituted<'g>(triangle: Node<'g>, right: Node<'g>, is_lower: bool) -> Node<'g> {
    let n = triangle.shape()[1];
    let line = rows_of(triangle);
    let (mut rest, mut found) = (right, vec![None; n]);
    for step in 0..n {
        let at = if is_lower { step } else { n - 1 - step };
        let x = row(rest, at) / element(triangle, at);
        found[at] = Some(x);
        if step + 1 < n {
            let place = triangle.graph().constant_i32(at as i32);
            let is_left = if is_lower { line.greater(place) } else { line.less(place) };
            rest = rest - is_left.select(column(triangle, at), 0.0) * x;
        }
    }
    Node::concat(&found.into_iter().flatten().collect::<Vec<_>>(), 1)
}

/// The inverse of `a`, and what `a` must be multiplied with to be `right`; through neither flows a
/// derivative.
fn solved<'g>(a: Node<'g>, right: Option<Node<'g>>) -> (Node<'g>, Option<Node<'g>>) {
    let (n, count) = (a.shape()[1], a.shape()[0]);
    let ones = identity(a, n).broadcast_to([count, n, n]);
    let parts = [a, ones].into_iter().chain(right).map(Node::stop_gradient);
    let made = eliminated(Node::concat(&parts.collect::<Vec<_>>(), 2), n).x;
    let width = made.shape()[2];
    let beside = substituted(made.slice(2, 0, n), made.slice(2, n, width), false);
    let x = right.map(|_| beside.slice(2, n, width - n));
    (beside.slice(2, 0, n), x)
}

/// `x` with `a x = right`, and the derivative that this gives it: `A^-1 (db - dA x)`.
pub(super) fn solved_equations<'g>(a: Node<'g>, right: Node<'g>) -> Node<'g> {
    let (inverse, x) = solved(a, Some(right));
    let x = x.unwrap_or(inverse);
    x.replace_gradient(inverse.matmul(right - a.matmul(x)))
}

fn inv<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let a = Matrices::square(operands.float("x")?)?;
    let (inverse, _) = solved(a.x, None);
    // d(A^-1) = -A^-1 dA A^-1
    let slope = -inverse.matmul(a.x.matmul(inverse));
    Ok(vec![a.back(inverse.replace_gradient(slope))])
}

/// The sum of each element times that of the inverse across the diagonal, of which the
/// derivative is that of the determinant's logarithm.
fn by_inverse(x: Node<'_>) -> Node<'_> {
    let (inverse, _) = solved(x, None);
    (x * transposed(inverse)).sum(&[1, 2])
}

/// The elements of the upper triangle's diagonal, `[matrices]` each.
fn diagonal<'g>(made: &Eliminated<'g>) -> Vec<Node<'g>> {
    let shape = made.x.shape();
    (0..shape[1]).map(|at| element(made.x, at).reshape([shape[0]])).collect()
}

fn det<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let a = Matrices::square(operands.float("x")?)?;
    let made = eliminated(a.x.stop_gradient(), a.columns());
    let det = diagonal(&made).into_iter().fold(made.sign, |product, element| product * element);
    Ok(vec![a.back(det.replace_gradient(by_inverse(a.x) * det))])
}

/// The sign of the determinant, and the logarithm of its size.
fn sign_and_log<'g>(operands: &Operands<'_, 'g>) -> Result<[Node<'g>; 2]> {
    let a = Matrices::square(operands.float("x")?)?;
    let made = eliminated(a.x.stop_gradient(), a.columns());
    let elements = diagonal(&made);
    let sign = elements.iter().fold(made.sign, |sign, element| sign * element.sign());
    let logs = elements.iter().map(|element| element.abs().log());
    let log = logs.reduce(|sum, log| sum + log).unwrap_or(made.sign * 0.0);
    Ok([a.back(sign), a.back(log.replace_gradient(by_inverse(a.x)))])
}

/// Both sides of equations with one batch: `a: [matrices, n, n]`, `b: [matrices, n, right sides]`.
struct Equations<'g> {
    a: Node<'g>,
    b: Matrices<'g>,
    is_vector: bool,
}

impl<'g> Equations<'g> {
    fn new(operands: &Operands<'_, 'g>, is_vector: fn(usize, usize) -> bool) -> Result<Self> {
        let (a, b) = (operands.float("a")?, operands.float("b")?);
        let is_vector = is_vector(a.ndim(), b.ndim());
        let b = if is_vector { b.expand_dims(b.ndim()) } else { b };
        let n = Matrices::square(a)?.rows();
        let outer = |x: Node<'g>| Shape::from(&x.shape()[..x.ndim().saturating_sub(2)]);
        let common = outer(a).broadcast(&outer(b));
        let fits = b.ndim() >= 2 && b.shape()[b.ndim() - 2] == n;
        let Some(common) = common.filter(|_| fits) else {
            let shapes = format!("matrices of shape {}, right sides of {}", a.shape(), b.shape());
            return Err(misfit(shapes, "as many rows, and batches that broadcast"));
        };
        let full =
            |columns: usize| -> Shape { common.iter().copied().chain([n, columns]).collect() };
        let columns = b.shape().last();
        let a = Matrices::square(a.broadcast_to(full(n)))?.x;
        Ok(Equations { a, b: Matrices::new(b.broadcast_to(full(columns)))?, is_vector })
    }

    fn back(&self, x: Node<'g>) -> Vec<Node<'g>> {
        let x = self.b.back(x);
        vec![if self.is_vector { x.reshape(&x.shape()[..x.ndim() - 1]) } else { x }]
    }
}

fn solve<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let equations = Equations::new(operands, |_, b| b == 1)?;
    Ok(equations.back(solved_equations(equations.a, equations.b.x)))
}

/// The elements of one triangle, zeros elsewhere.
pub(super) fn triangle(x: Node<'_>, is_lower: bool) -> Node<'_> {
    let (rows, columns) = rows_of(x).broadcast_together(columns_of(x));
    let stays = if is_lower { columns.less_equal(rows) } else { rows.less_equal(columns) };
    stays.select(x, 0.0)
}

/// `x` with `T x = b`, and the inverse of `T`, through which no derivative flows.
fn solved_triangle<'g>(a: Node<'g>, b: Node<'g>, is_lower: bool) -> (Node<'g>, Node<'g>) {
    let (count, n) = (a.shape()[0], a.shape()[1]);
    let ones = identity(a, n).broadcast_to([count, n, n]);
    let beside = Node::concat(&[ones, b.stop_gradient()], 2);
    let found = substituted(a.stop_gradient(), beside, is_lower);
    (found.slice(2, n, found.shape()[2]), found.slice(2, 0, n))
}

fn solve_triangular<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let equations = Equations::new(operands, |a, b| a == b + 1)?;
    let is_lower = operands.flag("lower");
    let (x, inverse) = solved_triangle(equations.a, equations.b.x, is_lower);
    let left = triangle(equations.a, is_lower).matmul(x);
    let x = x.replace_gradient(inverse.matmul(equations.b.x - left));
    Ok(equations.back(x))
}

/// The inverse of a matrix of which this is the factor of Cholesky: as in Keras, of one matrix.
fn cholesky_inverse<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    if x.ndim() != 2 {
        return Err(misfit(format!("a factor of shape {}", x.shape()), "two axes"));
    }
    let (factor, is_lower) = (Matrices::square(x)?, !operands.flag("upper"));
    let ones = identity(x, factor.rows());
    let (_, inverse) = solved_triangle(factor.x, ones, is_lower);
    let slope = -inverse.matmul(triangle(factor.x, is_lower).matmul(inverse));
    let inverse = inverse.replace_gradient(slope);
    let other = transposed(inverse);
    let product = if is_lower { other.matmul(inverse) } else { inverse.matmul(other) };
    Ok(vec![factor.back(product)])
}

kinds! { "ops.linalg";
    Inv(x) => inv;
    Det(x) => det;
    Solve(a, b) => solve;
    SolveTriangular(a, b) [lower = "false"] => solve_triangular;
    CholeskyInverse(x) [upper = "false"] => cholesky_inverse;
}

/// Those of arrays.
pub(super) mod numpy {
    use super::{kinds, sign_and_log};

    kinds! { "ops.numpy";
        Slogdet(x) => |o| Ok(sign_and_log(o)?.to_vec());
    }
}

/// Those of mathematics.
pub(super) mod math {
    use super::{kinds, sign_and_log};

    kinds! { "ops.math";
        Logdet(x) => |o| Ok(vec![sign_and_log(o)?[1]]);
    }
}
