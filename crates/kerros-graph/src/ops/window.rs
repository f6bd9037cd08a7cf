//! How windows slide: the settings of convolutions and pooling, and the sizes they give.

use kerros_core::law::window::{ConvSizes, PoolSizes, Window, WindowAxis};
use kerros_core::{Error, ErrorKind, Result, Shape};

use crate::attributes::Attribute;

/// The most spatial axes that a window slides over.
pub const MAX_SPATIAL: usize = 3;

/// How the kernel of a convolution slides over the spatial axes.
///
/// Start with [`ConvSpec::new`] and set what differs. Each list has one entry per spatial
/// axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvSpec {
    /// Input positions from one output position to the next; at least 1.
    pub strides: Vec<usize>,
    /// Zeros before and after the input; a negative number crops instead.
    pub padding: Vec<(isize, isize)>,
    /// Input positions from one tap to the next; at least 1.
    pub dilation: Vec<usize>,
    /// The channels are cut into as many groups, each convolved for itself.
    pub groups: usize,
}

impl ConvSpec {
    /// Stride 1, no padding, no dilation, one group.
    pub fn new(spatial: usize) -> Self {
        ConvSpec {
            strides: vec![1; spatial],
            padding: vec![(0, 0); spatial],
            dilation: vec![1; spatial],
            groups: 1,
        }
    }

    /// With these strides.
    pub fn strides(mut self, strides: impl Into<Vec<usize>>) -> Self {
        self.strides = strides.into();
        self
    }

    /// With this padding, `(before, after)` for each axis.
    pub fn padding(mut self, padding: impl Into<Vec<(isize, isize)>>) -> Self {
        self.padding = padding.into();
        self
    }

    /// With this kernel dilation.
    pub fn dilation(mut self, dilation: impl Into<Vec<usize>>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// With this number of groups.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// The number of spatial axes, if the lists agree.
    pub(super) fn check(&self) -> Result<usize> {
        let count = self.strides.len();
        check_lists(count, &[self.padding.len(), self.dilation.len()])?;
        check_positive("strides", &self.strides)?;
        check_positive("dilation", &self.dilation)?;
        check_positive("groups", &[self.groups])?;
        Ok(count)
    }

    /// The sizes of a convolution for an input, a kernel and an output of these shapes.
    ///
    /// # Errors
    /// Shapes and settings that do not fit each other.
    pub fn sizes(&self, x: &[usize], kernel: &[usize], y: &[usize]) -> Result<ConvSizes> {
        let count = self.check()?;
        let (batch, input, in_channels) = parts(x, count)?;
        let (y_batch, output, out_channels) = parts(y, count)?;
        let fits = kernel.len() == count + 2
            && batch == y_batch
            && kernel[count].checked_mul(self.groups) == Some(in_channels)
            && kernel[count + 1] == out_channels
            && out_channels.is_multiple_of(self.groups);
        if !fits {
            let shapes = [x, kernel, y].map(Shape::from);
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "a convolution in {} group(s) of {} with a kernel of {} to {}",
                    self.groups, shapes[0], shapes[1], shapes[2]
                ),
            )
            .expected(
                "[batch, spatial.., in], [taps.., in / groups, out], [batch, spatial.., out]",
            ));
        }
        let taps = &kernel[..count];
        check_positive("taps", taps)?;
        Ok(ConvSizes {
            batch,
            window: self.window(input, taps, output),
            groups: self.groups,
            inputs: in_channels / self.groups,
            outputs: out_channels / self.groups,
        })
    }

    /// The window for given input and output positions.
    fn window(&self, input: &[usize], taps: &[usize], output: &[usize]) -> Window {
        let mut axes = [WindowAxis::UNIT; MAX_SPATIAL];
        let first = MAX_SPATIAL - input.len();
        for (at, axis) in axes[first..].iter_mut().enumerate() {
            *axis = WindowAxis {
                input: input[at],
                output: output[at],
                taps: taps[at],
                stride: self.strides[at],
                dilation: self.dilation[at],
                low: self.padding[at].0,
            };
        }
        Window { axes }
    }

    /// The convolution whose input gradient is a transposed convolution with these settings,
    /// and the spatial lengths of that.
    pub(crate) fn of_transposed(
        &self,
        x: &[usize],
        kernel: &[usize],
    ) -> Result<(Self, Vec<usize>)> {
        let count = self.check()?;
        let (_, input, _) = parts(x, count)?;
        let (mut spec, mut output) = (self.clone(), Vec::with_capacity(count));
        for (at, (low, high)) in spec.padding.iter_mut().enumerate() {
            let taps = kernel.get(at).copied().unwrap_or(0);
            let reach = extent(taps, self.dilation[at]) as i128 - 1;
            let (before, after) = (*low as i128, *high as i128);
            let spread = (input[at] as i128 - 1) * self.strides[at] as i128 + 1;
            let len = spread + before + after - reach;
            let pair = (usize::try_from(len).ok(), isize::try_from(reach - before).ok());
            let (Some(len @ 1..), Some(first)) = pair else {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "a window of {} over {spread} positions, padded by {before} and {after}",
                        reach + 1
                    ),
                )
                .expected("a window that fits at least once"));
            };
            output.push(len);
            (*low, *high) = (first, 0);
        }
        Ok((spec, output))
    }

    /// The same with the padding at the end with which the output has exactly these positions.
    pub(super) fn for_output(&self, input: &[usize], taps: &[usize], output: &[usize]) -> Self {
        let mut spec = self.clone();
        for (at, (low, high)) in spec.padding.iter_mut().enumerate() {
            let steps = output[at].saturating_sub(1).saturating_mul(self.strides[at]);
            let reach = steps.saturating_add(extent(taps[at], self.dilation[at]));
            let high_end = reach as i128 - input[at] as i128 - *low as i128;
            *high = isize::try_from(high_end).unwrap_or(isize::MAX);
        }
        spec
    }
}

