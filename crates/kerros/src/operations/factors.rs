//! `keras.ops.cholesky` and its like: matrices as products of triangles and rotations.
//!
//! Written out step by step; derivatives are those of the steps.

use kerros_core::Result;
use kerros_graph::Node;

use super::kind::{Operands, kinds};
use super::linear_algebra::{
    Matrices, column, element, eliminated, identity, rows_of, transposed, triangle,
};

/// A lower triangle that gives the matrix when it is multiplied with itself across the diagonal.
/// As in JAX the matrix is the mean of the one that is given and of that across its diagonal, and
/// the triangle of a matrix that has none is NaN.
fn cholesky<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let a = Matrices::square(operands.float("x")?)?;
    let (n, graph) = (a.rows(), a.x.graph());
    let mut rest = (a.x + transposed(a.x)) * 0.5;
    let (line, mut columns) = (rows_of(rest), Vec::new());
    for step in 0..n {
        let at = graph.constant_i32(step as i32);
        let length = element(rest, step).sqrt();
        let found = line.greater_equal(at).select(column(rest, step) / length, 0.0);
        columns.push(found);
        if step + 1 < n {
            rest = rest - found * transposed(found);
        }
    }
    let made = Node::concat(&columns, 2);
    let is_number = made.is_finite().all(&[1, 2]).reshape([made.shape()[0], 1, 1]);
    let made = triangle(is_number.select(made, f32::NAN), true);
    Ok(vec![a.back(if operands.flag("upper") { transposed(made) } else { made })])
}

/// The triangles of elimination in one matrix, and which rows were exchanged.
fn lu_factor<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let a = Matrices::new(operands.float("x")?)?;
    let made = eliminated(a.x, a.columns());
    let pivots = Node::concat(&made.pivots, 1);
    Ok(vec![a.back(made.x), a.back(pivots)])
}

/// `x - 2 v (v · x) / (v · v)` of each column: mirrored at the plane across `v: [matrices, n, 1]`.
fn mirrored<'g>(x: Node<'g>, v: Node<'g>, square: Node<'g>) -> Node<'g> {
    let along = (x * v).sum(&[1]).expand_dims(1); // [matrices, 1, columns]
    x - v * (along / square * 2.0)
}

/// Columns at right angles of length 1, and an upper triangle: by Householder's mirrors, whose
/// signs are those of LAPACK.
fn qr<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let a = Matrices::new(operands.float("x")?)?;
    let (rows, columns, graph) = (a.rows(), a.columns(), a.x.graph());
    let is_complete = match operands.value("mode").as_str() {
        Some("reduced") => false,
        Some("complete") => true,
        _ => return Err(operands.wrong("mode", "\"reduced\" or \"complete\"")),
    };
    let count = a.x.shape()[0];
    let line = rows_of(a.x);
    let (mut r, mut mirrors) = (a.x, Vec::new());
    for step in 0..columns.min(rows - 1) {
        let at = graph.constant_i32(step as i32);
        let below = line.greater(at).select(column(r, step), 0.0);
        let rest = below.square().sum(&[1]).expand_dims(1); // [matrices, 1, 1]
        let first = element(r, step);
        // A column that is in place already stays as it is.
        let is_moved = rest.not_equal(0.0);
        let length = is_moved.select(rest + first * first, 1.0).sqrt();
        let moved = first.less(0.0).select(first - length, first + length);
        let v = line.equal(at).select(is_moved.select(moved, 0.0), below);
        let square = is_moved.select((v * v).sum(&[1]).expand_dims(1), 1.0);
        r = mirrored(r, v, square);
        mirrors.push((v, square));
    }
    let ones = identity(r, rows).broadcast_to([count, rows, rows]);
    let q = mirrors.into_iter().rev().fold(ones, |q, (v, square)| mirrored(q, v, square));
    let r = triangle(r, false);
    let side = rows.min(columns);
    let made = if is_complete { [q, r] } else { [q.slice(2, 0, side), r.slice(1, 0, side)] };
    Ok(made.map(|part| a.back(part)).to_vec())
}

kinds! { "ops.linalg";
    Cholesky(x) [upper = "false"] => cholesky;
    LuFactor(x) => lu_factor;
    Qr(x) [mode = "\"reduced\""] => qr;
}
