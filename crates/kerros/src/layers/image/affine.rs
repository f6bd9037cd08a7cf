//! Moving, turning and stretching images: each pixel of the result is read at a place between
//! pixels of the image.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;

use crate::layers::{DataFormat, Interpolation};
use crate::object::ConfigReader;

/// What lies outside an image, of which `a b c d` is a row.
///
/// A name that is none of these is a mistake, which the model reports when it is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FillMode {
    /// `d c b a | a b c d | d c b a`
    #[default]
    Reflect,
    /// `a b c d | a b c d | a b c d`
    Wrap,
    /// `a a a a | a b c d | d d d d`
    Nearest,
    /// `k k k k | a b c d | k k k k` with a given `k`
    Constant,
    /// Some other name.
    Unknown(String),
}

impl From<&str> for FillMode {
    fn from(name: &str) -> Self {
        match name {
            "reflect" => FillMode::Reflect,
            "wrap" => FillMode::Wrap,
            "nearest" => FillMode::Nearest,
            "constant" => FillMode::Constant,
            _ => FillMode::Unknown(name.into()),
        }
    }
}

impl FillMode {
    /// Keras's name for it.
    pub fn name(&self) -> &str {
        match self {
            FillMode::Reflect => "reflect",
            FillMode::Wrap => "wrap",
            FillMode::Nearest => "nearest",
            FillMode::Constant => "constant",
            FillMode::Unknown(name) => name,
        }
    }

    /// The pixel of a row of `len` that stands for the one at `index`; both are whole numbers.
    fn inside<'g>(&self, index: Node<'g>, len: usize) -> Node<'g> {
        let len = len as f32;
        match self {
            FillMode::Wrap => modulo(index, len),
            FillMode::Reflect => {
                let along = modulo(index, 2.0 * len);
                along.less(len).select(along, (2.0 * len - 1.0) - along)
            }
            _ => index.clip(0.0, len - 1.0),
        }
    }
}

fn modulo(x: Node<'_>, period: f32) -> Node<'_> {
    x - (x / period).floor() * period
}

/// Where pixel `(x, y)` of the result lies in the image: at `(x[0] x + x[1] y + x[2],
/// y[0] x + y[1] y + y[2])`. Each number is given for each image: `[batch]`.
pub(super) struct Affine<'g> {
    pub x: [Node<'g>; 3],
    pub y: [Node<'g>; 3],
}

/// How images are read between their pixels and outside.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sampling {
    pub interpolation: Interpolation,
    pub fill_mode: FillMode,
    pub fill_value: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            interpolation: Interpolation::Bilinear,
            fill_mode: FillMode::default(),
            fill_value: 0.0,
        }
    }
}

impl Sampling {
    /// # Errors
    /// A name that means nothing here.
    pub fn check(&self) -> Result<()> {
        let unknown = |what: &str, name: &str| {
            Error::new(ErrorKind::UnknownName, format!("unknown {what} `{name}`"))
        };
        match (&self.interpolation, &self.fill_mode) {
            (Interpolation::Bilinear | Interpolation::Nearest, FillMode::Unknown(name)) => {
                Err(unknown("fill mode", name).expected("reflect, wrap, nearest or constant"))
            }
            (Interpolation::Bilinear | Interpolation::Nearest, _) => Ok(()),
            (other, _) => {
                Err(unknown("interpolation", other.name()).expected("nearest or bilinear"))
            }
        }
    }

