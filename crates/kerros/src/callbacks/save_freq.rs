use super::CallbackState;
use crate::object::ConfigReader;
use kerros_core::{Error, ErrorKind, Result};

/// When something is written: Keras's `save_freq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SaveFreq {
    /// After every epoch.
    #[default]
    Epoch,
    /// After so many batches, counted on from one epoch to the next.
    Batches(usize),
}

impl From<usize> for SaveFreq {
    fn from(batches: usize) -> Self {
        SaveFreq::Batches(batches)
    }
}

impl SaveFreq {
    /// `"epoch"` or a number of batches.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        match reader.value("save_freq") {
            None => SaveFreq::Epoch,
            Some(value) => match (value.as_str(), value.as_u64()) {
                (Some("epoch"), _) => SaveFreq::Epoch,
                (_, Some(batches)) if batches > 0 => SaveFreq::Batches(batches as usize),
                _ => {
                    reader.refuse(format!(
                        "`save_freq` is {value}, expected \"epoch\" or a number of batches"
                    ));
                    SaveFreq::Epoch
                }
            },
        }
    }

    /// Checks that it is not every 0 batches.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`].
    pub(super) fn check(self, of: &str) -> Result<()> {
        match self {
            SaveFreq::Batches(0) => Err(Error::new(
                ErrorKind::Argument,
                format!("{of} is to save after every 0 batches"),
            )
            .expected("at least 1 batch, or SaveFreq::Epoch")),
            _ => Ok(()),
        }
    }
}

/// Counts batches until something is due.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchCounter {
    seen: usize,
    last: Option<usize>,
}

impl BatchCounter {
    /// Whether something is due after this batch of an epoch.
    pub(super) fn is_due(&mut self, freq: SaveFreq, batch: usize) -> bool {
        let SaveFreq::Batches(wanted) = freq else { return false };
        self.seen += match self.last {
            Some(last) if batch > last => batch - last,
            _ => batch + 1,
        };
        self.last = Some(batch);
        let is_due = self.seen >= wanted;
        if is_due {
            self.seen = 0;
        }
        is_due
    }

    pub(super) fn keep(&self, state: &mut CallbackState) {
        state.set_count("batches_seen", self.seen);
        if let Some(last) = self.last {
            state.set_count("last_batch", last);
        }
    }

    pub(super) fn restored(state: &CallbackState) -> Result<Self> {
        let (seen, last) = (state.count("batches_seen")?, state.maybe_count("last_batch")?);
        Ok(BatchCounter { seen, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_counted_on_over_epochs() {
        let mut counter = BatchCounter::default();
        let mut due = Vec::new();
        for epoch in 0..3 {
            for batch in 0..5 {
                if counter.is_due(SaveFreq::Batches(4), batch) {
                    due.push((epoch, batch));
                }
            }
        }
        assert_eq!(due, [(0, 3), (1, 2), (2, 1)]);
        let mut epochs = BatchCounter::default();
        assert!((0..9).all(|batch| !epochs.is_due(SaveFreq::Epoch, batch)));
    }

    #[test]
    fn a_count_goes_on_from_its_state() {
        let mut counter = BatchCounter::default();
        (0..3).for_each(|batch| assert!(!counter.is_due(SaveFreq::Batches(4), batch)));
        let mut state = CallbackState::default();
        counter.keep(&mut state);
        let mut again = BatchCounter::restored(&state).unwrap();
        assert!(again.is_due(SaveFreq::Batches(4), 3));
    }
}
