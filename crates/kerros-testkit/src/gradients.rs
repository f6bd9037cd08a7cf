//! Derivatives checked against differences.
//!
//! Along a direction `u` the derivative of a loss is `grad . u`; the central difference
//! `(loss(x + h u) - loss(x - h u)) / 2h` in `f64` must agree. Two things are refused rather
//! than passed: a difference that is flat, since a derivative of 0 would pass it without
//! having been computed, and a kink between the two points, where there is no derivative.

use std::fmt;

use kerros_core::{DType, Error, Tensor};
use kerros_graph::eval::evaluate;
use kerros_graph::{Graph, Node, grad_where_connected};

use crate::Draw;

/// Half the distance of the two points. The difference's own error is about
/// `h^2 |f'''| / 6 + 2^-52 |f| / h`, so near `1e-9` for losses and derivatives of about 1.
pub const STEP: f64 = 1e-5;

/// How far derivative and difference may be apart, relative to the larger: constants in a
/// graph are `f32`, so a formula's coefficients are only good to `2^-24 = 6e-8`, and a few
/// of them may add up.
pub const TOLERANCE: f64 = 1e-6;

/// The share of the input's own size that a difference must at least have.
const FLAT: f64 = 1e-6;

/// How many directions are tried.
const DIRECTIONS: usize = 4;

/// Why a derivative was not confirmed.
#[derive(Debug)]
pub enum Refusal {
    /// The graph could not be differentiated or evaluated.
    Graph(Error),
    /// The loss does not change: nothing can be learned from the comparison.
    Flat,
    /// The slopes on both sides differ: there is no derivative here.
    Kink,
    /// Derivative and difference disagree.
    Wrong {
        /// Which direction: an input alone by its place, or all inputs together.
        input: Option<usize>,
        /// `grad . u`.
        derivative: f64,
        /// What the differences say.
        difference: f64,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Graph(error) => error.fmt(f),
            Refusal::Flat => f.write_str("the loss is flat here: choose other values"),
            Refusal::Kink => f.write_str("the loss has a kink here: choose other values"),
            Refusal::Wrong { input, derivative, difference } => {
                let which = match input {
                    Some(input) => format!("input {input}"),
                    None => "all inputs".into(),
                };
                write!(f, "along {which} the derivative is {derivative}, not {difference}")
            }
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Graph(error)
    }
}

/// Checks d(loss)/d(x) for the inputs `wrt` of a graph at `values` (one per input, in their
/// order): along seeded directions of each input alone, then of all together.
///
/// An input of `wrt` that the loss is flat in fails the check, unless the graph has no
/// derivative for it either: then both agree that nothing flows.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(
    graph: &Graph,
    loss: Node<'_>,
    wrt: &[Node<'_>],
    values: &[Tensor],
    draw: &mut Draw,
) -> Result<(), Refusal> {
    let derivatives = grad_where_connected(loss, wrt)?;
    let places: Vec<usize> = wrt.iter().map(|x| place(graph, *x)).collect();
    let connected: Vec<Node<'_>> = derivatives.iter().copied().flatten().collect();
    let wide: Vec<Tensor> = values.iter().map(widen).collect();
    let mut found = evaluate::<f64>(graph, &connected, &wide, &[])?.into_iter();
    let gradients: Vec<Option<Vec<f64>>> = derivatives
        .iter()
        .map(|derivative| derivative.and_then(|_| found.next()).map(|value| value.to_vec_f64()))
        .collect();
    let at = |points: &[Tensor]| -> Result<f64, Refusal> {
        Ok(evaluate::<f64>(graph, &[loss], points, &[])?[0].to_vec_f64()[0])
    };
    let whole = (wrt.len() > 1).then(|| (0..wrt.len()).collect::<Vec<_>>());
    let alone = (0..wrt.len()).map(|one| vec![one]);
    for moving in alone.chain(whole) {
        for _ in 0..DIRECTIONS {
            let directions: Vec<Vec<f64>> = moving
                .iter()
                .map(|&one| draw.tensor(&wrt[one].ty(), (-1.0, 1.0)).to_vec_f64())
                .collect();
            let moved = |h: f64| -> Vec<Tensor> {
                let mut points = wide.clone();
                for (&one, direction) in moving.iter().zip(&directions) {
                    points[places[one]] = shift(&wide[places[one]], direction, h);
                }
                points
            };
            let (up, here, down) = (at(&moved(STEP))?, at(&wide)?, at(&moved(-STEP))?);
            let difference = (up - down) / (2.0 * STEP);
            let (right, left) = ((up - here) / STEP, (here - down) / STEP);
            let size = here.abs().max(1.0);
            // Smooth slopes differ by `h |f''|`; those at a kink by the size of the kink.
            if (right - left).abs() > 1e3 * STEP * size.max(difference.abs()) {
                return Err(Refusal::Kink);
            }
            let flows = moving.iter().any(|&one| gradients[one].is_some());
            let derivative: f64 = moving
                .iter()
                .zip(&directions)
                .filter_map(|(&one, direction)| Some((gradients[one].as_ref()?, direction)))
                .map(|(gradient, u)| gradient.iter().zip(u).map(|(g, u)| g * u).sum::<f64>())
                .sum();
            let flat = difference.abs() <= FLAT * size;
            if flows && flat && derivative.abs() <= FLAT * size {
                return Err(Refusal::Flat);
            }
            let larger = derivative.abs().max(difference.abs()).max(size * 1e-2);
            if !flows && flat {
                continue;
            }
            let apart = (derivative - difference).abs();
            if apart.is_nan() || apart > TOLERANCE * larger {
                let input = (moving.len() == 1).then(|| places[moving[0]]);
                return Err(Refusal::Wrong { input, derivative, difference });
            }
        }
    }
    Ok(())
}

