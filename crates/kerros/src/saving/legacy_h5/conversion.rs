//! Weights as Keras 1, Theano and cuDNN laid them out, in the layout of Keras 3.
//!
//! # Source
//! Keras 2.2.4, `keras/engine/saving.py`, `preprocess_weights_for_loading`.

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};

use super::super::families::{PLAIN_CONV, all_of};
use super::super::legacy_config::Age;
use super::parts::Part;

/// Layers whose kernels Theano turned around.
const TURNED_BY_THEANO: &[&str] = all_of![PLAIN_CONV, &["Conv2DTranspose", "ConvLSTM2D"]];

/// Who made the weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maker {
    pub(super) age: Age,
    /// Whether convolutions were computed by Theano, which turns kernels around.
    pub(super) is_theano: bool,
}

impl Maker {
    /// How many arrays of a part there are in a file where Keras 3 has `count`. Keras 1 kept the
    /// gates of recurrent layers apart.
    pub(super) fn count(self, part: &Part<'_>, count: usize) -> usize {
        match part.class {
            "LSTM" | "ConvLSTM2D" if self.age == Age::One => 12,
            "GRU" if self.age == Age::One => 9,
            _ => count,
        }
    }

    /// The arrays of a part as Keras 3 has them.
    pub(super) fn convert(self, part: &Part<'_>, mut arrays: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let is_channels_first = part.config.get("data_format") == Some(&"channels_first".into());
        if self.age == Age::One {
            arrays = keras_1(part, arrays, is_channels_first)?;
        }
        if self.is_theano && TURNED_BY_THEANO.contains(&part.class) {
            let num_kernels = if part.class == "ConvLSTM2D" { 2 } else { 1 };
            for kernel in arrays.iter_mut().take(num_kernels) {
                *kernel = turned_around(kernel)?;
            }
        }
        cudnn(part, arrays)
    }
}

/// The layouts of Keras 1.
fn keras_1(part: &Part<'_>, mut arrays: Vec<Tensor>, channels_first: bool) -> Result<Vec<Tensor>> {
    let first_axes = |arrays: &mut Vec<Tensor>, axes: &[usize]| -> Result<()> {
        match arrays.first_mut() {
            Some(kernel) if kernel.shape().ndim() == axes.len() => {
                *kernel = transposed(kernel, axes)?;
                Ok(())
            }
            _ => Ok(()),
        }
    };
    match (part.class, arrays.len()) {
        ("Conv1D", 1..) if arrays[0].shape().ndim() == 4 => {
            let dims = arrays[0].shape().clone();
            let size = integer(part, "kernel_size");
            let filters = integer(part, "filters");
            // Keras 1.1: [filters, in, length, 1]; Keras 1.2: [length, 1, in, filters].
            if Some(dims[0]) != size || dims[1] != 1 || Some(dims[3]) != filters {
                first_axes(&mut arrays, &[2, 3, 1, 0])?;
            }
            let dims = arrays[0].shape().clone();
            arrays[0] = arrays[0].reshape([dims[0] * dims[1], dims[2], dims[3]])?;
        }
        // [filters, in, rows, columns].
        ("Conv2D", _) if channels_first => first_axes(&mut arrays, &[2, 3, 1, 0])?,
        ("Conv2DTranspose", _) if channels_first => first_axes(&mut arrays, &[2, 3, 0, 1])?,
        // [rows, columns, in, filters].
        ("Conv2DTranspose", _) => first_axes(&mut arrays, &[0, 1, 3, 2])?,
        ("Conv3D", _) if channels_first => first_axes(&mut arrays, &[2, 3, 4, 1, 0])?,
        // Gate by gate: kernel, recurrent kernel, bias.
        ("GRU", 9) => return joined(&arrays, &[0, 1, 2]),
        // Input, candidate, forget, output; the forget gate comes second since.
        ("LSTM", 12) => return joined(&arrays, &[0, 2, 1, 3]),
        ("ConvLSTM2D", 12) => {
            let mut all = joined(&arrays, &[0, 2, 1, 3])?;
            if channels_first {
                for kernel in all.iter_mut().take(2) {
                    *kernel = transposed(kernel, &[2, 3, 1, 0])?;
                }
            }
            return Ok(all);
        }
        _ => {}
    }
    Ok(arrays)
}

/// Kernel, recurrent kernel and bias of gates that lie one after the other, in this order.
fn joined(arrays: &[Tensor], gates: &[usize]) -> Result<Vec<Tensor>> {
    let one = |kind: usize| {
        let parts: Vec<&Tensor> = gates.iter().map(|gate| &arrays[3 * gate + kind]).collect();
        side_by_side(&parts)
    };
    (0..3).map(one).collect()
}

