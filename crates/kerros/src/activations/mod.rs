//! Activation functions: one file each, and the list below.
//!
//! Each is a word (`Relu`) that can be given settings (`Relu.max_value(6.0)`).

use kerros_graph::Node;

use crate::object::{Described, Entry, Registry, family};

pub(crate) mod axes;
mod celu;
mod define;
mod elu;
mod exponential;
mod gelu;
mod glu;
mod hard_shrink;
mod hard_sigmoid;
mod hard_sigmoid_keras_2;
mod hard_silu;
mod hard_tanh;
mod leaky_relu;
mod linear;
mod log_sigmoid;
mod log_softmax;
mod mish;
mod relu;
mod relu6;
mod selu;
mod sigmoid;
mod silu;
mod soft_shrink;
mod softmax;
pub(crate) mod softplus;
mod softsign;
mod sparse_plus;
mod sparse_sigmoid;
mod sparsemax;
mod squareplus;
mod step;
mod tanh;
mod tanh_shrink;
mod threshold;

pub use celu::Celu;
pub use elu::Elu;
pub use exponential::Exponential;
pub use gelu::Gelu;
pub use glu::Glu;
pub use hard_shrink::HardShrink;
pub use hard_sigmoid::HardSigmoid;
pub use hard_sigmoid_keras_2::HardSigmoidKeras2;
pub use hard_silu::HardSilu;
pub use hard_tanh::HardTanh;
pub use leaky_relu::LeakyRelu;
pub use linear::Linear;
pub use log_sigmoid::LogSigmoid;
pub use log_softmax::LogSoftmax;
pub use mish::Mish;
pub use relu::Relu;
pub use relu6::Relu6;
pub use selu::Selu;
pub use sigmoid::Sigmoid;
pub use silu::Silu;
pub use soft_shrink::SoftShrink;
pub use softmax::Softmax;
pub use softplus::Softplus;
pub use softsign::Softsign;
pub use sparse_plus::SparsePlus;
pub use sparse_sigmoid::SparseSigmoid;
pub use sparsemax::Sparsemax;
pub use squareplus::Squareplus;
pub use step::Step;
pub use tanh::Tanh;
pub use tanh_shrink::TanhShrink;
pub use threshold::Threshold;

/// A function that follows a layer's sums.
pub trait Activation: Described {
    /// The name where Keras takes a string, such as `"relu"`.
    fn name(&self) -> &'static str {
        self.class_name()
    }
    /// Applies it; the shape stays, but for [`struct@Glu`], which halves an axis.
    fn call<'g>(&self, x: Node<'g>) -> Node<'g>;
    /// Whether a dense layer's kernel can apply it to its sums as they are made.
    fn is_relu(&self) -> bool {
        false
    }
    /// Whether it is the identity.
    fn is_linear(&self) -> bool {
        false
    }
}

/// All activation functions.
pub static REGISTRY: Registry<dyn Activation> =
    Registry::new("activation", "keras.activations", ENTRIES);

static ENTRIES: &[Entry<dyn Activation>] = &[
    linear::ENTRY,
    relu::ENTRY,
    sigmoid::ENTRY,
    tanh::ENTRY,
    softmax::ENTRY,
    leaky_relu::ENTRY,
    relu6::ENTRY,
    elu::ENTRY,
    selu::ENTRY,
    celu::ENTRY,
    gelu::ENTRY,
    silu::ENTRY,
    mish::ENTRY,
    softplus::ENTRY,
    softsign::ENTRY,
    squareplus::ENTRY,
    exponential::ENTRY,
    hard_sigmoid::ENTRY,
    hard_sigmoid_keras_2::ENTRY,
    hard_silu::ENTRY,
    hard_tanh::ENTRY,
    log_sigmoid::ENTRY,
    log_softmax::ENTRY,
    sparse_sigmoid::ENTRY,
    sparse_plus::ENTRY,
    sparsemax::ENTRY,
    glu::ENTRY,
    soft_shrink::ENTRY,
    hard_shrink::ENTRY,
    tanh_shrink::ENTRY,
    threshold::ENTRY,
    step::ENTRY,
];

family!(Activation, REGISTRY);
