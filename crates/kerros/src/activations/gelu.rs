use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `x * (1 + erf(x / sqrt(2))) / 2`: `x` times the share of a normal distribution below it.
    ///
    /// What transformers use.
    ///
    /// # Parameters
    /// - `approximate`: whether to take the older form with a hyperbolic tangent,
    ///   `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2`. Default: `false`.
    ///
    /// # Source
    /// Hendrycks, Gimpel: "Gaussian error linear units", arXiv 1606.08415.
    Gelu { approximate: bool = false }
    name: "gelu",
    names: &[],
    summary: "x times the normal distribution function of x",
}

impl Gelu {
    /// Sets whether to take the form with a hyperbolic tangent.
    pub fn approximate(mut self, approximate: bool) -> Self {
        self.approximate = approximate;
        self
    }
}

impl Activation for Gelu {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        if self.approximate {
            let inner = (x + x * x * x * 0.044_715) * SQRT_2_OVER_PI;
            return x * ((inner.tanh() + 1.0) * 0.5);
        }
        x * 0.5 * ((x * std::f32::consts::FRAC_1_SQRT_2).erf() + 1.0)
    }
}

const SQRT_2_OVER_PI: f32 = 0.797_884_6;
