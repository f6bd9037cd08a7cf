//! What is looked at before anything runs, so that a mistake in the data is a message and not a
//! number.

use kerros_core::program::Unary;
use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_data::first_non_finite;
use kerros_graph::ops::LinearActivation;
use kerros_graph::{Graph, NodeId, Op};

use super::arrays::row_shape;
use crate::losses::{Loss, Targets};
use crate::model::{Model, Network, PartialShape};

/// The error for another number of targets than the model has outputs.
pub(crate) fn number_of_targets(given: usize, outputs: &[String]) -> Error {
    let error = Error::new(ErrorKind::Data, format!("{given} target arrays were given"));
    match outputs {
        [_] => error
            .expected("one target array, for the model's one output")
            .hint("give inputs and targets as a pair: `(&x, &y)`"),
        names => error.expected(format!("one for each output: {}", names.join(", "))),
    }
}

/// The inputs as the network takes them: `f32`, with a missing or extra last axis of length 1
/// mended, as Keras does.
///
/// # Errors
/// [`ErrorKind::Shape`] with both shapes and the layer that made the expectation.
pub fn inputs(network: &Network, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    if inputs.len() != network.inputs.len() {
        return Err(Error::new(
            ErrorKind::Data,
            format!("{} input arrays were given", inputs.len()),
        )
        .expected(format!("{}", network.inputs.len())));
    }
    let mend = |(given, spec): (&Tensor, &crate::model::InputSpec)| {
        let row = row_shape(given);
        let rows = given.shape().first().copied().unwrap_or(0);
        if let Some(fixed) = spec.batch.filter(|&batch| batch != rows && rows % batch != 0) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("input `{}` has {rows} rows", spec.name),
            )
            .expected(format!("a multiple of {fixed}: the model fixes its batches")));
        }
        let typed = |given: &Tensor| match spec.dtype {
            DType::I32 => given.to_i32(),
            DType::Bool => truths(given),
            _ => Ok(given.to_f32()),
        };
        if spec.shape.admits(&row) {
            return typed(given);
        }
        // A last axis of length 1 may be missing or extra.
        let longer: Shape = row.iter().copied().chain([1]).collect();
        let shorter = Shape::from(&row[..row.ndim().saturating_sub(1)]);
        let mended = [Some(longer), Some(shorter).filter(|_| row.last() == 1 && row.ndim() > 0)];
        if let Some(fitting) = mended.into_iter().flatten().find(|row| spec.shape.admits(row)) {
            let wanted: Shape = std::iter::once(rows).chain(fitting.iter().copied()).collect();
            return typed(given)?.reshape(wanted);
        }
        let batch = |shape: &PartialShape| match shape.to_string().as_str() {
            "[]" => "[batch]".to_string(),
            dims => format!("[batch, {}", &dims[1..]),
        };
        let wanted: Shape =
            std::iter::once(rows).chain(spec.shape.filled(0).iter().copied()).collect();
        let error = Error::new(
            ErrorKind::Shape,
            format!("input `{}` has the shape {}", spec.name, given.shape()),
        )
        .expected(batch(&spec.shape));
        let error = match network.layers.first() {
            Some(first) => error.at(&first.origin()),
            None => error,
        };
        Err(match row.num_elements() == spec.shape.filled(0).num_elements() {
            true => error.hint(format!("x.reshape({wanted})?")),
            false => error.hint("check the shape given to `.input(..)`, and the data's columns"),
        })
    };
    inputs.iter().zip(&network.inputs).map(mend).collect()
}

/// Numbers as truth values: what is not 0.
fn truths(given: &Tensor) -> Result<Tensor> {
    let mut truths = vec![false; given.num_elements()];
    given.for_each_f64(|at, value| truths[at] = value != 0.0);
    Tensor::from_bools(given.shape(), &truths)
}

/// Whether two shapes are the same but for a last axis of length 1.
fn differ_by_last_one(a: &[usize], b: &[usize]) -> bool {
    let is_longer = |long: &[usize], short: &[usize]| {
        long.len() == short.len() + 1 && long.last() == Some(&1) && long[..short.len()] == *short
    };
    is_longer(a, b) || is_longer(b, a)
}

