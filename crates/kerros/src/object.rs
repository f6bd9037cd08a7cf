//! Objects that have a Keras class name and a config: how they are named, listed, written
//! to files and read back.

use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use kerros_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

/// The arguments of an object, as Keras's `get_config` gives them.
pub type Config = Map<String, Value>;

/// Numbers that Python writes into JSON and JSON has no words for: texts where configs are read.
pub(crate) const NOT_FINITE: [(&str, f64); 3] =
    [("-Infinity", f64::NEG_INFINITY), ("Infinity", f64::INFINITY), ("NaN", f64::NAN)];

/// The number that a value of a config is, infinities and NaN included.
pub(crate) fn number(value: &Value) -> Option<f64> {
    let known = |word: &str| NOT_FINITE.iter().find(|(known, _)| *known == word);
    let not_finite = || Some(known(value.as_str()?)?.1);
    value.as_f64().or_else(not_finite)
}

/// Whether a value of a config is true: as in Python, a number is when it is not 0.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_f64().map(|number| number != 0.0))
}

/// No axis is longer, for indices are `i32`, and no size of a layer is larger: sums and products of
/// two do not overflow.
pub(crate) const MAX_LENGTH: usize = i32::MAX as usize;

/// The length that a value of a config is.
pub(crate) fn length(value: &Value) -> Option<usize> {
    value.as_u64().map(|number| number as usize).filter(|&number| number <= MAX_LENGTH)
}

/// The whole number, no larger than a length, that a value of a config is.
pub(crate) fn whole(value: &Value) -> Option<isize> {
    let number = value.as_i64().filter(|number| number.unsigned_abs() <= MAX_LENGTH as u64);
    number.map(|number| number as isize)
}

/// A number as a value of a config.
pub(crate) fn number_value(number: f64) -> Value {
    let is_it = |known: f64| known == number || known.is_nan() && number.is_nan();
    match NOT_FINITE.iter().find(|(_, known)| is_it(*known)) {
        Some((word, _)) => json!(word),
        None => json!(number),
    }
}

/// Something with a Keras class name and a config.
pub trait Described: Debug + Send + Sync {
    /// The class name, such as `"Adam"`.
    fn class_name(&self) -> &'static str;
    /// The arguments, spelled and ordered as Keras's `get_config`.
    fn config(&self) -> Config;
}

/// One line of a registry.
pub struct Entry<T: ?Sized + 'static> {
    /// The class name, such as `"MeanSquaredError"`.
    pub class_name: &'static str,
    /// Other names it goes by where Keras takes a string, such as `"mse"`.
    pub names: &'static [&'static str],
    /// One line for help and docs.
    pub summary: &'static str,
    /// Builds it from its arguments; arguments that are absent take Keras's defaults.
    pub from_config: fn(&mut ConfigReader<'_>) -> Result<Arc<T>>,
}

impl<T: ?Sized> Entry<T> {
    /// Whether this is its class name or another of its names, in any letter case.
    fn is_called(&self, name: &str) -> bool {
        let mut names = std::iter::once(&self.class_name).chain(self.names);
        names.any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// The name under which Keras registers a user's class that is in no package.
pub(crate) fn registered_name(class: &str) -> String {
    format!("Custom>{class}")
}

/// The list of all objects of one family.
pub struct Registry<T: ?Sized + 'static> {
    /// What one is called, such as `"loss"`.
    pub noun: &'static str,
    /// The Keras module, such as `"keras.losses"`.
    pub module: &'static str,
    /// The objects, in the order in which they are listed to people.
    pub entries: &'static [Entry<T>],
    /// Those of the user.
    registered: RwLock<Vec<&'static Entry<T>>>,
}

/// A family of objects that has a registry: `dyn Loss`, `dyn Optimizer` ...
pub trait Family: Described + 'static {
    /// The registry of the family.
    fn registry() -> &'static Registry<Self>;
}

impl<T: ?Sized> Registry<T> {
    pub(crate) const fn new(
        noun: &'static str,
        module: &'static str,
        entries: &'static [Entry<T>],
    ) -> Self {
        Registry { noun, module, entries, registered: RwLock::new(Vec::new()) }
    }

