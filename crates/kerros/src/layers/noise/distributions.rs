//! Random numbers of the gamma, beta and Dirichlet distributions.

use kerros_core::Shape;
use kerros_graph::Node;

use super::{normal, uniform};

/// How often a number is proposed: each proposal is refused with less than one chance in 20, so
/// that all of them are once in 10^10 numbers.
const PROPOSALS: usize = 8;

/// Logarithms of numbers of the gamma distribution with this `alpha` above 0, one number or as
/// many as there are: of `g u^(1 / alpha)`, where `g` is of `alpha + 1` and `u` uniform.
///
/// # Source
/// Marsaglia and Tsang: "A simple method for generating gamma variables", 2000,
/// DOI 10.1145/358407.358414, with a fixed number of proposals.
pub(in crate::layers) fn log_gamma<'g>(
    key: Node<'g>,
    shape: impl Into<Shape>,
    alpha: Node<'g>,
) -> Node<'g> {
    let shape = shape.into();
    let d = alpha + 2.0 / 3.0;
    let c = (d * 9.0).sqrt().reciprocal();
    let one = key.graph().full(shape.clone(), 1.0);
    let proposals = (0..PROPOSALS).fold(one, |kept, _| {
        let x = normal(key, shape.clone());
        let v = x * c + 1.0;
        let is_positive = v.greater(0.0);
        let v = is_positive.select(v, 1.0);
        let v = v * v * v;
        let bound = x * x * 0.5 + d - v * d + v.log() * d;
        let u = 1.0 - uniform(key, shape.clone());
        u.log().less(bound).logical_and(is_positive).select(v, kept)
    });
    let u = 1.0 - uniform(key, shape);
    (proposals * d).log() + u.log() / alpha
}

/// Numbers of the beta distribution with both parameters `alpha`.
pub(in crate::layers) fn symmetric_beta<'g>(
    key: Node<'g>,
    shape: impl Into<Shape>,
    alpha: Node<'g>,
) -> Node<'g> {
    let shape = shape.into();
    let one = log_gamma(key, shape.clone(), alpha);
    (one - log_gamma(key, shape, alpha)).sigmoid()
}

/// So many numbers of a Dirichlet distribution with all parameters `alpha`: they add up to 1.
pub(in crate::layers) fn symmetric_dirichlet<'g>(
    key: Node<'g>,
    count: usize,
    alpha: Node<'g>,
) -> Node<'g> {
    log_gamma(key, [count], alpha).softmax()
}
