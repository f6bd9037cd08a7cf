//! `keras.ops.greater` and its like: truth values.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::join::alike;
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

/// Whether `|x1 - x2| <= atol + rtol |x2|`; infinities are close to themselves only, NaN with
/// `equal_nan`.
fn are_close<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
    let (a, b) = operands.float("x1")?.broadcast_together(operands.float("x2")?);
    let (relative, absolute) = (operands.number("rtol")?, operands.number("atol")?);
    let is_near = (a - b).abs().less_equal(b.abs() * relative as f32 + absolute as f32);
    let both = a.is_finite().logical_and(b.is_finite());
    let close = both.logical_and(is_near).logical_or(a.equal(b));
    Ok(match operands.flag("equal_nan") {
        true => close.logical_or(a.is_nan().logical_and(b.is_nan())),
        false => close,
    })
}

/// Whether an element of `x1` is anywhere in `x2`.
fn is_in<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (a, b) = operands.numbers("x1", "x2")?;
    let list = b.reshape([b.shape().num_elements()]);
    let found = a.expand_dims(a.ndim()).equal(list).any(&[-1]);
    Ok(vec![if operands.flag("invert") { found.logical_not() } else { found }])
}

/// How many of a sorted sequence come before each value; all before NaN.
fn num_before<'g>(sorted: Node<'g>, values: Node<'g>, and_equal: bool) -> Node<'g> {
    let values = values.expand_dims(values.ndim());
    let comes = match and_equal {
        true => sorted.less_equal(values),
        false => sorted.less(values),
    };
    comes.logical_or(values.is_nan()).cast(DType::I32).sum(&[-1])
}

fn search_sorted<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (sorted, values) = (operands.float("sorted_sequence")?, operands.float("values")?);
    let is_right = match operands.value("side").as_str() {
        Some("left") => false,
        Some("right") => true,
        _ => return Err(operands.wrong("side", "\"left\" or \"right\"")),
    };
    Ok(vec![num_before(of_one_axis(sorted)?, values, is_right)])
}

/// The bin of each number, between limits that grow or that fall.
fn digitize<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, limits) = (operands.float("x")?, of_one_axis(operands.float("bins")?)?);
    let count = limits.shape()[0];
    let below = num_before(limits, x, true);
    if count < 2 {
        return Ok(vec![below]);
    }
    let grows = limits.slice(0, 0, 1).less_equal(limits.slice(0, count - 1, count));
    let above = x.graph().constant_i32(count as i32) - below;
    Ok(vec![grows.reshape(Shape::from([])).select(below, above)])
}

fn of_one_axis(x: Node<'_>) -> Result<Node<'_>> {
    match x.ndim() {
        1 => Ok(x),
        _ => Err(Error::new(ErrorKind::Shape, format!("a sequence of shape {}", x.shape()))
            .expected("one axis")),
    }
}

/// Whether the class that is right is among the `k` with the largest predictions.
fn in_top_k<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (classes, x) = (operands.node("targets")?.cast(DType::I32), operands.float("predictions")?);
    let last = x.ndim().saturating_sub(1);
    if x.ndim() == 0 || classes.shape()[..] != x.shape()[..last] {
        let shapes = format!("targets of shape {}, predictions of {}", classes.shape(), x.shape());
        return Err(Error::new(ErrorKind::Shape, shapes).expected("a class for each row"));
    }
    let at_class = x.take_along_axis(classes.expand_dims(last), last);
    let at_class = at_class.is_nan().select(f32::NEG_INFINITY, at_class);
    let num_larger = x.greater(at_class).cast(DType::I32).sum(&[-1]);
    Ok(vec![num_larger.less(x.graph().constant_i32(operands.whole("k")? as i32))])
}

/// Of the choices the first whose condition holds.
fn select<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (conditions, choices) = (operands.nodes("condlist")?, operands.nodes("choicelist")?);
    if conditions.len() != choices.len() {
        let lists = format!("{} conditions, {} choices", conditions.len(), choices.len());
        return Err(Error::new(ErrorKind::Argument, lists).expected("as many of both"));
    }
    let otherwise = operands.maybe("default")?;
    let otherwise = otherwise.unwrap_or_else(|| operands.inputs[0].graph().constant_i32(0));
    let mut parts = alike([choices, vec![otherwise]].concat());
    let otherwise = parts.pop().into_iter();
    let chosen = conditions.into_iter().zip(parts).rev();
    Ok(otherwise
        .map(|otherwise| {
            chosen.clone().fold(otherwise, |otherwise, (condition, choice)| {
                condition.cast(DType::Bool).select(choice, otherwise)
            })
        })
        .collect())
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
    Isposinf(x) => |o| test(o, |x| x.equal(f32::INFINITY));
    Isneginf(x) => |o| test(o, |x| x.equal(f32::NEG_INFINITY));
    Isreal(x) => |o| test(o, |x| x.equal(x).logical_or(x.is_nan()));
    Signbit(x) => |o| test(o, |x| x.less(0.0).logical_or((1.0 / x).equal(f32::NEG_INFINITY)));
    Isinf(x) => |o| test(o, |x| x.is_finite().logical_or(x.is_nan()).logical_not());
    Where(condition, x1, x2) => choose;
    Isclose(x1, x2, rtol, atol) [equal_nan = "false"] => |o| Ok(vec![are_close(o)?]);
    AllClose(x1, x2) [rtol = "1e-05", atol = "1e-08", equal_nan = "false"] => |o| {
        let close = are_close(o)?;
        Ok(vec![close.all(&(0..close.ndim() as isize).collect::<Vec<_>>())])
    };
    IsIn(x1, x2) [assume_unique = "false", invert = "false"] => is_in;
    SearchSorted(sorted_sequence, values) [side = "\"left\""] => search_sorted;
    Digitize(x, bins) => digitize;
    Select(condlist, choicelist, default) => select;
}

/// Those of mathematics.
pub(super) mod math {
    use super::{in_top_k, kinds};

    kinds! { "ops.math";
        InTopK(targets, predictions) [k = "!"] => in_top_k;
    }
}
