//! `x[1, :, ::2, None, ...]`: parts of a tensor.

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, kinds};

/// One entry of an index.
#[derive(Debug)]
enum Entry {
    /// A single place; the axis vanishes.
    Place(isize),
    /// Places from start to stop by step.
    Range(Option<isize>, Option<isize>, Option<isize>),
    /// An axis of length 1.
    NewAxis,
    /// All axes that are not named.
    Ellipsis,
}

/// The entries of an index as Keras writes it.
fn entries(key: &Value) -> Result<Vec<Entry>> {
    let entry = |value: &Value| -> Option<Entry> {
        let bound = |name: &str| -> Option<Option<isize>> {
            match value["config"].get(name) {
                None | Some(Value::Null) => Some(None),
                Some(bound) => bound.as_i64().map(|bound| Some(bound as isize)),
            }
        };
        match value.get("class_name").and_then(Value::as_str) {
            Some("__slice__") => {
                Some(Entry::Range(bound("start")?, bound("stop")?, bound("step")?))
            }
            Some("__ellipsis__") => Some(Entry::Ellipsis),
            Some(_) => None,
            None if value.is_null() => Some(Entry::NewAxis),
            None => value.as_i64().map(|place| Entry::Place(place as isize)),
        }
    };
    let list = match key {
        Value::Array(list) => list.iter().map(entry).collect(),
        value => entry(value).map(|entry| vec![entry]),
    };
    list.ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, format!("the index {key}"))
            .expected("numbers, slices, null and an ellipsis")
    })
}

/// The first place and the place after the last that a slice of an axis covers.
fn bounds(length: usize, start: Option<isize>, stop: Option<isize>, step: isize) -> (usize, usize) {
    let length = length as isize;
    let within = |bound: isize, low: isize, high: isize| {
        (if bound < 0 { bound + length } else { bound }).clamp(low, high)
    };
    if step > 0 {
        let start = start.map_or(0, |start| within(start, 0, length));
        let stop = stop.map_or(length, |stop| within(stop, 0, length));
        return (start as usize, stop.max(start) as usize);
    }
    // Backwards, as the places `stop + 1 ..= start` read from the last.
    let start = start.map_or(length - 1, |start| within(start, -1, length - 1));
    let stop = stop.map_or(-1, |stop| within(stop, -1, length - 1));
    ((stop + 1).min(start + 1) as usize, (start + 1) as usize)
}

fn get_item<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let entries = entries(operands.value("key"))?;
    let is_axis = |entry: &&Entry| matches!(entry, Entry::Place(_) | Entry::Range(..));
    let named = entries.iter().filter(is_axis).count();
    let left = x.ndim().checked_sub(named).ok_or_else(|| {
        Error::new(ErrorKind::Shape, format!("{named} indices for {} axes", x.ndim()))
            .expected("at most one for each axis")
    })?;
    let (mut result, mut axis) = (x, 0);
    for entry in &entries {
        match *entry {
            Entry::NewAxis => {
                result = result.expand_dims(axis);
                axis += 1;
            }
            Entry::Ellipsis => axis += left,
            Entry::Place(place) => {
                let length = result.shape()[axis];
                let at = if place < 0 { place + length as isize } else { place };
                let at = usize::try_from(at).ok().filter(|&at| at < length).ok_or_else(|| {
                    Error::new(ErrorKind::Shape, format!("place {place} of {length}"))
                        .expected("a place that is there")
                })?;
                let mut dims = result.shape().to_vec();
                dims.remove(axis);
                result = result.slice(axis, at, at + 1).reshape(dims);
            }
            Entry::Range(start, stop, step) => {
                let (length, step) = (result.shape()[axis], step.unwrap_or(1));
                if step == 0 {
                    return Err(Error::new(ErrorKind::Argument, "a slice of step 0")
                        .expected("another step"));
                }
                let part = match bounds(length, start, stop, step) {
                    (0, last) if last == length => result,
                    (first, last) => result.slice(axis, first, last),
                };
                let part = if step < 0 { part.reverse(axis) } else { part };
                result = match step.unsigned_abs() {
                    1 => part,
                    step => part.slice_step(axis, 0, part.shape()[axis], step),
                };
                axis += 1;
            }
        }
    }
    Ok(vec![result])
}

kinds! { "ops.numpy";
    GetItem(x, key) => get_item;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_those_of_python() {
        // length, start, stop, step -> what `range(length)[start:stop:step]` covers.
        for (length, start, stop, step, expected) in [
            (5, None, None, 1, (0, 5)),
            (5, Some(-2), None, 1, (3, 5)),
            (5, Some(1), Some(-1), 1, (1, 4)),
            (5, Some(4), Some(2), 1, (4, 4)),
            (5, None, Some(9), 2, (0, 5)),
            (5, None, None, -1, (0, 5)),
            (5, Some(3), None, -1, (0, 4)),
            (5, Some(3), Some(0), -1, (1, 4)),
            (5, Some(0), Some(3), -1, (1, 1)),
        ] {
            assert_eq!(bounds(length, start, stop, step), expected, "{start:?}:{stop:?}:{step}");
        }
    }
}
