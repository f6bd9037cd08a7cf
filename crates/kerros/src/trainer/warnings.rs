//! The one place that warnings go through.

use std::fmt;

/// Where warnings go: stderr, unless the model was given another ear.
pub struct Warnings {
    hear: Box<dyn FnMut(&str) + Send>,
}

impl Warnings {
    /// Sends warnings to a function.
    pub fn to(hear: impl FnMut(&str) + Send + 'static) -> Self {
        Warnings { hear: Box::new(hear) }
    }

    /// Says something that does not stop the work but that the user should know.
    pub fn warn(&mut self, message: &str) {
        (self.hear)(message);
    }
}

impl Default for Warnings {
    fn default() -> Self {
        Warnings::to(|message| eprintln!("warning: {message}"))
    }
}

impl fmt::Debug for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Warnings")
    }
}
