//! Normalization of rows.

use kerros_graph::ops::{RowNorm, RowNormGradient};

use super::Grid;

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// The row brought to size, and its inverse deviation.
fn normalized(row: &[f64], centred: bool, epsilon: f32) -> (Vec<f64>, f64) {
    let level = if centred { mean(row.iter().copied()) } else { 0.0 };
    let variance = mean(row.iter().map(|x| (x - level) * (x - level)));
    let inverse = 1.0 / (variance + f64::from(epsilon)).sqrt();
    (row.iter().map(|x| (x - level) * inverse).collect(), inverse)
}

pub fn row_norm(op: &RowNorm, x: &[Grid]) -> Grid {
    x[0].rows(|row| {
        let (rows, _) = normalized(row, op.centred, op.epsilon.get());
        let affine = |(at, r): (usize, f64)| {
            let scaled = if op.scaled { r * x[1].values[at] } else { r };
            let shift = if op.shifted { x[x.len() - 1].values[at] } else { 0.0 };
            scaled + shift
        };
        rows.into_iter().enumerate().map(affine).collect()
    })
}

/// From the Jacobian, element by element: `d r_j / d x_i = s (e_ij - c / n - r_i r_j / n)`, with
/// `c` 1 for centred rows and 0 for others.
pub fn gradient(op: &RowNormGradient, x: &[Grid]) -> Grid {
    let mut row_index = 0;
    x[0].rows(|row| {
        let n = row.len();
        let (r, inverse) = normalized(row, op.centred, op.epsilon.get());
        let dy = &x[1].values[row_index * n..(row_index + 1) * n];
        row_index += 1;
        let centre = if op.centred { 1.0 } else { 0.0 };
        (0..n)
            .map(|i| {
                let term = |j: usize| {
                    let gamma = if op.scaled { x[2].values[j] } else { 1.0 };
                    let same = f64::from(u8::from(i == j));
                    dy[j] * gamma * inverse * (same - centre / n as f64 - r[i] * r[j] / n as f64)
                };
                (0..n).map(term).sum()
            })
            .collect()
    })
}
