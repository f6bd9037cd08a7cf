//! Weights as a tree of named groups, in memory.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use kerros_core::Tensor;

/// Groups by path, each with attributes and datasets: the content of a `.weights.h5` file.
///
/// Paths are written as Keras does, without a leading slash: `layers/dense/vars`,
/// `optimizer/vars`; the root group is the empty path and always there. A group exists as soon
/// as one below it does.
///
/// # Example
/// ```ignore
/// let mut weights = WeightTree::default();
/// let vars = weights.group_mut("layers/dense/vars");
/// vars.set_text("name", "hidden");
/// vars.push(Tensor::full([4, 3], 0.5f32));
/// vars.push(Tensor::full([3], 0.0f32));
/// assert_eq!(weights.tensor("layers/dense/vars", "1").unwrap().num_elements(), 3);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTree {
    groups: BTreeMap<String, Group>,
}

impl Default for WeightTree {
    /// The tree of the root group alone.
    fn default() -> Self {
        WeightTree { groups: BTreeMap::from([(String::new(), Group::default())]) }
    }
}

/// One group: text attributes, and datasets in order.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Group {
    attributes: BTreeMap<String, Attribute>,
    datasets: Vec<(String, Tensor)>,
}

/// A text attribute of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// One string, such as `name` of a layer's `vars`.
    Text(String),
    /// Several strings, such as `weight_names` in files of Keras 2.
    Texts(Vec<String>),
}

impl WeightTree {
    /// The group at `path`, when the tree has it.
    pub fn group(&self, path: &str) -> Option<&Group> {
        self.groups.get(path)
    }

    /// The group at `path`, made with the groups above it when it is not there.
    pub fn group_mut(&mut self, path: &str) -> &mut Group {
        for (end, _) in path.match_indices('/') {
            if !self.groups.contains_key(&path[..end]) {
                self.groups.insert(path[..end].to_owned(), Group::default());
            }
        }
        self.groups.entry(path.to_owned()).or_default()
    }

    /// The dataset `key` of the group at `path`, when both are there.
    pub fn tensor(&self, path: &str, key: &str) -> Option<&Tensor> {
        self.group(path)?.dataset(key)
    }

    /// Every group with its path, in the order of the paths; parents come before children.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.groups.iter().map(|(path, group)| (path.as_str(), group))
    }

    /// The names of the groups directly below `path`.
    pub fn children<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let from_here = self.groups.range::<str, _>((Excluded(prefix.as_str()), Unbounded));
        from_here
            .map_while(move |(candidate, _)| candidate.strip_prefix(&prefix))
            .filter(|below| !below.contains('/'))
    }

    /// The number of datasets in all groups.
    pub fn num_datasets(&self) -> usize {
        self.groups.values().map(|group| group.datasets.len()).sum()
    }
}

impl Group {
    /// Whether it has neither attributes nor datasets.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.datasets.is_empty()
    }

    /// The attribute `name`, when it is one string.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name)? {
            Attribute::Text(text) => Some(text),
            Attribute::Texts(_) => None,
        }
    }

    /// The attribute `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(name)
    }

    /// Every attribute with its name, in the order of the names.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        self.attributes.iter().map(|(name, attribute)| (name.as_str(), attribute))
    }

    /// Sets the attribute `name` to one string.
    pub fn set_text(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.set_attribute(name, Attribute::Text(text.into()));
    }

    /// Sets the attribute `name`.
    pub fn set_attribute(&mut self, name: impl Into<String>, attribute: Attribute) {
        self.attributes.insert(name.into(), attribute);
    }

    /// The dataset `key`.
    pub fn dataset(&self, key: &str) -> Option<&Tensor> {
        self.position(key).ok().map(|index| &self.datasets[index].1)
    }

    /// Every dataset with its key: numbers first, by value (`2` before `10`), then names.
    pub fn datasets(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.datasets.iter().map(|(key, tensor)| (key.as_str(), tensor))
    }

    /// Sets the dataset `key`; gives back what was there.
    pub fn set_dataset(&mut self, key: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        let key = key.into();
        match self.position(&key) {
            Ok(index) => Some(std::mem::replace(&mut self.datasets[index].1, tensor)),
            Err(index) => {
                self.datasets.insert(index, (key, tensor));
                None
            }
        }
    }

    /// Removes all datasets.
    pub fn clear_datasets(&mut self) {
        self.datasets.clear();
    }

    /// Adds a dataset under the first number not in use from the number of datasets on: Keras's
    /// names for the variables of one object are `0`, `1`, `2`...
    pub fn push(&mut self, tensor: Tensor) {
        let free = (self.datasets.len()..).map(|number| number.to_string());
        for key in free {
            if self.dataset(&key).is_none() {
                self.set_dataset(key, tensor);
                return;
            }
        }
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.datasets.binary_search_by(|(other, _)| compare_keys(other, key))
    }
}

/// Orders `2` before `10`, and numbers before names. Only the plain spelling of a number counts
/// as one (`07` is a name), so that different keys never compare equal.
fn compare_keys(a: &str, b: &str) -> Ordering {
    fn number(key: &str) -> Option<u64> {
        let plain = key == "0" || !key.starts_with(['0', '+']);
        key.parse().ok().filter(|_| plain)
    }
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}
