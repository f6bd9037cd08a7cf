//! `keras.ops.quantile`, `median` and their like: numbers at a share of the sorted ones.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::constants;
use super::kind::{Operands, kinds};
use crate::model::Argument;

/// What is between two neighbours.
#[derive(Clone, Copy)]
enum Between {
    Linear,
    Lower,
    Higher,
    Nearest,
    Midpoint,
}

impl Between {
    fn named(operands: &Operands<'_, '_>) -> Result<Self> {
        Ok(match operands.value("method").as_str() {
            Some("linear") => Between::Linear,
            Some("lower") => Between::Lower,
            Some("higher") => Between::Higher,
            Some("nearest") => Between::Nearest,
            Some("midpoint") => Between::Midpoint,
            _ => {
                let known = "linear, lower, higher, nearest or midpoint";
                return Err(operands.wrong("method", known));
            }
        })
    }

    /// The number at `share` of the way from `low` to `high`.
    fn of<'g>(self, low: Node<'g>, high: Node<'g>, share: Node<'g>) -> Node<'g> {
        match self {
            Between::Linear => low * (1.0 - share) + high * share,
            Between::Lower => low,
            Between::Higher => high,
            Between::Nearest => share.less_equal(0.5).select(low, high),
            Between::Midpoint => (low + high) * 0.5,
        }
    }
}

/// The shares of argument `q`, and their shape.
fn shares(operands: &Operands<'_, '_>) -> Result<(Vec<f32>, Shape)> {
    match operands.call.argument("q") {
        Some(Argument::Value(value)) => {
            let tensor = constants::tensor(value)?;
            let shares = tensor.to_vec_f64().into_iter().map(|share| share as f32);
            Ok((shares.collect(), tensor.shape().clone()))
        }
        _ => Err(Error::new(ErrorKind::Unsupported, "`q` is a tensor of the model")
            .expected("numbers that are known before")),
    }
}

/// Quantiles over the axes of the setting `axis`, those of several shares along a first axis.
/// NaN makes a result NaN, or is passed over with `ignores_nan`.
fn quantiles<'g>(
    operands: &Operands<'_, 'g>,
    (shares, shape_of_shares): (Vec<f32>, Shape),
    between: Between,
    ignores_nan: bool,
) -> Result<Vec<Node<'g>>> {
    let x = operands.float("x")?;
    let shape = x.shape();
    let chosen = operands.axes("axis", x.ndim())?;
    let others: Vec<usize> = (0..x.ndim()).filter(|axis| !chosen.contains(axis)).collect();
    let length: usize = chosen.iter().map(|&axis| shape[axis]).product();
    if length == 0 {
        return Err(Error::new(ErrorKind::Shape, format!("a quantile over no number of {shape}"))
            .expected("at least one"));
    }
    let outer: usize = others.iter().map(|&axis| shape[axis]).product();
    let rows = x.transpose(&[&others[..], &chosen].concat()).reshape([outer, length]);
    let (is_nan, sorted) = (rows.is_nan(), rows.sort(false));
    let results: Vec<Node<'g>> = shares
        .iter()
        .map(|&share| match ignores_nan {
            true => among_numbers(sorted, is_nan, share, between),
            false => {
                let found = among_all(sorted, share, between);
                is_nan.any(&[1]).select(f32::NAN, found)
            }
        })
        .collect();
    let dim = |(axis, &dim): (usize, &usize)| match chosen.contains(&axis) {
        true => operands.flag("keepdims").then_some(1),
        false => Some(dim),
    };
    let dims: Vec<usize> = shape.iter().enumerate().filter_map(dim).collect();
    let all = [&shape_of_shares[..], &dims].concat();
    let parts: Vec<Node<'g>> = results.into_iter().map(|result| result.expand_dims(0)).collect();
    Ok(vec![match parts.is_empty() {
        true => x.graph().full(all, 0.0),
        false => Node::concat(&parts, 0).reshape(all),
    }])
}

/// Of sorted rows without NaN.
fn among_all(sorted: Node<'_>, share: f32, between: Between) -> Node<'_> {
    let [outer, length] = sorted.shape()[..] else { return sorted };
    let place = share * (length - 1) as f32;
    let at = |place: f32| {
        let place = (place.max(0.0) as usize).min(length - 1);
        sorted.slice(1, place, place + 1).reshape([outer])
    };
    let part = sorted.graph().constant(place - place.floor());
    between.of(at(place.floor()), at(place.ceil()), part)
}

/// Of sorted rows at whose ends there is NaN.
fn among_numbers<'g>(sorted: Node<'g>, is_nan: Node<'g>, share: f32, between: Between) -> Node<'g> {
    let outer = sorted.shape()[0];
    let count = is_nan.logical_not().cast(DType::F32).sum(&[1]);
    let place = (count - 1.0) * share;
    let at = |place: Node<'g>| {
        let place = place.maximum(0.0).cast(DType::I32).reshape([outer, 1]);
        sorted.take_along_axis(place, 1).reshape([outer])
    };
    between.of(at(place.floor()), at(place.ceil()), place - place.floor())
}

fn median<'g>(operands: &Operands<'_, 'g>, ignores_nan: bool) -> Result<Vec<Node<'g>>> {
    quantiles(operands, (vec![0.5], Shape::from([])), Between::Midpoint, ignores_nan)
}

fn quantile<'g>(
    operands: &Operands<'_, 'g>,
    whole: f32,
    between: Between,
    ignores_nan: bool,
) -> Result<Vec<Node<'g>>> {
    let (mut shares, shape) = shares(operands)?;
    shares.iter_mut().for_each(|share| *share /= whole);
    if let Some(share) = shares.iter().find(|share| !(0.0..=1.0).contains(*share)) {
        return Err(Error::new(ErrorKind::Argument, format!("the share {share} of `q`"))
            .expected("between 0 and all"));
    }
    quantiles(operands, (shares, shape), between, ignores_nan)
}

kinds! { "ops.numpy";
    Median(x) [axis = "null", keepdims = "false"] => |o| median(o, false);
    // Keras's own operation does not heed its method: this one alone is always linear.
    Quantile(x, q) [axis = "null", method = "\"linear\"", keepdims = "false"] => |o| {
        quantile(o, 1.0, Between::Linear, false)
    };
    Percentile(x, q) [axis = "null", method = "\"linear\"", keepdims = "false"] => |o| {
        quantile(o, 100.0, Between::named(o)?, false)
    };
    Nanmedian(x) [axis = "null", keepdims = "false"] => |o| median(o, true);
    Nanquantile(x, q) [axis = "null", method = "\"linear\"", keepdims = "false"] => |o| {
        quantile(o, 1.0, Between::named(o)?, true)
    };
    Nanpercentile(x, q) [axis = "null", method = "\"linear\"", keepdims = "false"] => |o| {
        quantile(o, 100.0, Between::named(o)?, true)
    };
}
