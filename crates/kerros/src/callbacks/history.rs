//! The history of a run is written by a callback like any other.

use kerros_core::{Result, Tensor};

use super::{Callback, CallbackState};
use crate::trainer::{History, Metrics, Series, Training};

/// `fit` adds one; its numbers are what `fit` returns. A run that is taken up again goes on
/// with the history that it had.
impl Callback for History {
    fn class_name(&self) -> &'static str {
        "History"
    }

    fn on_epoch_end(
        &mut self,
        _training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        self.record(epoch, logs);
        Ok(())
    }

    fn state(&self) -> CallbackState {
        let mut state = CallbackState::default();
        state.set_count("epochs", self.epochs().len());
        for (at, &epoch) in self.epochs().iter().enumerate() {
            state.set_count(&format!("epoch_{at}"), epoch);
        }
        for (at, (name, series)) in self.iter().enumerate() {
            state.set_text(&format!("name_{at}"), name);
            // One list after the other, and how long each is.
            let lists = series.lists();
            let lens: Vec<i64> = lists.iter().map(|list| list.len() as i64).collect();
            let values = lists.concat();
            let tensor = Tensor::new([values.len()], values).expect("as many as the shape has");
            state.set_tensor(&format!("values_{at}"), tensor);
            if matches!(series, Series::Lists(_)) {
                let tensor = Tensor::new([lens.len()], lens).expect("as many as the shape has");
                state.set_tensor(&format!("lens_{at}"), tensor);
            }
        }
        state
    }

    fn restore(&mut self, state: &CallbackState) -> Result<()> {
        let mut epochs = Vec::new();
        for at in 0..state.count("epochs")? {
            epochs.push(state.count(&format!("epoch_{at}"))?);
        }
        let mut values = Vec::new();
        while let Some(name) = state.text(&format!("name_{}", values.len()))? {
            let at = values.len();
            let numbers = state.tensor(&format!("values_{at}")).map(Tensor::to_vec_f64);
            let mut numbers = numbers.unwrap_or_default();
            let series = match state.tensor(&format!("lens_{at}")) {
                None => Series::Numbers(numbers),
                Some(lens) => {
                    let take = |&len: &i64| {
                        let len = usize::try_from(len).unwrap_or(0).min(numbers.len());
                        numbers.drain(..len).collect()
                    };
                    Series::Lists(lens.as_slice::<i64>()?.iter().map(take).collect())
                }
            };
            values.push((name, series));
        }
        *self = History::new(epochs, values);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_goes_on_from_its_state() {
        let mut history = History::default();
        for (epoch, loss) in [(2, 0.5), (3, f64::NAN)] {
            let mut logs = Metrics::default();
            logs.set("loss", loss);
            logs.set("f1", vec![loss, 0.75]);
            if epoch == 3 {
                logs.set("val_loss", 0.25);
            }
            history.record(epoch, &logs);
        }
        let mut again = History::default();
        again.restore(&history.state()).unwrap();
        assert_eq!(again.epochs(), [2, 3]);
        assert_eq!(again["val_loss"], [0.25]);
        assert!(again["loss"][0] == 0.5 && again["loss"][1].is_nan());
        assert_eq!(again.names().collect::<Vec<_>>(), ["loss", "f1", "val_loss"]);
        assert_eq!(again.series("f1").unwrap().lists()[0], [0.5, 0.75]);
        assert_eq!(again.series("f1").unwrap().lists()[1][1], 0.75);
    }
}
