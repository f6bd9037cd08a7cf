//! `keras.ops.relu` and its like: activation functions.

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::kind::{Operands, kinds};
use crate::activations::{REGISTRY, axes};
use crate::object::Config;

/// The activation of this name, with the operation's settings for its own.
fn activated<'g>(operands: &Operands<'_, 'g>, name: &str) -> Result<Vec<Node<'g>>> {
    let given = operands.config.iter().filter(|(_, value)| !value.is_null());
    let settings: Config = given.map(|(name, value)| (name.clone(), value.clone())).collect();
    let activation = REGISTRY.deserialize(&json!({"class_name": name, "config": settings}))?;
    Ok(vec![activation.call(operands.float("x")?)])
}

/// Along an axis, or several that are taken together.
fn along<'g>(
    operands: &Operands<'_, 'g>,
    function: fn(Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    let along: Vec<isize> =
        operands.axes("axis", x.ndim())?.into_iter().map(|axis| axis as isize).collect();
    Ok(vec![axes::along(x, &along, function)])
}

kinds! { "ops.nn";
    Relu(x) => |o| activated(o, "relu");
    Relu6(x) => |o| activated(o, "relu6");
    Sigmoid(x) => |o| activated(o, "sigmoid");
    SparseSigmoid(x) => |o| activated(o, "sparse_sigmoid");
    Softplus(x) => |o| activated(o, "softplus");
    Softsign(x) => |o| activated(o, "softsign");
    SoftShrink(x) [threshold = "0.5"] => |o| activated(o, "soft_shrink");
    SparsePlus(x) => |o| activated(o, "sparse_plus");
    Silu(x) => |o| activated(o, "silu");
    Squareplus(x) [b = "4"] => |o| activated(o, "squareplus");
    LogSigmoid(x) => |o| activated(o, "log_sigmoid");
    LeakyRelu(x) [negative_slope = "0.2"] => |o| activated(o, "leaky_relu");
    HardSigmoid(x) => |o| activated(o, "hard_sigmoid");
    HardSilu(x) => |o| activated(o, "hard_silu");
    Elu(x) [alpha = "1.0"] => |o| activated(o, "elu");
    Selu(x) => |o| activated(o, "selu");
    Gelu(x) [approximate = "true"] => |o| activated(o, "gelu");
    Celu(x) [alpha = "1.0"] => |o| activated(o, "celu");
    Glu(x) [axis = "-1"] => |o| activated(o, "glu");
    TanhShrink(x) => |o| activated(o, "tanh_shrink");
    HardTanh(x) => |o| activated(o, "hard_tanh");
    HardShrink(x) [threshold = "0.5"] => |o| activated(o, "hard_shrink");
    Threshold(x) [threshold = "!", default_value = "!"] => |o| activated(o, "threshold");
    Softmax(x) [axis = "-1"] => |o| along(o, Node::softmax);
    LogSoftmax(x) [axis = "-1"] => |o| along(o, Node::log_softmax);
    Sparsemax(x) [axis = "-1"] => |o| activated(o, "sparsemax");
}

/// What `keras.activations.relu` becomes.
pub(super) mod functions {
    use super::{activated, kinds};

    kinds! { "activations.activations";
        ReLU(x) [negative_slope = "0.0", max_value = "null", threshold = "0.0"] => |o| activated(o, "relu");
    }
}
