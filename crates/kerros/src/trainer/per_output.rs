//! What is said of a model's outputs: the same of all, one after another, or by name.

use kerros_core::{Error, ErrorKind, Result};

use crate::losses::Loss;
use crate::metrics::Metric;
use crate::object::Choice;

/// Something for each output of a model.
///
/// ```
/// use kerros::trainer::{Losses, PerOutput};
/// let one_after_another = Losses::list(["mse", "binary_crossentropy"]);
/// let by_name = Losses::named([("age", "mse"), ("smoker", "binary_crossentropy")]);
/// let weights: PerOutput<f32> = PerOutput::named([("age", 0.1), ("smoker", 1.0)]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum PerOutput<T> {
    /// The same for all.
    All(T),
    /// One entry per output, in the model's order; `None` for outputs that go without.
    List(Vec<Option<T>>),
    /// Entries by the names of outputs; outputs that are not named go without.
    Named(Vec<(String, T)>),
}

/// The losses of a model.
pub type Losses = PerOutput<Choice<dyn Loss>>;

/// The metrics of a model: a list for each output.
pub type MetricLists = PerOutput<Vec<Choice<dyn Metric>>>;

impl<T> PerOutput<T> {
    /// One entry per output, in the model's order.
    pub fn list(entries: impl IntoIterator<Item = impl Into<T>>) -> Self {
        PerOutput::List(entries.into_iter().map(|entry| Some(entry.into())).collect())
    }

    /// Entries by the names of outputs.
    pub fn named<N: Into<String>>(entries: impl IntoIterator<Item = (N, impl Into<T>)>) -> Self {
        let entry = |(name, entry): (N, _)| -> (String, T) { (name.into(), Into::into(entry)) };
        PerOutput::Named(entries.into_iter().map(entry).collect())
    }

    /// All entries.
    pub fn entries(&self) -> Vec<&T> {
        match self {
            PerOutput::All(entry) => vec![entry],
            PerOutput::List(entries) => entries.iter().flatten().collect(),
            PerOutput::Named(entries) => entries.iter().map(|(_, entry)| entry).collect(),
        }
    }
}

impl<T: Clone> PerOutput<T> {
    /// The entry of each output of these names. `what` names the entries in errors.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for another number of entries than outputs, or a name that no
    /// output has.
    pub fn assign(&self, names: &[String], what: &str) -> Result<Vec<Option<T>>> {
        match self {
            PerOutput::All(entry) => Ok(vec![Some(entry.clone()); names.len()]),
            PerOutput::List(entries) if entries.len() == names.len() => Ok(entries.clone()),
            PerOutput::List(entries) => {
                Err(Error::new(ErrorKind::Argument, format!("{} {what} were given", entries.len()))
                    .expected(format!("one per output: {}", names.join(", "))))
            }
            PerOutput::Named(entries) => {
                if let Some((name, _)) = entries.iter().find(|(name, _)| !names.contains(name)) {
                    return Err(Error::new(
                        ErrorKind::Argument,
                        format!("{what} were given for the output `{name}`"),
                    )
                    .expected(format!("the model's outputs: {}", names.join(", "))));
                }
                let entry = |name: &String| {
                    let mut found = entries.iter().filter(|(known, _)| known == name);
                    found.next().map(|(_, entry)| entry.clone())
                };
                Ok(names.iter().map(entry).collect())
            }
        }
    }
}

impl MetricLists {
    /// The metrics of each output: a plain list is that of the only output, or has one metric
    /// for each of several.
    ///
    /// # Errors
    /// As [`PerOutput::assign`].
    pub(crate) fn lists(&self, names: &[String]) -> Result<Vec<Vec<Choice<dyn Metric>>>> {
        if let PerOutput::All(metrics) = self {
            return match (names.len(), metrics.len()) {
                (1, _) => Ok(vec![metrics.clone()]),
                (outputs, 0) => Ok(vec![Vec::new(); outputs]),
                (outputs, given) if outputs == given => {
                    Ok(metrics.iter().map(|metric| vec![metric.clone()]).collect())
                }
                (_, given) => Err(Error::new(
                    ErrorKind::Argument,
                    format!("{given} metrics were given for {} outputs", names.len()),
                )
                .expected("a list for each output")
                .hint(format!("MetricLists::named([(\"{}\", metrics![..]), ..])", names[0]))),
            };
        }
        let lists = self.assign(names, "metrics")?;
        Ok(lists.into_iter().map(Option::unwrap_or_default).collect())
    }
}

/// Losses as users write them: one, as an object or a name, or [`Losses`] for several outputs.
pub trait IntoLosses {
    /// The losses.
    fn into_losses(self) -> Losses;
}

impl<L: Into<Choice<dyn Loss>>> IntoLosses for L {
    fn into_losses(self) -> Losses {
        PerOutput::All(self.into())
    }
}

impl IntoLosses for Losses {
    fn into_losses(self) -> Losses {
        self
    }
}

/// Metrics as users write them: arrays, vectors, `()` for none, [`crate::metrics!`] for names
/// and objects together, [`MetricLists`] for several outputs.
pub trait IntoMetrics {
    /// The metrics.
    fn into_metrics(self) -> MetricLists;
}

impl IntoMetrics for () {
    fn into_metrics(self) -> MetricLists {
        PerOutput::All(Vec::new())
    }
}
impl<M: Into<Choice<dyn Metric>>, const N: usize> IntoMetrics for [M; N] {
    fn into_metrics(self) -> MetricLists {
        PerOutput::All(self.into_iter().map(Into::into).collect())
    }
}
impl<M: Into<Choice<dyn Metric>>> IntoMetrics for Vec<M> {
    fn into_metrics(self) -> MetricLists {
        PerOutput::All(self.into_iter().map(Into::into).collect())
    }
}
impl<M: Into<Choice<dyn Metric>> + Clone> IntoMetrics for &[M] {
    fn into_metrics(self) -> MetricLists {
        PerOutput::All(self.iter().cloned().map(Into::into).collect())
    }
}
impl IntoMetrics for MetricLists {
    fn into_metrics(self) -> MetricLists {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_find_their_outputs() {
        let names = ["a".to_string(), "b".to_string()];
        let weights = PerOutput::<f32>::named([("b", 2.0f32)]);
        assert_eq!(weights.assign(&names, "weights").unwrap(), [None, Some(2.0)]);
        let wrong = PerOutput::<f32>::named([("c", 2.0f32)]).assign(&names, "loss weights");
        assert!(wrong.unwrap_err().to_string().contains("output `c`"));
        let wrong = PerOutput::<f32>::list([1.0f32]).assign(&names, "loss weights");
        assert!(wrong.unwrap_err().to_string().contains("1 loss weights"));
    }
}
