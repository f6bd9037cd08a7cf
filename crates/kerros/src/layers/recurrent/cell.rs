//! What a recurrent cell is: one step of a recurrent layer.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use crate::layers::{Call, Layer};

/// One step of a recurrent layer: from the step's input and the states to an output and the
/// next states. [`RNN`](super::RNN) walks along sequences with it.
///
/// A cell of your own is a layer with these methods and [`Layer::as_cell`].
pub trait Cell: Layer {
    /// The shapes of the states, for a step's input of this shape: all `[batch, ..]`.
    ///
    /// # Errors
    /// An input that the cell cannot take.
    fn state_shapes(&self, input: &Shape) -> Result<Vec<Shape>>;

    /// How many states it has.
    fn num_states(&self) -> usize {
        1
    }

    /// Which of the states is the output of the step before: it comes out again where a step
    /// is masked.
    fn output_state(&self) -> usize {
        0
    }

    /// What is drawn once and stays the same for all steps of a sequence. Default: nothing.
    ///
    /// # Errors
    /// An input that the cell cannot take.
    fn noise<'g>(&self, input: &Shape, call: &Call<'_, 'g>) -> Result<Noise<'g>> {
        let _ = (input, call);
        Ok(Noise::default())
    }

    /// The step. `x: [batch, ..]`, `call.weights` are the cell's.
    ///
    /// # Errors
    /// An input that the cell cannot take.
    fn step<'g>(
        &self,
        x: Node<'g>,
        states: &[Node<'g>],
        noise: &Noise<'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Step<'g>>;

    /// All steps at once, where there is an operation for that; the same numbers as step by
    /// step. Default: none.
    ///
    /// # Errors
    /// As [`Cell::step`].
    fn sequence<'g>(
        &self,
        sequence: &Sequence<'_, 'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Option<Walk<'g>>> {
        let _ = (sequence, call);
        Ok(None)
    }
}

/// What a cell draws once for a sequence: factors of its input and of its states.
#[derive(Clone, Debug, Default)]
pub struct Noise<'g> {
    /// Factors of the input: one for all of it, or one for each gate.
    pub input: Vec<Node<'g>>,
    /// Factors of the state, likewise.
    pub recurrent: Vec<Node<'g>>,
    /// Those of the cells that this cell is made of.
    pub cells: Vec<Noise<'g>>,
}

/// What a step gives.
#[derive(Clone, Debug)]
pub struct Step<'g> {
    /// `[batch, ..]`.
    pub output: Node<'g>,
    /// The states after the step.
    pub states: Vec<Node<'g>>,
}

/// A sequence in the order in which it is walked along.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a, 'g> {
    /// `[batch, time, ..]`.
    pub x: Node<'g>,
    /// The states before the first step.
    pub states: &'a [Node<'g>],
    /// Which steps count: `bool [batch, time]`.
    pub mask: Option<Node<'g>>,
    /// What is drawn once.
    pub noise: &'a Noise<'g>,
}

/// What comes of walking along a sequence.
#[derive(Clone, Debug)]
pub struct Walk<'g> {
    /// The output of each step, that of the step before where a step is masked:
    /// `[batch, time, ..]`.
    pub outputs: Node<'g>,
    /// The states after the last step.
    pub states: Vec<Node<'g>>,
}

/// A layer as the cell that it must be.
///
/// # Errors
/// [`ErrorKind::Argument`] when it is none.
pub(super) fn as_cell(layer: &dyn Layer) -> Result<&dyn Cell> {
    layer.as_cell().ok_or_else(|| {
        Error::new(ErrorKind::Argument, format!("a {} layer as a cell", layer.class_name()))
            .expected("a cell, such as LSTMCell")
    })
}

/// A cell applied as a layer: to one step's input and its states.
pub(super) fn call_once<'g>(
    cell: &dyn Cell,
    inputs: &[Node<'g>],
    call: &Call<'_, 'g>,
) -> Result<Vec<Node<'g>>> {
    let (x, states) = (inputs[0], &inputs[1..]);
    check_states(cell, &x.shape(), states)?;
    let noise = cell.noise(&x.shape(), call)?;
    let step = cell.step(x, states, &noise, call)?;
    Ok([step.output].into_iter().chain(step.states).collect())
}

/// Checks number and shapes of states.
pub(super) fn check_states(cell: &dyn Cell, input: &Shape, states: &[Node<'_>]) -> Result<()> {
    let expected = cell.state_shapes(input)?;
    let found: Vec<Shape> = states.iter().map(|state| state.shape()).collect();
    if found == expected {
        return Ok(());
    }
    let listed =
        |shapes: &[Shape]| shapes.iter().map(Shape::to_string).collect::<Vec<_>>().join(" and ");
    Err(Error::new(
        ErrorKind::Shape,
        match found.is_empty() {
            true => "a cell without states".into(),
            false => format!("states of shapes {}", listed(&found)),
        },
    )
    .expected(format!("{}: {}", expected.len(), listed(&expected))))
}
