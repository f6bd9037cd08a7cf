//! Arguments of optimizers, schedules and initializers: how each type is read from a config
//! and written to one, and the macros that make a class out of a list of arguments.
//!
//! Numbers are `f64`, as in Python: `1 - 0.999` in `f32` is off by one part in 80 000, and a
//! config must give `0.999` back.

use serde_json::{Value, json};

use crate::object::ConfigReader;

/// A type that an argument can have.
pub(crate) trait Setting: Clone {
    /// What to say when a config holds something else.
    const EXPECTED: &'static str;
    /// The argument, if the JSON value is one.
    fn from_json(value: &Value) -> Option<Self>;
    /// The argument as Keras writes it.
    fn to_json(&self) -> Value;

    /// The argument that null stands for; `None` where null counts as left out.
    fn of_null() -> Option<Self> {
        None
    }

    /// Reads an argument that may be left out.
    fn read(reader: &mut ConfigReader<'_>, name: &str, default: Self) -> Self {
        let value = match reader.given(name) {
            None => return default,
            Some(Value::Null) => return Self::of_null().unwrap_or(default),
            Some(value) => value,
        };
        Self::from_json(value).unwrap_or_else(|| {
            reader.refuse(format!("`{name}` is {value}, expected {}", Self::EXPECTED));
            default
        })
    }

    /// Reads an argument that must be given.
    fn read_required(reader: &mut ConfigReader<'_>, name: &str) -> Self
    where
        Self: Default,
    {
        match Option::<Self>::read(reader, name, None) {
            Some(given) => given,
            None => {
                reader.refuse(format!("`{name}` is missing, expected {}", Self::EXPECTED));
                Self::default()
            }
        }
    }
}

macro_rules! setting {
    ($type:ty, $expected:literal, $from:expr) => {
        impl Setting for $type {
            const EXPECTED: &'static str = $expected;
            fn from_json(value: &Value) -> Option<Self> {
                let from: fn(&Value) -> Option<Self> = $from;
                from(value)
            }
            fn to_json(&self) -> Value {
                json!(self)
            }
        }
    };
}

setting!(f64, "a number", Value::as_f64);
setting!(bool, "true or false", Value::as_bool);
setting!(String, "a text", |value| value.as_str().map(str::to_owned));
setting!(i64, "a whole number", Value::as_i64);
// Python writes `1e5` steps as 100000.0.
setting!(usize, "a whole number from 0 on", |value| {
    let whole = |number: &f64| number.fract() == 0.0 && (0.0..9e15).contains(number);
    let from_float = || value.as_f64().filter(whole).map(|number| number as usize);
    value.as_u64().map(|number| number as usize).or_else(from_float)
});
// A seed is a number, or a Keras `SeedGenerator` around one.
setting!(u64, "a whole number from 0 on", |value| {
    value.as_u64().or_else(|| value.get("config")?.get("seed")?.as_u64())
});

impl<T: Setting> Setting for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    fn from_json(value: &Value) -> Option<Self> {
        T::from_json(value).map(Some)
    }
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, Setting::to_json)
    }
    fn of_null() -> Option<Self> {
        Some(None)
    }
}

impl<T: Setting> Setting for Vec<T> {
    const EXPECTED: &'static str = "a list";
    fn from_json(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::from_json).collect()
    }
    fn to_json(&self) -> Value {
        self.iter().map(Setting::to_json).collect()
    }
}

/// The type under which a builder method takes an argument: options also without `Some`.
macro_rules! argument {
    (Option<$of:ty>) => { impl Into<Option<$of>> };
    (String) => { impl Into<String> };
    ($type:tt $(<$of:ty>)?) => { $type $(<$of>)? };
}
pub(crate) use argument;

