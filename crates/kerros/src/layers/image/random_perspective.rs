use kerros_core::{DType, Result};
use kerros_graph::Node;
use serde_json::json;

use super::affine::{FillMode, Sampling};
use super::{Factor, axes, random_layer};
use crate::layers::noise::uniform;
use crate::layers::{DataFormat, Interpolation, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y[p] = x[H(p)]` for a share of the images, with a projective map `H` drawn for
/// each anew: the image from another side. Else the identity.
///
/// The corners move, and straight lines stay straight.
/// A corner at `(x, y)` moves to `(x (1 + f), y (1 + g))` with two numbers drawn for it from
/// `-scale / 2` to `scale / 2`; the corner at the origin stays. Outside of the image lies
/// `fill_value`.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: from 0 to 1: the bounds between which the probability is drawn with which an
///   image is changed. A single number is the upper bound, and the lower one 0. Default: 1.
/// - `scale`: how far the corners move, from 0 to 1. Default: 1.
/// - `interpolation`: `bilinear` (the default) or `nearest`.
/// - `fill_value`: what lies outside. Default: 0.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2, 2, 1]).add(RandomPerspective::new().scale(0.5));
/// let x = Tensor::new([1, 2, 2, 1], [1.0f32, 2.0, 3.0, 4.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Heckbert: "Fundamentals of Texture Mapping and Image Warping", 1989, section 2.2.3.
#[derive(Clone, Debug)]
pub struct RandomPerspective {
    options: Options,
    factor: Factor,
    scale: f64,
    sampling: Sampling,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomPerspective, "shows images from another side at random while training");

const LEAST: f64 = 0.0;

impl RandomPerspective {
    /// Moves corners by up to half of the image.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RandomPerspective {
            options: Options::here(),
            factor: Factor::Around(1.0),
            scale: 1.0,
            sampling: Sampling { fill_mode: FillMode::Constant, ..Sampling::default() },
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Sets the bounds of the probability that an image is changed.
    pub fn factor(mut self, factor: impl Into<Factor>) -> Self {
        self.factor = factor.into();
        self
    }

    /// Sets how far the corners move.
    pub fn scale(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// Sets how places between pixels are read: `bilinear` or `nearest`.
    pub fn interpolation(mut self, interpolation: impl Into<Interpolation>) -> Self {
        self.sampling.interpolation = interpolation.into();
        self
    }

    /// Sets the value outside.
    pub fn fill_value(mut self, fill_value: f64) -> Self {
        self.sampling.fill_value = fill_value;
        self
    }

    fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)?;
        Factor::Around(self.scale).check("scale", 0.0)?;
        self.sampling.check()
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let shape = images.shape();
        let is_changed = self.factor.happens(images, key);
        // How the corners at the right, below, and right below move: x and y.
        let scale = self.scale as f32;
        let moves = uniform(key, [shape[0], 3, 2]) * scale + (1.0 - 0.5 * scale);
        let size = axes(&self.data_format).map(|axis| shape[axis]);
        let changed = self.sampling.apply_at(images, &self.data_format, places(moves, size));
        is_changed.select(changed, images)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = RandomPerspective::new();
        layer.factor = Factor::read(reader, "factor").unwrap_or(layer.factor);
        layer.scale = reader.maybe_f64("scale").unwrap_or(layer.scale);
        if let Some(interpolation) = Interpolation::read(reader) {
            layer.sampling.interpolation = interpolation;
        }
        layer.sampling.fill_value = reader.maybe_f64("fill_value").unwrap_or(0.0);
        layer
    }
}

/// Where each pixel of the result lies in the image, `[y, x]`, so that the corners of the image
/// come to lie at `moves` times their places: `[batch, 3, 2]`.
///
/// The unit square goes to corners `(0, 0)`, `(x1, 0)`, `(0, y2)`, `(x3, y3)` by `x = x1 (1 + g) u
/// / (1 + g u + h v)`, `y = y2 (1 + h) v / (1 + g u + h v)`; this is that map the other way round.
fn places<'g>(moves: Node<'g>, [height, width]: [usize; 2]) -> [Node<'g>; 2] {
    let (graph, batch) = (moves.graph(), moves.shape()[0]);
    let (right, low) = ((width - 1) as f32, (height - 1) as f32);
    let number =
        |corner: usize, axis: usize| moves.slice(1, corner, corner + 1).slice(2, axis, axis + 1);
    let (x1, y2) = (number(0, 0) * right, number(1, 1) * low);
    let (x3, y3) = (number(2, 0) * right, number(2, 1) * low);
    let determinant = (x1 - x3) * (y2 - y3) - x3 * y3;
    let g = x1 * (y3 - y2) / determinant;
    let h = y2 * (x3 - x1) / determinant;
    let (a, e) = (x1 * (g + 1.0), y2 * (h + 1.0));
    let numbers = |len: usize| graph.iota(len).cast(DType::F32);
    let (x, y) = (numbers(width), numbers(height).reshape([height, 1]));
    let (x, y) = x.broadcast_together(y);
    let (x, y) = (x.reshape([1, height, width]), y.reshape([1, height, width]));
    let depth = 1.0 - (g / a) * x - (h / e) * y;
    let full = [batch, height, width];
    let place = |along: Node<'g>, length: f32, scale: Node<'g>| {
        (along * length / (scale * depth)).broadcast_to(full)
    };
    [place(y, low, e), place(x, right, a)]
}

impl Described for RandomPerspective {
    fn class_name(&self) -> &'static str {
        "RandomPerspective"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("factor".into(), self.factor.bounds_value(LEAST));
        config.insert("scale".into(), json!(self.scale));
        config.insert("interpolation".into(), self.sampling.interpolation.name().into());
        config.insert("fill_value".into(), self.sampling.fill_value.into());
        config.insert("seed".into(), json!(self.seed));
        config
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::Tensor;
    use kerros_graph::Graph;
    use kerros_graph::eval::evaluate;

    use super::*;

    /// The numbers are those of Keras's `compute_homography_matrix` for the same corners, applied
    /// to the grid of a 3 x 4 image in double precision.
    #[test]
    fn corners_and_lines_go_where_they_do_in_keras() {
        let graph = Graph::new();
        let moves = [1.25f32, 1.0, 1.0, 0.75, 0.875, 1.5];
        let moves = graph.literal(Tensor::new([1, 3, 2], moves).unwrap());
        let [y, x] = places(moves, [3, 4]);
        let found = evaluate::<f32>(&graph, &[y, x], &[], &[]).unwrap();
        let keras_y = [
            0.0, 0.0, 0.0, 0.0, 1.25926, 0.884758, 0.681948, 0.554779, 2.83333, 1.91935, 1.45122,
            1.16667,
        ];
        let keras_x =
            [0.0, 1.4069, 2.20541, 2.72, 0.0, 1.51673, 2.33811, 2.85315, 0.0, 1.64516, 2.4878, 3.0];
        for (found, keras) in found.iter().zip([keras_y, keras_x]) {
            for (found, keras) in found.as_slice::<f32>().unwrap().iter().zip(keras) {
                // They are given to six digits, of numbers up to 3.
                assert!((found - keras).abs() < 1e-5, "{found} instead of {keras}");
            }
        }
    }
}
