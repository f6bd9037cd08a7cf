use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::renorm::{Batch, Kept, Renorm};
use super::{Affine, affine_methods, moments, moved, standardized};
use crate::initializers::Initializer;
use crate::layers::options::{layer_methods, maybe_f64, out_of_range};
use crate::layers::trained::Trained;
use crate::layers::{Axes, Call, Layer, Options, Weight};
use crate::object::{Choice, Config, ConfigReader, Described, Entry};

/// What keeps the number of unmasked steps from 0: `keras.config.epsilon()`.
const SMALLEST_COUNT: f32 = 1e-7;

/// `y = gamma · (x - mean) / sqrt(variance + epsilon) + beta`, with mean and variance of each
/// channel: over the batch while training, else those that training kept.
///
/// While training, `moving_mean` and `moving_variance` move towards the batch's:
/// `moving = momentum · moving + (1 - momentum) · batch`. A frozen layer
/// (`trainable(false)`) neither moves them nor looks at the batch.
///
/// Steps that a mask excludes take no part in mean and variance. The mask is the argument
/// `mask`, or that of the input.
///
/// # Shape
/// `x: [batch, .., channels] -> [batch, .., channels]`; `gamma`, `beta`, `moving_mean`,
/// `moving_variance`: `[channels]`
///
/// # Parameters
/// - `axis`: that of the channels. Default: -1.
/// - `momentum`: how slowly the kept statistics move, `0 <= momentum <= 1`. Default: 0.99.
/// - `epsilon`: what is added to the variance. Default: 0.001.
/// - `center`, `scale`: whether to add a beta, to multiply by a gamma. Default: `true`.
/// - `beta_initializer`: default `zeros`; `gamma_initializer`: default `ones`.
/// - `moving_mean_initializer`: default `zeros`; `moving_variance_initializer`: default `ones`.
/// - `renorm`: batch renormalization, with `renorm_clipping` and `renorm_momentum`: what the batch
///   says is corrected towards what slowly moving averages say. Default: none.
/// - `synchronized`: means over all replicas in Keras; there is one here. Default: `false`.
/// - `beta_regularizer`, `gamma_regularizer`, `beta_constraint`, `gamma_constraint`: default
///   none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = BatchNormalization::new().epsilon(0.0).moving_mean_initializer("ones");
/// let mut model = Sequential::new().input([2]).add(layer);
/// let x = Tensor::new([1, 2], [1.0f32, 5.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.0, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Ioffe, Szegedy: "Batch normalization", arXiv:1502.03167; Ioffe: "Batch renormalization",
/// arXiv:1702.03275. The variance is that of the batch
/// itself (divided by its size), here and in `moving_variance`.
#[derive(Clone, Debug)]
pub struct BatchNormalization {
    options: Options,
    axis: isize,
    momentum: f64,
    epsilon: f64,
    affine: Affine,
    moving_mean: Trained,
    moving_variance: Trained,
    synchronized: bool,
    renorm: Option<Renorm>,
}

layer_methods!(BatchNormalization);
affine_methods!(BatchNormalization);

impl BatchNormalization {
    /// Normalizes each entry of the last axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        BatchNormalization {
            options: Options::here(),
            axis: -1,
            momentum: 0.99,
            epsilon: 1e-3,
            affine: Affine::new(),
            moving_mean: Trained::new("zeros"),
            moving_variance: Trained::new("ones"),
            synchronized: false,
            renorm: None,
        }
    }

    /// Sets the axis of the channels.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    /// Sets how slowly the kept statistics move.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Sets how the kept mean starts.
    pub fn moving_mean_initializer(mut self, start: impl Into<Choice<dyn Initializer>>) -> Self {
        self.moving_mean.initializer = start.into();
        self
    }

    /// Sets how the kept variance starts.
    pub fn moving_variance_initializer(
        mut self,
        start: impl Into<Choice<dyn Initializer>>,
    ) -> Self {
        self.moving_variance.initializer = start.into();
        self
    }

    /// Renormalizes batches: `clipping` are bounds named `rmin`, `rmax`, `dmax`, `momentum` says
    /// how slowly the averages move that batches are corrected by (Keras's default: 0.99).
    ///
    /// ```
    /// use kerros::layers::BatchNormalization;
    /// let layer = BatchNormalization::new().renorm(0.99, [("rmax", 3.0), ("dmax", 5.0)]);
    /// ```
    pub fn renorm<'a>(
        mut self,
        momentum: f64,
        clipping: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Self {
        self.renorm = Some(Renorm::new(momentum, clipping));
        self
    }

    /// The places of `moving_mean` and `moving_variance` among the weights.
    fn moving(&self) -> (usize, usize) {
        let trained = usize::from(self.affine.scale) + usize::from(self.affine.center);
        (trained, trained + 1)
    }
}

