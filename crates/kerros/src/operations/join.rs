//! `keras.ops.concatenate` and its like: tensors put together, taken apart, repeated, padded.

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, counted, kinds};
use crate::object::{self, number};

/// Tensors of one type: floats when any is.
pub(crate) fn alike(parts: Vec<Node<'_>>) -> Vec<Node<'_>> {
    let is = |dtype| parts.iter().any(|part| part.dtype() == dtype);
    let dtype = if is(DType::F32) {
        DType::F32
    } else if is(DType::I32) {
        DType::I32
    } else {
        DType::Bool
    };
    parts.into_iter().map(|part| part.cast(dtype)).collect()
}

fn concatenate<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let parts = alike(operands.nodes("xs")?);
    let axis = operands.axis("axis", parts[0].ndim())?;
    Ok(vec![if parts.len() == 1 { parts[0] } else { Node::concat(&parts, axis) }])
}

fn stack<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let parts = alike(operands.nodes("x")?);
    let axis = operands.axis("axis", parts[0].ndim() + 1)?;
    let parts: Vec<Node<'g>> = parts.into_iter().map(|part| part.expand_dims(axis)).collect();
    Ok(vec![Node::concat(&parts, axis)])
}

/// Parts side by side: along axis 1, or along the only one.
fn side_by_side<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let parts = alike(operands.nodes("xs")?);
    let parts: Vec<Node<'g>> = parts.into_iter().map(|part| at_least(part, 1)).collect();
    let axis = usize::from(parts[0].ndim() > 1);
    Ok(vec![Node::concat(&parts, axis)])
}

/// Parts one below the other; a vector is a row.
fn below_each_other<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let parts = alike(operands.nodes("xs")?);
    let parts: Vec<Node<'g>> = parts.into_iter().map(|part| at_least(part, 2)).collect();
    Ok(vec![Node::concat(&parts, 0)])
}

/// The same with axes of length 1 in front, up to so many.
fn at_least(part: Node<'_>, ndim: usize) -> Node<'_> {
    (part.ndim()..ndim).fold(part, |part, _| part.expand_dims(0))
}

fn append<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let parts = alike(vec![operands.node("x1")?, operands.node("x2")?]);
    if operands.value("axis").is_null() {
        let flat = parts.iter().map(|part| part.reshape([part.shape().num_elements()]));
        return Ok(vec![Node::concat(&flat.collect::<Vec<_>>(), 0)]);
    }
    let axis = operands.axis("axis", parts[0].ndim())?;
    Ok(vec![Node::concat(&parts, axis)])
}

/// Parts one behind the other: along axis 2, which those with fewer axes get.
fn behind_each_other<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let parts = alike(operands.nodes("xs")?).into_iter();
    let deep = parts.map(|part| match part.ndim() {
        0 | 1 => at_least(part, 2).expand_dims(2),
        2 => part.expand_dims(2),
        _ => part,
    });
    Ok(vec![Node::concat(&deep.collect::<Vec<_>>(), 2)])
}

/// Parts along an axis, at the places or as many as the setting says; with `may_differ` some
/// may be longer by one.
fn split<'g>(
    operands: &Operands<'_, 'g>,
    x: Node<'g>,
    axis: usize,
    may_differ: bool,
) -> Result<Vec<Node<'g>>> {
    let length = x.shape().get(axis).copied().ok_or_else(|| {
        Error::new(ErrorKind::Shape, format!("axis {axis} of {}", x.shape()))
            .expected("an axis that is there")
    })?;
    let wrong = || operands.wrong("indices_or_sections", "a divisor of the length, or places");
    let cuts: Vec<usize> = match operands.value("indices_or_sections") {
        Value::Array(_) => {
            let places = operands.wholes("indices_or_sections")?.unwrap_or_default();
            let place = |at: isize| if at < 0 { at + length as isize } else { at };
            places.into_iter().map(|at| place(at).clamp(0, length as isize) as usize).collect()
        }
        _ => {
            let sections = operands.whole("indices_or_sections")?;
            let sections = usize::try_from(sections).ok().filter(|&count| count > 0);
            let fits = |count: &usize| may_differ || length.is_multiple_of(*count);
            let sections = sections.filter(fits).ok_or_else(wrong)?;
            let (each, longer) = (length / sections, length % sections);
            (1..sections).map(|at| at * each + at.min(longer)).collect()
        }
    };
    let starts = [0].into_iter().chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([length]);
    Ok(starts.zip(ends).map(|(start, end)| x.slice(axis, start, end.max(start))).collect())
}

