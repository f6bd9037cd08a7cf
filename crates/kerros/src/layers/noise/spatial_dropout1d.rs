use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;

use super::spatial_dropout::{config, drop_channels};
use super::{read_seed, required};
use crate::layers::options::{check_share, layer_methods};
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// While training, sets a share `rate` of the channels of each row to 0 and multiplies the others by
/// `1 / (1 - rate)`; else the identity.
///
/// Neighbours in sequences are alike, so that dropping single elements takes little away: use it in
/// place of `Dropout` there.
///
/// # Shape
/// `x: [batch, steps, channels]`
///
/// # Parameters
/// - `rate`: the share of the channels that is dropped, `0 <= rate <= 1`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2, 1]).add(SpatialDropout1D::new(0.5));
/// let x = Tensor::full([1, 2, 1], 3.0f32);
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [3.0; 2]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Tompson et al.: "Efficient object localization using convolutional networks", arXiv:1411.4280.
#[derive(Clone, Debug)]
pub struct SpatialDropout1D {
    options: Options,
    rate: f64,
    seed: Option<u64>,
}

layer_methods!(SpatialDropout1D);

impl SpatialDropout1D {
    /// Drops this share of the channels.
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        SpatialDropout1D { options: Options::here(), rate, seed: None }
    }

    /// Sets the layer's own seed. Default: the model's.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Described for SpatialDropout1D {
    fn class_name(&self) -> &'static str {
        "SpatialDropout1D"
    }

    fn config(&self) -> Config {
        config(&self.options, self.rate, self.seed)
    }
}

impl Layer for SpatialDropout1D {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        check_share("the dropout rate", self.rate)
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        expect_spatial::<1>(&inputs[0], &DataFormat::ChannelsLast)?;
        Ok(Vec::new())
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        drop_channels(inputs[0], call, (self.rate, self.seed), 2)
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "SpatialDropout1D",
    names: &[],
    summary: "drops random channels of sequences while training",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let rate = required(reader, "rate")?;
    let seed = read_seed(reader);
    let layer = SpatialDropout1D { options, rate, seed };
    layer.check()?;
    Ok(Arc::new(layer))
}