    /// Adds a class of your own, for the life of the program: files that name it can then be
    /// loaded, and its name can be written where Keras takes a string. Keras's
    /// `register_keras_serializable`.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for a name that is taken.
    ///
    /// # Example
    /// ```
    /// use std::sync::{Arc, PoisonError, RwLock};
    /// use kerros::layers::{Call, Layer, Options, REGISTRY};
    /// use kerros::object::{Config, Described, Entry};
    /// use kerros::prelude::*;
    ///
    /// #[derive(Clone, Debug)]
    /// struct Twice(Options);
    ///
    /// impl Described for Twice {
    ///     fn class_name(&self) -> &'static str {
    ///         "Twice"
    ///     }
    ///
    ///     fn config(&self) -> Config {
    ///         self.0.config()
    ///     }
    /// }
    ///
    /// impl Layer for Twice {
    ///     fn options(&self) -> &Options {
    ///         &self.0
    ///     }
    ///
    ///     fn call<'g>(&self, inputs: &[Node<'g>], _: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
    ///         Ok(vec![inputs[0] * 2.0])
    ///     }
    /// }
    ///
    /// REGISTRY.register(Entry {
    ///     class_name: "Twice",
    ///     names: &[],
    ///     summary: "twice its input",
    ///     from_config: |reader| Ok(Arc::new(Twice(Options::read(reader)?))),
    /// })?;
    /// let mut model = Sequential::new().input([3]).add(Twice(Options::here())).add(Dense::new(2));
    /// let again = Model::from_json(&model.to_json()?)?;
    /// assert_eq!(again.layer("twice")?.layer.class_name(), "Twice");
    /// # Ok::<(), kerros::Error>(())
    /// ```
    pub fn register(&self, entry: Entry<T>) -> Result<()> {
        let mut registered = self.registered.write().unwrap_or_else(PoisonError::into_inner);
        let names = || std::iter::once(entry.class_name).chain(entry.names.iter().copied());
        let is_taken = |name: &&str| {
            let mut known = self.entries.iter().chain(registered.iter().copied());
            known.any(|known| known.is_called(name))
        };
        if let Some(name) = names().find(is_taken) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("a {} `{name}` is registered already", self.noun),
            )
            .expected("a name that neither Keras nor this program has given"));
        }
        registered.push(Box::leak(Box::new(entry)));
        Ok(())
    }

    /// The entry of a user's own class.
    pub(crate) fn registered(&self, name: &str) -> Option<&'static Entry<T>> {
        let registered = self.registered.read().unwrap_or_else(PoisonError::into_inner);
        registered.iter().copied().find(|entry| entry.is_called(name))
    }

    /// The entry with this class name or other name, in any letter case.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`] with the nearest names.
    pub fn find(&self, name: &str) -> Result<&'static Entry<T>> {
        let found = self.entries.iter().find(|entry| entry.is_called(name));
        found.or_else(|| self.registered(name)).ok_or_else(|| {
            let mut known: Vec<&str> = self
                .entries
                .iter()
                .flat_map(|entry| {
                    std::iter::once(entry.class_name).chain(entry.names.iter().copied())
                })
                .collect();
            known.sort_by_key(|known| edit_distance(&known.to_lowercase(), &name.to_lowercase()));
            let error =
                Error::new(ErrorKind::UnknownName, format!("unknown {} `{name}`", self.noun));
            match known.is_empty() {
                true => error,
                false => error.expected(format!(
                    "one of {} names, the nearest being {}",
                    known.len(),
                    known[..known.len().min(3)].join(", ")
                )),
            }
        })
    }

    /// The object with this name and Keras's default arguments.
    ///
    /// # Errors
    /// An unknown name, or a required argument that a name alone cannot give.
    pub fn named(&self, name: &str) -> Result<Arc<T>> {
        self.build(self.find(name)?, &Config::new())
    }

    /// Reads an object as Keras serializes it: `{"class_name": .., "config": {..}}` or a
    /// bare name.
    ///
    /// # Errors
    /// An unknown class, an unsupported or wrong argument; all arguments at once.
    pub fn deserialize(&self, value: &Value) -> Result<Arc<T>> {
        if let Some(name) = value.as_str() {
            return self.named(name);
        }
        let class = value.get("class_name").and_then(Value::as_str);
        let class = class.ok_or_else(|| {
            Error::new(ErrorKind::Format, format!("`{value}` is not a {}", self.noun))
                .expected("a name, or an object with `class_name` and `config`")
        })?;
        let empty = Config::new();
        let config = match value.get("config") {
            // Keras writes a plain function as {"class_name": "function", "config": "relu"}.
            Some(Value::String(name)) => return self.named(name),
            Some(Value::Object(config)) => config,
            _ => &empty,
        };
        self.build(self.find(class)?, config)
    }

    fn build(&self, entry: &Entry<T>, config: &Config) -> Result<Arc<T>> {
        let mut reader = ConfigReader::new(config);
        let built = (entry.from_config)(&mut reader);
        let place = |error: Error| error.context(format!("{} {}", self.noun, entry.class_name));
        match built {
            // What was not read because of this error is not unknown.
            Err(error) if reader.wrong.is_empty() => Err(place(error)),
            built => {
                reader.finish().map_err(place)?;
                built.map_err(place)
            }
        }
    }
}

