use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::Regularizer;
use super::define::{check_factor, regularizer};
use crate::losses::cosine_similarity::normalized;
use crate::losses::settings::Setting;

/// Which vectors of a matrix shall be orthogonal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrthogonalMode {
    /// Its rows.
    Rows,
    /// Its columns.
    Columns,
}

impl Setting for OrthogonalMode {
    const WHAT: &'static str = "rows or columns";
    fn write(&self) -> Value {
        match self {
            OrthogonalMode::Rows => json!("rows"),
            OrthogonalMode::Columns => json!("columns"),
        }
    }
    fn read(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "rows" => Some(OrthogonalMode::Rows),
            "columns" => Some(OrthogonalMode::Columns),
            _ => None,
        }
    }
}

regularizer! {
    /// `factor * mean(|cosine|)` over all pairs of rows (or columns): drives them to right
    /// angles.
    ///
    /// # Shape
    /// Only of matrices with at least two rows (or columns).
    ///
    /// # Gradient
    /// 0 of pairs that are orthogonal.
    OrthogonalRegularizer { factor: f64 = 0.01, mode: OrthogonalMode = OrthogonalMode::Rows }
    names: &["orthogonal_regularizer"],
    summary: "drives the rows or columns of a matrix to right angles",
}

impl OrthogonalRegularizer {
    /// With this factor (Keras's default is 0.01), for the rows.
    pub fn new(factor: f64) -> Self {
        OrthogonalRegularizer { factor, mode: OrthogonalMode::Rows }
    }

    /// Sets which vectors shall be orthogonal.
    pub fn mode(mut self, mode: OrthogonalMode) -> Self {
        self.mode = mode;
        self
    }
}

impl Regularizer for OrthogonalRegularizer {
    fn penalty<'g>(&self, weights: Node<'g>) -> Node<'g> {
        let vectors = match (weights.ndim(), self.mode) {
            (2, OrthogonalMode::Rows) => weights,
            (2, OrthogonalMode::Columns) => weights.transpose(&[1, 0]),
            _ => {
                let message = format!("OrthogonalRegularizer on weights {}", weights.shape());
                let error = Error::new(ErrorKind::Shape, message).expected("a matrix");
                return weights.graph().fail(error, weights.sum_all().ty());
            }
        };
        let count = vectors.shape()[0];
        let unit = normalized(vectors);
        let cosines = unit.matmul_with(unit, false, true);
        let places = weights.graph().iota(count);
        let other = places.keep(1).not_equal(places).cast(DType::F32);
        // Each pair stands in the matrix twice.
        let pairs = (count * count.saturating_sub(1)) as f32 / 2.0;
        (cosines * other).abs().sum_all() * (0.5 * self.factor as f32) / pairs.max(1.0)
    }

    fn check(&self) -> Result<()> {
        check_factor("factor", self.factor)
    }
}