fn split_by_axis<'g>(operands: &Operands<'_, 'g>, may_differ: bool) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    split(operands, x, operands.axis("axis", x.ndim())?, may_differ)
}

/// Each of several vectors along an axis of its own, spread over the axes of the others.
fn meshgrid<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let parts = operands.all()?;
    let mut axes: Vec<usize> = (0..parts.len()).collect();
    match operands.value("indexing").as_str() {
        Some("xy") if parts.len() > 1 => axes.swap(0, 1),
        Some("xy" | "ij") => {}
        _ => return Err(operands.wrong("indexing", "\"xy\" or \"ij\"")),
    }
    if let Some(part) = parts.iter().find(|part| part.ndim() != 1) {
        return Err(Error::new(ErrorKind::Shape, format!("a side of shape {}", part.shape()))
            .expected("one axis"));
    }
    let mut dims = vec![1; parts.len()];
    parts.iter().zip(&axes).for_each(|(part, &axis)| dims[axis] = part.shape()[0]);
    let spread = |(part, &axis): (&Node<'g>, &usize)| {
        let mut line = vec![1; parts.len()];
        line[axis] = dims[axis];
        part.reshape(line).broadcast_to(&dims[..])
    };
    Ok(parts.iter().zip(&axes).map(spread).collect())
}

fn unstack<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let axis = operands.axis("axis", x.ndim())?;
    let shape = x.shape();
    let left: Shape = shape[..axis].iter().chain(&shape[axis + 1..]).copied().collect();
    Ok((0..shape[axis]).map(|at| x.slice(axis, at, at + 1).reshape(&left)).collect())
}

/// Each entry of an axis several times.
fn repeat<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let wrong = || operands.wrong("repeats", "a whole number from 0 on, or one for each entry");
    let repeats = operands.wholes("repeats")?.ok_or_else(wrong)?.into_iter();
    let repeats: Option<Vec<usize>> = repeats.map(|count| usize::try_from(count).ok()).collect();
    let repeats = repeats.ok_or_else(wrong)?;
    let (x, axis) = match operands.value("axis") {
        Value::Null => (x.reshape([x.shape().num_elements()]), 0),
        _ => (x, operands.axis("axis", x.ndim())?),
    };
    let shape = x.shape();
    if let [count] = repeats[..] {
        let dims = |lengths: &[usize]| -> Shape {
            shape[..axis].iter().chain(lengths).chain(&shape[axis + 1..]).copied().collect()
        };
        let wide = x.expand_dims(axis + 1).broadcast_to(dims(&[shape[axis], count]));
        return Ok(vec![wide.reshape(dims(&[shape[axis] * count]))]);
    }
    if repeats.len() != shape[axis] {
        return Err(wrong());
    }
    let entry =
        |(at, &count): (usize, &usize)| std::iter::repeat_n(x.slice(axis, at, at + 1), count);
    let parts: Vec<Node<'g>> = repeats.iter().enumerate().flat_map(entry).collect();
    Ok(vec![if parts.is_empty() { x.slice(axis, 0, 0) } else { Node::concat(&parts, axis) }])
}

/// The whole several times along each axis.
fn tile<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let repeats = operands.wholes("repeats")?.unwrap_or_default();
    let ndim = x.ndim().max(repeats.len());
    let ones = |missing: usize| std::iter::repeat_n(1usize, missing);
    let own: Vec<usize> = ones(ndim - x.ndim()).chain(x.shape().to_vec()).collect();
    let counts = repeats.iter().map(|&count| count.max(0) as usize);
    let counts: Vec<usize> = ones(ndim - repeats.len()).chain(counts).collect();
    let between = |pair: fn((usize, usize)) -> [usize; 2]| -> Vec<usize> {
        counts.iter().copied().zip(own.iter().copied()).flat_map(pair).collect()
    };
    let wide = x.reshape(between(|(_, own)| [1, own])).broadcast_to(between(|(n, own)| [n, own]));
    let dims: Vec<usize> = counts.iter().zip(&own).map(|(count, own)| count * own).collect();
    Ok(vec![wide.reshape(dims)])
}