/// Arrays of equal shape joined along their last axis.
fn side_by_side(parts: &[&Tensor]) -> Result<Tensor> {
    let shape = parts[0].shape().clone();
    if shape.ndim() == 0 || parts.iter().any(|part| part.shape() != &shape) {
        return Err(Error::new(ErrorKind::Shape, "the gates of a recurrent layer differ in shape"));
    }
    let width = shape[shape.ndim() - 1];
    let columns: Vec<Vec<f32>> = parts.iter().map(|part| numbers(part)).collect::<Result<_>>()?;
    let num_rows = shape.num_elements().checked_div(width).unwrap_or_default();
    let mut values = Vec::with_capacity(num_rows * width * parts.len());
    for row in 0..num_rows {
        for column in &columns {
            values.extend_from_slice(&column[row * width..(row + 1) * width]);
        }
    }
    let mut dims: Vec<usize> = shape.iter().copied().collect();
    *dims.last_mut().expect("checked above") *= parts.len();
    Tensor::new(dims, values)
}

/// A kernel with its spatial axes, all but the last two, running backwards.
fn turned_around(kernel: &Tensor) -> Result<Tensor> {
    let ndim = kernel.shape().ndim();
    let spatial: usize = kernel.shape().iter().take(ndim.saturating_sub(2)).product();
    let values = numbers(kernel)?;
    let block = values.len().checked_div(spatial).unwrap_or_default();
    // All of them turned around is the order of their product turned around.
    let turned: Vec<f32> = match block {
        0 => values,
        block => values.rchunks(block).flatten().copied().collect(),
    };
    Tensor::new(kernel.shape().clone(), turned)
}

/// Weights of cuDNN's layers, told by the length of their bias, as those of plain ones.
fn cudnn(part: &Part<'_>, arrays: Vec<Tensor>) -> Result<Vec<Tensor>> {
    let gates = match part.class {
        "LSTM" => 4,
        "GRU" => 3,
        _ => return Ok(arrays),
    };
    let [kernel, recurrent, bias] = arrays.as_slice() else { return Ok(arrays) };
    let (&[inputs, _], &[units, columns]) = (kernel.shape().dims(), recurrent.shape().dims())
    else {
        return Ok(arrays);
    };
    let is_cudnn = bias.shape().dims() == [2 * gates * units]
        && columns == gates * units
        && kernel.shape().dims() == [inputs, gates * units];
    if !is_cudnn {
        return Ok(arrays);
    }
    // cuDNN keeps each gate's matrix row by row of its transpose; the input's came into an array
    // of the plain shape by a reshape alone.
    let kernel = by_gate(kernel, gates, |row, column, values| values[column * inputs + row])?;
    let recurrent = by_gate(recurrent, gates, |row, column, values| values[column * units + row])?;
    let values = numbers(bias)?;
    let half = gates * units;
    let bias = match part.class {
        // Two biases are added; one with their sum does the same.
        "LSTM" => {
            let sums: Vec<f32> = (0..half).map(|at| values[at] + values[half + at]).collect();
            Tensor::new([half], sums)?
        }
        _ => Tensor::new([2, half], values)?,
    };
    Ok(vec![kernel, recurrent, bias])
}

/// A matrix whose gates lie side by side, each element of each gate taken from that gate's
/// values by `from(row, column, values)`.
fn by_gate(
    matrix: &Tensor,
    gates: usize,
    from: impl Fn(usize, usize, &[f32]) -> f32,
) -> Result<Tensor> {
    let (rows, columns) = (matrix.shape()[0], matrix.shape()[1]);
    let width = columns / gates;
    let values = numbers(matrix)?;
    let mut result = vec![0.0; values.len()];
    let mut gate_values = Vec::with_capacity(rows * width);
    for gate in 0..gates {
        gate_values.clear();
        for row in 0..rows {
            let start = row * columns + gate * width;
            gate_values.extend_from_slice(&values[start..start + width]);
        }
        for row in 0..rows {
            for column in 0..width {
                result[row * columns + gate * width + column] = from(row, column, &gate_values);
            }
        }
    }
    Tensor::new(matrix.shape().clone(), result)
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_f32().as_slice::<f32>()?.to_vec())
}

/// The tensor with its axes in another order: axis `i` of the result is axis `axes[i]`.
fn transposed(tensor: &Tensor, axes: &[usize]) -> Result<Tensor> {
    let from = tensor.shape();
    let to: Shape = axes.iter().map(|&axis| from[axis]).collect();
    let mut strides = vec![1; from.ndim()];
    for axis in (1..from.ndim()).rev() {
        strides[axis - 1] = strides[axis] * from[axis];
    }
    let values = numbers(tensor)?;
    let element = |mut at: usize| {
        let mut place = 0;
        for (&axis, &length) in axes.iter().zip(to.iter()).rev() {
            place += at % length * strides[axis];
            at /= length;
        }
        values[place]
    };
    let moved: Vec<f32> = (0..to.num_elements()).map(element).collect();
    Tensor::new(to, moved)
}