/// Checks that every element is a finite number.
///
/// # Errors
/// [`ErrorKind::Data`] with the first row and column that is not.
pub fn finite(what: &str, tensor: &Tensor) -> Result<()> {
    let Some((row, index, value)) = first_non_finite(tensor) else { return Ok(()) };
    let row_len: usize = tensor.shape().iter().skip(1).product();
    let column = match row_len {
        0 | 1 => String::new(),
        _ => format!(", column {}", index % row_len),
    };
    Err(Error::new(ErrorKind::Data, format!("{what} is {value} in row {row}{column}"))
        .expected("finite numbers")
        .hint("drop such rows, or fill the gaps, before training"))
}

/// Checks that a target fits what the loss compares with.
///
/// # Errors
/// [`ErrorKind::Shape`] where labels meet a loss for one-hot rows, the reverse, and wherever
/// the shapes differ by more than a last axis of length 1; [`ErrorKind::Data`] for labels that
/// are not whole numbers.
pub fn target(loss: &dyn Loss, target: &Tensor, output: &Shape) -> Result<()> {
    let row = row_shape(target);
    let classes = output.last();
    let labels_shape = Shape::from(&output[..output.ndim().saturating_sub(1)]);
    let are_labels = row == labels_shape || differ_by_last_one(&row, &labels_shape);
    match loss.targets() {
        Targets::Labels if row == *output && classes > 1 => Err(Error::new(
            ErrorKind::Shape,
            format!("the target has the shape {}: one row per sample", target.shape()),
        )
        .expected(format!("class labels of shape [rows] for the loss `{}`", loss.name()))
        .hint("use CategoricalCrossentropy for one-hot targets, or give the labels themselves")),
        Targets::Any => Ok(()),
        Targets::Labels if are_labels => whole_labels(target),
        Targets::Values if row == *output || differ_by_last_one(&row, output) => Ok(()),
        Targets::Values if are_labels && classes > 1 => Err(Error::new(
            ErrorKind::Shape,
            format!("the target has the shape {}: one number per sample", target.shape()),
        )
        .expected(format!(
            "rows of {classes} numbers, like the model's output, for the loss `{}`",
            loss.name()
        ))
        .hint(match loss.name().contains("crossentropy") {
            true => "use SparseCategoricalCrossentropy for class labels, or make one-hot rows",
            false => "give the last layer 1 unit, for one number per sample",
        })),
        _ => Err(Error::new(
            ErrorKind::Shape,
            format!("the target has rows of shape {row}, the model's output has {output}"),
        )
        .expected("the same shape (a last axis of length 1 may be missing or extra)")
        .hint("check the number of units of the last layer")),
    }
}

/// Checks that labels are whole numbers.
fn whole_labels(target: &Tensor) -> Result<()> {
    if target.to_i32().is_ok() {
        return Ok(());
    }
    let mut found = None;
    target.for_each_f64(|index, value| {
        if found.is_none() && f64::from(value as i32) != value {
            found = Some((index, value));
        }
    });
    let (index, value) = found.unwrap_or_default();
    let row_len: usize = target.shape().iter().skip(1).product();
    Err(Error::new(
        ErrorKind::Data,
        format!("the label of row {} is {value}", index / row_len.max(1)),
    )
    .expected("a class number: 0, 1, 2 ...")
    .hint("for targets that are quantities use a regression loss, such as MeanSquaredError"))
}

/// Checks that `i32` labels name classes of the output.
///
/// # Errors
/// [`ErrorKind::Data`] with the first row whose label does not, the label, and the number of
/// classes.
pub fn labels(target: &Tensor, output: &Shape, ignored: Option<i64>) -> Result<()> {
    let classes = output.last();
    let row_len: usize = target.shape().iter().skip(1).product();
    let is_wrong = |&label: &i32| {
        !(0..classes as i64).contains(&i64::from(label)) && Some(i64::from(label)) != ignored
    };
    let labels = target.as_slice::<i32>()?;
    let Some(at) = labels.iter().position(is_wrong) else { return Ok(()) };
    let error = Error::new(
        ErrorKind::Data,
        format!(
            "the label of row {} is {}, the model has {classes} outputs",
            at / row_len.max(1),
            labels[at]
        ),
    )
    .expected(format!("labels in 0..{classes}"));
    let largest = labels.iter().max().copied().unwrap_or(0);
    Err(match labels.iter().min() {
        Some(&smallest) if smallest >= 1 && largest as usize == classes => {
            error.hint("the labels count from 1: subtract 1")
        }
        _ if largest as usize >= classes => {
            error.hint(format!("give the last layer {} units", largest + 1))
        }
        _ => error.hint("number the classes from 0"),
    })
}

