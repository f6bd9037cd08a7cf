//! All steps at once: what the graph's operations over whole sequences need.

use kerros_core::Result;
use kerros_graph::Node;
use kerros_graph::ops::{CellActivation, LinearActivation};

use super::cell::Sequence;
use crate::activations::Activation;
use crate::object::Choice;

/// The activation as one that those operations have.
///
/// # Errors
/// An unknown name.
pub(super) fn cell_activation(choice: &Choice<dyn Activation>) -> Result<Option<CellActivation>> {
    let activation = choice.resolve()?;
    if !activation.config().is_empty() {
        return Ok(None);
    }
    Ok(match activation.name() {
        "linear" => Some(CellActivation::Identity),
        "relu" => Some(CellActivation::Relu),
        "sigmoid" => Some(CellActivation::Sigmoid),
        "hard_sigmoid" => Some(CellActivation::HardSigmoid),
        "tanh" => Some(CellActivation::Tanh),
        _ => None,
    })
}

/// The activations of candidate and gates, where both are such.
///
/// # Errors
/// An unknown name.
pub(super) fn gate_activations(
    activation: &Choice<dyn Activation>,
    gate: Option<&Choice<dyn Activation>>,
) -> Result<Option<(CellActivation, CellActivation)>> {
    let gate = gate.map(cell_activation).transpose()?.flatten();
    Ok(cell_activation(activation)?.zip(gate))
}

/// The inputs of all steps times the kernel, in one product. None where each gate drops its own
/// share of them, or states are dropped: that is done step by step.
pub(super) fn projected<'g>(
    sequence: &Sequence<'_, 'g>,
    kernel: Node<'g>,
    bias: Option<Node<'g>>,
) -> Option<Node<'g>> {
    let noise = sequence.noise;
    if !noise.recurrent.is_empty() || noise.input.len() > 1 {
        return None;
    }
    let x = match noise.input.first() {
        Some(factor) => sequence.x * factor.expand_dims(1),
        None => sequence.x,
    };
    Some(x.linear(kernel, bias, LinearActivation::Identity))
}
