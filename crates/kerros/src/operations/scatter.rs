//! `keras.ops.scatter`, `slice` and their like: parts of a tensor at places that are operands.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::constants;
use super::kind::{Operands, counted, kinds};
use crate::model::Argument;

/// Places of the first axes of a shape, as places of these axes in a row: `[places]`; -1 for
/// what is outside. `indices: [places, axes]`, in which negative numbers count from the end.
fn places<'g>(indices: Node<'g>, shape: &Shape) -> Result<Node<'g>> {
    let axes = indices.shape().last();
    if indices.ndim() != 2 || axes > shape.ndim() {
        let shapes = format!("indices of shape {} into {shape}", indices.shape());
        return Err(Error::new(ErrorKind::Shape, shapes)
            .expected("a row for each place, of an index for each of the first axes"));
    }
    let (graph, count) = (indices.graph(), indices.shape()[0]);
    let mut flat = graph.constant_i32(0).broadcast_to([count]);
    let mut is_inside = flat.equal(0.0);
    for axis in 0..axes {
        let length = graph.constant_i32(shape[axis] as i32);
        let index = indices.slice(1, axis, axis + 1).reshape([count]);
        let index = index.less(0.0).select(index + length, index);
        is_inside = is_inside.logical_and(index.greater_equal(0.0)).logical_and(index.less(length));
        flat = flat * length + index;
    }
    Ok(is_inside.select(flat, graph.constant_i32(-1)))
}

/// A shape with its first axes in a row.
fn in_a_row(shape: &Shape, axes: usize) -> Vec<usize> {
    [&[shape[..axes].iter().product()], &shape[axes..]].concat()
}

/// Indices, row by row.
fn rows_of_indices<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
    let indices = operands.node("indices")?.cast(DType::I32);
    let axes = indices.shape().last();
    let rows = indices.shape().num_elements().checked_div(axes).unwrap_or(0);
    Ok(indices.reshape([rows, axes]))
}

/// Values added up at places of a tensor of zeros.
fn scatter<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (indices, values) = (rows_of_indices(operands)?, counted(operands.node("values")?));
    let wanted = operands.wholes("shape")?.unwrap_or_default().into_iter();
    let shape: Option<Vec<usize>> = wanted.map(|dim| usize::try_from(dim).ok()).collect();
    let shape = Shape::from(shape.ok_or_else(|| operands.wrong("shape", "lengths"))?);
    let places = places(indices, &shape)?;
    let flat = in_a_row(&shape, indices.shape().last());
    let rows = [&[indices.shape()[0]], &flat[1..]].concat();
    let zeros = values.graph().constant(0.0).cast(values.dtype()).broadcast_to(flat);
    Ok(vec![zeros.scatter_add(places, values.reshape(rows), 0).reshape(shape)])
}

/// Other values at places of a tensor; of several for one place the last.
fn scatter_update<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (indices, x) = (rows_of_indices(operands)?, counted(operands.node("inputs")?));
    let shape = x.shape();
    let places = places(indices, &shape)?;
    let (count, flat) = (indices.shape()[0], in_a_row(&shape, indices.shape().last()));
    let rows = [&[count], &flat[1..]].concat();
    let updates = operands.node("updates")?.cast(x.dtype()).broadcast_to(rows);
    let base = x.reshape(&flat[..]);
    let result = match operands.value("reduction").as_str() {
        None => {
            let places = last_ones(places, count);
            let graph = x.graph();
            let zeros = graph.constant(0.0).cast(x.dtype()).broadcast_to(&flat[..]);
            let hits = graph.full([flat[0]], 0.0);
            let hits = hits.scatter_add(places, graph.full([count], 1.0), 0).greater(0.0);
            let line = [&[flat[0]], &vec![1; flat.len() - 1][..]].concat();
            hits.reshape(line).select(zeros.scatter_add(places, updates, 0), base)
        }
        Some("add") => base.scatter_add(places, updates, 0),
        Some("max") => combined(base, places, updates, f32::NEG_INFINITY, |all| all.max(&[0]))?,
        Some("min") => combined(base, places, updates, f32::INFINITY, |all| all.min(&[0]))?,
        Some("mul") => combined(base, places, updates, 1.0, |all| all.prod(0))?,
        Some(_) => return Err(operands.wrong("reduction", "null, add, max, min or mul")),
    };
    Ok(vec![result.reshape(shape)])
}

/// How many numbers are held at once where several may meet at one place.
const MAX_MEETING: usize = 1 << 26;

/// What is there already and all that comes to each place, brought together along the first axis;
/// `neutral` is what does not come there.
fn combined<'g>(
    base: Node<'g>,
    places: Node<'g>,
    updates: Node<'g>,
    neutral: f32,
    bring_together: impl FnOnce(Node<'g>) -> Node<'g>,
) -> Result<Node<'g>> {
    let (graph, shape, count) = (base.graph(), base.shape(), places.shape()[0]);
    if shape.num_elements().saturating_mul(count) > MAX_MEETING {
        let what = format!("{count} updates of {} numbers", shape.num_elements());
        return Err(Error::new(ErrorKind::Unsupported, what)
            .expected(format!("no more than {MAX_MEETING} pairs of both")));
    }
    let hit = places.reshape([count, 1]).equal(graph.iota(shape[0]));
    let wide = [&[count, shape[0]], &vec![1; shape.ndim() - 1][..]].concat();
    let neutral = match base.dtype() {
        // A cast of an infinity is the end of the range.
        DType::I32 => graph.constant_i32(neutral as i32),
        _ => graph.constant(neutral),
    };
    let coming = hit.reshape(wide).select(updates.expand_dims(1), neutral);
    Ok(bring_together(Node::concat(&[base.expand_dims(0), coming], 0)))
}