    pub fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut sampling = Sampling::default();
        sampling.interpolation = Interpolation::read(reader).unwrap_or(sampling.interpolation);
        if let Some(name) = reader.maybe_string("fill_mode") {
            sampling.fill_mode = (&*name).into();
        }
        sampling.fill_value = reader.maybe_f64("fill_value").unwrap_or(0.0);
        sampling
    }

    /// Reads the images anew.
    pub fn apply<'g>(
        &self,
        images: Node<'g>,
        data_format: &DataFormat,
        affine: &Affine<'g>,
    ) -> Node<'g> {
        let graph = images.graph();
        let [batch, height, width, _] = data_format.to_last(images).shape()[..] else {
            unreachable!("images have four axes")
        };
        let place = |[of_x, of_y, offset]: [Node<'g>; 3]| {
            let [of_x, of_y, offset] = [of_x, of_y, offset].map(|n| n.reshape([batch, 1, 1]));
            let numbers = |len: usize| graph.iota(len).cast(DType::F32);
            let (x, y) = (numbers(width), numbers(height).reshape([1, height, 1]));
            of_x * x + of_y * y + offset
        };
        self.apply_at(images, data_format, [place(affine.y), place(affine.x)])
    }

    /// Reads the images at the places `[y, x]`, given for each pixel of each result: `[batch,
    /// height, width]` each.
    pub fn apply_at<'g>(
        &self,
        images: Node<'g>,
        data_format: &DataFormat,
        [y, x]: [Node<'g>; 2],
    ) -> Node<'g> {
        let images = data_format.to_last(images);
        let graph = images.graph();
        let [batch, height, width, channels] = images.shape()[..] else {
            unreachable!("images have four axes")
        };
        let columns = self.neighbours(x, width);
        let rows = self.neighbours(y, height);
        let first =
            graph.iota(batch).reshape([batch, 1, 1]) * graph.constant_i32((height * width) as i32);
        let pixels = images.reshape([batch * height * width, channels]);
        let mut sum = None;
        for row in &rows {
            for column in &columns {
                let index = first + row.index * graph.constant_i32(width as i32) + column.index;
                let shape = [batch, height, width, 1];
                let mut value = pixels.gather(index, 0);
                if let (Some(row), Some(column)) = (row.is_inside, column.is_inside) {
                    // Both are 1 or 0.
                    let is_inside = (row * column).reshape(shape).greater(0.5);
                    value = is_inside.select(value, self.fill_value as f32);
                }
                let part = value * (row.weight * column.weight).reshape(shape);
                sum = Some(sum.map_or(part, |sum: Node<'g>| sum + part));
            }
        }
        data_format.restore(sum.expect("at least one neighbour"))
    }

    /// The pixels of a row that have a share in what lies at `place`.
    fn neighbours<'g>(&self, place: Node<'g>, len: usize) -> Vec<Neighbour<'g>> {
        let one = place * 0.0 + 1.0;
        let (index, weights) = match self.interpolation {
            Interpolation::Nearest => {
                let rounded = (place.abs() + 0.5).floor();
                (place.less(0.0).select(-rounded, rounded), vec![one])
            }
            _ => {
                let lower = place.floor();
                let upper_share = place - lower;
                (lower, vec![1.0 - upper_share, upper_share])
            }
        };
        let neighbour = |(step, weight): (usize, Node<'g>)| {
            let index = index + step as f32;
            let inside = self.fill_mode.inside(index, len);
            let is_constant = self.fill_mode == FillMode::Constant;
            let is_inside = is_constant.then(|| inside.equal(index).select(one, one * 0.0));
            Neighbour { index: inside.cast(DType::I32), weight, is_inside }
        };
        weights.into_iter().enumerate().map(neighbour).collect()
    }
}

/// A pixel of a row: which, its share, and whether it lies in the image (1 or 0) where that
/// matters.
struct Neighbour<'g> {
    index: Node<'g>,
    weight: Node<'g>,
    is_inside: Option<Node<'g>>,
}

/// The builder methods of how images are read.
macro_rules! sampling_methods {
    () => {
        /// Sets what lies outside.
        pub fn fill_mode(mut self, fill_mode: impl Into<FillMode>) -> Self {
            self.sampling.fill_mode = fill_mode.into();
            self
        }

        /// Sets the value outside, for the fill mode `constant`.
        pub fn fill_value(mut self, fill_value: f64) -> Self {
            self.sampling.fill_value = fill_value;
            self
        }

        /// Sets how places between pixels are read: `bilinear` or `nearest`.
        pub fn interpolation(mut self, interpolation: impl Into<Interpolation>) -> Self {
            self.sampling.interpolation = interpolation.into();
            self
        }
    };
}
pub(super) use sampling_methods;