/// Mean and variance over some axes, of the steps that count: `mask` has all axes but the last.
fn masked_moments<'g>(
    x: Node<'g>,
    mask: Node<'g>,
    axes: &[isize],
    dims: &[usize],
) -> Result<(Node<'g>, Node<'g>)> {
    let shape = x.shape();
    if mask.shape()[..] != shape[..shape.ndim() - 1] {
        return Err(Error::new(
            ErrorKind::Shape,
            format!("a mask of shape {} for an input of shape {shape}", mask.shape()),
        )
        .expected("a mask with all axes of the input but the last"));
    }
    let counts = mask.cast(DType::Bool).expand_dims(mask.ndim()).broadcast_to(&shape);
    let count = counts.cast(DType::F32).sum(axes).reshape(dims) + SMALLEST_COUNT;
    let mean = counts.select(x, 0.0).sum(axes).reshape(dims) / count;
    let squares = counts.select(x - mean, 0.0).square();
    Ok((mean, squares.sum(axes).reshape(dims) / count))
}

impl Described for BatchNormalization {
    fn class_name(&self) -> &'static str {
        "BatchNormalization"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("axis".into(), json!(self.axis));
        config.insert("momentum".into(), json!(self.momentum));
        config.insert("epsilon".into(), json!(self.epsilon));
        let moving =
            [("moving_mean", &self.moving_mean), ("moving_variance", &self.moving_variance)];
        self.affine.write(&mut config, &moving);
        config.insert("synchronized".into(), json!(self.synchronized));
        Renorm::write(self.renorm.as_ref(), &mut config);
        config
    }
}

impl Layer for BatchNormalization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(out_of_range("`momentum`", self.momentum, "a number in 0..=1"));
        }
        self.renorm.as_ref().map_or(Ok(()), Renorm::check)?;
        self.moving_mean.check()?;
        self.moving_variance.check()?;
        self.affine.check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let axis = inputs[0].axis(self.axis)?;
        if axis == 0 {
            return Err(Error::new(ErrorKind::Argument, "the channels are on axis 0, the batch")
                .expected("an axis from 1 on, or a negative one"));
        }
        let shape = Shape::from([inputs[0][axis]]);
        let mut weights = self.affine.weights(&shape)?;
        let mean = self.moving_mean.weight("moving_mean", &shape)?;
        let variance = self.moving_variance.weight("moving_variance", &shape)?;
        weights.extend([mean, variance].map(|weight| Weight { trainable: false, ..weight }));
        if self.renorm.is_some() {
            weights.extend(Renorm::weights(&self.moving_mean, &self.moving_variance, &shape)?);
        }
        Ok(weights)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let (x, shape) = (inputs[0], inputs[0].shape());
        let channels = shape.axis(self.axis)?;
        let dims = Axes::One(self.axis).kept(&shape)?;
        let (mean_place, variance_place) = self.moving();
        let moving = (call.weights[mean_place], call.weights[variance_place]);
        let affine = self.affine.nodes(call, &dims);
        if !(call.training && call.trainable) {
            let moments = (moving.0.reshape(&dims[..]), moving.1.reshape(&dims[..]));
            return Ok(vec![standardized(x, moments, self.epsilon, affine)]);
        }
        let others = (0..shape.ndim()).filter(|&axis| axis != channels);
        let axes: Vec<isize> = others.map(|axis| axis as isize).collect();
        let (mean, variance) = match call.masks.first().copied().flatten() {
            Some(mask) => masked_moments(x, mask, &axes, &dims)?,
            None => moments(x, &axes, &dims),
        };
        if let Some(renorm) = &self.renorm {
            let batch = Batch { mean, variance, epsilon: self.epsilon as f32 };
            let kept = Kept::of(&call.weights[variance_place + 1..]);
            let next = renorm.next(batch, moving.0, kept, self.momentum);
            call.updates.borrow_mut().extend((mean_place..).zip(next));
            let affine = renorm.corrected(batch, kept, affine);
            return Ok(vec![standardized(x, (mean, variance), self.epsilon, affine)]);
        }
        let mut updates = call.updates.borrow_mut();
        updates.push((mean_place, moved(moving.0, mean, self.momentum)));
        updates.push((variance_place, moved(moving.1, variance, self.momentum)));
        Ok(vec![standardized(x, (mean, variance), self.epsilon, affine)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "BatchNormalization",
    names: &[],
    summary: "each channel with mean 0 and variance 1 over the batch",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let mut layer = BatchNormalization { options, ..BatchNormalization::new() };
    match Axes::read(reader).as_ref().map(Axes::get) {
        None => {}
        // Older versions of Keras write a list of one.
        Some([axis]) => layer.axis = *axis,
        Some(axes) => reader.refuse(format!("`axis` is {axes:?}, expected a single axis")),
    }
    if let Some(momentum) = maybe_f64(reader, "momentum") {
        layer.momentum = momentum;
    }
    if let Some(epsilon) = maybe_f64(reader, "epsilon") {
        layer.epsilon = epsilon;
    }
    layer.affine.read(reader)?;
    layer.moving_mean.read(reader, "moving_mean")?;
    layer.moving_variance.read(reader, "moving_variance")?;
    layer.synchronized = reader.bool("synchronized", false);
    layer.renorm = Renorm::read(reader);
    layer.check()?;
    Ok(Arc::new(layer))
}
