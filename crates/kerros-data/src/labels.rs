//! Class labels: one-hot rows, and weights that make some classes count more.

use std::collections::BTreeMap;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};

/// The class of every row.
///
/// A last axis longer than 1 holds one-hot rows or probabilities and the largest wins (the
/// first of equals); else each element is a class number, rounded to the nearest (halves to the
/// even one), as Keras does.
///
/// # Shape
/// `labels: [rows]`, `[rows, 1]` or `[rows, classes]` -> `rows` numbers.
///
/// # Errors
/// [`ErrorKind::Data`] when there are more axes, and for NaN and infinities.
pub fn class_ids(labels: &Tensor) -> Result<Vec<i64>> {
    let shape = labels.shape();
    let width = match shape.dims() {
        [_] => 1,
        [_, width] => *width,
        _ => {
            return Err(Error::new(ErrorKind::Data, format!("the labels have the shape {shape}"))
                .expected("[rows], [rows, 1] or one-hot [rows, classes]"));
        }
    };
    if let Some((row, _, value)) = crate::first_non_finite(labels) {
        return Err(Error::new(ErrorKind::Data, format!("the label of row {row} is {value}"))
            .expected("a class number"));
    }
    let values = labels.to_vec_f64();
    if width == 1 {
        return Ok(values.iter().map(|value| value.round_ties_even() as i64).collect());
    }
    let num_rows = shape[0];
    if width == 0 && num_rows > 0 {
        return Err(Error::new(ErrorKind::Data, format!("the labels have the shape {shape}"))
            .expected("at least one class"));
    }
    Ok(values
        .chunks_exact(width.max(1))
        .map(|row| {
            (1..width).fold(0, |best, at| if row[at] > row[best] { at } else { best }) as i64
        })
        .collect())
}

/// Rows of zeros with a one at the label: Keras's `to_categorical`.
///
/// # Shape
/// `labels: [..]` or `[.., 1]` -> `[.., num_classes]`, `float32`.
///
/// # Parameters
/// `num_classes`: `None` means the largest label plus one.
///
/// # Errors
/// [`ErrorKind::Data`] for a label that is no whole number or is outside `0..num_classes`, and
/// when there is no label to count the classes by.
///
/// # Example
/// ```
/// use kerros_core::Tensor;
/// let labels = Tensor::new([2], [2i32, 0])?;
/// let rows = kerros_data::one_hot(&labels, None)?;
/// assert_eq!(rows.as_slice::<f32>()?, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn one_hot(labels: &Tensor, num_classes: impl Into<Option<usize>>) -> Result<Tensor> {
    let whole = labels.to_i32().map_err(|error| error.context("reading class labels"))?;
    let numbers = whole.as_slice::<i32>()?;
    let num_classes = match (num_classes.into(), numbers.iter().max()) {
        (Some(num_classes), _) => num_classes,
        (None, Some(&largest)) => usize::try_from(largest).unwrap_or(0) + 1,
        (None, None) => {
            return Err(Error::new(ErrorKind::Data, "there are no labels to count classes by")
                .hint("give the number of classes"));
        }
    };
    let dims = labels.shape().dims();
    let leading = match dims {
        [leading @ .., 1] if !leading.is_empty() => leading,
        _ => dims,
    };
    let shape: Shape = leading.iter().copied().chain([num_classes]).collect();
    if shape.checked_num_elements().and_then(|count| count.checked_mul(4)).is_none() {
        return Err(Error::new(ErrorKind::Data, format!("the one-hot shape would be {shape}")));
    }
    if let Some(at) = numbers
        .iter()
        .position(|&label| usize::try_from(label).map_or(true, |label| label >= num_classes))
    {
        return Err(Error::new(
            ErrorKind::Data,
            format!("label {at} is {}, in a tensor of shape {}", numbers[at], labels.shape()),
        )
        .expected(format!("class numbers in 0..{num_classes}"))
        .hint("number the classes from 0"));
    }
    let mut out = Tensor::zeros(shape, DType::F32);
    let to = out.as_mut_slice::<f32>()?;
    for (row, &label) in numbers.iter().enumerate() {
        to[row * num_classes + label as usize] = 1.0;
    }
    Ok(out)
}

/// Sample weights from class weights: each row gets its class's weight, 1 for classes that are
/// not named, as Keras's `class_weight` does.
///
/// # Shape
/// `labels`: as [`class_ids`] takes them -> `[rows]`, `float32`.
///
/// # Errors
/// As [`class_ids`], and [`ErrorKind::Argument`] for a weight that is negative or not finite.
///
/// # Example
/// ```
/// use kerros_core::Tensor;
/// let labels = Tensor::new([3], [0i32, 1, 2])?;
/// let weights = kerros_data::class_weights(&labels, &[(1, 3.0)].into())?;
/// assert_eq!(weights.as_slice::<f32>()?, [1.0, 3.0, 1.0]);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn class_weights(labels: &Tensor, weights: &BTreeMap<i64, f32>) -> Result<Tensor> {
    if let Some((class, weight)) =
        weights.iter().find(|(_, weight)| !(weight.is_finite() && **weight >= 0.0))
    {
        return Err(Error::new(
            ErrorKind::Argument,
            format!("the weight of class {class} is {weight}"),
        )
        .expected("a finite number of at least 0"));
    }
    let ids = class_ids(labels)?;
    let of_row: Vec<f32> =
        ids.iter().map(|class| weights.get(class).copied().unwrap_or(1.0)).collect();
    Tensor::new([ids.len()], of_row)
}

