//! The curves of a run, put together for drawing: a panel per number, training and validation.

use kerros::History;

/// One number over the epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The name, such as `loss`.
    pub name: String,
    /// The value of each epoch in training.
    pub train: Vec<f64>,
    /// The value of each epoch on the validation data; empty without them.
    pub validation: Vec<f64>,
}

impl Panel {
    /// The smallest and the largest finite value; a little apart when they are equal.
    pub fn range(&self) -> Option<(f64, f64)> {
        let all = self.train.iter().chain(&self.validation).copied();
        let (low, high) = all
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return None;
        }
        let apart = if high - low > 1e-9 * high.abs() { 0.0 } else { high.abs().max(1e-3) * 0.01 };
        Some((low - apart, high + apart))
    }

    /// The number of epochs.
    pub fn num_epochs(&self) -> usize {
        self.train.len().max(self.validation.len())
    }
}

/// The panels of a run: the loss first, then the metrics in their order.
pub fn panels(history: &History) -> Vec<Panel> {
    let panel = |name: &str| Panel {
        name: name.into(),
        train: history.get(name).unwrap_or_default().to_vec(),
        validation: history.get(&format!("val_{name}")).unwrap_or_default().to_vec(),
    };
    let metrics = history
        .names()
        .filter(|name| !name.starts_with("val_") && !["loss", "learning_rate"].contains(name));
    std::iter::once("loss").chain(metrics).map(panel).collect()
}

#[cfg(test)]
mod tests {
    use kerros::Metrics;

    use super::*;

    #[test]
    fn the_loss_comes_first() {
        let mut history = History::default();
        let mut logs = Metrics::default();
        for (name, value) in
            [("accuracy", 0.5), ("learning_rate", 0.1), ("loss", 1.0), ("val_loss", 2.0)]
        {
            logs.set(name, value);
        }
        history.record(0, &logs);
        let panels = panels(&history);
        assert_eq!(panels.len(), 2);
        assert_eq!(panels[0].name, "loss");
        assert_eq!(panels[0].validation, [2.0]);
        assert_eq!(panels[1].validation, [0.0; 0]);
    }

    #[test]
    fn ranges_leave_out_what_is_no_number() {
        let panel = |train: &[f64]| Panel {
            name: "loss".into(),
            train: train.to_vec(),
            validation: Vec::new(),
        };
        assert_eq!(panel(&[f64::NAN]).range(), None);
        assert_eq!(panel(&[3.0, f64::INFINITY, 1.0]).range(), Some((1.0, 3.0)));
        let (low, high) = panel(&[2.0]).range().unwrap();
        assert!(low < 2.0 && high > 2.0);
    }
}
