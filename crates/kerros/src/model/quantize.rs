//! Tables of weights made smaller after training.

use std::collections::BTreeMap;

use kerros_core::{Error, ErrorKind, Result, Tensor};

use super::Model;
use crate::layers::quantized::{Mode, Role};

/// The blocks that `"int4"` alone stands for, as in Keras.
const BLOCK: usize = 128;

impl Model {
    /// Quantizes the tables of weights of all dense layers and embeddings, as Keras's
    /// `model.quantize` does: to `"int8"`, a byte for each number and a scale for each column, with
    /// inputs rounded in the same way when the layer is called; or to `"int4"`, two numbers to a
    /// byte with a scale and a zero for each block of 128, or of `"int4/BLOCK"`. Layers inside
    /// `TimeDistributed` and models inside the model are quantized too; those inside attention
    /// layers, which Keras cannot load again, are not.
    ///
    /// The tables do not learn any more, and an optimizer begins anew.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for another mode; [`ErrorKind::State`] for a model that is
    /// quantized already, or has no weights yet, or none that can be quantized.
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// let mut model = Sequential::new().input([2]).add(Dense::new(1).use_bias(false));
    /// model.set_weights(&[Tensor::new([2, 1], [0.25f32, -1.0])?])?;
    /// model.quantize("int8")?;
    /// assert_eq!(model.get_weights()?[0].as_slice::<f32>()?, [32.0, -127.0]);
    /// let y = model.predict(Tensor::new([1, 2], [2.0f32, 1.0])?)?;
    /// assert!((y.as_slice::<f32>()?[0] + 0.5).abs() < 0.01);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3.15, `keras.Model.quantize`; Dettmers and others: "LLM.int8(): 8-bit matrix
    /// multiplication for transformers at scale", arXiv 2208.07339.
    pub fn quantize(&mut self, mode: &str) -> Result<()> {
        let word = if mode == "int4" { format!("int4/{BLOCK}") } else { mode.to_owned() };
        let wanted = Mode::named(&word).map_err(|why| Error::new(ErrorKind::Argument, why))?;
        let before = self.all_weights()?;
        let mut network = self.network.clone();
        if !network.quantize(&wanted)? {
            return Err(Error::new(ErrorKind::State, "no layer has a table that can be quantized")
                .expected("a Dense, EinsumDense, Embedding or ReversibleEmbedding layer"));
        }
        network.build()?;
        let old = self.network.weights.iter().map(|entry| entry.path.as_str());
        let mut values: BTreeMap<String, Tensor> = BTreeMap::new();
        for (path, value) in old.zip(before) {
            values.insert(path.to_owned(), value);
        }
        for entry in &network.weights {
            let Some(Role::Table(held)) = &entry.weight.quantized else { continue };
            let Some(floats) = values.get(&entry.path) else { continue };
            let found = held.quantize(floats.as_slice::<f32>()?)?;
            let (layer, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
            let names = std::iter::once(name).chain(wanted.ranges(name).iter().copied());
            for (name, value) in names.zip(found) {
                values.insert(format!("{layer}/{name}"), value);
            }
        }
        let compiled = self.compiled.take();
        let seed = self.seed.unwrap_or_default();
        self.network = network;
        let mut all = self.start_values(seed)?;
        for (entry, start) in self.network.weights.iter().zip(&mut all) {
            if let Some(value) = values.remove(&entry.path) {
                *start = value;
            }
        }
        self.new_states(&all)?;
        self.compiled = compiled
            .map(|compiled| crate::trainer::Compiled { optimizer_states: None, ..compiled });
        Ok(())
    }
}
