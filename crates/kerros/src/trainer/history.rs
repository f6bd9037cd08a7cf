//! What a run reports: numbers by name, and how they went from epoch to epoch.

use std::fmt;
use std::ops::Index;

/// Numbers by name, in order: `loss`, `accuracy`, `val_loss` ...
///
/// ```
/// use kerros::Metrics;
/// let mut metrics = Metrics::default();
/// metrics.set("loss", 0.5);
/// assert_eq!(metrics["loss"], 0.5);
/// assert_eq!(metrics.get("accuracy"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics(Vec<(String, f64)>);

impl Metrics {
    /// The number of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Sets the number of this name; a new name goes to the end.
    pub fn set(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(place) => place.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The names and numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By name in alphabetical order: the order in which Keras reports.
    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
        self
    }
}

impl Index<&str> for Metrics {
    type Output = f64;

    /// The number of this name; `get` is the way to ask for one that may be absent.
    fn index(&self, name: &str) -> &f64 {
        match self.0.iter().find(|(known, _)| known == name) {
            Some((_, value)) => value,
            None => panic!("no metric `{name}`, there are: {self}"),
        }
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            let between = if at > 0 { " - " } else { "" };
            // Keras's rule: four decimals, or scientific where those would show nothing.
            match value.abs() > 1e-3 || *value == 0.0 {
                true => write!(f, "{between}{name}: {value:.4}")?,
                false => write!(f, "{between}{name}: {value:.4e}")?,
            }
        }
        Ok(())
    }
}

/// How the reported numbers went from epoch to epoch: what `fit` returns.
///
/// ```
/// use kerros::{History, Metrics};
/// let mut history = History::default();
/// let mut logs = Metrics::default();
/// logs.set("loss", 0.5);
/// history.record(0, &logs);
/// assert_eq!(history["loss"], [0.5]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    epochs: Vec<usize>,
    values: Vec<(String, Vec<f64>)>,
}

impl History {
    /// Adds the numbers of an epoch.
    pub fn record(&mut self, epoch: usize, logs: &Metrics) {
        self.epochs.push(epoch);
        for (name, value) in logs.iter() {
            match self.values.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value),
                None => self.values.push((name.into(), vec![value])),
            }
        }
    }

    /// The epochs that were trained, counted from 0.
    pub fn epochs(&self) -> &[usize] {
        &self.epochs
    }

    /// The values of this name, one per epoch that reported it.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, values)| values.as_slice())
    }

    /// The last value of this name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.last().copied()
    }

    /// The names, in Keras's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }

    /// The names with their values, in Keras's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.values.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

impl Index<&str> for History {
    type Output = [f64];

    /// The values of this name; `get` is the way to ask for one that may be absent.
    fn index(&self, name: &str) -> &[f64] {
        match self.get(name) {
            Some(values) => values,
            None => panic!("no `{name}` in the history, there are: {:?}", self.values),
        }
    }
}