/// The place of an input node among the inputs.
fn place(graph: &Graph, x: Node<'_>) -> usize {
    let found = graph.inputs().iter().position(|(id, ..)| *id == x.id());
    found.expect("derivatives are checked with respect to inputs")
}

/// Floats as `f64`, so that small steps are not rounded away; everything else as it is.
fn widen(value: &Tensor) -> Tensor {
    if value.dtype() != DType::F32 {
        return value.clone();
    }
    Tensor::new(value.shape(), value.to_vec_f64()).expect("as many elements as before")
}

fn shift(value: &Tensor, direction: &[f64], h: f64) -> Tensor {
    let moved: Vec<f64> =
        value.to_vec_f64().iter().zip(direction).map(|(x, u)| x + h * u).collect();
    Tensor::new(value.shape(), moved).expect("as many elements as before")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerros_graph::Type;

    fn refusal(build: impl for<'g> Fn(Node<'g>) -> Node<'g>, x: f32) -> Result<(), Refusal> {
        let graph = Graph::new();
        let input = graph.input("x", [2], DType::F32);
        let loss = build(input).sum_all();
        let values = [Tensor::new([2], [x, x]).unwrap()];
        check(&graph, loss, &[input], &values, &mut Draw::new(1))
    }

    #[test]
    fn right_derivatives_pass() {
        refusal(|x| x.tanh() * x.exp(), 0.7).unwrap();
    }

    #[test]
    fn wrong_derivatives_are_found() {
        let wrong = refusal(|x| x.exp().replace_gradient(x.sin()), 0.7);
        assert!(matches!(wrong, Err(Refusal::Wrong { .. })), "{wrong:?}");
        // A derivative that is off by a hundred-thousandth.
        let wrong = refusal(|x| x.exp().replace_gradient(x.exp() * 1.00001), 0.7);
        assert!(matches!(wrong, Err(Refusal::Wrong { .. })), "{wrong:?}");
    }

    #[test]
    fn a_missing_derivative_is_found() {
        let wrong = refusal(|x| x.stop_gradient().exp(), 0.7);
        assert!(matches!(wrong, Err(Refusal::Wrong { .. })), "{wrong:?}");
    }

    #[test]
    fn flat_places_are_refused() {
        let flat = refusal(|x| x.relu(), -0.7);
        assert!(matches!(flat, Err(Refusal::Flat)), "{flat:?}");
    }

    #[test]
    fn kinks_are_refused() {
        let kink = refusal(|x| x.abs(), 0.0);
        assert!(matches!(kink, Err(Refusal::Kink)), "{kink:?}");
    }

    #[test]
    fn functions_without_a_derivative_agree_that_nothing_flows() {
        refusal(|x| x.floor(), 0.7).unwrap();
    }

    #[test]
    fn each_input_is_checked_alone() {
        let graph = Graph::new();
        let a = graph.input("a", [3], DType::F32);
        let b = graph.input("b", [3], DType::F32);
        let loss = (a * b.replace_gradient(b * 2.0)).sum_all();
        let mut draw = Draw::new(2);
        let values = [draw.tensor(&Type::f32([3]), (1.0, 2.0)), draw.tensor(&b.ty(), (1.0, 2.0))];
        let wrong = check(&graph, loss, &[a, b], &values, &mut draw);
        assert!(matches!(wrong, Err(Refusal::Wrong { input: Some(1), .. })), "{wrong:?}");
    }
}
