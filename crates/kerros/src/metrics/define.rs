//! What every metric has besides its formula.

/// Declares a metric: a struct with `name`, `dtype` and its own settings, its constructor, its
/// config, and its line for the registry (`Self::ENTRY`).
///
/// Settings without default stand in parentheses: the constructor's arguments. `class` is given where
/// Keras's class name is not the struct's, `dtype` where a metric may count in other types than
/// `float32`, `settle` where settings that were read say something of others.
macro_rules! metric {
    (
        $(#[$meta:meta])*
        $Name:ident $(($($need:ident: $Need:ty),* $(,)?))? {
            $($field:ident: $Type:ty = $default:expr),* $(,)?
        }
        $(class: $class:literal,)?
        $(dtype: $Dtype:ty,)?
        $(settle: $settle:expr,)?
        name: $name:literal,
        names: $names:expr,
        summary: $summary:literal $(,)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name {
            name: String,
            dtype: $crate::metrics::define::first!($($Dtype,)? $crate::losses::settings::FloatType),
            $($($need: $Need,)*)?
            $($field: $Type,)*
        }

        impl $Name {
            const CLASS: &'static str = {
                let class = [$($class,)? stringify!($Name)];
                class[0]
            };

            pub(super) const ENTRY: $crate::object::Entry<dyn $crate::metrics::Metric> =
                $crate::object::Entry {
                    class_name: Self::CLASS,
                    names: $names,
                    summary: $summary,
                    from_config: |reader| {
                        let metric = $Name::read(reader);
                        $(let metric = ($settle)(metric);)?
                        $crate::metrics::Metric::check(&metric)?;
                        Ok(std::sync::Arc::new(metric))
                    },
                };

            /// With Keras's defaults.
            pub fn new($($($need: $Need),*)?) -> Self {
                $Name {
                    name: $name.into(),
                    dtype: Default::default(),
                    $($($need,)*)?
                    $($field: $default,)*
                }
            }

            /// Sets the name in histories.
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.name = name.into();
                self
            }

            fn read(reader: &mut $crate::object::ConfigReader<'_>) -> Self {
                use $crate::losses::settings::read_setting;
                // Keras notes the function that some metrics wrap.
                reader.ignore(&["fn"]);
                $Name {
                    name: read_setting(reader, "name", $name.into()),
                    dtype: read_setting(reader, "dtype", Default::default()),
                    $($($need: $crate::losses::settings::read_required(
                        reader,
                        stringify!($need),
                    ),)*)?
                    $($field: read_setting(reader, stringify!($field), $default),)*
                }
            }
        }

        $crate::metrics::define::default_without! { $Name $($($need)*)? }

        impl $crate::object::Described for $Name {
            fn class_name(&self) -> &'static str {
                Self::CLASS
            }

            fn config(&self) -> $crate::object::Config {
                use $crate::losses::settings::Setting;
                let mut config = $crate::object::Config::new();
                config.insert("name".into(), self.name.write());
                config.insert("dtype".into(), self.dtype.write());
                $($(config.insert(stringify!($need).into(), self.$need.write());)*)?
                $(if !self.$field.is_left_out() {
                    config.insert(stringify!($field).into(), self.$field.write());
                })*
                config
            }
        }
    };
}
pub(crate) use metric;

/// `Default` for a metric that requires nothing.
macro_rules! default_without {
    ($Name:ident) => {
        impl Default for $Name {
            fn default() -> Self {
                $Name::new()
            }
        }
    };
    ($Name:ident $($need:ident)+) => {};
}
pub(crate) use default_without;

/// The first of one or two types.
macro_rules! first {
    ($First:ty) => {
        $First
    };
    ($First:ty, $Second:ty) => {
        $First
    };
}
pub(crate) use first;
