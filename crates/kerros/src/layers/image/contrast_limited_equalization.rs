use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::{Graph, Node};
use serde_json::{Value, json};

use super::{ValueRange, value_range_method};
use crate::layers::options::layer_methods;
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = (cdf(x) - least) · 255 / (count - least)`, where `cdf` is that of the tiles around a
/// pixel, so that the shades of every region become about as frequent: CLAHE.
///
/// `cdf(x)` is how many pixels of a tile's channel are of the shade of `x` or darker, `count` how
/// many there are, `least` how many are black. A shade counts at most `clip_limit` times the mean;
/// what is more is spread over all shades, which limits how much noise is amplified. Between the
/// centers of tiles their results go over into one another. Values are moved from `value_range`
/// to 0 to 255 first, and back afterwards. The same when training and when not.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `clip_limit`: how often a shade counts at most, as a multiple of the mean; 0 for no limit.
///   Default: 4.
/// - `tile_grid_size`: how many tiles there are, down and across. Default: `(8, 8)`.
/// - `data_format`: where the channels are. Default: last.
///
/// # Gradient
/// None: the result is a step function.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = ContrastLimitedAdaptiveHistogramEqualization::new();
/// let layer = layer.tile_grid_size(1, 1).clip_limit(0.0);
/// let mut model = Sequential::new().input([1, 2, 1]).add(layer);
/// let x = Tensor::new([1, 1, 2, 1], [0.0f32, 100.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.0, 255.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Zuiderveld: "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994.
#[derive(Clone, Debug)]
pub struct ContrastLimitedAdaptiveHistogramEqualization {
    options: Options,
    value_range: ValueRange,
    clip_limit: f64,
    tile_grid_size: [usize; 2],
    data_format: DataFormat,
}

layer_methods!(ContrastLimitedAdaptiveHistogramEqualization);

/// One for each value of a byte.
const SHADES: usize = 256;

/// More tiles are taken for a mistake: there is a table of all shades for each, image and channel.
const MAX_TILES: usize = 1 << 12;

impl ContrastLimitedAdaptiveHistogramEqualization {
    /// Eight tiles each way, and at most four times the mean.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ContrastLimitedAdaptiveHistogramEqualization {
            options: Options::here(),
            value_range: ValueRange::default(),
            clip_limit: 4.0,
            tile_grid_size: [8, 8],
            data_format: DataFormat::default(),
        }
    }

    value_range_method!();

    /// Sets how often a shade counts at most, as a multiple of the mean.
    pub fn clip_limit(mut self, limit: f64) -> Self {
        self.clip_limit = limit;
        self
    }

    /// Sets how many tiles there are, down and across.
    pub fn tile_grid_size(mut self, down: usize, across: usize) -> Self {
        self.tile_grid_size = [down, across];
        self
    }

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }

    /// Images with channels last, of values from 0 to 255.
    fn equalize<'g>(&self, images: Node<'g>) -> Result<Node<'g>> {
        let (graph, shape) = (images.graph(), images.shape());
        let (batch, channels) = (shape[0], shape[3]);
        let [down, across] = [0, 1].map(|at| Tiles::new(shape[at + 1], self.tile_grid_size[at]));
        let padded = images.gather(down.mirrored(graph)?, 1).gather(across.mirrored(graph)?, 2);
        let shades = padded.clip(0.0, 255.0).cast(DType::I32);
        // Each image, tile and channel has a table of its own, one after another.
        let along = |places: Node<'g>, axis: usize, stride: usize| {
            let mut dims = [1; 4];
            dims[axis] = places.shape()[0];
            places.reshape(dims) * graph.constant_i32(stride as i32)
        };
        let of_tile = channels * SHADES;
        let of_image = of_tile * down.count * across.count;
        let own = along(graph.iota(batch), 0, of_image) + along(graph.iota(channels), 3, SHADES);
        let own = own + shades; // [batch, height, width, channels]
        let entry = |row: Node<'g>, column: Node<'g>| {
            own + along(row, 1, of_tile * across.count) + along(column, 2, of_tile)
        };
        let pixels = padded.shape().num_elements();
        let places = entry(down.own(graph)?, across.own(graph)?).reshape([pixels]);
        let table = graph.full([batch * of_image], 0.0);
        let counts = table.scatter_add(places, graph.full([pixels], 1.0), 0);
        let counts = counts.reshape([batch * of_image / SHADES, SHADES]);
        let table = self.table(counts, down.length * across.length).reshape([batch * of_image]);
        let [above, below] = down.neighbours(graph)?;
        let [left, right] = across.neighbours(graph)?;
        let (from_above, from_left) = (down.share(graph)?, across.share(graph)?);
        let (from_above, from_left) = (
            from_above.reshape([1, down.padded(), 1, 1]),
            from_left.reshape([1, 1, across.padded(), 1]),
        );
        let between = |row: Node<'g>| {
            let (left, right) =
                (table.gather(entry(row, left), 0), table.gather(entry(row, right), 0));
            left * (1.0 - from_left) + right * from_left
        };
        let mixed = between(above) * (1.0 - from_above) + between(below) * from_above;
        Ok(mixed.slice(1, 0, shape[1]).slice(2, 0, shape[2]))
    }

    /// What becomes of each shade: `counts: [tables, shades] -> ` the same.
    fn table<'g>(&self, mut counts: Node<'g>, pixels: usize) -> Node<'g> {
        if self.clip_limit > 0.0 {
            let limit = (self.clip_limit * pixels as f64 / SHADES as f64) as f32;
            let clipped = counts.clip(0.0, limit);
            let excess = (counts - clipped).sum(&[1]).expand_dims(1);
            counts = clipped + excess / SHADES as f32;
        }
        let cdf = counts.cumsum(1);
        let least = cdf.slice(1, 0, 1);
        let others = pixels as f32 - least;
        let others = others.equal(0.0).select(1.0, others);
        ((cdf - least) * 255.0 / others).clip(0.0, 255.0)
    }
}

/// Tiles along one axis of an image, which is mirrored at its end so that all are as long.
#[derive(Clone, Copy, Debug)]
struct Tiles {
    /// Of the axis.
    size: usize,
    count: usize,
    length: usize,
}

impl Tiles {
    fn new(size: usize, count: usize) -> Self {
        Tiles { size, count, length: size.div_ceil(count) }
    }

    fn padded(&self) -> usize {
        self.count * self.length
    }

    fn each<'g>(&self, graph: &'g Graph, of: impl Fn(usize) -> i32) -> Result<Node<'g>> {
        let numbers: Vec<i32> = (0..self.padded()).map(of).collect();
        Ok(graph.literal(Tensor::new([numbers.len()], numbers)?))
    }

    /// Which pixel stands at each place.
    fn mirrored<'g>(&self, graph: &'g Graph) -> Result<Node<'g>> {
        self.each(graph, |at| {
            let at = at % (2 * self.size);
            at.min(2 * self.size - 1 - at) as i32
        })
    }

    /// In which tile each place is.
    fn own<'g>(&self, graph: &'g Graph) -> Result<Node<'g>> {
        self.each(graph, |at| (at / self.length) as i32)
    }

    /// How many tiles' centers each place is beyond that of the first, plus 1.
    fn position(&self, at: usize) -> f32 {
        (at as f32 - self.length as f32 / 2.0) / self.length as f32 + 1.0
    }

    /// The tiles whose centers are before and after each place; at the edges there is one.
    fn neighbours<'g>(&self, graph: &'g Graph) -> Result<[Node<'g>; 2]> {
        let last = self.count as i32 - 1;
        let tile = |at: usize| self.position(at).floor() as i32 - 1;
        let before = self.each(graph, |at| tile(at).clamp(0, last))?;
        Ok([before, self.each(graph, |at| (tile(at) + 1).clamp(0, last))?])
    }

    /// How much of each place is the second's.
    fn share<'g>(&self, graph: &'g Graph) -> Result<Node<'g>> {
        let share = |at: usize| self.position(at) - self.position(at).floor();
        let shares: Vec<f32> = (0..self.padded()).map(share).collect();
        Ok(graph.literal(Tensor::new([shares.len()], shares)?))
    }
}

impl Described for ContrastLimitedAdaptiveHistogramEqualization {
    fn class_name(&self) -> &'static str {
        "ContrastLimitedAdaptiveHistogramEqualization"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("value_range".into(), self.value_range.value());
        config.insert("clip_limit".into(), json!(self.clip_limit));
        config.insert("tile_grid_size".into(), json!(self.tile_grid_size));
        config
    }
}

impl Layer for ContrastLimitedAdaptiveHistogramEqualization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.data_format.check()?;
        let [down, across] = self.tile_grid_size;
        match down.checked_mul(across).is_some_and(|tiles| (1..=MAX_TILES).contains(&tiles)) {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Argument, format!("{down} x {across} tiles"))
                .expected(format!("1 to {MAX_TILES} in all"))),
        }
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        expect_spatial::<2>(&inputs[0], &self.data_format)?;
        let tables = inputs[0][0].checked_mul(self.tile_grid_size.iter().product());
        let channels = match self.data_format.first_spatial() {
            1 => inputs[0][3],
            _ => inputs[0][1],
        };
        let entries = tables.and_then(|tables| tables.checked_mul(channels * SHADES));
        match entries.is_some_and(|entries| i32::try_from(entries).is_ok()) {
            true => Ok(Vec::new()),
            false => Err(Error::new(ErrorKind::Shape, format!("images of shape {}", inputs[0]))
                .expected("less than 2^31 entries in the tables of all tiles")
                .hint("give smaller batches, or fewer tiles")),
        }
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let whole = ValueRange::default();
        let images = self.data_format.to_last(self.value_range.rescale(inputs[0], whole));
        if images.shape().num_elements() == 0 {
            return Ok(vec![inputs[0]]);
        }
        let equalized = self.data_format.restore(self.equalize(images)?);
        Ok(vec![whole.rescale(equalized, self.value_range)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "ContrastLimitedAdaptiveHistogramEqualization",
    names: &[],
    summary: "images whose shades are about as frequent in every region",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let new = ContrastLimitedAdaptiveHistogramEqualization::new();
    let options = Options::read(reader)?;
    let mut layer = ContrastLimitedAdaptiveHistogramEqualization { options, ..new };
    layer.value_range = ValueRange::read(reader);
    layer.clip_limit = reader.maybe_f64("clip_limit").unwrap_or(layer.clip_limit);
    if let Some(value) = reader.value("tile_grid_size") {
        let count = |at: usize| value.get(at).and_then(Value::as_u64);
        match (count(0), count(1), value.get(2)) {
            (Some(down), Some(across), None) => {
                layer.tile_grid_size = [down as usize, across as usize];
            }
            _ => reader.refuse(format!("`tile_grid_size` is {value}, expected two numbers")),
        }
    }
    layer.data_format = DataFormat::read(reader);
    layer.check()?;
    Ok(Arc::new(layer))
}
