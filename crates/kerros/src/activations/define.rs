//! What every activation has besides its formula.

/// Declares an activation: a struct with its settings, a constant of the same name with
/// Keras's defaults (so that `Relu` is a value, and `Relu.max_value(6.0)` another), its
/// config, and its line for the registry.
///
/// The config is empty where all settings have their defaults: Keras then writes the bare
/// name.
macro_rules! activation {
    (
        $(#[$meta:meta])*
        $Name:ident { $($field:ident: $Type:ty = $default:expr),* $(,)? }
        name: $name:literal,
        names: $names:expr,
        summary: $summary:literal $(,)?
    ) => {
        $crate::losses::settings::settings! {
            $(#[$meta])*
            $Name { $($field: $Type = $default),* }
        }

        #[doc = concat!("[`", stringify!($Name), "`](struct@", stringify!($Name), ") with Keras's defaults.")]
        #[allow(non_upper_case_globals)]
        pub const $Name: $Name = $Name { $($field: $default),* };

        impl $crate::object::Described for $Name {
            fn class_name(&self) -> &'static str {
                $name
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = $crate::object::Config::new();
                if *self != $Name {
                    self.write(&mut config);
                }
                config
            }
        }

        pub(super) const ENTRY: $crate::object::Entry<dyn $crate::activations::Activation> =
            $crate::object::Entry {
                class_name: $name,
                names: $names,
                summary: $summary,
                from_config: |reader| Ok(std::sync::Arc::new($Name::read(reader))),
            };
    };
}
pub(crate) use activation;
