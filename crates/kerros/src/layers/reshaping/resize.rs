//! Resizing along an axis: each result is a weighted mean of the entries around its place.

use std::f64::consts::PI;

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};
use kerros_graph::{Node, Type};

use super::repeat;
use crate::object::ConfigReader;

/// How many weights there may be between the old entries of an axis and the new ones: enough for
/// images of 8,192 pixels.
const MAX_WEIGHTS: usize = 1 << 26;

/// How an entry between others is made of them.
///
/// A name that is none of these is a mistake, which the model reports when it is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The entry that is nearest.
    #[default]
    Nearest,
    /// Along straight lines between neighbours.
    Bilinear,
    /// Cubic convolution over four neighbours (Keys 1981, with a = -1/2).
    Bicubic,
    /// A windowed sinc over six neighbours.
    Lanczos3,
    /// A windowed sinc over ten neighbours.
    Lanczos5,
    /// Some other name.
    Unknown(String),
}

impl From<&str> for Interpolation {
    fn from(name: &str) -> Self {
        match name.to_lowercase().as_str() {
            "nearest" => Interpolation::Nearest,
            "bilinear" => Interpolation::Bilinear,
            "bicubic" => Interpolation::Bicubic,
            "lanczos3" => Interpolation::Lanczos3,
            "lanczos5" => Interpolation::Lanczos5,
            _ => Interpolation::Unknown(name.into()),
        }
    }
}

impl Interpolation {
    /// Keras's name for it.
    pub fn name(&self) -> &str {
        match self {
            Interpolation::Nearest => "nearest",
            Interpolation::Bilinear => "bilinear",
            Interpolation::Bicubic => "bicubic",
            Interpolation::Lanczos3 => "lanczos3",
            Interpolation::Lanczos5 => "lanczos5",
            Interpolation::Unknown(name) => name,
        }
    }

    /// Checks the name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`].
    pub(in crate::layers) fn check(&self) -> Result<()> {
        match self {
            Interpolation::Unknown(name) => {
                Err(Error::new(ErrorKind::UnknownName, format!("unknown interpolation `{name}`"))
                    .expected("nearest, bilinear, bicubic, lanczos3 or lanczos5"))
            }
            _ => Ok(()),
        }
    }

    /// Reads a config's `interpolation`, if given.
    pub(in crate::layers) fn read(reader: &mut ConfigReader<'_>) -> Option<Self> {
        reader.maybe_string("interpolation").map(|name| (&*name).into())
    }

    /// The weight of an entry at this distance, not yet divided by the sum of all weights.
    fn weight(&self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Interpolation::Bicubic if x < 1.0 => ((1.5 * x - 2.5) * x) * x + 1.0,
            Interpolation::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Interpolation::Bicubic => 0.0,
            Interpolation::Lanczos3 => lanczos(x, 3.0),
            Interpolation::Lanczos5 => lanczos(x, 5.0),
            _ => (1.0 - x).max(0.0),
        }
    }
}

/// `sinc(x) sinc(x / radius)` within the radius.
fn lanczos(x: f64, radius: f64) -> f64 {
    match x {
        x if x > radius => 0.0,
        x if x <= 1e-3 => 1.0,
        x => radius * (PI * x).sin() * (PI * x / radius).sin() / (PI * PI * x * x),
    }
}

/// Axes with new lengths, as `(axis, length)`: see [`resize`]. Whole numbers are rounded to whole
/// numbers at the end.
pub(in crate::layers) fn resize_axes<'g>(
    x: Node<'g>,
    lens: impl IntoIterator<Item = (usize, usize)>,
    interpolation: &Interpolation,
    antialias: bool,
) -> Node<'g> {
    let resized = lens
        .into_iter()
        .fold(x.cast(DType::F32), |x, (axis, len)| resize(x, len, axis, interpolation, antialias));
    match x.dtype() {
        DType::F32 => resized,
        whole => resized.round().cast(whole),
    }
}

/// An axis with `new_len` entries in place of its own, which span the same range: each lies in
/// the middle of its cell; beyond the ends, only what is there counts.
///
/// With `antialias`, an axis that becomes shorter takes means over as many more entries.
pub(in crate::layers) fn resize<'g>(
    x: Node<'g>,
    new_len: usize,
    axis: usize,
    interpolation: &Interpolation,
    antialias: bool,
) -> Node<'g> {
    let shape = x.shape();
    let len = shape[axis];
    if new_len == len {
        return x;
    }
    if *interpolation == Interpolation::Nearest {
        if new_len.is_multiple_of(len) {
            return repeat(x, new_len / len, axis);
        }
        let step = len as f32 / new_len as f32;
        let nearest = |place: usize| ((place as f32 + 0.5) * step) as i32;
        let indices: Vec<i32> = (0..new_len).map(nearest).collect();
        let indices = Tensor::new([new_len], indices).expect("an index for each place");
        return x.gather(x.graph().literal(indices), axis);
    }
    let mut dims = shape.to_vec();
    dims[axis] = new_len;
    if new_len.saturating_mul(len) > MAX_WEIGHTS {
        let error = Error::new(
            ErrorKind::Unsupported,
            format!("an axis of {len} entries resized to {new_len}"),
        );
        let error = error.expected(format!("at most {MAX_WEIGHTS} weights between them"));
        // It stands for the result, and needs no memory.
        return x.graph().fail(error, Type::f32(vec![1; dims.len()]));
    }
    let step = len as f64 / new_len as f64;
    let spread = if antialias { step.max(1.0) } else { 1.0 };
    let mut weights = Vec::with_capacity(new_len * len);
    for place in 0..new_len {
        let center = (place as f64 + 0.5) * step - 0.5;
        let weight = |entry: usize| interpolation.weight((center - entry as f64) / spread);
        let row: Vec<f64> = (0..len).map(weight).collect();
        let sum: f64 = row.iter().sum();
        weights.extend(row.into_iter().map(|weight| (weight / sum) as f32));
    }
    let weights = Tensor::new([new_len, len], weights).expect("a weight for each pair");
    let before: usize = shape[..axis].iter().product();
    let after: usize = shape[axis + 1..].iter().product();
    // [before, new_len, len] · [before, len, after]
    let weights = x.graph().literal(weights.reshape([1, new_len, len]).expect("the same elements"));
    weights.matmul(x.reshape([before, len, after])).reshape(dims)
}