/// How a pooling window slides over the spatial axes. Each list has one entry per axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolSpec {
    /// The lengths of the window; at least 1.
    pub size: Vec<usize>,
    /// Input positions from one output position to the next; at least 1.
    pub strides: Vec<usize>,
    /// Positions before and after the input, which hold nothing; a negative number crops.
    pub padding: Vec<(isize, isize)>,
}

impl PoolSpec {
    /// Windows of this size side by side, without padding.
    pub fn new(size: impl Into<Vec<usize>>) -> Self {
        let size = size.into();
        PoolSpec { strides: size.clone(), padding: vec![(0, 0); size.len()], size }
    }

    /// With these strides.
    pub fn strides(mut self, strides: impl Into<Vec<usize>>) -> Self {
        self.strides = strides.into();
        self
    }

    /// With this padding, `(before, after)` for each axis.
    pub fn padding(mut self, padding: impl Into<Vec<(isize, isize)>>) -> Self {
        self.padding = padding.into();
        self
    }

    fn as_conv(&self) -> Result<ConvSpec> {
        check_positive("window", &self.size)?;
        let spec = ConvSpec {
            strides: self.strides.clone(),
            padding: self.padding.clone(),
            dilation: vec![1; self.size.len()],
            groups: 1,
        };
        spec.check().map(|_| spec)
    }

    /// The sizes of pooling an operand of this shape.
    ///
    /// # Errors
    /// Settings that do not fit each other; a window that does not fit into the operand.
    pub fn sizes(&self, x: &[usize]) -> Result<PoolSizes> {
        let spec = self.as_conv()?;
        let (batch, input, channels) = parts(x, self.size.len())?;
        let output = output_positions(&spec, input, &self.size)?;
        let window = spec.window(input, &self.size, &output);
        Ok(PoolSizes { batch, window, channels })
    }
}

/// The padding with which the output has `ceil(input / stride)` positions, as evenly as
/// possible, the odd one at the end: Keras's `same`.
///
/// ```
/// use kerros_graph::ops::same_padding;
/// assert_eq!(same_padding(28, 3, 1, 1), (1, 1));
/// assert_eq!(same_padding(28, 3, 2, 1), (0, 1));
/// ```
pub fn same_padding(input: usize, taps: usize, stride: usize, dilation: usize) -> (isize, isize) {
    let output = input.div_ceil(stride.max(1));
    let steps = output.saturating_sub(1).saturating_mul(stride);
    let reach = steps.saturating_add(extent(taps, dilation));
    let total = reach.saturating_sub(input) as isize;
    (total / 2, total - total / 2)
}

/// Input positions that a window spans.
pub(super) fn extent(taps: usize, dilation: usize) -> usize {
    taps.saturating_sub(1).saturating_mul(dilation).saturating_add(1)
}

/// The output positions of each axis.
pub(super) fn output_positions(
    spec: &ConvSpec,
    input: &[usize],
    taps: &[usize],
) -> Result<Vec<usize>> {
    check_positive("taps", taps)?;
    let mut output = Vec::with_capacity(input.len());
    for (at, (&input, &taps)) in input.iter().zip(taps).enumerate() {
        let (low, high) = spec.padding[at];
        let spanned = extent(taps, spec.dilation[at]);
        let room = input as i128 + low as i128 + high as i128 - spanned as i128;
        if room < 0 {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "a window of {spanned} over an axis of {input}, padded by {low} and {high}"
                ),
            )
            .expected("a window that fits at least once")
            .hint("pad with `same`, or use a smaller window, stride or dilation"));
        }
        output.push((room / spec.strides[at] as i128) as usize + 1);
    }
    Ok(output)
}

