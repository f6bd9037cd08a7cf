//! Arrays as nested lists, as configs hold them.

use kerros_core::Tensor;
use serde_json::{Value, json};

/// A tensor as nested lists, the way NumPy's `tolist` writes it.
pub(super) fn nested(tensor: &Tensor) -> Value {
    fn level(dims: &[usize], numbers: &[f64]) -> Value {
        match dims {
            [] => json!(numbers[0]),
            [_] => json!(numbers),
            [dim, rest @ ..] => {
                let part = numbers.len() / (*dim).max(1);
                numbers.chunks(part.max(1)).map(|part| level(rest, part)).collect()
            }
        }
    }
    level(tensor.shape(), &tensor.to_vec_f64())
}

/// The tensor of nested lists of numbers.
pub(super) fn read_nested(value: &Value) -> Option<Tensor> {
    let mut dims = Vec::new();
    let mut level = value;
    while let Some(list) = level.as_array() {
        dims.push(list.len());
        level = list.first()?;
    }
    fn flatten(value: &Value, numbers: &mut Vec<f32>) -> Option<()> {
        match value.as_array() {
            Some(list) => list.iter().try_for_each(|value| flatten(value, numbers)),
            None => {
                numbers.push(value.as_f64()? as f32);
                Some(())
            }
        }
    }
    let mut numbers = Vec::new();
    flatten(value, &mut numbers)?;
    Tensor::new(dims, numbers).ok()
}
