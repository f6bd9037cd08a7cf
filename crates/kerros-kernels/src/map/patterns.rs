//! The programs that have a compiled kernel, each written once: the same lines are compiled
//! for every register width and recorded to recognise the program.
//!
//! To add one, write its formula here, step by step as the graph does it:
//! `name [elements] (uniforms) -> number of outputs { .. [outputs] }`. Elements stand for
//! inputs of any layout that differ from element to element; uniforms for constants, scalar
//! inputs and whatever is computed from these. The order of inputs, of outputs, and of the
//! operands of sums and products does not matter. Of several that match the first wins.

use super::fused::{Entry, Formula};
use super::record::Value;

pub use super::fused::programs;

macro_rules! count {
    () => { 0 };
    ($first:ident $($rest:ident)*) => { 1 + count!($($rest)*) };
}

/// Writes down formulas and their list.
macro_rules! patterns {
    ($(
        $(#[$doc:meta])*
        $name:ident [$($element:ident),+] ($($uniform:ident),*) -> $outputs:literal $body:block
    )*) => {
        $(
            // A module, because its name may be that of a value in a formula.
            mod $name {
                $(#[$doc])*
                pub struct Pattern;
            }

            impl Formula<{ count!($($element)+) }, { count!($($uniform)*) }, $outputs>
                for $name::Pattern
            {
                const NAME: &'static str = concat!("fused:", stringify!($name));

                #[inline(always)]
                fn compute<T: Value>(
                    [$($element),+]: [T; count!($($element)+)],
                    [$($uniform),*]: [T; count!($($uniform)*)],
                ) -> [T; $outputs] $body
            }
        )*

        /// Every compiled pattern, the first to match wins.
        pub(super) fn entries() -> Vec<Entry> {
            vec![$(Entry::new::<$name::Pattern, _, _, _>()),*]
        }
    };
}

// w: weights, g: gradient, others by their names in Keras's optimizers.
patterns! {
    /// Gradient of relu from its output (or input) y.
    relu_gradient [dy, y] () -> 1 {
        let zero = y.constant(0.0);
        [y.less_equal(zero).select(zero, dy)]
    }

    /// A dense layer's end.
    bias_relu [x, b] () -> 1 {
        let sum = x + b;
        [sum.max(sum.constant(0.0))]
    }

    /// A multiple.
    scale [x] (factor) -> 1 { [x * factor] }

    /// A sum with a multiple.
    axpy [x, y] (factor) -> 1 { [y + x * factor] }

    /// Plain gradient descent.
    sgd [w, g] (rate) -> 1 { [w - g * rate] }

    /// Gradient descent with momentum.
    momentum [w, g, m] (rate, momentum) -> 2 {
        let m = (m * momentum - g * rate).flush();
        [w + m, m]
    }

    /// Gradient descent with Nesterov's momentum.
    nesterov [w, g, m] (rate, momentum) -> 2 {
        let m = (m * momentum - g * rate).flush();
        [w + (m * momentum - g * rate), m]
    }

    /// RMSprop, neither centered nor with momentum.
    rmsprop [w, g, v] (rate, rho, one_less_rho, epsilon) -> 2 {
        let v = (v * rho + g * g * one_less_rho).flush();
        [w - g * rate / (v + epsilon).sqrt(), v]
    }

    /// Adam; alpha is the rate with the bias corrections.
    adam [w, g, m, v] (alpha, one_less_beta_1, one_less_beta_2, epsilon) -> 3 {
        let m = (m + (g - m) * one_less_beta_1).flush();
        let v = (v + (g * g - v) * one_less_beta_2).flush();
        [w - m * alpha / (v.sqrt() + epsilon), m, v]
    }

    /// Adam with decoupled weight decay.
    adamw [w, g, m, v] (alpha, one_less_beta_1, one_less_beta_2, epsilon, decay, rate) -> 3 {
        let w = w - w * decay * rate;
        let m = (m + (g - m) * one_less_beta_1).flush();
        let v = (v + (g * g - v) * one_less_beta_2).flush();
        [w - m * alpha / (v.sqrt() + epsilon), m, v]
    }

    /// Adagrad.
    adagrad [w, g, sum] (rate, epsilon) -> 2 {
        let sum = sum + g * g;
        [w - g * rate / (sum + epsilon).sqrt(), sum]
    }
}
