//! Sliding windows: which elements a convolution or a pooling window meets, and the order in
//! which they are combined.
//!
//! A window has up to three spatial axes ([`Window`]); positions and taps are numbered
//! row-major over them. Output position `o` and tap `t` meet the input position
//! `o * stride + t * dilation - low` of each axis. Where that lies outside the input is
//! **padding**.
//!
//! **Convolution.** Each element is one [`dot_chain`](super::dot_chain): the element of the
//! matrix product of patches and kernel. Padding is zeros that count: they are multiplied and
//! added like every other element (so a kernel element that is not finite gives NaN there).
//! The contraction runs over
//!
//! - *forward*: the taps ascending, and for each the channels of the group ascending;
//! - *input gradient*: the output positions that reach the input position, ascending (so the
//!   taps descending), and for each the channels of the group. Taps that fall between strides
//!   reach no output position: they take no place in the contraction. Output positions beyond
//!   the ends are zeros that count;
//! - *kernel gradient*: the batch ascending, and for each item the output positions ascending.
//!
//! **Pooling.** Padding is never met. A maximum starts from `-inf`, a sum from `0`, and takes
//! in the taps of the window in ascending order. What flows back to an input position starts
//! from `0` and takes in the output positions in ascending order. The maximum of a window is
//! attributed to its first NaN or else to the first of its largest elements.

/// One spatial axis of a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowAxis {
    /// Positions of the input.
    pub input: usize,
    /// Positions of the output.
    pub output: usize,
    /// Taps of the window.
    pub taps: usize,
    /// Input positions from one output position to the next; at least 1.
    pub stride: usize,
    /// Input positions from one tap to the next; at least 1.
    pub dilation: usize,
    /// Padding before the first input position; cropping when negative.
    pub low: isize,
}

impl WindowAxis {
    /// An axis along which nothing slides: one position, one tap.
    pub const UNIT: Self =
        WindowAxis { input: 1, output: 1, taps: 1, stride: 1, dilation: 1, low: 0 };

    /// The input position that an output position and a tap meet, unless it is padding.
    #[inline]
    pub fn input_at(&self, output: usize, tap: usize) -> Option<usize> {
        let at = (output * self.stride + tap * self.dilation) as isize - self.low;
        usize::try_from(at).ok().filter(|&at| at < self.input)
    }

    /// The output position from which a tap meets an input position; `None` when the tap
    /// falls between strides. It may lie outside the output.
    #[inline]
    pub fn output_at(&self, input: usize, tap: usize) -> Option<isize> {
        let at = input as isize + self.low - (tap * self.dilation) as isize;
        let stride = self.stride as isize;
        (at.rem_euclid(stride) == 0).then(|| at.div_euclid(stride))
    }
}

/// A window that slides over up to three spatial axes; axes that are missing stand first, as
/// [`WindowAxis::UNIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The axes, the innermost last.
    pub axes: [WindowAxis; 3],
}

impl Window {
    /// Input positions over all axes.
    pub fn num_inputs(&self) -> usize {
        self.axes.iter().map(|axis| axis.input).product()
    }

    /// Output positions over all axes.
    pub fn num_outputs(&self) -> usize {
        self.axes.iter().map(|axis| axis.output).product()
    }

    /// Taps over all axes.
    pub fn num_taps(&self) -> usize {
        self.axes.iter().map(|axis| axis.taps).product()
    }

    /// The input position that an output position and a tap meet, unless it is padding.
    pub fn input_at(&self, output: usize, tap: usize) -> Option<usize> {
        let outputs = split(output, self.axes.map(|axis| axis.output));
        let taps = split(tap, self.axes.map(|axis| axis.taps));
        let mut position = 0;
        for (axis, (output, tap)) in self.axes.iter().zip(outputs.into_iter().zip(taps)) {
            position = position * axis.input + axis.input_at(output, tap)?;
        }
        Some(position)
    }

