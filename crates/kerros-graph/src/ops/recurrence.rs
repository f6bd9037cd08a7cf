//! What the recurrent operations share: sizes, steps of a sequence, masks.

use kerros_core::DType;

use crate::graph::Type;
use crate::node::Node;

/// The sizes of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurrentSizes {
    /// Sequences side by side.
    pub batch: usize,
    /// Steps of each; at least 1.
    pub time: usize,
    /// Numbers in the state of each.
    pub units: usize,
}

impl RecurrentSizes {
    /// The sizes of `[batch, time, gates * units]` with the recurrent kernel
    /// `[units, gates * units]`, if they fit.
    pub(super) fn of(sequence: &Type, recurrent_kernel: &Type, gates: usize) -> Option<Self> {
        let &[batch, time, width] = &sequence.shape[..] else { return None };
        let &[units, kernel_width] = &recurrent_kernel.shape[..] else { return None };
        let fits = width == gates * units && kernel_width == width && time >= 1;
        fits.then_some(RecurrentSizes { batch, time, units })
    }

    /// `[batch, units]`.
    pub(super) fn state(self) -> Type {
        Type::f32([self.batch, self.units])
    }

    /// `[batch, steps, parts * units]`.
    pub(super) fn sequence(self, steps: usize, parts: usize) -> Type {
        Type::f32([self.batch, steps, parts * self.units])
    }

    /// `[batch, time]` of truth values.
    pub(super) fn mask(self) -> Type {
        Type::new(DType::Bool, [self.batch, self.time])
    }
}

/// One step of a sequence: `[batch, time, width] -> [batch, width]`.
#[track_caller]
pub(super) fn at_step(sequence: Node<'_>, step: usize) -> Node<'_> {
    let shape = sequence.shape();
    sequence.slice(1, step, step + 1).reshape([shape[0], shape[2]])
}

/// Steps as a sequence: each `[batch, width] -> [batch, steps, width]`.
#[track_caller]
pub(super) fn sequence_of<'g>(steps: &[Node<'g>]) -> Node<'g> {
    let spread: Vec<Node<'g>> = steps.iter().map(|step| step.expand_dims(1)).collect();
    Node::concat(&spread, 1)
}

/// Part `index` of rows that hold several parts of `units` numbers each.
#[track_caller]
pub(super) fn part(rows: Node<'_>, index: usize, units: usize) -> Node<'_> {
    rows.slice(rows.ndim() - 1, index * units, (index + 1) * units)
}

/// A sequence as the rows of one matrix: `[batch, time, width] -> [batch * time, width]`.
#[track_caller]
pub(super) fn rows_of_sequence(sequence: Node<'_>) -> Node<'_> {
    let shape = sequence.shape();
    sequence.reshape([shape[0] * shape[1], shape[2]])
}

/// Which steps of which sequences count; all when there is no mask.
#[derive(Clone, Copy)]
pub(super) struct Mask<'g>(pub(super) Option<Node<'g>>);

impl<'g> Mask<'g> {
    /// `counted` where the step counts, `otherwise` where it does not.
    #[track_caller]
    pub(super) fn select(self, step: usize, counted: Node<'g>, otherwise: Node<'g>) -> Node<'g> {
        match self.0 {
            Some(mask) => mask.slice(1, step, step + 1).select(counted, otherwise),
            None => counted,
        }
    }
}