/// How many entries an axis may have that is continued: files choose the number.
const MAX_ENTRIES: usize = 1 << 26;

/// Which entry of an axis of this length stands `place` entries after its first, before it where
/// that is negative: the axis is continued as a mirror does, with or without the edge twice, with
/// the edge alone, or from the beginning.
fn continued(mode: &str, place: i64, length: i64) -> Option<i64> {
    let mirror = |period: i64, back: i64| {
        let at = place.rem_euclid(period.max(1));
        if at < length { at } else { back - at }
    };
    Some(match mode {
        "edge" => place.clamp(0, length - 1),
        "wrap" => place.rem_euclid(length),
        "reflect" => mirror(2 * length - 2, 2 * length - 2),
        "symmetric" => mirror(2 * length, 2 * length - 1),
        _ => return None,
    })
}

/// A number of all that an axis holds, which stays with length 1; of whole numbers a whole one.
fn statistic<'g>(mode: &str, x: Node<'g>, axis: usize) -> Node<'g> {
    let axes = [axis as isize];
    let floats = x.cast(DType::F32);
    let made = match mode {
        "maximum" => counted(x).max(&axes),
        "minimum" => counted(x).min(&axes),
        "mean" => floats.mean(&axes),
        _ => {
            let (length, last) = (x.shape()[axis], x.ndim() - 1);
            let mut order: Vec<usize> = (0..x.ndim()).filter(|&at| at != axis).collect();
            order.push(axis);
            let sorted = floats.transpose(&order).sort(false);
            let at = |place: usize| sorted.slice(last, place, place + 1);
            let middle = (at((length - 1) / 2) + at(length / 2)) * 0.5;
            middle.reshape(&middle.shape()[..last])
        }
    };
    let made = match (x.dtype(), made.dtype()) {
        (DType::F32, _) | (_, DType::I32) => made,
        _ => made.round(),
    };
    made.cast(x.dtype()).expand_dims(axis)
}

/// From 0 to an entry of an axis in equal steps, without the entry, or back.
fn ramp<'g>(entry: Node<'g>, axis: usize, count: usize, is_falling: bool) -> Node<'g> {
    let steps = entry.graph().iota(count).cast(DType::F32);
    let steps = if is_falling { steps.reverse(0) } else { steps };
    let line = (0..entry.ndim()).map(|at| if at == axis { count } else { 1 }).collect::<Shape>();
    let shares = steps.reshape(line) / count.max(1) as f32;
    let made = entry.cast(DType::F32) * shares;
    // Whole numbers are those below.
    if entry.dtype() == DType::F32 { made } else { made.floor().cast(entry.dtype()) }
}

/// An axis with something before and something behind it.
fn between<'g>([before, behind]: [Node<'g>; 2], x: Node<'g>, axis: usize) -> Node<'g> {
    let parts = [before, x, behind].into_iter().filter(|part| part.shape()[axis] > 0);
    Node::concat(&parts.collect::<Vec<_>>(), axis)
}

/// An axis continued at both ends by what it holds.
fn pad_with_own<'g>(
    operands: &Operands<'_, 'g>,
    x: Node<'g>,
    axis: usize,
    (low, high): (usize, usize),
) -> Result<Node<'g>> {
    let mode = operands.value("mode").as_str().unwrap_or_default();
    let wrong = || {
        operands.wrong(
            "mode",
            "constant, edge, empty, linear_ramp, maximum, mean, median, minimum, reflect, symmetric or wrap",
        )
    };
    let length = x.shape()[axis];
    if length.saturating_add(low).saturating_add(high) > MAX_ENTRIES {
        return Err(operands.wrong("pad_width", &format!("at most {MAX_ENTRIES} entries in all")));
    }
    if mode == "empty" {
        return Ok(x.pad(axis, low, high, 1));
    }
    if length == 0 {
        return Err(operands.wrong("mode", "constant for an axis without entries"));
    }
    if ["maximum", "mean", "median", "minimum"].contains(&mode) {
        let one = statistic(mode, x, axis);
        let ends = [low, high].map(|count| {
            let mut dims = x.shape().to_vec();
            dims[axis] = count;
            one.broadcast_to(dims)
        });
        return Ok(between(ends, x, axis));
    }
    if mode == "linear_ramp" {
        let first = x.slice(axis, 0, 1);
        let last = x.slice(axis, length - 1, length);
        return Ok(between([ramp(first, axis, low, false), ramp(last, axis, high, true)], x, axis));
    }
    let length = length as i64;
    let places = -(low as i64)..length + high as i64;
    let entry = |place| continued(mode, place, length).map(|entry| entry as i32);
    let entries: Option<Vec<i32>> = places.map(entry).collect();
    let entries = entries.ok_or_else(wrong)?;
    let entries = Tensor::new([entries.len()], entries)?;
    Ok(x.gather(x.graph().literal(entries), axis))
}

