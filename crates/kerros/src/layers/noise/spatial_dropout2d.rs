use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::{check_rate, drop, key, read_seed, required};
use crate::layers::options::layer_methods;
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// While training, sets a share `rate` of the channels of each row to 0 and multiplies the others by
/// `1 / (1 - rate)`; else the identity.
///
/// Neighbours in images are alike, so that dropping single elements takes little away: use it in
/// place of `Dropout` there.
///
/// # Shape
/// `x: [batch, height, width, channels]`; with channels first
/// `[batch, channels, height, width]`
///
/// # Parameters
/// - `rate`: the share of the channels that is dropped, `0 <= rate <= 1`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2, 2, 1]).add(SpatialDropout2D::new(0.5));
/// let x = Tensor::full([1, 2, 2, 1], 3.0f32);
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [3.0; 4]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Tompson et al.: "Efficient object localization using convolutional networks", arXiv:1411.4280.
#[derive(Clone, Debug)]
pub struct SpatialDropout2D {
    options: Options,
    rate: f64,
    seed: Option<u64>,
    data_format: DataFormat,
}

layer_methods!(SpatialDropout2D);

impl SpatialDropout2D {
    /// Drops this share of the channels.
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        SpatialDropout2D {
            options: Options::here(),
            rate,
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Gives the layer random numbers of its own.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }
}

impl Described for SpatialDropout2D {
    fn class_name(&self) -> &'static str {
        "SpatialDropout2D"
    }

    // Keras writes these four alone, and cannot read more.
    fn config(&self) -> Config {
        let mut config = Config::new();
        config.insert("rate".into(), json!(self.rate));
        config.insert("seed".into(), json!(self.seed));
        config.insert("name".into(), json!(self.options.name));
        config.insert("dtype".into(), json!("float32"));
        config.insert("data_format".into(), self.data_format.name().into());
        config
    }
}

impl Layer for SpatialDropout2D {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.data_format.check()?;
        check_rate(self.rate)
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        expect_spatial::<2>(&inputs[0], &self.data_format)?;
        Ok(Vec::new())
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let Some(key) = key(call, self.seed)?.filter(|_| self.rate > 0.0) else {
            return Ok(vec![x]);
        };
        let (shape, mut noise) = (x.shape(), vec![1; x.ndim()]);
        let channels = self.data_format.channel_axis(x.ndim());
        (noise[0], noise[channels]) = (shape[0], shape[channels]);
        Ok(vec![drop(x, key, self.rate as f32, Some(noise.into()))])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "SpatialDropout2D",
    names: &[],
    summary: "drops random channels of images while training",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let rate = required(reader, "rate")?;
    let seed = read_seed(reader);
    let data_format = DataFormat::read(reader);
    let layer = SpatialDropout2D { options, rate, seed, data_format };
    layer.check()?;
    Ok(Arc::new(layer))
}
