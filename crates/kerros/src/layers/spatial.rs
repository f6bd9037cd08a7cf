//! What layers over sequences, images and volumes share: a number for each spatial axis, where
//! the channels are, how windows treat the edges.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::same_padding;
use serde_json::{Value, json};

use crate::object::{ConfigReader, MAX_LENGTH, length};

/// A whole number for each of `N` spatial axes; a single number stands for all of them.
///
/// ```
/// use kerros::layers::Lengths;
/// assert_eq!(Lengths::<2>::from(3), [3, 3].into());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths<const N: usize>([usize; N]);

impl<const N: usize> From<usize> for Lengths<N> {
    fn from(length: usize) -> Self {
        Lengths([length; N])
    }
}

impl<const N: usize> From<[usize; N]> for Lengths<N> {
    fn from(lengths: [usize; N]) -> Self {
        Lengths(lengths)
    }
}

impl<const N: usize> Lengths<N> {
    /// The numbers.
    pub fn get(&self) -> [usize; N] {
        self.0
    }

    /// As Keras writes it.
    pub(super) fn value(&self) -> Value {
        json!(self.0.as_slice())
    }

    /// Checks that no number is below `least`.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] naming the setting.
    pub(super) fn check(&self, what: &str, least: usize) -> Result<()> {
        match self.0.iter().all(|&length| length >= least) {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Argument, format!("`{what}` is {:?}", self.0))
                .expected(format!("numbers from {least} on"))),
        }
    }

    /// Reads a number or a list of `N`, if given.
    pub(super) fn read(reader: &mut ConfigReader<'_>, name: &str) -> Option<Self> {
        let value = reader.value(name)?;
        let lengths = lengths(value);
        if lengths.is_none() {
            reader.refuse(format!(
                "`{name}` is {value}, expected a whole number or {N} of them, each at most {MAX_LENGTH}"
            ));
        }
        lengths
    }
}

fn lengths<const N: usize>(value: &Value) -> Option<Lengths<N>> {
    match value {
        Value::Array(list) => {
            let list: Vec<usize> = list.iter().map(length).collect::<Option<_>>()?;
            list.try_into().ok().map(Lengths)
        }
        value => length(value).map(Lengths::from),
    }
}

/// Two whole numbers for each of `N` spatial axes, of its beginning and of its end. A single
/// number stands for all of them, a number per axis for both of its ends.
///
/// ```
/// use kerros::layers::Edges;
/// assert_eq!(Edges::<2>::from([1, 2]), [(1, 1), (2, 2)].into());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edges<const N: usize>([(usize, usize); N]);

impl<const N: usize> From<usize> for Edges<N> {
    fn from(length: usize) -> Self {
        Edges([(length, length); N])
    }
}

impl<const N: usize> From<[usize; N]> for Edges<N> {
    fn from(lengths: [usize; N]) -> Self {
        Edges(lengths.map(|length| (length, length)))
    }
}

impl<const N: usize> From<[(usize, usize); N]> for Edges<N> {
    fn from(edges: [(usize, usize); N]) -> Self {
        Edges(edges)
    }
}

impl From<(usize, usize)> for Edges<1> {
    fn from(edges: (usize, usize)) -> Self {
        Edges([edges])
    }
}

impl<const N: usize> Edges<N> {
    /// The numbers.
    pub fn get(&self) -> [(usize, usize); N] {
        self.0
    }

    /// As Keras writes it: of one axis without the outer list.
    pub(super) fn value(&self) -> Value {
        match self.0.as_slice() {
            [(low, high)] => json!([low, high]),
            edges => json!(edges),
        }
    }

    /// Reads numbers as Keras takes them, if given.
    pub(super) fn read(reader: &mut ConfigReader<'_>, name: &str) -> Option<Self> {
        let value = reader.value(name)?;
        let pair = |value: &Value| lengths::<2>(value).map(|pair| (pair.0[0], pair.0[1]));
        let edges = match value {
            value if N == 1 => pair(value).map(|pair| Edges([pair; N])),
            Value::Array(list) => {
                let pairs: Option<Vec<(usize, usize)>> = list.iter().map(pair).collect();
                pairs.and_then(|pairs| pairs.try_into().ok()).map(Edges)
            }
            value => pair(value).map(|pair| Edges([pair; N])),
        };
        if edges.is_none() {
            reader.refuse(format!(
                "`{name}` is {value}, expected a whole number, or {N} of them or of pairs, each at \
                 most {MAX_LENGTH}"
            ));
        }
        edges
    }
}

/// Where the channels of a tensor are.
///
/// A name that is neither is a mistake, which the model reports when it is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DataFormat {
    /// `[batch, spatial.., channels]`: Keras's `"channels_last"`.
    #[default]
    ChannelsLast,
    /// `[batch, channels, spatial..]`: Keras's `"channels_first"`.
    ChannelsFirst,
    /// Some other name.
    Unknown(String),
}