/// The places that do not come again later; -1 instead of the others.
fn last_ones(places: Node<'_>, count: usize) -> Node<'_> {
    let graph = places.graph();
    let (row, column) = (graph.iota(count).reshape([count, 1]), graph.iota(count));
    let same = places.reshape([count, 1]).equal(places);
    let comes_again = same.logical_and(row.less(column)).any(&[1]);
    comes_again.select(graph.constant_i32(-1), places)
}

/// Where a part begins along an axis.
enum Start<'g> {
    Fixed(usize),
    Tensor(Node<'g>),
}

/// Where a part of these lengths begins along each axis: moved, as Keras does, so that the whole
/// part is inside.
fn starts<'g>(operands: &Operands<'_, 'g>, lengths: &[usize]) -> Result<Vec<Start<'g>>> {
    let inside = |at: i64, axis: usize, length: usize| -> Result<usize> {
        let length_of_all = operands.node("inputs")?.shape()[axis];
        Ok(at.clamp(0, length_of_all.saturating_sub(length) as i64) as usize)
    };
    let listed: Vec<Start<'g>> = match operands.call.argument("start_indices") {
        Some(Argument::Value(value)) => {
            let list = constants::tensor(value)?.to_vec_f64().into_iter().zip(lengths);
            let start = |(axis, (at, &length))| inside(at as i64, axis, length).map(Start::Fixed);
            list.enumerate().map(start).collect::<Result<_>>()?
        }
        Some(Argument::List(items)) => {
            let start = |(axis, item): (usize, &Argument<Node<'g>>)| match item {
                Argument::Value(at) if at.is_i64() => {
                    let length = lengths.get(axis).copied().unwrap_or(0);
                    inside(at.as_i64().unwrap_or(0), axis, length).map(Start::Fixed)
                }
                Argument::Tensor(at) => Ok(Start::Tensor(at.cast(DType::I32))),
                _ => Err(Error::new(ErrorKind::Unsupported, "`start_indices` of other sorts")
                    .expected("whole numbers and tensors")),
            };
            items.iter().enumerate().take(lengths.len()).map(start).collect::<Result<_>>()?
        }
        _ => {
            let all = operands.node("start_indices")?.cast(DType::I32);
            let count = all.shape().num_elements();
            let all = all.reshape([count]);
            (0..count).map(|axis| Start::Tensor(all.slice(0, axis, axis + 1))).collect()
        }
    };
    match listed.len() == lengths.len() {
        true => Ok(listed),
        false => Err(Error::new(ErrorKind::Shape, format!("{} `start_indices`", listed.len()))
            .expected(format!("one for each of {} axes", lengths.len()))),
    }
}

/// A part that begins at given places.
fn slice<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("inputs")?;
    let shape = x.shape();
    let wanted = operands.wholes("shape")?.unwrap_or_default();
    let wrong = || operands.wrong("shape", "a length for each axis, within the tensor's");
    if wanted.len() != shape.ndim() {
        return Err(wrong());
    }
    // A length of -1 is what is left after the start, which is clear for constants only.
    let as_is: Vec<usize> = wanted.iter().map(|&length| length.max(0) as usize).collect();
    let mut result = x;
    for (axis, start) in starts(operands, &as_is)?.into_iter().enumerate() {
        result = match (start, wanted[axis]) {
            (Start::Fixed(start), -1) => result.slice(axis, start, shape[axis]),
            (_, length) if length < 0 || length as usize > shape[axis] => return Err(wrong()),
            (Start::Fixed(start), length) => result.slice(axis, start, start + length as usize),
            (Start::Tensor(start), length) => result.dynamic_slice(axis, start, length as usize),
        };
    }
    Ok(vec![result])
}

/// Another part in place of the one that begins at given places.
fn slice_update<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("inputs")?;
    let updates = operands.node("updates")?.cast(x.dtype());
    let (shape, part) = (x.shape(), updates.shape());
    let fits = part.ndim() == shape.ndim() && part.iter().zip(&shape[..]).all(|(a, b)| a <= b);
    if !fits {
        return Err(Error::new(ErrorKind::Shape, format!("updates of {part} for {shape}"))
            .expected("as many axes, none longer"));
    }
    Ok(vec![updated(x, updates, &starts(operands, &part)?, 0)])
}

/// `x` with `part` in place from `axis` on: first within the rows that change, then those rows.
fn updated<'g>(x: Node<'g>, part: Node<'g>, starts: &[Start<'g>], axis: usize) -> Node<'g> {
    let Some(start) = starts.get(axis) else { return part };
    let (length, all) = (part.shape()[axis], x.shape()[axis]);
    match *start {
        _ if length == all => updated(x, part, starts, axis + 1),
        Start::Fixed(start) => {
            let rows = x.slice(axis, start, start + length);
            let rows = updated(rows, part, starts, axis + 1);
            let parts = [x.slice(axis, 0, start), rows, x.slice(axis, start + length, all)];
            let parts = parts.into_iter().filter(|part| part.shape()[axis] > 0);
            Node::concat(&parts.collect::<Vec<_>>(), axis)
        }
        Start::Tensor(start) => {
            let rows = x.dynamic_slice(axis, start, length);
            x.dynamic_update(axis, start, updated(rows, part, starts, axis + 1))
        }
    }
}

kinds! { "ops.core";
    Scatter(indices, values) [shape = "!"] => scatter;
    ScatterUpdate(inputs, indices, updates) [reduction = "null"] => scatter_update;
    Slice(inputs, start_indices) [shape = "!"] => slice;
    SliceUpdate(inputs, start_indices, updates) => slice_update;
}
