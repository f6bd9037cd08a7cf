//! What a layer is called with: tensors, lists of tensors, and plain values.

use kerros_core::{Result, Tensor};
use serde_json::Value;

use crate::layers::Layer;
use crate::operations;

/// What some of Keras's layers take besides tensors, and masks, which all take.
const KEYWORDS: [&str; 5] =
    [MASK, "training", "use_causal_mask", "return_attention_scores", "reverse"];

/// The parameter of Keras's `call` that says which steps of the first count.
pub(super) const MASK: &str = "mask";

/// One argument of a call; `T` stands for a tensor (a node of a graph, or its number).
#[derive(Clone, Debug, PartialEq)]
pub enum Argument<T> {
    /// A tensor.
    Tensor(T),
    /// Several, as in `Add()([a, b])`.
    List(Vec<Argument<T>>),
    /// Several by name, as models take whose inputs are a dictionary; in the order of the keys,
    /// which is that of Keras.
    Dictionary(Vec<(String, Argument<T>)>),
    /// A number, a text, true or false: as JSON.
    Value(Value),
}

/// The arguments of one call, as written in Keras: `layer(x, mask=m)` has one positional and
/// one keyword argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments<T> {
    /// Those without a name, in order.
    pub positional: Vec<Argument<T>>,
    /// Those with a name.
    pub keyword: Vec<(String, Argument<T>)>,
}

impl<T> Default for Arguments<T> {
    fn default() -> Self {
        Arguments { positional: Vec::new(), keyword: Vec::new() }
    }
}

impl<T> Argument<T> {
    /// The same argument with other tensors.
    pub fn map<U>(&self, change: &mut impl FnMut(&T) -> U) -> Argument<U> {
        match self {
            Argument::Tensor(tensor) => Argument::Tensor(change(tensor)),
            Argument::List(items) => {
                Argument::List(items.iter().map(|item| item.map(change)).collect())
            }
            Argument::Dictionary(entries) => {
                let entry = |(key, item): &(String, Self)| (key.clone(), item.map(change));
                Argument::Dictionary(entries.iter().map(entry).collect())
            }
            Argument::Value(value) => Argument::Value(value.clone()),
        }
    }

    /// The same argument in which arrays have become tensors.
    fn with_arrays(self, make: &mut impl FnMut(&Value) -> Result<T>) -> Result<Argument<T>> {
        Ok(match self {
            Argument::Tensor(tensor) => Argument::Tensor(tensor),
            Argument::List(items) => {
                let items = items.into_iter().map(|item| item.with_arrays(make));
                Argument::List(items.collect::<Result<_>>()?)
            }
            Argument::Dictionary(entries) => {
                let entries = entries.into_iter();
                let entries = entries.map(|(key, item)| Ok((key, item.with_arrays(make)?)));
                Argument::Dictionary(entries.collect::<Result<_>>()?)
            }
            Argument::Value(Value::Array(items)) if items.iter().any(operations::is_array) => {
                let items = items.into_iter().map(|item| Argument::Value(item).with_arrays(make));
                Argument::List(items.collect::<Result<_>>()?)
            }
            Argument::Value(value) if operations::is_array(&value) => {
                Argument::Tensor(make(&value)?)
            }
            Argument::Value(value) => Argument::Value(value),
        })
    }

    /// The first plain value in it that is neither null nor an array.
    fn plain(&self) -> Option<&Value> {
        match self {
            Argument::Tensor(_) => None,
            Argument::List(items) => items.iter().find_map(Argument::plain),
            Argument::Dictionary(entries) => entries.iter().find_map(|(_, item)| item.plain()),
            Argument::Value(value) => {
                Some(value).filter(|value| !value.is_null() && !operations::is_array(value))
            }
        }
    }

    /// The tensors in it, in order.
    pub fn tensors(&self) -> Vec<&T> {
        match self {
            Argument::Tensor(tensor) => vec![tensor],
            Argument::List(items) => items.iter().flat_map(Argument::tensors).collect(),
            Argument::Dictionary(entries) => {
                entries.iter().flat_map(|(_, item)| item.tensors()).collect()
            }
            Argument::Value(_) => Vec::new(),
        }
    }
}

