//! `keras.ops.greater` and its like: truth values.

use kerros_core::{DType, Result};
use kerros_graph::Node;

use super::kind::{Operands, kinds};

fn of_two<'g>(
    operands: &Operands<'_, 'g>,
    compare: impl Fn(Node<'g>, Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let (a, b) = operands.numbers("x1", "x2")?;
    Ok(vec![compare(a, b)])
}

fn of_truths<'g>(
    operands: &Operands<'_, 'g>,
    combine: impl Fn(Node<'g>, Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let truth = |name| operands.node(name).map(|node| node.cast(DType::Bool));
    let (a, b) = truth("x1")?.broadcast_together(truth("x2")?);
    Ok(vec![combine(a, b)])
}

fn test<'g>(
    operands: &Operands<'_, 'g>,
    test: impl Fn(Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    Ok(vec![test(operands.float("x")?)])
}

/// `x1` where the condition holds, `x2` elsewhere.
fn choose<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = operands.pair("x1", "x2")?;
    Ok(vec![operands.node("condition")?.cast(DType::Bool).select(a, b)])
}

kinds! { "ops.numpy";
    Equal(x1, x2) => |o| of_two(o, |a, b| a.equal(b));
    NotEqual(x1, x2) => |o| of_two(o, |a, b| a.not_equal(b));
    Greater(x1, x2) => |o| of_two(o, |a, b| a.greater(b));
    GreaterEqual(x1, x2) => |o| of_two(o, |a, b| a.greater_equal(b));
    Less(x1, x2) => |o| of_two(o, |a, b| a.less(b));
    LessEqual(x1, x2) => |o| of_two(o, |a, b| a.less_equal(b));
    LogicalAnd(x1, x2) => |o| of_truths(o, |a, b| a.logical_and(b));
    LogicalOr(x1, x2) => |o| of_truths(o, |a, b| a.logical_or(b));
    LogicalXor(x1, x2) => |o| of_truths(o, |a, b| {
        a.logical_or(b).logical_and(a.logical_and(b).logical_not())
    });
    LogicalNot(x) => |o| Ok(vec![o.node("x")?.cast(DType::Bool).logical_not()]);
    Isnan(x) => |o| test(o, Node::is_nan);
    Isfinite(x) => |o| test(o, Node::is_finite);
    Isinf(x) => |o| test(o, |x| x.is_finite().logical_or(x.is_nan()).logical_not());
    Where(condition, x1, x2) => choose;
}
