//! What a callback remembers between two processes.

use std::collections::BTreeMap;

use kerros_core::{Error, ErrorKind, Result, Tensor};

/// Numbers and tensors by name: what a callback must remember for a run to go on.
///
/// Numbers are kept bit for bit, NaN and infinities too.
///
/// # Example
/// ```
/// use kerros::callbacks::CallbackState;
/// let mut state = CallbackState::default();
/// state.set_count("wait", 3);
/// state.set_number("best", Some(0.25));
/// assert_eq!(state.count("wait")?, 3);
/// assert_eq!(state.number("best")?, Some(0.25));
/// assert_eq!(state.number("baseline")?, None);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallbackState {
    entries: BTreeMap<String, Tensor>,
}

impl CallbackState {
    /// Keeps a number; `None` leaves it away.
    pub fn set_number(&mut self, name: &str, number: Option<f64>) {
        if let Some(number) = number {
            self.set_tensor(name, Tensor::scalar(number));
        }
    }

    /// Keeps a count.
    pub fn set_count(&mut self, name: &str, count: usize) {
        self.set_tensor(name, Tensor::scalar(count as i64));
    }

    /// Keeps a tensor.
    pub fn set_tensor(&mut self, name: &str, tensor: Tensor) {
        self.entries.insert(name.into(), tensor);
    }

    /// The number of this name, if it was kept.
    ///
    /// # Errors
    /// Something else of this name.
    pub fn number(&self, name: &str) -> Result<Option<f64>> {
        let Some(value) = self.entries.get(name) else { return Ok(None) };
        value.as_slice::<f64>()?.first().copied().map(Some).ok_or_else(|| wrong(name))
    }

    /// The count of this name.
    ///
    /// # Errors
    /// No count of this name.
    pub fn count(&self, name: &str) -> Result<usize> {
        self.maybe_count(name)?.ok_or_else(|| wrong(name))
    }

    /// The count of this name, if it was kept.
    ///
    /// # Errors
    /// Something else of this name.
    pub fn maybe_count(&self, name: &str) -> Result<Option<usize>> {
        let Some(value) = self.entries.get(name) else { return Ok(None) };
        let count = value.as_slice::<i64>()?.first().and_then(|&count| count.try_into().ok());
        count.map(Some).ok_or_else(|| wrong(name))
    }

    /// The tensor of this name, if it was kept.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.entries.get(name)
    }

    /// Keeps a text.
    pub fn set_text(&mut self, name: &str, text: &str) {
        // A byte in front, because files have no room for a tensor without elements.
        let bytes: Vec<u8> = std::iter::once(b'|').chain(text.bytes()).collect();
        let tensor = Tensor::new([bytes.len()], bytes).expect("as many as the shape has");
        self.set_tensor(name, tensor);
    }

    /// The text of this name, if it was kept.
    ///
    /// # Errors
    /// Something else of this name.
    pub fn text(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.entries.get(name) else { return Ok(None) };
        let text = value.as_slice::<u8>()?.get(1..).map(<[u8]>::to_vec);
        text.and_then(|bytes| String::from_utf8(bytes).ok()).map(Some).ok_or_else(|| wrong(name))
    }

    /// Keeps a list of tensors.
    pub fn set_tensors(&mut self, name: &str, tensors: &[Tensor]) {
        self.set_count(name, tensors.len());
        for (at, tensor) in tensors.iter().enumerate() {
            self.set_tensor(&format!("{name}_{at}"), tensor.clone());
        }
    }

    /// The list of this name, if it was kept.
    ///
    /// # Errors
    /// A list that is not whole.
    pub fn tensors(&self, name: &str) -> Result<Option<Vec<Tensor>>> {
        let Some(count) = self.maybe_count(name)? else { return Ok(None) };
        let one = |at| self.tensor(&format!("{name}_{at}")).cloned().ok_or_else(|| wrong(name));
        // The count is a claim of the file; the first tensor that is not there ends it.
        let mut tensors = Vec::new();
        for at in 0..count {
            tensors.push(one(at)?);
        }
        Ok(Some(tensors))
    }

    /// Everything, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }
}

fn wrong(name: &str) -> Error {
    Error::new(ErrorKind::Format, format!("the state of a callback has no right `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back() {
        let mut state = CallbackState::default();
        state.set_number("nan", Some(f64::NAN));
        state.set_number("none", None);
        state.set_text("empty", "");
        state.set_text("text", "naïve");
        let tensors = [Tensor::full([2], 1.0f32), Tensor::scalar(2i32)];
        state.set_tensors("weights", &tensors);
        assert!(state.number("nan").unwrap().unwrap().is_nan());
        assert_eq!(state.number("none").unwrap(), None);
        assert_eq!(state.text("empty").unwrap().unwrap(), "");
        assert_eq!(state.text("text").unwrap().unwrap(), "naïve");
        assert_eq!(state.tensors("weights").unwrap().unwrap(), tensors);
        assert_eq!(state.tensors("others").unwrap(), None);
    }

    #[test]
    fn wrong_states_are_refused() {
        let mut state = CallbackState::default();
        state.set_number("best", Some(1.0));
        state.set_count("weights", usize::MAX >> 1);
        state.set_tensor("negative", Tensor::scalar(-1i64));
        assert!(state.count("best").is_err());
        assert!(state.count("wait").is_err());
        assert!(state.count("negative").is_err());
        assert!(state.number("weights").is_err());
        assert!(state.tensors("weights").is_err());
    }
}
