use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::low_rank::{LowRank, low_rank_methods};
use super::options::{layer_methods, serialize_regularizer};
use super::quantized::{Mode, Quantized, Table};
use super::trained::{Trained, trained_methods};
use super::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = embeddings[x]`: a learned vector for each of a vocabulary's entries.
///
/// The first layer of models that take words or other things without an order of size, given
/// as whole numbers.
///
/// # Shape
/// `x: [batch, ..] -> [batch, .., output_dim]`, whole numbers (`i32`, or `f32`, which are
/// rounded towards 0); `embeddings: [input_dim, output_dim]`.
///
/// # Parameters
/// - `input_dim`: the size of the vocabulary, at least 1: entries are `0..input_dim`. Others
///   give NaN.
/// - `output_dim`: the length of a vector, at least 1.
/// - `embeddings_initializer`: default `uniform`, within ±0.05.
/// - `embeddings_regularizer`, `embeddings_constraint`: default: none.
/// - `mask_zero`: whether entry 0 stands for nothing and is masked: later layers pass over it.
///   Default: `false`.
/// - `lora_rank`: freezes the vectors and lets the product of two matrices of this rank learn in
///   their place, as in [`Dense`](super::Dense). Default: none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3]).add(Embedding::new(2, 1));
/// model.set_weights(&[Tensor::new([2, 1], [0.5f32, -1.0])?])?;
/// let y = model.predict(Tensor::new([1, 3], [1.0f32, 0.0, 1.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [-1.0, 0.5, -1.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Embedding {
    pub(super) options: Options,
    pub(super) input_dim: usize,
    pub(super) output_dim: usize,
    pub(super) embeddings: Trained,
    pub(super) mask_zero: bool,
    pub(super) low_rank: LowRank,
    pub(super) quantized: Quantized,
}

layer_methods!(Embedding);
low_rank_methods!(Embedding, low_rank);
trained_methods!(
    Embedding,
    embeddings,
    "the vectors",
    embeddings_initializer,
    embeddings_regularizer,
    embeddings_constraint
);

impl Embedding {
    /// A vector of length `output_dim` for each of `input_dim` entries.
    #[track_caller]
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Embedding {
            options: Options::here(),
            input_dim,
            output_dim,
            embeddings: Trained::new("uniform"),
            mask_zero: false,
            low_rank: LowRank::default(),
            quantized: Quantized::default(),
        }
    }

    /// Sets whether entry 0 is masked.
    pub fn mask_zero(mut self, mask_zero: bool) -> Self {
        self.mask_zero = mask_zero;
        self
    }

    /// The vectors of entries; negative ones count from the end of the table, as in Python.
    pub(super) fn look_up<'g>(&self, x: Node<'g>, embeddings: Node<'g>) -> Node<'g> {
        let entry = x.cast(DType::I32);
        let length = x.graph().constant_i32(self.input_dim as i32);
        embeddings.gather(entry.less(0.0).select(entry + length, entry), 0)
    }

    /// The vectors as a table.
    pub(super) fn table(&self) -> Table {
        Table::vectors(self.input_dim, self.output_dim)
    }

    /// The vectors of entries, by the layer's weights.
    pub(super) fn vectors<'g>(&self, x: Node<'g>, weights: &[Node<'g>]) -> Result<Node<'g>> {
        Ok(match self.quantized.held(|| Ok(self.table()))? {
            None => self.look_up(x, self.low_rank.kernel(weights)),
            Some(held) => {
                let own = held.of(weights, 1);
                let added = self.low_rank.product(weights, held.table.shape());
                held.rows(&own, added, &|table| self.look_up(x, table))
            }
        })
    }

    /// Which entries count, where entry 0 does not.
    pub(super) fn mask<'g>(&self, x: Node<'g>) -> Option<Node<'g>> {
        self.mask_zero.then(|| x.not_equal(0.0))
    }

    /// Reads the settings.
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Result<Self> {
        let (options, quantized) = Quantized::read(reader)?;
        let mut layer = Embedding { options, quantized, ..Embedding::new(0, 0) };
        for (name, place) in
            [("input_dim", &mut layer.input_dim), ("output_dim", &mut layer.output_dim)]
        {
            match reader.maybe_usize(name) {
                Some(length) => *place = length,
                None => reader.refuse(format!("`{name}` is missing")),
            }
        }
        layer.embeddings.read(reader, "embeddings")?;
        layer.mask_zero = reader.bool("mask_zero", false);
        layer.low_rank = LowRank::read_rank(reader);
        reader.ignore(&["input_length"]);
        Ok(layer)
    }
}

impl Described for Embedding {
    fn class_name(&self) -> &'static str {
        "Embedding"
    }

    fn config(&self) -> Config {
        let activity = serialize_regularizer(&self.options.activity_regularizer);
        let mut config = self.options.config();
        config.insert("input_dim".into(), json!(self.input_dim));
        config.insert("output_dim".into(), json!(self.output_dim));
        let weights = [("embeddings", &self.embeddings)];
        super::trained::write_initializers(&mut config, &weights);
        super::trained::write_regularizers(&mut config, &weights);
        config.insert("activity_regularizer".into(), activity);
        super::trained::write_constraints(&mut config, &weights);
        config.insert("mask_zero".into(), json!(self.mask_zero));
        self.quantized.write(self.options.dtype, &mut config);
        self.low_rank.write(&mut config);
        config
    }
}

impl Layer for Embedding {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let sizes = [("input_dim", self.input_dim), ("output_dim", self.output_dim)];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(
                Error::new(ErrorKind::Argument, format!("`{name}` is 0")).expected("at least 1")
            );
        }
        self.embeddings.check()?;
        self.low_rank.check(&self.embeddings.constraint)
    }

    fn weights(&self, _inputs: &[Shape]) -> Result<Vec<Weight>> {
        let shape = [self.input_dim, self.output_dim];
        let mut table = self.embeddings.weight("embeddings", shape)?;
        let names = ["lora_embeddings_a", "lora_embeddings_b"];
        let factors = self.low_rank.factors(&mut table, names)?;
        let (table, ranges) = self.quantized.weights(table, || Ok(self.table()))?;
        Ok([table].into_iter().chain(ranges).chain(factors).collect())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn quantized(&self, mode: &Mode) -> Result<Option<Arc<dyn Layer>>> {
        let quantized = self.quantized.to(mode, self.options.dtype)?;
        Ok(Some(Arc::new(Embedding { quantized, ..self.clone() })))
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(vec![self.vectors(inputs[0], call.weights)?])
    }

    fn supports_masking(&self) -> bool {
        self.mask_zero
    }

    fn compute_mask<'g>(
        &self,
        inputs: &[Node<'g>],
        _call: &Call<'_, 'g>,
    ) -> Result<Vec<Option<Node<'g>>>> {
        Ok(vec![self.mask(inputs[0])])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Embedding",
    names: &[],
    summary: "a learned vector for each entry of a vocabulary",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let layer = Embedding::read(reader)?;
    layer.check()?;
    Ok(Arc::new(layer))
}
