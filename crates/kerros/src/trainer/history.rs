//! What a run reports: numbers by name, and how they went from epoch to epoch.

use std::fmt;
use std::ops::Index;

use serde_json::{Value, json};

use crate::metrics::MetricValue;

/// Numbers by name, in order: `loss`, `accuracy`, `val_loss` ...
///
/// A metric that reports several numbers, such as the F1 score of each class, is a list here:
/// see [`Metrics::value`].
///
/// ```
/// use kerros::Metrics;
/// let mut metrics = Metrics::default();
/// metrics.set("loss", 0.5);
/// assert_eq!(metrics["loss"], 0.5);
/// assert_eq!(metrics.get("accuracy"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics(Vec<(String, MetricValue)>);

impl Metrics {
    /// The number of this name; `None` where there is none, or a list.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.value(name).and_then(MetricValue::number)
    }

    /// The number or list of this name.
    pub fn value(&self, name: &str) -> Option<&MetricValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Sets the number or list of this name; a new name goes to the end.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<MetricValue>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(place) => place.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The names with their numbers or lists, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MetricValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
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
        match self.value(name) {
            Some(MetricValue::Number(value)) => value,
            _ => panic!("no number `{name}`, there are: {self}"),
        }
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            let between = if at > 0 { " - " } else { "" };
            write!(f, "{between}{name}: {value}")?;
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
    values: Vec<(String, Series)>,
}

/// What one name reported, epoch by epoch.
#[derive(Clone, Debug, PartialEq)]
pub enum Series {
    /// A number per epoch.
    Numbers(Vec<f64>),
    /// A list per epoch: of a metric that reports several numbers.
    Lists(Vec<Vec<f64>>),
}

impl Series {
    fn new(value: &MetricValue) -> Self {
        match value {
            MetricValue::Number(number) => Series::Numbers(vec![*number]),
            MetricValue::List(list) => Series::Lists(vec![list.clone()]),
        }
    }

    fn push(&mut self, value: &MetricValue) {
        match (self, value) {
            (Series::Numbers(numbers), MetricValue::Number(number)) => numbers.push(*number),
            (Series::Lists(lists), value) => lists.push(value.as_slice().to_vec()),
            (series @ Series::Numbers(_), MetricValue::List(list)) => {
                let mut lists = series.lists();
                lists.push(list.clone());
                *series = Series::Lists(lists);
            }
        }
    }

    /// A list per epoch; numbers are lists of one.
    pub fn lists(&self) -> Vec<Vec<f64>> {
        match self {
            Series::Numbers(numbers) => numbers.iter().map(|&number| vec![number]).collect(),
            Series::Lists(lists) => lists.clone(),
        }
    }

    /// The series as Keras's history holds it: a JSON list of numbers or of lists; what JSON
    /// lacks (NaN, infinities) is null.
    pub fn to_json(&self) -> Value {
        match self {
            Series::Numbers(numbers) => json!(numbers),
            Series::Lists(lists) => json!(lists),
        }
    }
}

impl History {
    /// A history of these epochs, with the values of each name.
    pub(crate) fn new(epochs: Vec<usize>, values: Vec<(String, Series)>) -> Self {
        History { epochs, values }
    }

    /// Adds the numbers of an epoch.
    pub fn record(&mut self, epoch: usize, logs: &Metrics) {
        self.epochs.push(epoch);
        for (name, value) in logs.iter() {
            match self.values.iter_mut().find(|(known, _)| known == name) {
                Some((_, series)) => series.push(value),
                None => self.values.push((name.into(), Series::new(value))),
            }
        }
    }

    /// The epochs that were trained, counted from 0.
    pub fn epochs(&self) -> &[usize] {
        &self.epochs
    }

    /// The numbers of this name, one per epoch that reported it; `None` where there are none,
    /// or lists.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        match self.series(name)? {
            Series::Numbers(numbers) => Some(numbers),
            Series::Lists(_) => None,
        }
    }

    /// What this name reported, be it numbers or lists.
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, series)| series)
    }

    /// The last value of this name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.last().copied()
    }

    /// The names, in Keras's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }

    /// The names with what they reported, in Keras's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Series)> {
        self.values.iter().map(|(name, series)| (name.as_str(), series))
    }
}

impl Index<&str> for History {
    type Output = [f64];

    /// The values of this name; `get` is the way to ask for one that may be absent.
    fn index(&self, name: &str) -> &[f64] {
        match self.get(name) {
            Some(values) => values,
            None => panic!("no numbers `{name}` in the history, there are: {:?}", self.values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_stand_beside_numbers() {
        let mut history = History::default();
        let mut logs = Metrics::default();
        logs.set("f1", vec![0.5, 0.25]);
        logs.set("loss", 0.125);
        assert_eq!(logs.to_string(), "f1: [0.5000, 0.2500] - loss: 0.1250");
        assert_eq!((logs.get("f1"), logs.get("loss")), (None, Some(0.125)));
        history.record(0, &logs);
        logs.set("loss", vec![1.0]);
        history.record(1, &logs);
        assert_eq!(history.get("f1"), None);
        let json: Vec<String> =
            history.iter().map(|(name, series)| format!("{name} {}", series.to_json())).collect();
        assert_eq!(json, ["f1 [[0.5,0.25],[0.5,0.25]]", "loss [[0.125],[1.0]]"]);
    }
}
