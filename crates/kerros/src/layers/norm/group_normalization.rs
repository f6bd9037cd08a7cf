use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::{Affine, affine_methods, as_given, moments, standardized};
use crate::layers::options::{layer_methods, maybe_f64};
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = gamma · (x - mean) / sqrt(variance + epsilon) + beta`, with mean and variance over each
/// row's groups of channels.
///
/// For images where batches are small: each row is normalized for itself. One group is a layer
/// normalization over all axes, as many groups as channels an instance normalization.
///
/// # Shape
/// `x: [batch, .., channels] -> [batch, .., channels]`; `gamma`, `beta`: `[channels]`
///
/// # Parameters
/// - `groups`: how many groups of neighbouring channels; their number divides that of the
///   channels. -1 for one per channel. Default: 32.
/// - `axis`: that of the channels. Default: -1.
/// - `epsilon`: what is added to the variance. Default: 0.001.
/// - `center`, `scale`: whether to add a beta, to multiply by a gamma. Default: `true`.
/// - `beta_initializer`: default `zeros`; `gamma_initializer`: default `ones`.
/// - `beta_regularizer`, `gamma_regularizer`, `beta_constraint`, `gamma_constraint`: default
///   none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = GroupNormalization::new().groups(2).epsilon(0.0);
/// let mut model = Sequential::new().input([4]).add(layer);
/// let x = Tensor::new([1, 4], [1.0f32, 3.0, 10.0, 50.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [-1.0, 1.0, -1.0, 1.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Wu, He: "Group normalization", arXiv:1803.08494.
#[derive(Clone, Debug)]
pub struct GroupNormalization {
    options: Options,
    groups: i64,
    axis: isize,
    epsilon: f64,
    affine: Affine,
}

layer_methods!(GroupNormalization);
affine_methods!(GroupNormalization);

impl GroupNormalization {
    /// 32 groups of channels of the last axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        GroupNormalization {
            options: Options::here(),
            groups: 32,
            axis: -1,
            epsilon: 1e-3,
            affine: Affine::new(),
        }
    }

    /// Sets the number of groups; -1 for one per channel.
    pub fn groups(mut self, groups: i64) -> Self {
        self.groups = groups;
        self
    }

    /// Sets the axis of the channels.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    /// The channels' axis, the number of groups, and the channels of each.
    fn split(&self, shape: &Shape) -> Result<(usize, usize, usize)> {
        let axis = shape.axis(self.axis)?;
        let channels = shape[axis];
        let groups = usize::try_from(self.groups).unwrap_or(channels);
        if axis == 0 || groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("{groups} groups of the {channels} entries of axis {axis} of {shape}"),
            )
            .expected("an axis other than the batch axis, whose length the groups divide")
            .hint("set the number of groups with `.groups(..)`"));
        }
        Ok((axis, groups, channels / groups))
    }

    /// One input of floats, normalized.
    fn normalized<'g>(&self, x: Node<'g>, call: &Call<'_, 'g>) -> Result<Node<'g>> {
        let shape = x.shape();
        let (axis, groups, width) = self.split(&shape)?;
        // [batch, .., groups, channels of a group, ..]
        let grouped = x.reshape([&shape[..axis], &[groups, width], &shape[axis + 1..]].concat());
        let ndim = shape.ndim() + 1;
        let axes: Vec<isize> = (1..ndim).filter(|&a| a != axis).map(|a| a as isize).collect();
        let mut reduced = vec![1; ndim];
        (reduced[0], reduced[axis]) = (shape[0], groups);
        let mut kept = vec![1; ndim];
        (kept[axis], kept[axis + 1]) = (groups, width);
        let affine = self.affine.nodes(call, &kept);
        let y = standardized(grouped, moments(grouped, &axes, &reduced), self.epsilon, affine);
        Ok(y.reshape(shape))
    }
}

impl Described for GroupNormalization {
    fn class_name(&self) -> &'static str {
        "GroupNormalization"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("groups".into(), json!(self.groups));
        config.insert("axis".into(), json!(self.axis));
        config.insert("epsilon".into(), json!(self.epsilon));
        self.affine.write(&mut config, &[]);
        config
    }
}

impl Layer for GroupNormalization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        if self.groups < -1 || self.groups == 0 {
            return Err(Error::new(ErrorKind::Argument, format!("{} groups", self.groups))
                .expected("at least 1, or -1 for one per channel"));
        }
        self.affine.check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let (_, groups, width) = self.split(&inputs[0])?;
        self.affine.weights(&[groups * width].into())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        as_given(inputs[0], |x| self.normalized(x, call))
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "GroupNormalization",
    names: &[],
    summary: "each row's groups of channels with mean 0 and variance 1",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let mut layer = GroupNormalization { options, ..GroupNormalization::new() };
    if let Some(groups) = reader.maybe_i64("groups") {
        layer.groups = groups;
    }
    if let Some(axis) = reader.maybe_i64("axis") {
        layer.axis = axis as isize;
    }
    if let Some(epsilon) = maybe_f64(reader, "epsilon") {
        layer.epsilon = epsilon;
    }
    layer.affine.read(reader)?;
    layer.check()?;
    Ok(Arc::new(layer))
}
