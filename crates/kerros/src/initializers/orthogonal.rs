use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};

use super::{Draw, Initializer, sample};
use crate::optimizers::setting::described;

described! {
    /// `wᵀ w = gain² I`, evenly among all such matrices: the Q of a random matrix's QR
    /// decomposition.
    ///
    /// # Shape
    /// At least two axes; all but the last count as rows. Where there are fewer rows than
    /// columns the rows are orthonormal instead.
    ///
    /// # Parameters
    /// - `gain`: the factor. Default: 1.
    /// - `seed`: a seed of its own instead of the model's. Default: none.
    ///
    /// # Source
    /// Saxe, McClelland, Ganguli: "Exact solutions to the nonlinear dynamics of learning in
    /// deep linear neural networks", arXiv 1312.6120.
    Orthogonal: Initializer, "a random orthogonal matrix", names: &["OrthogonalInitializer"],
    optional {
        /// A seed of its own instead of the model's.
        seed: Option<u64> = None,
        /// The factor.
        gain: f64 = 1.0,
    }
}

impl Initializer for Orthogonal {
    fn initialize(&self, shape: &Shape, draw: Draw) -> Result<Tensor> {
        let [outer @ .., columns] = shape.dims() else {
            return Err(too_few_axes(shape));
        };
        if outer.is_empty() {
            return Err(too_few_axes(shape));
        }
        let (rows, columns) = (outer.iter().product::<usize>(), *columns);
        let (tall, narrow) = (rows.max(columns), rows.min(columns));
        let normals = sample::standard_normals(tall * narrow, draw.or_seed(self.seed));
        // Column after column.
        let mut matrix: Vec<f64> =
            (0..tall * narrow).map(|at| normals[at % tall * narrow + at / tall].into()).collect();
        orthonormalize(&mut matrix, tall, narrow);
        let at = |row: usize, column: usize| match rows >= columns {
            true => matrix[column * tall + row],
            false => matrix[row * tall + column],
        };
        let elements: Vec<f32> = (0..rows * columns)
            .map(|index| (at(index / columns, index % columns) * self.gain) as f32)
            .collect();
        Tensor::new(shape, elements)
    }
}

fn too_few_axes(shape: &Shape) -> Error {
    let message = format!("an orthogonal matrix was asked for, of shape {shape}");
    Error::new(ErrorKind::Shape, message).expected("at least two axes")
}

/// Replaces a matrix (column after column, `tall >= narrow`) by the Q of its QR decomposition
/// with a positive diagonal in R, by Householder's reflections.
///
/// Without the signs Q would not be spread evenly (Mezzadri: "How to generate random matrices
/// from the classical compact groups", 2007).
fn orthonormalize(matrix: &mut [f64], tall: usize, narrow: usize) {
    let mut signs = vec![1.0; narrow];
    // Downwards: column k becomes the unit vector of the reflection that zeroes it below k.
    for k in 0..narrow {
        let (before, after) = matrix.split_at_mut((k + 1) * tall);
        let mirror = &mut before[k * tall + k..];
        let norm = dot(mirror, mirror).sqrt();
        // R's diagonal has the sign opposite to the column's head, which cancels nothing.
        signs[k] = if mirror[0] > 0.0 { -1.0 } else { 1.0 };
        mirror[0] -= signs[k] * norm;
        let length = dot(mirror, mirror).sqrt();
        if length > 0.0 {
            mirror.iter_mut().for_each(|x| *x /= length);
        }
        for column in after.chunks_exact_mut(tall) {
            reflect(&mut column[k..], mirror);
        }
    }
    // Upwards: the reflections, last first, turn unit vectors into the columns of Q.
    for k in (0..narrow).rev() {
        let (before, after) = matrix.split_at_mut((k + 1) * tall);
        let column = &mut before[k * tall..];
        let mirror = column[k..].to_vec();
        for column in after.chunks_exact_mut(tall) {
            reflect(&mut column[k..], &mirror);
        }
        column.fill(0.0);
        column[k] = 1.0;
        reflect(&mut column[k..], &mirror);
    }
    for (column, sign) in matrix.chunks_exact_mut(tall.max(1)).zip(signs) {
        column.iter_mut().for_each(|x| *x *= sign);
    }
}

/// `x - 2 (mirror · x) mirror`.
fn reflect(x: &mut [f64], mirror: &[f64]) {
    let twice = 2.0 * dot(mirror, x);
    for (x, m) in x.iter_mut().zip(mirror) {
        *x -= twice * m;
    }
}

/// The sum of products in eight interleaved chains, which are added in order: an order fixed
/// by the length alone.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}