/// A whole number among the arguments of a part, or the only one of a list.
fn integer(part: &Part<'_>, name: &str) -> Option<usize> {
    let value = part.config.get(name)?;
    let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
    value.as_u64().map(|number| number as usize)
}

/// Whether the backend of a file is Theano.
pub(super) fn is_theano(backend: Option<&str>) -> bool {
    backend.is_some_and(|backend| backend.eq_ignore_ascii_case("theano"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::parts::parts;
    use super::*;

    fn values(shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        Tensor::new(shape.to_vec(), (0..count).map(|v| v as f32).collect::<Vec<f32>>()).unwrap()
    }

    fn convert(age: Age, is_theano: bool, layer: &Value, arrays: Vec<Tensor>) -> Vec<Tensor> {
        let parts = parts(layer);
        Maker { age, is_theano }.convert(&parts[0], arrays).unwrap()
    }

    // The expected numbers: numpy.arange(..).reshape(..), then what Keras 2.2.4 does with it.
    #[test]
    fn kernels_of_keras_1_change_axes() {
        let layer = json!({"class_name": "Conv2D", "config": {"data_format": "channels_first"}});
        let found = convert(Age::One, false, &layer, vec![values(&[2, 3, 2, 2]), values(&[2])]);
        assert_eq!(found[0].shape().dims(), [2, 2, 3, 2]);
        assert_eq!(found[0].to_vec_f64()[..6], [0.0, 12.0, 4.0, 16.0, 8.0, 20.0]);
        let config = json!({"kernel_size": [3], "filters": 2});
        let layer = json!({"class_name": "Conv1D", "config": config});
        let found = convert(Age::One, false, &layer, vec![values(&[3, 1, 4, 2]), values(&[2])]);
        assert_eq!(found[0].shape().dims(), [3, 4, 2]);
        assert_eq!(found[0].to_vec_f64()[..4], [0.0, 1.0, 2.0, 3.0]);
        let found = convert(Age::One, false, &layer, vec![values(&[2, 4, 3, 1]), values(&[2])]);
        assert_eq!(found[0].shape().dims(), [3, 4, 2]);
        assert_eq!(found[0].to_vec_f64()[..4], [0.0, 12.0, 3.0, 15.0]);
    }

    #[test]
    fn kernels_of_theano_turn_around() {
        let layer = json!({"class_name": "Conv2D", "config": {}});
        let found = convert(Age::Two, true, &layer, vec![values(&[2, 2, 1, 2]), values(&[2])]);
        assert_eq!(found[0].to_vec_f64(), [6.0, 7.0, 4.0, 5.0, 2.0, 3.0, 0.0, 1.0]);
        assert_eq!(found[1].to_vec_f64(), [0.0, 1.0]);
    }

    #[test]
    fn gates_of_keras_1_are_joined() {
        let layer = json!({"class_name": "LSTM", "config": {"units": 1}});
        let gate = |value: f32| {
            let full = |shape: &[usize]| Tensor::full(shape.to_vec(), value);
            [full(&[2, 1]), full(&[1, 1]), full(&[1])]
        };
        let arrays: Vec<Tensor> = [1.0, 2.0, 3.0, 4.0].into_iter().flat_map(gate).collect();
        let found = convert(Age::One, false, &layer, arrays);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].shape().dims(), [2, 4]);
        assert_eq!(found[0].to_vec_f64(), [1.0, 3.0, 2.0, 4.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!(found[2].to_vec_f64(), [1.0, 3.0, 2.0, 4.0]);
    }

    #[test]
    fn weights_of_cudnn_become_plain() {
        let layer = json!({"class_name": "LSTM", "config": {"units": 2}});
        let arrays = vec![values(&[3, 8]), values(&[2, 8]), values(&[16])];
        let found = convert(Age::Two, false, &layer, arrays);
        // The first gate holds [[0, 1], [8, 9], [16, 17]]: row by row, 0 1 8 9 16 17, these are
        // the columns.
        let kernel = found[0].to_vec_f64();
        assert_eq!([kernel[0], kernel[8], kernel[16]], [0.0, 1.0, 8.0]);
        assert_eq!([kernel[1], kernel[9], kernel[17]], [9.0, 16.0, 17.0]);
        let recurrent = found[1].to_vec_f64();
        assert_eq!([recurrent[0], recurrent[1], recurrent[8], recurrent[9]], [0.0, 8.0, 1.0, 9.0]);
        assert_eq!(found[2].to_vec_f64()[..3], [8.0, 10.0, 12.0]);
        let layer = json!({"class_name": "GRU", "config": {"units": 2}});
        let found =
            convert(Age::Two, false, &layer, vec![values(&[3, 6]), values(&[2, 6]), values(&[12])]);
        assert_eq!(found[2].shape().dims(), [2, 6]);
    }
}
