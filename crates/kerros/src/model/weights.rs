//! Weights in and out.

use kerros_core::{Error, ErrorKind, Result, Tensor};

use super::{Model, WeightEntry, not_built};

impl Model {
    /// The weights, in the order of Keras's `model.get_weights()`: layer by layer, the trained
    /// ones of a layer first.
    ///
    /// # Errors
    /// [`ErrorKind::State`] when the model has none yet because its input shape is not known.
    pub fn get_weights(&mut self) -> Result<Vec<Tensor>> {
        let values = self.all_weights()?.into_iter().zip(&self.network.weights);
        Ok(values.filter(|(_, entry)| !entry.weight.is_memory).map(|(value, _)| value).collect())
    }

    /// The weights and what layers remember from batch to batch, in the order of
    /// [`Network::weights`](super::Network::weights).
    pub(crate) fn all_weights(&mut self) -> Result<Vec<Tensor>> {
        let states = self.states()?;
        states.weights.iter().map(|&id| states.store.read(id)).collect()
    }

    /// Lets stateful layers forget: the next batch begins as the first did.
    ///
    /// # Errors
    /// As [`Model::get_weights`].
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// let x = Input::new([2, 1]).batch_size(1).tensor();
    /// let layer = SimpleRNN::new(1).activation("linear").stateful(true);
    /// let y = layer.kernel_initializer("ones").recurrent_initializer("ones").on(&x);
    /// let mut model = Model::functional([&x], [&y])?;
    /// let ones = Tensor::full([1, 2, 1], 1.0f32);
    /// assert_eq!(model.predict(&ones)?.as_slice::<f32>()?, [2.0]);
    /// assert_eq!(model.predict(&ones)?.as_slice::<f32>()?, [4.0]);
    /// model.reset_states()?;
    /// assert_eq!(model.predict(&ones)?.as_slice::<f32>()?, [2.0]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    pub fn reset_states(&mut self) -> Result<()> {
        self.build_with(&[])?;
        let states = self.states.as_mut().ok_or_else(not_built)?;
        for (entry, &id) in self.network.weights.iter().zip(&states.weights) {
            if entry.weight.is_memory {
                let forgotten = Tensor::zeros(entry.weight.shape.clone(), entry.weight.dtype());
                states.store.write(id, &forgotten)?;
            }
        }
        Ok(())
    }

    /// Sets the weights, given in the order of [`Model::get_weights`].
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] when a weight is missing or has another shape; nothing is set then.
    pub fn set_weights(&mut self, values: &[Tensor]) -> Result<()> {
        self.build_with(&[])?;
        let states = self.states.as_mut().ok_or_else(not_built)?;
        let all = self.network.weights.iter().zip(&states.weights);
        let entries: Vec<_> = all.filter(|(entry, _)| !entry.weight.is_memory).collect();
        if values.len() != entries.len() {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("{} weights were given to `{}`", values.len(), self.network.name),
            )
            .expected(format!("{}", entries.len())));
        }
        let mut typed = Vec::with_capacity(values.len());
        for ((entry, _), value) in entries.iter().zip(values) {
            if value.shape() != &entry.weight.shape {
                let origin = self.network.layers[entry.layer].origin();
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("a value of shape {} was given to `{}`", value.shape(), entry.path),
                )
                .expected(entry.weight.shape.to_string())
                .at(&origin));
            }
            let value = entry.weight.held(value);
            typed.push(value.map_err(|error| error.context(format!("`{}`", entry.path)))?);
        }
        for ((_, id), value) in entries.into_iter().zip(&typed) {
            states.store.write(*id, value)?;
        }
        Ok(())
    }

    /// The kernels in whose place a product of two matrices learns, and those matrices: model
    /// files hold their sum alone.
    ///
    /// # Errors
    /// As [`Model::get_weights`].
    pub(crate) fn factored_weights(&mut self) -> Result<Vec<Tensor>> {
        let values = self.get_weights()?;
        let values =
            self.lasting().zip(values).filter(|(entry, _)| entry.weight.low_rank.is_some());
        Ok(values.map(|(_, value)| value).collect())
    }

    /// Sets what [`Model::factored_weights`] gives.
    ///
    /// # Errors
    /// As [`Model::set_weights`].
    pub(crate) fn set_factored_weights(&mut self, factored: Vec<Tensor>) -> Result<()> {
        let mut values = self.get_weights()?;
        let is_factored = |entry: &WeightEntry| entry.weight.low_rank.is_some();
        let places: Vec<usize> = (0..values.len())
            .zip(self.lasting())
            .filter_map(|(at, entry)| is_factored(entry).then_some(at))
            .collect();
        if places.len() != factored.len() {
            let found = factored.len();
            return Err(Error::new(ErrorKind::Shape, format!("{found} kernels and factors"))
                .expected(format!("{}", places.len())));
        }
        if places.is_empty() {
            return Ok(());
        }
        places.into_iter().zip(factored).for_each(|(at, value)| values[at] = value);
        self.set_weights(&values)
    }

    /// The weights with their paths (`sequential/dense/kernel`), in the same order.
    ///
    /// # Errors
    /// As [`Model::get_weights`].
    pub fn weights(&mut self) -> Result<Vec<(String, Tensor)>> {
        let values = self.get_weights()?;
        Ok(self.lasting().map(|entry| entry.path.clone()).zip(values).collect())
    }

    /// One weight, by its path.
    ///
    /// # Errors
    /// As [`Model::get_weights`]; [`ErrorKind::UnknownName`] with the paths there are.
    pub fn weight(&mut self, path: &str) -> Result<Tensor> {
        self.build_with(&[])?;
        let at = self.network.weights.iter().position(|entry| entry.path == path);
        let Some(at) = at else {
            let paths: Vec<&str> =
                self.network.weights.iter().map(|entry| entry.path.as_str()).collect();
            return Err(Error::new(ErrorKind::UnknownName, format!("no weight `{path}`"))
                .expected(format!("one of {}", paths.join(", "))));
        };
        let states = self.states()?;
        states.store.read(states.weights[at])
    }

    /// The number of numbers in all weights.
    ///
    /// # Errors
    /// As [`Model::get_weights`].
    pub fn count_params(&mut self) -> Result<usize> {
        self.build_with(&[])?;
        Ok(self.lasting().map(|entry| entry.weight.shape.num_elements()).sum())
    }

    /// The weights that Keras counts: not what layers remember from batch to batch.
    fn lasting(&self) -> impl Iterator<Item = &WeightEntry> {
        self.network.weights.iter().filter(|entry| !entry.weight.is_memory)
    }
}
