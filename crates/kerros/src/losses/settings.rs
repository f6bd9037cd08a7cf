//! Settings of losses, metrics, activations and regularizers: one list gives the fields, the
//! defaults, the config and how it is read.

use serde_json::{Value, json};

use super::Reduction;
use crate::object::ConfigReader;

/// A type that a setting can have.
pub(crate) trait Setting: Sized {
    /// What is expected, for messages.
    const WHAT: &'static str;
    /// The value as Keras's JSON.
    fn write(&self) -> Value;
    /// The value of that JSON.
    fn read(value: &Value) -> Option<Self>;
    /// The value of JSON null; `None` where null stands for the default.
    fn of_null() -> Option<Self> {
        None
    }
    /// Whether configs say nothing of it, because Keras's do not.
    fn is_left_out(&self) -> bool {
        false
    }
}

impl Setting for f64 {
    const WHAT: &'static str = "a number";
    fn write(&self) -> Value {
        json!(self)
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl Setting for bool {
    const WHAT: &'static str = "true or false";
    fn write(&self) -> Value {
        json!(self)
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Setting for usize {
    const WHAT: &'static str = "a whole number from 0 on";
    fn write(&self) -> Value {
        json!(self)
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_u64().and_then(|number| number.try_into().ok())
    }
}

impl Setting for isize {
    const WHAT: &'static str = "a whole number";
    fn write(&self) -> Value {
        json!(self)
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_i64().and_then(|number| number.try_into().ok())
    }
}

impl Setting for i32 {
    const WHAT: &'static str = "a whole number of 32 bits";
    fn write(&self) -> Value {
        json!(self)
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_i64().and_then(|number| number.try_into().ok())
    }
}

impl Setting for String {
    const WHAT: &'static str = "a text";
    fn write(&self) -> Value {
        json!(self)
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

/// Null is `None`, also where the default is another; so is absence where that is the default.
impl<T: Setting> Setting for Option<T> {
    const WHAT: &'static str = T::WHAT;
    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }
    fn read(value: &Value) -> Option<Self> {
        T::read(value).map(Some)
    }
    fn of_null() -> Option<Self> {
        Some(None)
    }
}

impl Setting for Vec<usize> {
    const WHAT: &'static str = "a list of whole numbers from 0 on";
    fn write(&self) -> Value {
        json!(self)
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(usize::read).collect()
    }
}

/// One number, or a list: Keras takes either where it takes several axes.
impl Setting for Vec<isize> {
    const WHAT: &'static str = "a whole number, or a list of them";
    fn write(&self) -> Value {
        match self.as_slice() {
            [axis] => json!(axis),
            axes => json!(axes),
        }
    }
    fn read(value: &Value) -> Option<Self> {
        match value.as_array() {
            Some(axes) => axes.iter().map(isize::read).collect(),
            None => isize::read(value).map(|axis| vec![axis]),
        }
    }
}

/// One number, or a list: Keras takes either where it takes several thresholds, and writes what
/// was an array as an object around the list.
impl Setting for Vec<f64> {
    const WHAT: &'static str = "a number, or a list of them";
    fn write(&self) -> Value {
        match self.as_slice() {
            [number] => json!(number),
            numbers => json!(numbers),
        }
    }
    fn read(value: &Value) -> Option<Self> {
        let value = value.get("config").and_then(|config| config.get("value")).unwrap_or(value);
        match value.as_array() {
            Some(numbers) => numbers.iter().map(f64::read).collect(),
            None => f64::read(value).map(|number| vec![number]),
        }
    }
}

/// The class axis of sparse targets, which is always the last: as in Keras on JAX.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LastAxis;

impl Setting for LastAxis {
    const WHAT: &'static str = "-1, as labels go with classes along the last axis";
    fn write(&self) -> Value {
        json!(-1)
    }
    fn read(value: &Value) -> Option<Self> {
        (value.as_i64() == Some(-1)).then_some(LastAxis)
    }
}

/// The element type of losses and metrics, by its name or as a policy. Keras on JAX computes
/// `float64` in `float32`, too, unless it is told otherwise beyond its own settings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum FloatType {
    #[default]
    Float32,
    Float64,
}

impl Setting for FloatType {
    const WHAT: &'static str = "float32 or float64";
    fn write(&self) -> Value {
        match self {
            FloatType::Float32 => json!("float32"),
            FloatType::Float64 => json!("float64"),
        }
    }
    fn read(value: &Value) -> Option<Self> {
        match dtype_name(value)? {
            "float32" => Some(FloatType::Float32),
            "float64" => Some(FloatType::Float64),
            _ => None,
        }
    }
}

/// The name of an element type, given as such or as a serialized policy.
pub(crate) fn dtype_name(value: &Value) -> Option<&str> {
    value.get("config").and_then(|config| config.get("name")).unwrap_or(value).as_str()
}

/// An enumeration whose variants are words of Keras.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident { $($(#[$doc:meta])* $Variant:ident = $word:literal,)* }
        what: $what:literal
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Name { $($(#[$doc])* $Variant,)* }

        impl $crate::losses::settings::Setting for $Name {
            const WHAT: &'static str = $what;
            fn write(&self) -> serde_json::Value {
                match self { $($Name::$Variant => $word.into(),)* }
            }
            fn read(value: &serde_json::Value) -> Option<Self> {
                let word = value.as_str()?;
                $(if word.eq_ignore_ascii_case($word) { return Some($Name::$Variant); })*
                None
            }
        }
    };
}
pub(crate) use words;

impl Setting for Reduction {
    const WHAT: &'static str = "sum_over_batch_size, sum, mean, mean_with_sample_weight or none";
    fn write(&self) -> Value {
        json!(self.name())
    }
    fn read(value: &Value) -> Option<Self> {
        Reduction::ALL.into_iter().find(|reduction| Some(reduction.name()) == value.as_str())
    }
    fn of_null() -> Option<Self> {
        Some(Reduction::None)
    }
}

/// Reads one setting: its default when absent, a note for the final error when unreadable.
pub(crate) fn read_setting<T: Setting>(reader: &mut ConfigReader<'_>, name: &str, default: T) -> T {
    let value = match reader.given(name) {
        None => return default,
        Some(Value::Null) => return T::of_null().unwrap_or(default),
        Some(value) => value,
    };
    T::read(value).unwrap_or_else(|| {
        reader.refuse(format!("`{name}` is {value}, expected {}", T::WHAT));
        default
    })
}

/// Reads a setting without a default: a note for the final error when it is absent.
pub(crate) fn read_required<T: Setting + Default>(reader: &mut ConfigReader<'_>, name: &str) -> T {
    if reader.value(name).is_none() {
        reader.refuse(format!("`{name}` is missing, expected {}", T::WHAT));
        return T::default();
    }
    read_setting(reader, name, T::default())
}

/// Declares a struct whose fields are settings with defaults.
///
/// Gives `Default`, `read` (from a config; what is absent takes its default) and `write`
/// (into a config, in the order of the fields).
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $Name:ident { $($field:ident: $Type:ty = $default:expr),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name {
            $($field: $Type),*
        }

        impl Default for $Name {
            fn default() -> Self {
                $Name { $($field: $default),* }
            }
        }

        impl $Name {
            fn read(_reader: &mut $crate::object::ConfigReader<'_>) -> Self {
                $Name {
                    $($field: $crate::losses::settings::read_setting(
                        _reader,
                        stringify!($field),
                        $default,
                    )),*
                }
            }

            fn write(&self, _config: &mut $crate::object::Config) {
                $(_config.insert(
                    stringify!($field).into(),
                    $crate::losses::settings::Setting::write(&self.$field),
                );)*
            }
        }
    };
}
pub(crate) use settings;
