//! `keras.ops.unfold` and its way back: windows of images as columns.

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

use super::kind::{Operands, kinds};

/// How many places a window may have: each is a step of its own.
const MAX_TAPS: usize = 4096;

/// How windows slide over the two axes of an image.
struct Windows {
    taps: [usize; 2],
    dilation: [usize; 2],
    padding: [usize; 2],
    strides: [usize; 2],
}

/// A setting of one length for both axes or two, from `least` on.
fn both(operands: &Operands<'_, '_>, name: &str, least: usize) -> Result<[usize; 2]> {
    let lengths = operands.wholes(name)?.unwrap_or_default().into_iter();
    let lengths: Vec<usize> = lengths.filter_map(|length| usize::try_from(length).ok()).collect();
    let both = match lengths[..] {
        [one] => Some([one, one]),
        [rows, columns] => Some([rows, columns]),
        _ => None,
    };
    let both = both.filter(|both| both.iter().all(|length| (least..1 << 24).contains(length)));
    both.ok_or_else(|| operands.wrong(name, &format!("a length from {least} on, or two")))
}

impl Windows {
    fn new(operands: &Operands<'_, '_>) -> Result<Self> {
        let taps = both(operands, "kernel_size", 1)?;
        if taps[0] * taps[1] > MAX_TAPS {
            return Err(operands.wrong("kernel_size", &format!("at most {MAX_TAPS} places")));
        }
        Ok(Windows {
            taps,
            dilation: both(operands, "dilation", 1)?,
            padding: both(operands, "padding", 0)?,
            strides: both(operands, "stride", 1)?,
        })
    }

    /// How many windows there are along an axis of this length.
    fn count(&self, side: usize, length: usize) -> Option<usize> {
        let reach = (self.taps[side] - 1) * self.dilation[side] + 1;
        let room = (length + 2 * self.padding[side]).checked_sub(reach)?;
        Some(room / self.strides[side] + 1)
    }

    /// What is before the places that a tap takes along an axis, and how far they reach.
    fn places(&self, side: usize, tap: usize, count: usize) -> (usize, usize) {
        (tap * self.dilation[side], (count - 1) * self.strides[side] + 1)
    }

    fn each_tap(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let [rows, columns] = self.taps;
        (0..rows).flat_map(move |row| (0..columns).map(move |column| [row, column]))
    }
}

/// `[batch, channels, height, width] -> [batch, channels taps, windows]`
fn unfold<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, windows) = (operands.node("x")?, Windows::new(operands)?);
    let wrong = || {
        Error::new(ErrorKind::Shape, format!("images of shape {}", x.shape()))
            .expected("batch, channels, height and width, no smaller than a window")
    };
    let [batch, channels, height, width] = x.shape()[..] else { return Err(wrong()) };
    let counts = [windows.count(0, height), windows.count(1, width)];
    let [Some(rows), Some(columns)] = counts else { return Err(wrong()) };
    let padded = [2, 3].into_iter().fold(x, |x, axis| {
        let around = windows.padding[axis - 2];
        x.pad(axis, around, around, 1)
    });
    let parts = windows.each_tap().map(|taps| {
        let cut = |x: Node<'g>, side: usize, count: usize| {
            let (start, reach) = windows.places(side, taps[side], count);
            x.slice_step(side + 2, start, start + reach, windows.strides[side])
        };
        cut(cut(padded, 0, rows), 1, columns).reshape([batch, channels, 1, rows * columns])
    });
    let made = Node::concat(&parts.collect::<Vec<_>>(), 2);
    let taps = windows.taps[0] * windows.taps[1];
    Ok(vec![made.reshape([batch, channels * taps, rows * columns])])
}

/// The way back, where windows overlap their sum.
fn fold<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, windows) = (operands.float("x")?, Windows::new(operands)?);
    let size = both(operands, "output_size", 1)?;
    let taps = windows.taps[0] * windows.taps[1];
    let counts = [windows.count(0, size[0]), windows.count(1, size[1])];
    let wrong = || {
        Error::new(ErrorKind::Shape, format!("columns of shape {}", x.shape()))
            .expected("batch, channels times the places of a window, and as many as windows")
    };
    let ([batch, rows, count], [Some(down), Some(across)]) = (&x.shape()[..], counts) else {
        return Err(wrong());
    };
    let (batch, rows, count) = (*batch, *rows, *count);
    if !rows.is_multiple_of(taps) || rows == 0 || count != down * across {
        return Err(wrong());
    }
    let channels = rows / taps;
    let columns = x.reshape([batch, channels, taps, down, across]);
    let spread = windows.each_tap().enumerate().map(|(tap, at)| {
        let part = columns.slice(2, tap, tap + 1).reshape([batch, channels, down, across]);
        [down, across].into_iter().enumerate().fold(part, |part, (side, count)| {
            let (start, reach) = windows.places(side, at[side], count);
            let whole = size[side] + 2 * windows.padding[side];
            part.pad(side + 2, start, whole - start - reach, windows.strides[side])
        })
    });
    let sum = spread.reduce(|sum, part| sum + part).ok_or_else(wrong)?;
    let cut = |x: Node<'g>, side: usize| {
        x.slice(side + 2, windows.padding[side], windows.padding[side] + size[side])
    };
    Ok(vec![cut(cut(sum, 0), 1)])
}

kinds! { "ops.nn";
    Unfold(x) [kernel_size = "!", dilation = "1", padding = "0", stride = "1"] => unfold;
    Fold(x) [output_size = "!", kernel_size = "!", dilation = "1", padding = "0", stride = "1"]
        => fold;
}
