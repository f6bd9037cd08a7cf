//! One error type for the library: what happened, what was expected, where, and what to try.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// `Result` with the library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of trouble an [`Error`] reports; match on it to react in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Shapes do not fit each other.
    Shape,
    /// Element types do not fit each other.
    DType,
    /// A setting is out of its range or contradicts another.
    Argument,
    /// A name (of a loss, optimizer, layer, dataset ...) is not known.
    UnknownName,
    /// The data cannot be used: empty, wrong labels, NaN, mismatched lengths.
    Data,
    /// A derivative does not exist.
    Gradient,
    /// The thing asked for exists in the field but not here.
    Unsupported,
    /// A call came in the wrong order, such as `fit` before `compile`.
    State,
    /// Memory that is not there.
    Memory,
    /// A file is not what it claims to be, or is cut short.
    Format,
    /// Reading or writing failed.
    Io,
    /// An invariant of Kerros itself does not hold: a bug.
    Internal,
}

/// Where in the user's program, and in which layer, something was built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The layer's name, when a layer built it.
    pub layer: Option<Arc<str>>,
    /// Source file and line of the user's call, when known.
    pub location: Option<(&'static str, u32)>,
}

impl Origin {
    /// The origin of the caller: use inside `#[track_caller]` functions.
    #[track_caller]
    pub fn here() -> Self {
        Origin::default().with_location(Location::caller())
    }

    /// This origin at another source location.
    pub fn with_location(mut self, location: &'static Location<'static>) -> Self {
        self.location = Some((location.file(), location.line()));
        self
    }

    /// This origin inside a named layer.
    pub fn with_layer(mut self, layer: impl Into<Arc<str>>) -> Self {
        self.layer = Some(layer.into());
        self
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.layer, self.location) {
            (Some(layer), Some((file, line))) => write!(f, "layer `{layer}` ({file}:{line})"),
            (Some(layer), None) => write!(f, "layer `{layer}`"),
            (None, Some((file, line))) => write!(f, "{file}:{line}"),
            (None, None) => Ok(()),
        }
    }
}

/// The library's error. One word wide; [`Error::kind`] is for code, the text for people.
///
/// ```
/// use kerros_core::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::Shape, "the input has shape [32, 100]")
///     .expected("[batch, 784]")
///     .hint("check the width of the first layer");
/// assert_eq!(error.kind(), ErrorKind::Shape);
/// assert_eq!(
///     error.to_string(),
///     "the input has shape [32, 100]\n  expected: [batch, 784]\n  try: check the width of the first layer"
/// );
/// ```
pub struct Error(Box<Parts>);

struct Parts {
    kind: ErrorKind,
    message: String,
    expected: Option<String>,
    origin: Origin,
    hints: Vec<String>,
    contexts: Vec<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error that says what happened, with the values received.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Parts {
            kind,
            message: message.into(),
            expected: None,
            origin: Origin::default(),
            hints: Vec::new(),
            contexts: Vec::new(),
            source: None,
        }))
    }

    /// Adds what was expected instead.
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    /// Adds where it was built, unless a place is already known.
    pub fn at(mut self, origin: &Origin) -> Self {
        if self.0.origin.layer.is_none() {
            self.0.origin.layer = origin.layer.clone();
        }
        if self.0.origin.location.is_none() {
            self.0.origin.location = origin.location;
        }
        self
    }

    /// Adds what to try.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Adds what was being done, outermost last, such as ``loading `model.keras` ``.
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.0.contexts.push(context.into());
        self
    }

    /// Keeps the error of another library as the cause.
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The first line alone: what happened.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it was built, as far as known.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &*self.0;
        for context in parts.contexts.iter().rev() {
            write!(f, "{context}: ")?;
        }
        f.write_str(&parts.message)?;
        if let Some(source) = &parts.source {
            write!(f, ": {source}")?;
        }
        if let Some(expected) = &parts.expected {
            write!(f, "\n  expected: {expected}")?;
        }
        if parts.origin != Origin::default() {
            write!(f, "\n  in: {}", parts.origin)?;
        }
        for hint in &parts.hints {
            write!(f, "\n  try: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}] {self}", self.kind())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