impl From<&str> for DataFormat {
    fn from(name: &str) -> Self {
        match name {
            "channels_last" => DataFormat::ChannelsLast,
            "channels_first" => DataFormat::ChannelsFirst,
            other => DataFormat::Unknown(other.into()),
        }
    }
}

impl DataFormat {
    /// Keras's name for it.
    pub fn name(&self) -> &str {
        match self {
            DataFormat::ChannelsLast => "channels_last",
            DataFormat::ChannelsFirst => "channels_first",
            DataFormat::Unknown(name) => name,
        }
    }

    /// The format of a config; channels last when absent.
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        reader.maybe_string("data_format").map_or(DataFormat::default(), |name| (&*name).into())
    }

    /// Checks the name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`].
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            DataFormat::Unknown(name) => {
                Err(Error::new(ErrorKind::UnknownName, format!("unknown data format `{name}`"))
                    .expected("channels_last or channels_first"))
            }
            _ => Ok(()),
        }
    }

    /// Where the spatial axes begin.
    pub(super) fn first_spatial(&self) -> usize {
        if *self == DataFormat::ChannelsFirst { 2 } else { 1 }
    }

    /// The axis of the channels of tensors with this many axes.
    pub(super) fn channel_axis(&self, ndim: usize) -> usize {
        if *self == DataFormat::ChannelsFirst { 1 } else { ndim.saturating_sub(1) }
    }

    /// The tensor with its channels last.
    pub(crate) fn to_last<'g>(&self, x: Node<'g>) -> Node<'g> {
        if *self != DataFormat::ChannelsFirst || x.ndim() < 3 {
            return x;
        }
        let order: Vec<usize> = [0].into_iter().chain(2..x.ndim()).chain([1]).collect();
        x.transpose(&order)
    }

    /// A tensor with its channels last in this format.
    pub(crate) fn restore<'g>(&self, x: Node<'g>) -> Node<'g> {
        if *self != DataFormat::ChannelsFirst || x.ndim() < 3 {
            return x;
        }
        let channels = x.ndim() - 1;
        let order: Vec<usize> = [0, channels].into_iter().chain(1..channels).collect();
        x.transpose(&order)
    }
}

/// How windows treat the edges.
///
/// A name that is none of these is a mistake, which the model reports when it is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Windows lie inside: Keras's `"valid"`.
    #[default]
    Valid,
    /// As many results as positions, divided by the stride: Keras's `"same"`.
    Same,
    /// Windows end at their position, so that no result depends on what comes later: Keras's
    /// `"causal"`, for sequences.
    Causal,
    /// Some other name.
    Unknown(String),
}

impl From<&str> for Padding {
    fn from(name: &str) -> Self {
        match name.to_lowercase().as_str() {
            "valid" => Padding::Valid,
            "same" => Padding::Same,
            "causal" => Padding::Causal,
            _ => Padding::Unknown(name.into()),
        }
    }
}

impl Padding {
    /// Keras's name for it.
    pub fn name(&self) -> &str {
        match self {
            Padding::Valid => "valid",
            Padding::Same => "same",
            Padding::Causal => "causal",
            Padding::Unknown(name) => name,
        }
    }

    /// The padding of a config; `valid` when absent.
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        reader.maybe_string("padding").map_or(Padding::default(), |name| (&*name).into())
    }

    /// Checks the name; `causal` is for some layers alone.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`].
    pub(crate) fn check(&self, may_be_causal: bool) -> Result<()> {
        let expected = if may_be_causal { "valid, same or causal" } else { "valid or same" };
        match self {
            Padding::Valid | Padding::Same => Ok(()),
            Padding::Causal if may_be_causal => Ok(()),
            other => {
                let name = other.name();
                Err(Error::new(ErrorKind::UnknownName, format!("the padding `{name}`"))
                    .expected(expected))
            }
        }
    }

    /// What is added before and after an axis of this length, for windows of `taps` positions
    /// that are `dilation` apart.
    pub(crate) fn around(
        &self,
        length: usize,
        taps: usize,
        stride: usize,
        dilation: usize,
    ) -> (isize, isize) {
        match self {
            Padding::Same => same_padding(length, taps, stride, dilation),
            Padding::Causal => ((taps.saturating_sub(1) * dilation) as isize, 0),
            _ => (0, 0),
        }
    }
}

/// Checks that a tensor has a batch axis, `N` spatial axes and channels.
///
/// # Errors
/// [`ErrorKind::Shape`] naming the axes.
pub(super) fn expect_spatial<const N: usize>(shape: &Shape, format: &DataFormat) -> Result<()> {
    if shape.ndim() == N + 2 {
        return Ok(());
    }
    let axes = match N {
        1 => "steps",
        2 => "height, width",
        _ => "depth, height, width",
    };
    let expected = match format {
        DataFormat::ChannelsFirst => format!("[batch, channels, {axes}]"),
        _ => format!("[batch, {axes}, channels]"),
    };
    Err(Error::new(ErrorKind::Shape, format!("an input of shape {shape}")).expected(expected))
}
