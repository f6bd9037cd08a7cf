//! What every loss has besides its formula.

/// Declares a loss: a struct with `name`, `reduction` and its own settings, its constructor
/// and builder methods, its config, and its line for the registry.
macro_rules! loss {
    (
        $(#[$meta:meta])*
        $Name:ident { $($field:ident: $Type:ty = $default:expr),* $(,)? }
        name: $name:literal,
        names: $names:expr,
        summary: $summary:literal $(,)?
    ) => {
        $crate::losses::settings::settings! {
            $(#[$meta])*
            $Name {
                name: String = $name.into(),
                reduction: $crate::losses::Reduction = Default::default(),
                $($field: $Type = $default),*
            }
        }

        impl $Name {
            /// With Keras's defaults.
            pub fn new() -> Self {
                $Name::default()
            }

            /// Sets the name.
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.name = name.into();
                self
            }

            /// Sets how per-sample losses become one number. Default: their mean.
            pub fn reduction(mut self, reduction: $crate::losses::Reduction) -> Self {
                self.reduction = reduction;
                self
            }
        }

        impl $crate::object::Described for $Name {
            fn class_name(&self) -> &'static str {
                stringify!($Name)
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = $crate::object::Config::new();
                self.write(&mut config);
                config
            }
        }

        pub(super) const ENTRY: $crate::object::Entry<dyn $crate::losses::Loss> =
            $crate::object::Entry {
                class_name: stringify!($Name),
                names: $names,
                summary: $summary,
                from_config: |reader| {
                    reader.ignore(&["fn"]);
                    let dtype = $crate::losses::settings::FloatType::default();
                    $crate::losses::settings::read_setting(reader, "dtype", dtype);
                    let loss = $Name::read(reader);
                    $crate::losses::Loss::check(&loss)?;
                    Ok(std::sync::Arc::new(loss))
                },
            };
    };
}
pub(crate) use loss;

/// The methods of [`crate::losses::Loss`] that are the same for every declared loss.
macro_rules! named {
    () => {
        fn name(&self) -> &str {
            &self.name
        }

        fn reduction(&self) -> $crate::losses::Reduction {
            self.reduction
        }
    };
}
pub(crate) use named;

/// The builder methods of cross-entropies; what the axis is, differs.
macro_rules! crossentropy_methods {
    ($Loss:ident, $axis:literal) => {
        impl $Loss {
            /// Sets whether predictions are logits rather than probabilities.
            pub fn from_logits(mut self, from_logits: bool) -> Self {
                self.from_logits = from_logits;
                self
            }

            /// Sets how far targets are moved towards indifference, in `0..=1`.
            pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
                self.label_smoothing = label_smoothing;
                self
            }

            #[doc = $axis]
            pub fn axis(mut self, axis: isize) -> Self {
                self.axis = axis;
                self
            }
        }
    };
}
pub(crate) use crossentropy_methods;
