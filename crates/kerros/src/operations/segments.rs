//! `keras.ops.segment_sum` and its like: one result for all rows of a number.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::kind::{Operands, counted, kinds};

/// Rows, the number of each, and how many numbers there are.
fn parts<'g>(operands: &Operands<'_, 'g>) -> Result<(Node<'g>, Node<'g>, usize)> {
    let (data, ids) = (counted(operands.node("data")?), operands.node("segment_ids")?);
    let ids = ids.cast(DType::I32);
    if ids.ndim() != 1 || data.ndim() == 0 || ids.shape()[0] != data.shape()[0] {
        let shapes = format!("rows of shape {}, numbers of {}", data.shape(), ids.shape());
        return Err(Error::new(ErrorKind::Shape, shapes).expected("a number for each row"));
    }
    let count = usize::try_from(operands.whole("num_segments")?);
    let count = count.map_err(|_| operands.wrong("num_segments", "a whole number from 0 on"))?;
    Ok((data, ids, count))
}

/// Rows whose number is none of the segments are left out.
fn sum<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (data, ids, count) = parts(operands)?;
    let zero = data.graph().constant(0.0).cast(data.dtype());
    let dims: Shape = [count].into_iter().chain(data.shape()[1..].iter().copied()).collect();
    Ok(vec![zero.broadcast_to(dims).scatter_add(ids, data, 0)])
}

/// A reduction over the rows of each segment; the others count as `neutral`.
fn reduced<'g>(
    operands: &Operands<'_, 'g>,
    neutral: f32,
    reduce: impl FnOnce(Node<'g>) -> Node<'g>,
) -> Result<Vec<Node<'g>>> {
    let (data, ids, count) = parts(operands)?;
    let graph = data.graph();
    let rows = data.shape()[0];
    let hit = graph.iota(count).reshape([count, 1]).equal(ids.reshape([1, rows]));
    let wide = [&[count, rows], &vec![1; data.ndim() - 1][..]].concat();
    let neutral = match data.dtype() {
        // A cast of an infinity is the end of the range.
        DType::I32 => graph.constant_i32(neutral as i32),
        _ => graph.constant(neutral),
    };
    Ok(vec![reduce(hit.reshape(wide).select(data.expand_dims(0), neutral))])
}

kinds! { "ops.math";
    SegmentSum(data, segment_ids) [num_segments = "null", sorted = "false"] => sum;
    SegmentMax(data, segment_ids) [num_segments = "null", sorted = "false"] => |o| {
        reduced(o, f32::NEG_INFINITY, |x| x.max(&[1]))
    };
    SegmentMin(data, segment_ids) [num_segments = "null", sorted = "false"] => |o| {
        reduced(o, f32::INFINITY, |x| x.min(&[1]))
    };
    SegmentProd(data, segment_ids) [num_segments = "null", sorted = "false"] => |o| {
        reduced(o, 1.0, |x| x.prod(1))
    };
}