impl<T> Arguments<T> {
    /// One tensor alone.
    pub fn one(tensor: T) -> Self {
        Arguments { positional: vec![Argument::Tensor(tensor)], keyword: Vec::new() }
    }

    /// What the layer before gives: one tensor alone, or a list of several.
    pub fn all(tensors: Vec<T>) -> Self {
        let mut tensors: Vec<Argument<T>> = tensors.into_iter().map(Argument::Tensor).collect();
        let argument = match tensors.len() {
            1 => tensors.remove(0),
            _ => Argument::List(tensors),
        };
        Arguments { positional: vec![argument], keyword: Vec::new() }
    }

    /// Adds a keyword argument.
    pub fn with(mut self, name: impl Into<String>, argument: impl Into<Argument<T>>) -> Self {
        self.keyword.push((name.into(), argument.into()));
        self
    }

    /// The same arguments with other tensors.
    pub fn map<U>(&self, mut change: impl FnMut(&T) -> U) -> Arguments<U> {
        let positional = self.positional.iter().map(|argument| argument.map(&mut change)).collect();
        let keyword = self.keyword.iter();
        let keyword = keyword.map(|(name, argument)| (name.clone(), argument.map(&mut change)));
        Arguments { positional, keyword: keyword.collect() }
    }

    /// The same arguments in which arrays have become tensors.
    ///
    /// # Errors
    /// What `make` returns.
    pub(super) fn with_arrays(
        self,
        make: &mut impl FnMut(&Value) -> Result<T>,
    ) -> Result<Arguments<T>> {
        let positional = self.positional.into_iter().map(|argument| argument.with_arrays(make));
        let positional = positional.collect::<Result<_>>()?;
        let keyword = self.keyword.into_iter();
        let keyword = keyword.map(|(name, argument)| Ok((name, argument.with_arrays(make)?)));
        Ok(Arguments { positional, keyword: keyword.collect::<Result<_>>()? })
    }

    /// The first argument, in words, that a call of a layer does not heed. An operation heeds all
    /// that it knows; what a layer of the user's own takes is not known.
    pub(super) fn unheeded(&self, layer: &dyn Layer) -> Option<String> {
        if layer.is_operation() {
            return None;
        }
        if let Some(value) = self.positional.iter().find_map(Argument::plain) {
            return Some(format!("{value} for a tensor"));
        }
        let is_known = |name: &str| {
            !layer.module().starts_with("keras.layers")
                || layer.parameters().contains(&name)
                || KEYWORDS.contains(&name)
        };
        let unknown = self.keyword.iter().find(|(name, _)| !is_known(name));
        unknown.map(|(name, _)| format!("the argument `{name}`"))
    }

    /// The same arguments with a mask that was given by position given by its name: no input of
    /// the layer, but the mask of one. After it there are only nulls, for tensors that are none.
    pub(super) fn with_named_mask(mut self, parameters: &[&str]) -> Self {
        let Some(at) = parameters.iter().position(|name| *name == MASK) else { return self };
        let mask = self.positional.drain(at.min(self.positional.len())..).next();
        match mask {
            None | Some(Argument::Value(Value::Null)) => self,
            Some(mask) => self.with(MASK, mask),
        }
    }

    /// All tensors, positional ones first.
    pub fn tensors(&self) -> Vec<&T> {
        let keyword = self.keyword.iter().map(|(_, argument)| argument);
        self.positional.iter().chain(keyword).flat_map(Argument::tensors).collect()
    }

    /// The argument of this name; `parameters` are the names of the positional ones, in order.
    pub fn get(&self, parameters: &[&str], name: &str) -> Option<&Argument<T>> {
        let positional = parameters.iter().position(|parameter| *parameter == name);
        let positional = positional.and_then(|at| self.positional.get(at));
        let named = self.keyword.iter().find(|(known, _)| known == name);
        positional.or(named.map(|(_, argument)| argument))
    }
}

/// Numbers that are always the same.
impl<T> From<&Tensor> for Argument<T> {
    fn from(tensor: &Tensor) -> Self {
        Argument::Value(operations::array(tensor))
    }
}

impl<T> From<Value> for Argument<T> {
    fn from(value: Value) -> Self {
        Argument::Value(value)
    }
}

impl<T> From<bool> for Argument<T> {
    fn from(value: bool) -> Self {
        Argument::Value(Value::Bool(value))
    }
}
