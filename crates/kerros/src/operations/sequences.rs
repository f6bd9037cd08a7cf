//! `keras.ops.ctc_loss` and `ctc_decode`: sequences of labels without a place in time.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;

use super::kind::{Operands, kinds};
use crate::losses::{CtcLengths, ctc};

fn misfit(target: Node<'_>, output: Node<'_>, expected: &str) -> Error {
    let shapes = format!("labels of shape {}, logits of {}", target.shape(), output.shape());
    Error::new(ErrorKind::Shape, shapes).expected(expected)
}

/// How long each sequence is, within bounds.
fn lengths<'g>(
    operands: &Operands<'_, 'g>,
    name: &str,
    batch: usize,
    most: usize,
) -> Result<Node<'g>> {
    let lengths = operands.node(name)?.cast(DType::I32);
    match lengths.shape()[..] == [batch] {
        true => Ok(lengths.maximum(0.0).minimum(most as f32)),
        false => Err(Error::new(ErrorKind::Shape, format!("`{name}` of {}", lengths.shape()))
            .expected(format!("one number for each of {batch} sequences"))),
    }
}

/// Of sequences of labels without a place in time.
fn loss<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (target, output) = (operands.node("target")?.cast(DType::I32), operands.float("output")?);
    let (&[batch, labels], &[rows, steps, classes]) = (&*target.shape(), &*output.shape()) else {
        return Err(misfit(target, output, "[batch, labels] and [batch, steps, classes]"));
    };
    if batch != rows || labels == 0 || steps == 0 {
        return Err(misfit(target, output, "one batch, of at least one label and one step"));
    }
    let labels = lengths(operands, "target_length", batch, labels)?;
    let lengths =
        CtcLengths { labels, steps: Some(lengths(operands, "output_length", batch, steps)?) };
    let blank = usize::try_from(operands.whole("mask_index")?).ok();
    let blank = blank.filter(|&blank| blank < classes);
    let blank = blank.ok_or_else(|| operands.wrong("mask_index", "one of the classes"))?;
    Ok(vec![ctc(target, output, lengths, blank)])
}

/// The label that is likeliest at each step, blanks and labels that are said again left out: they
/// leave -1 at the end.
fn decode<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    if operands.value("strategy") != "greedy" {
        let strategy = format!("`strategy` is {}", operands.value("strategy"));
        return Err(Error::new(ErrorKind::Unsupported, strategy).expected("\"greedy\""));
    }
    let x = operands.float("inputs")?;
    let [batch, steps, classes] = x.shape()[..] else {
        return Err(misfit(x, x, "[batch, steps, classes]"));
    };
    if steps == 0 || classes == 0 {
        return Err(misfit(x, x, "at least one step and one class"));
    }
    let graph = x.graph();
    let blank = match operands.wholes("mask_index")? {
        None => classes as i32 - 1,
        Some(_) => operands.whole("mask_index")? as i32,
    };
    let blank = graph.constant_i32(blank);
    let lengths = lengths(operands, "sequence_lengths", batch, steps)?.reshape([batch, 1]);
    let step = graph.iota(steps);
    let is_over = step.greater_equal(lengths);
    let score = is_over.select(0.0, x.max(&[2])).sum(&[1]).reshape([batch, 1]);
    let mut labels = is_over.select(blank, x.argmax(2));
    if operands.flag("merge_repeated") {
        let same = labels.slice(1, 1, steps).equal(labels.slice(1, 0, steps - 1));
        let again = same.cast(DType::F32).pad(1, 1, 0, 1).greater(0.0);
        labels = again.select(blank, labels);
    }
    let is_blank = labels.equal(blank);
    let order = is_blank.select(steps as f32, step.cast(DType::F32)).argsort(false);
    let labels = is_blank.select(graph.constant_i32(-1), labels);
    Ok(vec![labels.take_along_axis(order, 1).expand_dims(0), -score])
}

kinds! { "ops.nn";
    CTCLoss(target, output, target_length, output_length) [mask_index = "0"] => loss;
    CTCDecode(inputs, sequence_lengths) [
        strategy = "\"greedy\"", beam_width = "100", top_paths = "1", merge_repeated = "true",
        mask_index = "0"
    ] => decode;
}