/// Class weights that give every class the same total: `rows / (classes * rows of the class)`.
///
/// Use it when some classes are rare; the mean weight of a row is 1.
///
/// # Errors
/// As [`class_ids`].
///
/// # Source
/// G. King, L. Zeng: "Logistic regression in rare events data", 2001; scikit-learn calls these
/// weights `"balanced"`.
///
/// # Example
/// ```
/// use kerros_core::Tensor;
/// let labels = Tensor::new([4], [0i32, 0, 0, 1])?;
/// let weights = kerros_data::balanced_class_weights(&labels)?;
/// assert_eq!(weights[&1], 2.0);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn balanced_class_weights(labels: &Tensor) -> Result<BTreeMap<i64, f32>> {
    let ids = class_ids(labels)?;
    let counts = count(&ids);
    let num_classes = counts.len();
    Ok(counts
        .into_iter()
        .map(|(class, rows)| (class, (ids.len() as f64 / (num_classes * rows) as f64) as f32))
        .collect())
}

/// How many rows each class has.
pub(crate) fn count(ids: &[i64]) -> BTreeMap<i64, usize> {
    let mut counts = BTreeMap::new();
    for &class in ids {
        *counts.entry(class).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read_as_keras_reads_them() {
        let column = Tensor::new([4, 1], [0.0f32, 0.5, 1.5, 2.6]).unwrap();
        assert_eq!(class_ids(&column).unwrap(), [0, 0, 2, 3]);
        let rows = Tensor::new([2, 3], [0.1f32, 0.7, 0.2, 0.4, 0.4, 0.2]).unwrap();
        assert_eq!(class_ids(&rows).unwrap(), [1, 0]);
        assert!(class_ids(&Tensor::new([1], [f32::NAN]).unwrap()).is_err());
        assert!(class_ids(&Tensor::zeros([1, 2, 3], DType::F32)).is_err());
        assert!(class_ids(&Tensor::zeros([2, 0], DType::F32)).is_err());
        assert!(class_ids(&Tensor::zeros([0, 3], DType::F32)).unwrap().is_empty());
    }

    #[test]
    fn one_hot_drops_a_last_axis_of_one() {
        let labels = Tensor::new([2, 1], [1i64, 0]).unwrap();
        let rows = one_hot(&labels, 2).unwrap();
        assert_eq!(rows.shape().dims(), [2, 2]);
        assert_eq!(rows.to_vec_f64(), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(one_hot(&Tensor::scalar(1i32), 3).unwrap().shape().dims(), [3]);
        // `[1]` is one row, not an axis to drop.
        let one = one_hot(&Tensor::new([1], [1i32]).unwrap(), 3).unwrap();
        assert_eq!(one.shape().dims(), [1, 3]);
    }

    #[test]
    fn labels_outside_the_classes_are_named() {
        let labels = Tensor::new([3], [0i32, 3, -1]).unwrap();
        let error = one_hot(&labels, 3).unwrap_err();
        assert_eq!(error.message(), "label 1 is 3, in a tensor of shape [3]");
        let negative = one_hot(&Tensor::new([1], [-1i32]).unwrap(), None).unwrap_err();
        assert_eq!(negative.kind(), ErrorKind::Data);
        assert!(one_hot(&Tensor::new([1], [0.5f32]).unwrap(), 3).is_err());
        assert!(one_hot(&Tensor::zeros([0], DType::I32), None).is_err());
        assert!(one_hot(&labels, usize::MAX / 2).is_err());
    }

    #[test]
    fn weights_follow_one_hot_rows() {
        let labels = one_hot(&Tensor::new([3], [2i32, 1, 0]).unwrap(), 3).unwrap();
        let weights = class_weights(&labels, &[(0, 0.5), (2, 4.0)].into()).unwrap();
        assert_eq!(weights.as_slice::<f32>().unwrap(), [4.0, 1.0, 0.5]);
        let error = class_weights(&labels, &[(0, -1.0)].into()).unwrap_err();
        assert_eq!(error.message(), "the weight of class 0 is -1");
    }

    #[test]
    fn balanced_weights_have_mean_one() {
        let labels = Tensor::new([6], [5i32, 5, 5, -2, -2, 9]).unwrap();
        let weights = balanced_class_weights(&labels).unwrap();
        assert_eq!(weights, [(-2, 1.0), (5, 2.0 / 3.0), (9, 2.0)].into());
        let of_row = class_weights(&labels, &weights).unwrap();
        let mean = of_row.to_vec_f64().iter().sum::<f64>() / 6.0;
        assert!((mean - 1.0).abs() < 1e-7);
    }
}