    /// The taps that meet an input position from some output position, in the ascending order
    /// of those; `None` for an output position beyond the ends.
    pub fn reaching(&self, input: usize) -> Vec<(usize, Option<usize>)> {
        let inputs = split(input, self.axes.map(|axis| axis.input));
        let counts = self.axes.map(|axis| axis.taps);
        let mut reaching = Vec::new();
        for tap in (0..self.num_taps()).rev() {
            let taps = split(tap, counts);
            let mut position = Some(0);
            let mut falls_between = false;
            for (at, axis) in self.axes.iter().enumerate() {
                match axis.output_at(inputs[at], taps[at]) {
                    None => falls_between = true,
                    Some(output) => {
                        let inside = usize::try_from(output).ok().filter(|&o| o < axis.output);
                        position = position.zip(inside).map(|(p, o)| p * axis.output + o);
                    }
                }
            }
            if !falls_between {
                reaching.push((tap, position));
            }
        }
        reaching
    }
}

/// The sizes of a convolution: which positions meet, and how many channels there are.
///
/// `x: [batch, inputs.., groups * inputs]`, `kernel: [taps.., inputs, groups * outputs]`,
/// `y: [batch, outputs.., groups * outputs]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvSizes {
    /// Items.
    pub batch: usize,
    /// The spatial axes.
    pub window: Window,
    /// Groups of channels, each convolved for itself.
    pub groups: usize,
    /// Input channels of each group.
    pub inputs: usize,
    /// Output channels of each group.
    pub outputs: usize,
}

impl ConvSizes {
    /// All input channels.
    pub fn in_channels(&self) -> usize {
        self.groups * self.inputs
    }

    /// All output channels.
    pub fn out_channels(&self) -> usize {
        self.groups * self.outputs
    }
}

/// The sizes of pooling: `x: [batch, inputs.., channels]`, `y: [batch, outputs.., channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolSizes {
    /// Items.
    pub batch: usize,
    /// The spatial axes.
    pub window: Window,
    /// Channels.
    pub channels: usize,
}

/// How many rows a result of `batch` items with these spatial lengths is shared out by: items
/// when there are several, else positions of the first axis longer than 1.
pub fn num_rows(batch: usize, lens: [usize; 3]) -> usize {
    match batch {
        1 => lens.into_iter().find(|&len| len > 1).unwrap_or(1),
        _ => batch,
    }
}

/// A row-major index as one index per axis.
fn split(mut flat: usize, lens: [usize; 3]) -> [usize; 3] {
    let mut index = [0; 3];
    for (at, len) in lens.into_iter().enumerate().rev() {
        index[at] = flat % len;
        flat /= len;
    }
    index
}

/// Whether an element takes the maximum over from the one that has it.
#[inline]
pub fn beats<T: PartialOrd>(new: T, old: T) -> bool {
    let is_nan = |x: &T| x.partial_cmp(x).is_none();
    !is_nan(&old) && (new > old || is_nan(&new))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five positions, three taps two apart, stride 2, one position of padding before:
    /// outputs at 0, 1, .. meet the positions -1 1 3, then 1 3 5.
    const AXIS: WindowAxis =
        WindowAxis { input: 5, output: 2, taps: 3, stride: 2, dilation: 2, low: 1 };

    #[test]
    fn outputs_and_taps_meet_inputs() {
        let met = |output| [0, 1, 2].map(|tap| AXIS.input_at(output, tap));
        assert_eq!(met(0), [None, Some(1), Some(3)]);
        assert_eq!(met(1), [Some(1), Some(3), None]);
    }

    #[test]
    fn both_directions_agree() {
        let axes = [WindowAxis { taps: 2, output: 3, stride: 1, ..AXIS }, WindowAxis::UNIT, AXIS];
        let window = Window { axes };
        let mut pairs = 0;
        for input in 0..window.num_inputs() {
            let reaching = window.reaching(input);
            let outputs: Vec<usize> = reaching.iter().filter_map(|(_, output)| *output).collect();
            assert!(outputs.windows(2).all(|pair| pair[0] < pair[1]), "{outputs:?}");
            for (tap, output) in reaching {
                let Some(output) = output else { continue };
                assert_eq!(window.input_at(output, tap), Some(input));
                pairs += 1;
            }
        }
        let all =
            (0..window.num_outputs()).flat_map(|o| (0..window.num_taps()).map(move |t| (o, t)));
        assert_eq!(pairs, all.filter(|&(o, t)| window.input_at(o, t).is_some()).count());
        assert!(pairs > 10);
    }

    #[test]
    fn the_first_of_the_largest_has_the_maximum() {
        assert!(!beats(1.0, 1.0) && beats(2.0, 1.0) && beats(f32::NAN, 1.0));
        assert!(!beats(1.0, f32::NAN) && !beats(f32::NAN, f32::NAN));
    }
}
