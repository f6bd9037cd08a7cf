use kerros_core::{DType, Result};
use kerros_graph::Node;
use serde_json::json;

use super::{Factor, axes, for_pixels, random_layer, shuffled};
use crate::layers::noise::distributions::symmetric_beta;
use crate::layers::noise::uniform;
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y = z` within a rectangle, where `z` is another image of the batch, and `x`
/// elsewhere; else the identity.
///
/// The layer cuts images alone: labels are not its input. Mix them outside, or use it where the
/// images are the targets too.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: from 0 to 1: the bounds of `alpha`, drawn for the batch. The rectangle of an image
///   has a share of its area that is drawn from the beta distribution with `alpha` twice. A
///   single number is the upper bound, and the lower one 0. Default: 1.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 2, 1]).add(CutMix::new());
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Yun and others: "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
/// Features", 2019, arXiv 1905.04899; the rectangle lies within the image, as in Keras.
#[derive(Clone, Debug)]
pub struct CutMix {
    options: Options,
    factor: Factor,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(CutMix, "puts rectangles of other images of the batch into images while training");

const LEAST: f64 = 0.0;

impl CutMix {
    /// Cuts with an `alpha` of up to 1.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        CutMix {
            options: Options::here(),
            factor: Factor::Around(1.0),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Sets the bounds of both parameters of the beta distribution.
    pub fn factor(mut self, factor: impl Into<Factor>) -> Self {
        self.factor = factor.into();
        self
    }

    fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let (lower, upper) = self.factor.bounds(LEAST);
        // Never 0, of which there is no beta distribution.
        let alpha = uniform(key, [1]) * (upper - lower) as f32 + (lower + 1e-6) as f32;
        let share = symmetric_beta(key, [images.shape()[0]], alpha);
        let side = (1.0 - share).sqrt();
        let [vertical, horizontal] = axes(&self.data_format);
        let columns = self.span(images, key, side, horizontal);
        let rows = self.span(images, key, side, vertical);
        rows.logical_and(columns).select(shuffled(images, key), images)
    }

    /// Which rows or columns of each image are in its rectangle.
    fn span<'g>(&self, images: Node<'g>, key: Node<'g>, side: Node<'g>, axis: usize) -> Node<'g> {
        let (batch, len) = (images.shape()[0], images.shape()[axis]);
        let extent = side * len as f32;
        let start = uniform(key, [batch]) * (len as f32 - extent);
        let end = for_pixels(start + extent);
        let mut dims = vec![1; 4];
        dims[axis] = len;
        let place = images.graph().iota(len).cast(DType::F32).reshape(dims);
        place.greater_equal(for_pixels(start)).logical_and(place.less(end))
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = CutMix::new();
        layer.factor = Factor::read(reader, "factor").unwrap_or(layer.factor);
        layer
    }
}

impl Described for CutMix {
    fn class_name(&self) -> &'static str {
        "CutMix"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("factor".into(), self.factor.bounds_value(LEAST));
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