/// Checks that sample weights can be laid beside the losses of a target.
///
/// # Errors
/// [`ErrorKind::Shape`] when they are neither one per row nor like the target's leading axes;
/// [`ErrorKind::Data`] for NaN and infinities.
pub fn weights(weights: &Tensor, output: &Shape) -> Result<()> {
    finite("the sample weight", weights)?;
    let row = row_shape(weights);
    let row = match row.last() {
        1 => Shape::from(&row[..row.ndim().saturating_sub(1)]),
        _ => row,
    };
    let losses = &output[..output.ndim().saturating_sub(1)];
    match losses.starts_with(&row) {
        true => Ok(()),
        false => Err(Error::new(
            ErrorKind::Shape,
            format!("the sample weights have the shape {}", weights.shape()),
        )
        .expected("one weight per row: [rows]")),
    }
}

/// What the model's first output is made by, as far as losses care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Softmax,
    Sigmoid,
    /// A plain sum: logits.
    Linear,
    Other,
}

fn ending(graph: &Graph, output: NodeId) -> Ending {
    let nodes = graph.nodes();
    let mut at = output;
    loop {
        let node = &nodes[at.index()];
        match &node.op {
            Op::Reshape(_) => at = node.inputs[0],
            Op::Softmax(_) => return Ending::Softmax,
            Op::Unary(unary) if unary.function == Unary::Sigmoid => return Ending::Sigmoid,
            Op::Linear(linear) if linear.activation == LinearActivation::Identity => {
                return Ending::Linear;
            }
            Op::MatMul(_) => return Ending::Linear,
            _ => return Ending::Other,
        }
    }
}

/// A length for axes that the model does not know; where it is too short nothing is checked.
const UNKNOWN_LENGTH: usize = 64;

/// Checks that a loss that expects logits does not get probabilities, and warns of the reverse.
///
/// # Errors
/// [`ErrorKind::Argument`] with the layer that makes probabilities.
pub(crate) fn output_fits_loss(model: &mut Model, output: usize, loss: &dyn Loss) -> Result<()> {
    let Some(from_logits) = loss.from_logits() else { return Ok(()) };
    let graph = Graph::new();
    let inputs: Vec<_> = model
        .network
        .inputs
        .iter()
        .map(|input| {
            let rows = input.batch.unwrap_or(model.network.trial_rows());
            let row = input.shape.filled(UNKNOWN_LENGTH);
            let dims: Shape = std::iter::once(rows).chain(row.iter().copied()).collect();
            graph.input(&input.name, dims, input.dtype)
        })
        .collect();
    let Ok((forward, _)) = model.call(&inputs, false, None) else { return Ok(()) };
    let ending = ending(&graph, forward.outputs[output].id());
    let layer = model.network.output_layer(output);
    match (from_logits, ending) {
        (true, Ending::Softmax | Ending::Sigmoid) => {
            let word = if ending == Ending::Softmax { "softmax" } else { "sigmoid" };
            let error = Error::new(
                ErrorKind::Argument,
                format!("the loss `{}` expects logits, the model ends in a {word}", loss.name()),
            )
            .expected("logits with from_logits(true), or probabilities with from_logits(false)")
            .hint(format!("leave `from_logits(true)` away, or remove the {word}"));
            Err(match layer {
                Some(layer) => error.at(&layer.origin()),
                None => error,
            })
        }
        (false, Ending::Linear) => {
            let layer = layer.map(|layer| layer.origin().to_string()).unwrap_or_default();
            model.warnings.warn(&format!(
                "the loss `{}` expects probabilities, the model ends in plain sums: {layer}\n  \
                 try: from_logits(true) for the loss, or a softmax or sigmoid at the end",
                loss.name()
            ));
            Ok(())
        }
        _ => Ok(()),
    }
}
