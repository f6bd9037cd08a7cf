//! Making targets fit predictions, and refusing what only broadcasting would make fit.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::Targets;

/// Targets and predictions as a loss or metric takes them.
///
/// `Targets::Values`: targets become `f32` of the predictions' shape. Where the numbers of
/// axes differ by one and the longer shape ends in 1, that axis is dropped, or added to the
/// shorter one where that is a plain `[batch]`: Keras's rule. Everything else is refused,
/// above all `[batch, 1]` against `[batch, n]`, which would broadcast.
///
/// `Targets::Labels`: targets become `i32` of the predictions' shape without its last axis; a
/// last axis of length 1 is dropped.
///
/// `Targets::Any`: both become `f32`.
///
/// # Errors
/// [`ErrorKind::Shape`] with both shapes and the loss that would fit them.
pub fn align<'g>(
    targets: Targets,
    y_true: Node<'g>,
    y_pred: Node<'g>,
) -> Result<(Node<'g>, Node<'g>)> {
    match targets {
        Targets::Values => align_values(y_true, y_pred),
        Targets::Labels => align_labels(y_true, y_pred),
        Targets::Any => Ok((y_true.cast(DType::F32), y_pred.cast(DType::F32))),
    }
}

fn align_values<'g>(y_true: Node<'g>, y_pred: Node<'g>) -> Result<(Node<'g>, Node<'g>)> {
    let (mut a, mut b) = (y_true.cast(DType::F32), y_pred.cast(DType::F32));
    match squeeze_or_expand(&a.shape(), &b.shape()) {
        Some((to_a, to_b)) => (a, b) = (a.reshape(to_a), b.reshape(to_b)),
        None => return Err(refused(&y_true.shape(), &y_pred.shape())),
    }
    Ok((a, b))
}

/// The shapes that both take so that they are one, if that only drops or adds a last axis of
/// length 1.
fn squeeze_or_expand(a: &Shape, b: &Shape) -> Option<(Shape, Shape)> {
    let with_one = |shape: &Shape| -> Shape { shape.iter().copied().chain([1]).collect() };
    let without_last = |shape: &Shape| Shape::from(&shape[..shape.ndim() - 1]);
    let (a, b) = match (a.ndim(), b.ndim()) {
        (m, n) if m == n + 1 && a.last() == 1 => match n {
            1 => (a.clone(), with_one(b)),
            _ => (without_last(a), b.clone()),
        },
        (m, n) if n == m + 1 && b.last() == 1 => match m {
            1 => (with_one(a), b.clone()),
            _ => (a.clone(), without_last(b)),
        },
        _ => (a.clone(), b.clone()),
    };
    (a == b).then_some((a, b))
}

fn refused(y_true: &Shape, y_pred: &Shape) -> Error {
    let error = Error::new(
        ErrorKind::Shape,
        format!("the targets have shape {y_true}, the predictions {y_pred}"),
    )
    .expected("targets of the predictions' shape");
    let classes = y_pred.last();
    let is_labels = y_pred.ndim() > 0 && {
        let rows = Shape::from(&y_pred[..y_pred.ndim() - 1]);
        classes > 1 && (*y_true == rows || squeeze_or_expand(y_true, &rows).is_some())
    };
    match is_labels {
        true => error.hint(format!(
            "for class labels use SparseCategoricalCrossentropy; for one number per sample \
             give the last layer 1 unit instead of {classes}"
        )),
        false => error.hint("compare the number of units of the last layer with the targets"),
    }
}

fn align_labels<'g>(y_true: Node<'g>, y_pred: Node<'g>) -> Result<(Node<'g>, Node<'g>)> {
    let (labels, scores) = (y_true.shape(), y_pred.shape());
    let rows = Shape::from(&scores[..scores.ndim().saturating_sub(1)]);
    let column: Shape = rows.iter().copied().chain([1]).collect();
    if scores.ndim() == 0 || (labels != rows && labels != column) {
        let error = Error::new(
            ErrorKind::Shape,
            format!("the labels have shape {labels}, the predictions {scores}"),
        )
        .expected(format!("labels of shape {rows}, one class index per row of predictions"));
        return Err(match labels == scores {
            true => error.hint("for one-hot targets use CategoricalCrossentropy"),
            false => error.hint("check the targets, and the last layer's number of units"),
        });
    }
    Ok((y_true.cast(DType::I32).reshape(rows), y_pred))
}

#[cfg(test)]
mod tests {
    use kerros_graph::Graph;

    use super::*;

    fn aligned(targets: Targets, a: &[usize], b: &[usize]) -> Result<(Vec<usize>, Vec<usize>)> {
        let graph = Graph::new();
        let y_true = graph.input("y_true", a, DType::I32);
        let y_pred = graph.input("y_pred", b, DType::F32);
        let (y_true, y_pred) = align(targets, y_true, y_pred)?;
        graph.check()?;
        Ok((y_true.shape().to_vec(), y_pred.shape().to_vec()))
    }

    #[test]
    fn a_last_axis_of_one_is_mended() {
        let both = |shape: &[usize]| (shape.to_vec(), shape.to_vec());
        let values = |a: &[usize], b: &[usize]| aligned(Targets::Values, a, b).unwrap();
        assert_eq!(values(&[6], &[6, 1]), both(&[6, 1]));
        assert_eq!(values(&[6, 1], &[6]), both(&[6, 1]));
        assert_eq!(values(&[6, 5], &[6, 5, 1]), both(&[6, 5]));
        assert_eq!(values(&[6, 5, 1], &[6, 5]), both(&[6, 5]));
        let labels = |a: &[usize], b: &[usize]| aligned(Targets::Labels, a, b).unwrap();
        assert_eq!(labels(&[6, 1], &[6, 4]), (vec![6], vec![6, 4]));
        assert_eq!(labels(&[3, 5], &[3, 5, 4]), (vec![3, 5], vec![3, 5, 4]));
    }

    #[test]
    fn nothing_broadcasts() {
        for (a, b) in [(&[6][..], &[6, 6][..]), (&[6, 1], &[6, 4]), (&[1, 4], &[6, 4]), (&[], &[6])]
        {
            let error = aligned(Targets::Values, a, b).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Shape);
        }
        let error = aligned(Targets::Values, &[32], &[32, 10]).unwrap_err().to_string();
        assert!(error.contains("targets have shape [32], the predictions [32, 10]"), "{error}");
        assert!(error.contains("SparseCategoricalCrossentropy"), "{error}");
        let error = aligned(Targets::Labels, &[32, 10], &[32, 10]).unwrap_err().to_string();
        assert!(error.contains("use CategoricalCrossentropy"), "{error}");
    }
}