impl<T: Described + ?Sized> Registry<T> {
    /// Writes an object as Keras 3 does.
    pub fn serialize(&self, object: &T) -> Value {
        let class = object.class_name();
        let own = self.registered(class).map(|_| registered_name(class));
        json!({
            "module": if own.is_some() { None } else { Some(self.module) },
            "class_name": class,
            "config": object.config(),
            "registered_name": own,
        })
    }
}

/// An object, or its name where Keras takes a string. Names are looked up when the model is
/// built, so that `"relu"` can be written where a value is expected.
#[derive(Debug)]
pub enum Choice<T: ?Sized> {
    /// The object.
    Object(Arc<T>),
    /// Its name.
    Name(String),
}

impl<T: ?Sized> Clone for Choice<T> {
    fn clone(&self) -> Self {
        match self {
            Choice::Object(object) => Choice::Object(object.clone()),
            Choice::Name(name) => Choice::Name(name.clone()),
        }
    }
}

impl<T: Family + ?Sized> Choice<T> {
    /// The object.
    ///
    /// # Errors
    /// An unknown name.
    pub fn resolve(&self) -> Result<Arc<T>> {
        match self {
            Choice::Object(object) => Ok(object.clone()),
            Choice::Name(name) => T::registry().named(name),
        }
    }

    /// The serialized object; a name that is not known is written as it is.
    pub fn serialize(&self) -> Value {
        match self.resolve() {
            Ok(object) => T::registry().serialize(&object),
            Err(_) => match self {
                Choice::Name(name) => json!(name),
                Choice::Object(_) => Value::Null,
            },
        }
    }
}

impl<T: ?Sized> From<&str> for Choice<T> {
    fn from(name: &str) -> Self {
        Choice::Name(name.into())
    }
}

impl<T: ?Sized> From<Arc<T>> for Choice<T> {
    fn from(object: Arc<T>) -> Self {
        Choice::Object(object)
    }
}

/// Makes every object of a family convertible to a [`Choice`], and gives the family its
/// registry.
macro_rules! family {
    ($Trait:ident, $registry:expr) => {
        impl $crate::object::Family for dyn $Trait {
            fn registry() -> &'static $crate::object::Registry<Self> {
                &$registry
            }
        }
        impl<T: $Trait + 'static> From<T> for $crate::object::Choice<dyn $Trait> {
            fn from(object: T) -> Self {
                $crate::object::Choice::Object(std::sync::Arc::new(object))
            }
        }
    };
}
pub(crate) use family;

/// Reads the arguments of an object one by one; what nobody asked for is an error.
pub struct ConfigReader<'a> {
    config: &'a Config,
    used: Vec<&'a str>,
    wrong: Vec<String>,
}

impl<'a> ConfigReader<'a> {
    /// A reader of these arguments.
    pub fn new(config: &'a Config) -> Self {
        ConfigReader { config, used: Vec::new(), wrong: Vec::new() }
    }

