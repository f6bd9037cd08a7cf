//! What every regularizer has besides its formula.

use kerros_core::{Error, ErrorKind, Result};

/// Declares a regularizer: a struct with its settings, its config, and its line for the
/// registry.
macro_rules! regularizer {
    (
        $(#[$meta:meta])*
        $Name:ident { $($field:ident: $Type:ty = $default:expr),* $(,)? }
        names: $names:expr,
        summary: $summary:literal $(,)?
    ) => {
        $crate::losses::settings::settings! {
            $(#[$meta])*
            $Name { $($field: $Type = $default),* }
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

        pub(super) const ENTRY: $crate::object::Entry<dyn $crate::regularizers::Regularizer> =
            $crate::object::Entry {
                class_name: stringify!($Name),
                names: $names,
                summary: $summary,
                from_config: |reader| {
                    let regularizer = $Name::read(reader);
                    $crate::regularizers::Regularizer::check(&regularizer)?;
                    Ok(std::sync::Arc::new(regularizer))
                },
            };
    };
}
pub(crate) use regularizer;

/// # Errors
/// A factor that is negative or not finite.
pub(super) fn check_factor(name: &str, factor: f64) -> Result<()> {
    if factor.is_finite() && factor >= 0.0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Argument, format!("`{name}` is {factor}"))
        .expected("a number from 0 on"))
}