/// Batch, spatial axes and channels of an operand with `count` spatial axes.
pub(super) fn parts(shape: &[usize], count: usize) -> Result<(usize, &[usize], usize)> {
    if shape.len() != count + 2 {
        return Err(Error::new(
            ErrorKind::Shape,
            format!("an operand of shape {}", Shape::from(shape)),
        )
        .expected(format!("{} axes: the batch, {count} spatial, the channels", count + 2)));
    }
    Ok((shape[0], &shape[1..=count], shape[count + 1]))
}

fn check_lists(count: usize, others: &[usize]) -> Result<()> {
    if (1..=MAX_SPATIAL).contains(&count) && others.iter().all(|&other| other == count) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Argument,
        format!("settings for {count} and {others:?} spatial axes"),
    )
    .expected("the same number everywhere, 1 to 3"))
}

fn check_positive(what: &str, values: &[usize]) -> Result<()> {
    if values.iter().all(|&value| value > 0) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Argument, format!("{what} of {values:?}")).expected("at least 1"))
}

fn show_padding(padding: &[(isize, isize)]) -> String {
    padding.iter().map(|(low, high)| format!("{low}:{high}")).collect::<Vec<_>>().join(" ")
}

fn read_padding(text: &str) -> Option<Vec<(isize, isize)>> {
    let pair = |word: &str| {
        let (low, high) = word.split_once(':')?;
        Some((low.parse().ok()?, high.parse().ok()?))
    };
    text.split_whitespace().map(pair).collect()
}

/// The value after a word, in a text of `word value, word value, ..`.
fn part<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let mut parts = text.split(", ").filter_map(|part| part.split_once(' '));
    parts.find(|(key, _)| *key == word).map(|(_, value)| value)
}

impl Attribute for ConvSpec {
    fn show(&self) -> String {
        format!(
            "strides {}, padding {}, dilation {}, groups {}",
            self.strides.show(),
            show_padding(&self.padding),
            self.dilation.show(),
            self.groups
        )
    }

    fn read(text: &str) -> Option<Self> {
        Some(ConvSpec {
            strides: Vec::read(part(text, "strides")?)?,
            padding: read_padding(part(text, "padding")?)?,
            dilation: Vec::read(part(text, "dilation")?)?,
            groups: part(text, "groups")?.parse().ok()?,
        })
    }
}

impl Attribute for PoolSpec {
    fn show(&self) -> String {
        format!(
            "size {}, strides {}, padding {}",
            self.size.show(),
            self.strides.show(),
            show_padding(&self.padding)
        )
    }

    fn read(text: &str) -> Option<Self> {
        Some(PoolSpec {
            size: Vec::read(part(text, "size")?)?,
            strides: Vec::read(part(text, "strides")?)?,
            padding: read_padding(part(text, "padding")?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_is_that_of_keras() {
        // ceil(input / stride) outputs; found by hand from Keras's rule.
        assert_eq!(same_padding(5, 3, 2, 1), (1, 1));
        assert_eq!(same_padding(6, 2, 2, 1), (0, 0));
        assert_eq!(same_padding(5, 4, 1, 1), (1, 2));
        assert_eq!(same_padding(7, 3, 1, 2), (2, 2));
        assert_eq!(same_padding(4, 1, 3, 1), (0, 0));
        for (input, taps, stride, dilation) in [(5, 3, 2, 1), (5, 4, 1, 1), (7, 3, 1, 2)] {
            let padding = same_padding(input, taps, stride, dilation);
            let spec = ConvSpec::new(1).strides([stride]).padding([padding]).dilation([dilation]);
            let output = output_positions(&spec, &[input], &[taps]).unwrap();
            assert_eq!(output, [input.div_ceil(stride)]);
        }
    }

    #[test]
    fn settings_read_back_from_their_text() {
        let spec = ConvSpec::new(2).padding([(-1, 2), (0, 3)]).strides([2, 1]).groups(4);
        assert_eq!(ConvSpec::read(&spec.show()), Some(spec));
        let spec = PoolSpec::new([2, 3]).padding([(0, 1), (1, 0)]);
        assert_eq!(PoolSpec::read(&spec.show()), Some(spec));
    }

    #[test]
    fn hostile_settings_are_refused_and_nothing_overflows() {
        let x = [1, 4, 1];
        let sizes = |spec: PoolSpec| spec.sizes(&x);
        assert!(sizes(PoolSpec::new([5])).is_err());
        assert!(sizes(PoolSpec::new([2]).strides([0])).is_err());
        assert!(sizes(PoolSpec::new([0])).is_err());
        assert!(sizes(PoolSpec::new([2, 2])).is_err());
        assert!(sizes(PoolSpec::new([2]).padding([(-3, 0)])).is_err());
        assert!(sizes(PoolSpec::new([usize::MAX]).padding([(isize::MAX, 0)])).is_err());
        let spec = ConvSpec::new(1).dilation([usize::MAX]);
        assert!(output_positions(&spec, &[4], &[usize::MAX]).is_err());
    }
}
