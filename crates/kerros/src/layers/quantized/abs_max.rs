//! Numbers rounded to whole ones by the largest absolute value among them.

use kerros_core::DType;
use kerros_graph::Node;
use serde_json::Value;

/// `q = clip(round(x s), low, high)` with `s = high / (max |x| + epsilon)`, halves to the even
/// number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AbsMax {
    low: f32,
    high: f32,
    epsilon: f32,
    /// Whether no axes are given but the last one: a layer has its own.
    is_of_rows: bool,
}

impl Default for AbsMax {
    /// Keras's: to -127..=127, epsilon 1e-7.
    fn default() -> Self {
        AbsMax { low: -127.0, high: 127.0, epsilon: 1e-7, is_of_rows: true }
    }
}

impl AbsMax {
    /// Reads an `AbsMaxQuantizer` of a config.
    ///
    /// # Errors
    /// What is not supported, in words.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let class = value.get("class_name").and_then(Value::as_str);
        if class != Some("AbsMaxQuantizer") {
            return Err(format!("a quantizer is {value}, expected an AbsMaxQuantizer"));
        }
        let mut read = AbsMax::default();
        let Some(config) = value.get("config").and_then(Value::as_object) else {
            return Ok(read);
        };
        for (name, value) in config {
            match name.as_str() {
                "value_range" => {
                    let bound = |at: usize| value.get(at).and_then(Value::as_i64);
                    let in_byte = |bound: &i64| (-128..=127).contains(bound);
                    let bounds = bound(0).filter(in_byte).zip(bound(1).filter(in_byte));
                    let (low, high) = bounds.filter(|(low, high)| low < high).ok_or_else(|| {
                        format!("`value_range` is {value}, expected two numbers of -128..=127")
                    })?;
                    (read.low, read.high) = (low as f32, high as f32);
                }
                "epsilon" => {
                    let epsilon = value.as_f64().filter(|epsilon| *epsilon >= 0.0);
                    read.epsilon = epsilon
                        .ok_or_else(|| format!("`epsilon` is {value}, expected a number >= 0"))?
                        as f32;
                }
                "output_dtype" if value == "int8" => {}
                "axis" => {
                    let axes = value.as_array().map_or(vec![value.as_i64()], |axes| {
                        axes.iter().map(Value::as_i64).collect()
                    });
                    read.is_of_rows = value.is_null() || axes == [Some(-1)];
                }
                _ => return Err(format!("a quantizer has `{name}` {value}")),
            }
        }
        Ok(read)
    }

    /// Whether no axes are given but the last one.
    pub(super) fn is_of_rows(&self) -> bool {
        self.is_of_rows
    }

    /// The numbers as whole ones and their scale, over these axes, which it has with length 1.
    pub(super) fn quantize<'g>(&self, x: Node<'g>, axes: &[usize]) -> (Node<'g>, Node<'g>) {
        let x = x.cast(DType::F32);
        let reduced: Vec<isize> = axes.iter().map(|&axis| axis as isize).collect();
        let mut kept = x.shape().to_vec();
        axes.iter().for_each(|&axis| kept[axis] = 1);
        let largest = x.abs().max(&reduced).reshape(kept);
        let bound = x.graph().constant(self.high);
        let scale = bound / (largest + self.epsilon);
        ((x * scale).round().clip(self.low, self.high), scale)
    }

    /// The whole numbers for numbers of which this is the largest absolute value, and their
    /// scale: for a table, by a processor.
    pub(super) fn of_table(low: f32, high: f32) -> Self {
        AbsMax { low, high, ..AbsMax::default() }
    }

    /// The scale for numbers whose largest absolute value is this.
    pub(super) fn scale(&self, largest: f32) -> f32 {
        self.high / (largest + self.epsilon)
    }

    /// A number as a whole one.
    pub(super) fn round(&self, value: f32, scale: f32) -> f32 {
        (value * scale).round_ties_even().clamp(self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::Tensor;
    use kerros_graph::Graph;
    use kerros_graph::eval::evaluate;

    use super::*;

    #[test]
    fn halves_go_to_the_even_number() {
        let graph = Graph::new();
        let x = graph.input("x", [2, 3], DType::F32);
        let exact = AbsMax { epsilon: 0.0, ..AbsMax::default() };
        let (q, s) = exact.quantize(x, &[1]);
        let values = Tensor::new([2, 3], [127.0f32, 0.5, -1.5, -254.0, 5.0, 7.0]).unwrap();
        let found = evaluate::<f32>(&graph, &[q, s], &[values], &[]).unwrap();
        assert_eq!(found[0].as_slice::<f32>().unwrap(), [127.0, 0.0, -2.0, -127.0, 2.0, 4.0]);
        assert_eq!(found[1].as_slice::<f32>().unwrap(), [1.0, 0.5]);
    }
}
