//! What every metric has besides its formula.

/// Declares a metric: a struct with `name` and its own settings, its constructor, its config,
/// and its line for the registry (`Self::ENTRY`).
///
/// `class` is given where Keras's class name is not the struct's.
macro_rules! metric {
    (
        $(#[$meta:meta])*
        $Name:ident { $($field:ident: $Type:ty = $default:expr),* $(,)? }
        $(class: $class:literal,)?
        name: $name:literal,
        names: $names:expr,
        summary: $summary:literal $(,)?
    ) => {
        $crate::losses::settings::settings! {
            $(#[$meta])*
            $Name {
                name: String = $name.into(),
                $($field: $Type = $default),*
            }
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
                        reader.ignore(&["dtype", "fn"]);
                        let metric = $Name::read(reader);
                        $crate::metrics::Metric::check(&metric)?;
                        Ok(std::sync::Arc::new(metric))
                    },
                };

            /// With Keras's defaults.
            pub fn new() -> Self {
                $Name::default()
            }

            /// Sets the name in histories.
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.name = name.into();
                self
            }
        }

        impl $crate::object::Described for $Name {
            fn class_name(&self) -> &'static str {
                Self::CLASS
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = $crate::object::Config::new();
                config.insert("name".into(), self.name.clone().into());
                config.insert("dtype".into(), "float32".into());
                self.write(&mut config);
                config
            }
        }
    };
}
pub(crate) use metric;