/// Zeros, another number, or what an axis holds itself, around.
fn pad<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let is_constant = operands.value("mode").as_str().is_none_or(|mode| mode == "constant");
    let wrong = || operands.wrong("pad_width", "a pair of lengths for each axis");
    let pair = |value: &Value| -> Option<(usize, usize)> {
        match value {
            Value::Array(ends) if ends.len() == 2 => {
                Some((object::length(&ends[0])?, object::length(&ends[1])?))
            }
            value => object::length(value).map(|width| (width, width)),
        }
    };
    let widths: Option<Vec<(usize, usize)>> = match operands.value("pad_width") {
        Value::Array(list) if list.iter().all(Value::is_array) => list.iter().map(pair).collect(),
        value => pair(value).map(|pair| vec![pair]),
    };
    let widths = match widths.ok_or_else(wrong)? {
        widths if widths.len() == x.ndim() => widths,
        widths if widths.len() == 1 => vec![widths[0]; x.ndim()],
        _ => return Err(wrong()),
    };
    if widths.iter().all(|ends| *ends == (0, 0)) {
        return Ok(vec![x.copied()]);
    }
    if !is_constant {
        let mut padded = widths.iter().enumerate().filter(|(_, ends)| **ends != (0, 0));
        let made = padded.try_fold(x, |x, (axis, &ends)| pad_with_own(operands, x, axis, ends))?;
        return Ok(vec![made]);
    }
    let filling = number(operands.value("constant_values")).unwrap_or(0.0) as f32;
    // Zeros are added: what is padded stands above the filling then.
    let base = if filling == 0.0 { x } else { x - filling };
    let padded = widths.iter().enumerate().filter(|(_, ends)| **ends != (0, 0));
    let padded = padded.fold(base, |x, (axis, &(low, high))| x.pad(axis, low, high, 1));
    Ok(vec![if filling == 0.0 { padded } else { padded + filling }])
}

kinds! { "ops.numpy";
    Concatenate(xs) [axis = "0"] => concatenate;
    Stack(x) [axis = "0"] => stack;
    Hstack(xs) => side_by_side;
    Vstack(xs) => below_each_other;
    Dstack(xs) => behind_each_other;
    Append(x1, x2) [axis = "null"] => append;
    Split(x) [indices_or_sections = "!", axis = "0"] => |o| split_by_axis(o, false);
    ArraySplit(x) [indices_or_sections = "!", axis = "0"] => |o| split_by_axis(o, true);
    Vsplit(x) [indices_or_sections = "!"] => |o| split(o, o.node("x")?, 0, false);
    Hsplit(x) [indices_or_sections = "!"] => |o| {
        let x = o.node("x")?;
        split(o, x, usize::from(x.ndim() > 1), false)
    };
    Dsplit(x) [indices_or_sections = "!"] => |o| split(o, o.node("x")?, 2, false);
    Meshgrid() [indexing = "\"xy\""] => meshgrid;
    Repeat(x) [repeats = "!", axis = "null"] => repeat;
    Tile(x) [repeats = "!"] => tile;
    Pad(x, constant_values) [pad_width = "!", mode = "\"constant\""] => pad;
}

/// Those of the core.
pub(super) mod core {
    use super::{kinds, unstack};

    kinds! { "ops.core";
        Unstack(x) [num = "null", axis = "0"] => unstack;
    }
}
