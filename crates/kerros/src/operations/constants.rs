//! Arrays in the arguments of operations, as Keras writes them.

use kerros_core::{Error, ErrorKind, Result, Tensor};
use serde_json::{Value, json};

use crate::object;

/// Whether a value is an array of NumPy or of a backend.
pub(crate) fn is_array(value: &Value) -> bool {
    matches!(value.get("class_name").and_then(Value::as_str), Some("__numpy__" | "__tensor__"))
}

/// The tensor that a value stands for: a number, nested lists of numbers, or an array of NumPy
/// or of a backend.
///
/// # Errors
/// [`ErrorKind::Format`] for anything else.
pub(crate) fn tensor(value: &Value) -> Result<Tensor> {
    let (values, dtype) = match is_array(value) {
        true => (&value["config"]["value"], value["config"]["dtype"].as_str()),
        false => (value, None),
    };
    let mut dims = Vec::new();
    let mut level = values;
    while let Value::Array(items) = level {
        dims.push(items.len());
        match items.first() {
            Some(first) => level = first,
            None => break,
        }
    }
    let mut flat = Vec::new();
    flatten(values, &mut flat);
    let strange = || {
        Error::new(ErrorKind::Format, format!("the constant {value}"))
            .expected("numbers, in lists of equal lengths")
    };
    let all = |test: fn(&Value) -> bool| flat.iter().all(|value| test(value));
    let is_truth = dtype == Some("bool") || (dtype.is_none() && all(Value::is_boolean));
    let is_whole = match dtype {
        Some(dtype) => dtype.starts_with("int") || dtype.starts_with("uint"),
        None => all(|value| value.is_i64() || value.is_u64()),
    };
    if is_truth && !flat.is_empty() {
        let truths: Option<Vec<bool>> = flat.iter().map(|value| object::truth(value)).collect();
        return Tensor::from_bools(dims, &truths.ok_or_else(strange)?).map_err(|_| strange());
    }
    if is_whole {
        let number = |value: &&Value| value.as_i64().and_then(|number| i32::try_from(number).ok());
        let numbers: Option<Vec<i32>> = flat.iter().map(number).collect();
        return Tensor::new(dims, numbers.ok_or_else(strange)?).map_err(|_| strange());
    }
    let numbers: Option<Vec<f32>> = flat.iter().map(|value| number(value)).collect();
    Tensor::new(dims, numbers.ok_or_else(strange)?).map_err(|_| strange())
}

/// A tensor as Keras writes an array of NumPy; a single number as a number.
pub(crate) fn value(tensor: &Tensor) -> Value {
    fn level(dims: &[usize], numbers: &[f64]) -> Value {
        match dims {
            [] => numbers.first().map_or(Value::Null, |&number| object::number_value(number)),
            [dim, rest @ ..] => {
                let part = numbers.len() / (*dim).max(1);
                numbers.chunks(part.max(1)).map(|part| level(rest, part)).collect()
            }
        }
    }
    let mut nested = level(tensor.shape(), &tensor.to_vec_f64());
    if !tensor.dtype().is_float() {
        whole(&mut nested);
    }
    match tensor.shape().is_empty() {
        true => nested,
        false => json!({
            "class_name": "__numpy__",
            "config": {"value": nested, "dtype": tensor.dtype().to_string()},
        }),
    }
}

/// Numbers without a fraction in place of those with `.0`.
fn whole(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole),
        value => *value = json!(value.as_f64().unwrap_or_default() as i64),
    }
}

fn flatten<'a>(value: &'a Value, flat: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, flat)),
        value => flat.push(value),
    }
}

fn number(value: &Value) -> Option<f32> {
    match value {
        Value::Bool(truth) => Some(f32::from(u8::from(*truth))),
        value => object::number(value).map(|number| number as f32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerros_core::DType;

    #[test]
    fn arrays_are_read_and_written() {
        let array = json!({
            "class_name": "__numpy__",
            "config": {"value": [[1.0, 2.5], [3.0, 4.0]], "dtype": "float32"},
        });
        let read = tensor(&array).unwrap();
        assert_eq!((read.shape().to_vec(), read.dtype()), (vec![2, 2], DType::F32));
        assert_eq!(value(&read), array);
        assert_eq!(tensor(&json!(3)).unwrap().as_slice::<i32>().unwrap(), [3]);
        assert_eq!(value(&tensor(&json!(3)).unwrap()), json!(3));
        assert_eq!(tensor(&json!([true, false])).unwrap().dtype(), DType::Bool);
        assert_eq!(tensor(&json!(0.5)).unwrap().as_slice::<f32>().unwrap(), [0.5]);
    }

    #[test]
    fn what_is_no_array_is_refused() {
        let strange =
            [json!("relu"), json!([[1.0], [1.0, 2.0]]), json!({"a": 1}), json!(3_000_000_000i64)];
        for value in strange {
            assert_eq!(tensor(&value).unwrap_err().kind(), ErrorKind::Format, "{value}");
        }
    }
}
