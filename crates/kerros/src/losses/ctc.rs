use kerros_core::{DType, Error, ErrorKind, Shape, Tensor};
use kerros_graph::{Node, Type};

use super::define::{loss, named};
use super::{Loss, Targets};

loss! {
    /// `-log(p)` of the label sequence, `p` being the sum over all ways in which the time steps
    /// can spell it: connectionist temporal classification.
    ///
    /// For sequences of labels without a place in time, such as letters in speech or in
    /// handwriting. A way says at each step one label or the blank; labels that are said again
    /// without a blank between count once.
    ///
    /// # Shape
    /// `y_true: [batch, labels]`, whole numbers from 1 on, 0 behind the end of a shorter
    /// sequence; `y_pred: [batch, steps, classes]`, logits, class 0 being the blank. `-> [batch]`
    ///
    /// The step is written out once per time step, so that compiling takes time in proportion.
    ///
    /// # Source
    /// Graves, Fernández, Gomez, Schmidhuber: "Connectionist temporal classification: labelling
    /// unsegmented sequence data with recurrent neural networks", ICML 2006. As in Keras on JAX,
    /// what cannot be counts as `e^-100000`, and sequences that the steps cannot spell have a
    /// loss about as large.
    CTC {}
    name: "ctc",
    names: &["ctc"],
    summary: "sequences of labels without a place in time",
}

/// The logarithm of what cannot be.
const IMPOSSIBLE: f32 = -1e5;

impl Loss for CTC {
    named!();

    fn targets(&self) -> Targets {
        Targets::Any
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        if y_true.ndim() != 2 {
            return refused(y_true, y_pred);
        }
        let is_label = y_true.cast(DType::I32).not_equal(0.0);
        let lengths = is_label.cast(DType::F32).sum(&[-1]).cast(DType::I32);
        ctc(y_true, y_pred, Lengths { labels: lengths, steps: None }, 0)
    }
}

/// How many labels and, where not all, how many steps there are: `[batch]` each.
pub(crate) struct Lengths<'g> {
    pub(crate) labels: Node<'g>,
    pub(crate) steps: Option<Node<'g>>,
}

/// The loss of each sequence with this class as the blank.
pub(crate) fn ctc<'g>(
    y_true: Node<'g>,
    y_pred: Node<'g>,
    lengths: Lengths<'g>,
    blank: usize,
) -> Node<'g> {
    let (&[_, num_labels], &[batch, steps, classes]) = (&*y_true.shape(), &*y_pred.shape()) else {
        return refused(y_true, y_pred);
    };
    if y_true.shape()[0] != batch || num_labels == 0 || steps == 0 || blank >= classes {
        return refused(y_true, y_pred);
    }
    let graph = y_pred.graph();
    let labels = y_true.cast(DType::I32);
    let scores = y_pred.log_softmax();
    let blanks = scores.slice(2, blank, blank + 1); // [batch, steps, 1]
    let emits = scores.matmul_with(labels.one_hot(classes), false, true); // [batch, steps, labels]
    // 1 where the next label is the same: between the two there must be a blank.
    let (left, right) = (labels.slice(1, 0, num_labels - 1), labels.slice(1, 1, num_labels));
    let repeats = left.equal(right).cast(DType::F32).pad(1, 0, 1, 1); // [batch, labels]
    let (if_repeated, if_not) = (repeats * IMPOSSIBLE, (1.0 - repeats) * IMPOSSIBLE);

    // Logarithms of the probability of all ways so far that end between labels, after so
    // many of them, `[batch, labels + 1]`; and on a label, `[batch, labels]`.
    let mut start = vec![IMPOSSIBLE; num_labels + 1];
    start[0] = 0.0;
    let start = match Tensor::new([1, num_labels + 1], start) {
        Ok(start) => graph.literal(start),
        Err(error) => return graph.fail(error, Type::f32([batch])),
    };
    let mut between = start.broadcast_to([batch, num_labels + 1]);
    let mut on = graph.full([batch, num_labels], IMPOSSIBLE);
    for step in 0..steps {
        let at_step = |x: Node<'g>, len: usize| x.slice(1, step, step + 1).reshape([batch, len]);
        let (blank, emit) = (at_step(blanks, 1), at_step(emits, num_labels));
        let left_label = behind_labels(between, on + if_repeated);
        let next_on = add_logs(left_label.slice(1, 0, num_labels) + emit, on + emit);
        let next_between = behind_labels(left_label + blank, on + blank + if_not);
        // Nothing changes behind the end of a sequence.
        let goes_on = lengths
            .steps
            .map(|steps| graph.constant_i32(step as i32).less(steps).reshape([batch, 1]));
        between = goes_on.map_or(next_between, |goes_on| goes_on.select(next_between, between));
        on = goes_on.map_or(next_on, |goes_on| goes_on.select(next_on, on));
    }
    let ends = behind_labels(between, on);
    let is_end = lengths.labels.one_hot(num_labels + 1);
    -(ends * is_end).sum(&[-1])
}

/// Ways that end between labels, with those added that come from the label before.
fn behind_labels<'g>(between: Node<'g>, from_label: Node<'g>) -> Node<'g> {
    let places = between.shape()[1];
    let more = add_logs(between.slice(1, 1, places), from_label);
    Node::concat(&[between.slice(1, 0, 1), more], 1)
}

/// `log(e^a + e^b)`.
fn add_logs<'g>(a: Node<'g>, b: Node<'g>) -> Node<'g> {
    a.maximum(b) + (a - b).minimum(b - a).exp().log1p()
}

fn refused<'g>(y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
    let error = Error::new(
        ErrorKind::Shape,
        format!("the labels have shape {}, the predictions {}", y_true.shape(), y_pred.shape()),
    )
    .expected("labels [batch, labels] and logits [batch, steps, classes]");
    let batch = y_pred.shape().first().copied().unwrap_or(1);
    y_pred.graph().fail(error, Type::f32(Shape::from([batch])))
}