/// Builder methods, one per optional argument.
macro_rules! builder_methods {
    ($($(#[$doc:meta])* $field:ident: $type:tt $(<$of:ty>)?,)*) => {$(
        $(#[$doc])*
        #[allow(clippy::useless_conversion)]
        pub fn $field(
            mut self,
            $field: $crate::optimizers::setting::argument!($type $(<$of>)?),
        ) -> Self {
            self.$field = $field.into();
            self
        }
    )*};
}
pub(crate) use builder_methods;

/// Makes a class with a registry entry out of its arguments: the struct, `new` with what is
/// required, one builder method per option, the config in this order, and reading it; `default`
/// too when nothing is required.
///
/// The class implements the trait, whose `check` says what types cannot express.
macro_rules! described {
    (
        $(#[$class_doc:meta])*
        $Class:ident: $Trait:ident, $summary:literal, names: $names:expr,
        optional $optional:tt
    ) => {
        $crate::optimizers::setting::described! {
            $(#[$class_doc])*
            $Class: $Trait, $summary, names: $names,
            required {}
            optional $optional
        }

        impl Default for $Class {
            fn default() -> Self {
                $Class::new()
            }
        }
    };
    (
        $(#[$class_doc:meta])*
        $Class:ident: $Trait:ident, $summary:literal, names: $names:expr,
        required { $($(#[$need_doc:meta])* $need:ident: $need_type:ty,)* }
        optional { $($(#[$doc:meta])* $field:ident: $type:tt $(<$of:ty>)? = $default:expr,)* }
    ) => {
        $(#[$class_doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Class {
            $($need: $need_type,)*
            $($field: $type $(<$of>)?,)*
        }

        impl $Class {
            /// With Keras's defaults for all options.
            pub fn new($($need: $need_type),*) -> Self {
                $Class { $($need,)* $($field: $default,)* }
            }

            $crate::optimizers::setting::builder_methods! {
                $($(#[$doc])* $field: $type $(<$of>)?,)*
            }

            #[allow(unused_variables)]
            fn from_config(
                reader: &mut $crate::object::ConfigReader<'_>,
            ) -> kerros_core::Result<std::sync::Arc<dyn $Trait>> {
                #[allow(unused_imports)]
                use $crate::optimizers::setting::Setting;
                let read = $Class {
                    $($need: <$need_type>::read_required(reader, stringify!($need)),)*
                    $($field: <$type $(<$of>)?>::read(reader, stringify!($field), $default),)*
                };
                read.check()?;
                Ok(std::sync::Arc::new(read))
            }

            pub(super) const ENTRY: $crate::object::Entry<dyn $Trait> = $crate::object::Entry {
                class_name: stringify!($Class),
                names: $names,
                summary: $summary,
                from_config: $Class::from_config,
            };
        }

        impl $crate::object::Described for $Class {
            fn class_name(&self) -> &'static str {
                stringify!($Class)
            }

            fn config(&self) -> $crate::object::Config {
                #[allow(unused_imports)]
                use $crate::optimizers::setting::Setting;
                #[allow(unused_mut)]
                let mut config = $crate::object::Config::new();
                $(config.insert(stringify!($need).into(), self.$need.to_json());)*
                $(config.insert(stringify!($field).into(), self.$field.to_json());)*
                config
            }
        }
    };
}
pub(crate) use described;

/// Makes an optimizer's class out of its name, default learning rate and arguments: the
/// struct with its [`Options`](super::Options), `new`, `default`, one builder method per
/// option, the config in Keras's order, and reading it.
macro_rules! optimizer {
    (
        $(#[$class_doc:meta])*
        $Class:ident, $summary:literal, name: $name:literal,
        learning_rate: $rate:literal $(, weight_decay: $decay:literal)?,
        arguments { $($(#[$doc:meta])* $field:ident: $type:tt $(<$of:ty>)? = $default:expr,)* }
    ) => {
        $(#[$class_doc])*
        #[derive(Clone, Debug)]
        pub struct $Class {
            options: $crate::optimizers::Options,
            $($field: $type $(<$of>)?,)*
        }

        impl $Class {
            /// With this learning rate, a number or a schedule, and Keras's defaults else.
            pub fn new(learning_rate: impl Into<$crate::schedules::LearningRate>) -> Self {
                #[allow(unused_mut)]
                let mut options = $crate::optimizers::Options::new($name, learning_rate);
                $(options.weight_decay = Some($decay);)?
                $Class { options, $($field: $default,)* }
            }

            $crate::optimizers::setting::builder_methods! {
                $($(#[$doc])* $field: $type $(<$of>)?,)*
            }

            $crate::optimizers::options::option_methods!();

            fn from_config(
                reader: &mut $crate::object::ConfigReader<'_>,
            ) -> kerros_core::Result<std::sync::Arc<dyn $crate::optimizers::Optimizer>> {
                #[allow(unused_imports)]
                use $crate::optimizers::{Optimizer, setting::Setting};
                let start = $Class::default();
                let read = $Class {
                    options: start.options.read(reader)?,
                    $($field: <$type $(<$of>)?>::read(reader, stringify!($field), $default),)*
                };
                read.options.check()?;
                read.check()?;
                Ok(std::sync::Arc::new(read))
            }

            pub(super) const ENTRY: $crate::object::Entry<dyn $crate::optimizers::Optimizer> =
                $crate::object::Entry {
                    class_name: stringify!($Class),
                    names: &[],
                    summary: $summary,
                    from_config: $Class::from_config,
                };
        }

        impl Default for $Class {
            fn default() -> Self {
                $Class::new($rate)
            }
        }

        impl $crate::object::Described for $Class {
            fn class_name(&self) -> &'static str {
                stringify!($Class)
            }

            fn config(&self) -> $crate::object::Config {
                #[allow(unused_imports)]
                use $crate::optimizers::setting::Setting;
                #[allow(unused_mut)]
                let mut config = self.options.config();
                $(config.insert(stringify!($field).into(), self.$field.to_json());)*
                config
            }
        }
    };
}
pub(crate) use optimizer;
