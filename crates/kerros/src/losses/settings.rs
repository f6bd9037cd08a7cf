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

/// `null` is `None`; so is absence where that is the default.
impl<T: Setting> Setting for Option<T> {
    const WHAT: &'static str = T::WHAT;
    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }
    fn read(value: &Value) -> Option<Self> {
        T::read(value).map(Some)
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

impl Setting for Reduction {
    const WHAT: &'static str = "sum_over_batch_size, sum, mean, mean_with_sample_weight or none";
    fn write(&self) -> Value {
        json!(self.name())
    }
    fn read(value: &Value) -> Option<Self> {
        Reduction::ALL.into_iter().find(|reduction| Some(reduction.name()) == value.as_str())
    }
}

/// Reads one setting: its default when absent, a note for the final error when unreadable.
pub(crate) fn read_setting<T: Setting>(reader: &mut ConfigReader<'_>, name: &str, default: T) -> T {
    let Some(value) = reader.value(name) else { return default };
    T::read(value).unwrap_or_else(|| {
        reader.refuse(format!("`{name}` is {value}, expected {}", T::WHAT));
        default
    })
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
