//! Whether the slices of a call fit the program: asked before anything is touched.

use std::ops::Range;

use kerros_core::program::Layout;
use kerros_core::{Error, ErrorKind, Result};

use super::Input;
use super::prepare::Prepared;

/// Checks numbers and lengths of inputs and outputs.
pub fn check(
    prepared: &Prepared,
    range: &Range<usize>,
    inputs: &[Input],
    outputs: &[&mut [f32]],
) -> Result<()> {
    if range.start > range.end {
        return Err(misfit(format!("the range {range:?} runs backwards"), "start <= end".into()));
    }
    let (got, want) =
        ((inputs.len(), outputs.len()), (prepared.inputs.len(), prepared.num_outputs));
    if got != want {
        return Err(misfit(
            format!("a program got {} inputs and {} outputs", got.0, got.1),
            format!("{} inputs and {} outputs", want.0, want.1),
        ));
    }
    let len = range.len();
    for (at, output) in outputs.iter().enumerate() {
        if output.len() != len {
            return Err(misfit(
                format!("output {at} of a program has {} elements", output.len()),
                format!("{len}, those of the range {range:?}"),
            ));
        }
    }
    if len == 0 {
        return Ok(());
    }
    for (at, (layout, input)) in prepared.inputs.iter().zip(inputs).enumerate() {
        match *input {
            Input::Output(output) if *layout != Layout::Same || output >= outputs.len() => {
                return Err(misfit(
                    format!("input {at} of a program, {layout:?}, is to share output {output}"),
                    format!("layout Same and an output below {}", outputs.len()),
                ));
            }
            Input::Output(_) => {}
            Input::Slice(slice) => check_slice(at, layout, range, slice.len())?,
        }
    }
    Ok(())
}

fn check_slice(at: usize, layout: &Layout, range: &Range<usize>, got: usize) -> Result<()> {
    let (fits, want) = match layout {
        Layout::Same => (got == range.len(), Some(range.len())),
        other => {
            let want = shortest(other, range);
            (want.is_some_and(|want| got >= want), want)
        }
    };
    if fits {
        return Ok(());
    }
    Err(misfit(
        format!("input {at} of a program, {layout:?}, has {got} elements"),
        want.map_or("axes that hold an element".into(), |want| format!("{want} for {range:?}")),
    ))
}

/// The length that a slice must have for a range that is not empty; `None` for a layout
/// without elements.
fn shortest(layout: &Layout, range: &Range<usize>) -> Option<usize> {
    match layout {
        Layout::Same => Some(range.len()),
        Layout::Scalar => Some(1),
        Layout::Key => Some(4),
        Layout::Cycle { period } => Some(*period),
        Layout::Stretch { run } => Some((range.end - 1) / run - range.start / run + 1),
        Layout::Strided { dims, strides } => {
            dims.iter().zip(strides).try_fold(1usize, |sum, (dim, stride)| {
                let reach = dim.checked_sub(1)?.saturating_mul(*stride);
                Some(sum.saturating_add(reach))
            })
        }
    }
}

fn misfit(message: String, expected: String) -> Error {
    Error::new(ErrorKind::Internal, message).expected(expected)
}