    /// The raw value of an argument; JSON null counts as absent.
    pub fn value(&mut self, name: &str) -> Option<&'a Value> {
        self.given(name).filter(|value| !value.is_null())
    }

    /// The raw value of an argument, null where that is given: Python's `None` where it differs
    /// from the default.
    pub fn given(&mut self, name: &str) -> Option<&'a Value> {
        let (key, value) = self.config.get_key_value(name)?;
        self.used.push(key);
        Some(value)
    }

    /// Whether an argument is given as null, which [`ConfigReader::value`] counts as absent.
    pub fn is_null(&mut self, name: &str) -> bool {
        self.value(name);
        self.config.get(name).is_some_and(Value::is_null)
    }

    /// All arguments, each of them as read: for objects that read them by other means.
    pub fn all(&mut self) -> &'a Config {
        self.used.extend(self.config.keys().map(String::as_str));
        self.config
    }

    fn typed<T>(
        &mut self,
        name: &str,
        what: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name)?;
        let typed = read(value);
        if typed.is_none() {
            self.wrong.push(format!("`{name}` is {value}, expected {what}"));
        }
        typed
    }

    /// A number, if given.
    pub fn maybe_f32(&mut self, name: &str) -> Option<f32> {
        self.typed(name, "a number", |value| number(value).map(|number| number as f32))
    }

    /// A number, or its default.
    pub fn f32(&mut self, name: &str, default: f32) -> f32 {
        self.maybe_f32(name).unwrap_or(default)
    }

    /// A number in double precision, if given.
    pub fn maybe_f64(&mut self, name: &str) -> Option<f64> {
        self.typed(name, "a number", Value::as_f64)
    }

    /// A number that must be given; 0 when it is not, which [`ConfigReader::finish`] reports.
    pub fn required_f64(&mut self, name: &str) -> f64 {
        self.require(name);
        self.maybe_f64(name).unwrap_or(0.0)
    }

    /// A whole number from 0 on, if given.
    pub fn maybe_usize(&mut self, name: &str) -> Option<usize> {
        self.typed(name, &format!("a whole number from 0 to {MAX_LENGTH}"), length)
    }

    /// A whole number, if given.
    pub fn maybe_i64(&mut self, name: &str) -> Option<i64> {
        self.typed(name, "a whole number", Value::as_i64)
    }

    /// A seed, if given.
    pub fn maybe_seed(&mut self, name: &str) -> Option<u64> {
        let negative = |value: &Value| value.as_i64().map(|seed| seed as u64);
        self.typed(name, "a whole number", |value| value.as_u64().or_else(|| negative(value)))
    }

    /// True or false, or the default; a number is true when it is not 0, as in Python.
    pub fn bool(&mut self, name: &str, default: bool) -> bool {
        self.typed(name, "true or false", truth).unwrap_or(default)
    }

    /// A text, if given.
    pub fn maybe_string(&mut self, name: &str) -> Option<String> {
        self.typed(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// A text that must be given; empty when it is not, which [`ConfigReader::finish`] reports.
    pub fn required_string(&mut self, name: &str) -> String {
        self.require(name);
        self.maybe_string(name).unwrap_or_default()
    }

    fn require(&mut self, name: &str) {
        if self.config.get(name).is_none_or(Value::is_null) {
            self.wrong.push(format!("`{name}` is missing"));
        }
    }

    /// An object of a family, if given.
    ///
    /// # Errors
    /// An unknown class or a wrong argument of that object.
    pub fn object<T: Family + ?Sized>(&mut self, name: &str) -> Result<Option<Arc<T>>> {
        let value = self.value(name);
        value.map(|value| T::registry().deserialize(value)).transpose()
    }

    /// Notes a problem with an argument, to be reported with all others.
    pub fn refuse(&mut self, problem: impl Into<String>) {
        self.wrong.push(problem.into());
    }

    /// Accepts an argument whatever it is: one that changes nothing here.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.value(name);
        }
    }

    /// The arguments that nobody has asked for, for somebody who knows more of them.
    pub fn rest(&mut self) -> Config {
        let unread = |key: &&String| !self.used.contains(&key.as_str());
        let keys: Vec<&'a String> = self.config.keys().filter(unread).collect();
        self.used.extend(keys.iter().map(|key| key.as_str()));
        keys.iter().map(|&key| (key.clone(), self.config[key].clone())).collect()
    }

    /// Checks that every argument was understood.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] naming every argument that was not.
    pub fn finish(self) -> Result<()> {
        let unknown = self.config.keys().filter(|key| !self.used.contains(&key.as_str()));
        let mut wrong = self.wrong;
        wrong.extend(unknown.map(|key| format!("unknown argument `{key}`")));
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Unsupported, wrong.join("; "))),
        }
    }
}

/// Levenshtein's distance between two words.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_and_wrong_arguments_are_reported_together() {
        let config: Config = serde_json::from_str(r#"{"rate": "fast", "mystery": 1}"#).unwrap();
        let mut reader = ConfigReader::new(&config);
        assert_eq!(reader.f32("rate", 0.5), 0.5);
        let text = reader.finish().unwrap_err().to_string();
        assert!(text.contains("`rate` is \"fast\", expected a number"), "{text}");
        assert!(text.contains("unknown argument `mystery`"), "{text}");
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(edit_distance("adam", "adma"), 2);
        assert_eq!(edit_distance("", "abc"), 3);
    }
}
