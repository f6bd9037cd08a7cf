//! All that is wrong with a file, in one error.

use kerros_core::{Error, ErrorKind, Result};

/// Collects what is wrong, so that one look at a file reports all of it.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<String>,
    kinds: Vec<ErrorKind>,
}

/// Problems told in full; the others are counted.
const TOLD: usize = 40;

impl Problems {
    /// Notes a problem with the place it was found at.
    pub(super) fn note(&mut self, place: &str, error: &Error) {
        let text = error.to_string().replace('\n', "\n  ");
        let text = if place.is_empty() { text } else { format!("{place}: {text}") };
        if !self.found.contains(&text) {
            self.found.push(text);
            self.kinds.push(error.kind());
        }
    }

    /// The value, or the problem noted.
    pub(super) fn keep<T>(&mut self, place: &str, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.note(place, &error)).ok()
    }

    /// Takes over what others found.
    pub(super) fn extend(&mut self, others: Problems) {
        for (text, kind) in others.found.into_iter().zip(others.kinds) {
            if !self.found.contains(&text) {
                self.found.push(text);
                self.kinds.push(kind);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Fails when anything was noted.
    ///
    /// # Errors
    /// Every problem in one message. The kind is that of all of them, or
    /// [`ErrorKind::Unsupported`] where they differ.
    pub(super) fn finish(self, what: &str) -> Result<()> {
        let Some(&first) = self.kinds.first() else { return Ok(()) };
        let kind = match self.kinds.iter().all(|&kind| kind == first) {
            true => first,
            false => ErrorKind::Unsupported,
        };
        let count = self.found.len();
        let message = match self.found.as_slice() {
            [only] => only.clone(),
            all => {
                let told: String =
                    all.iter().take(TOLD).map(|problem| format!("\n- {problem}")).collect();
                let rest = match count.saturating_sub(TOLD) {
                    0 => String::new(),
                    more => format!("\n- and {more} more"),
                };
                format!("{count} {what}{told}{rest}")
            }
        };
        Err(Error::new(kind, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_told_once_each() {
        let mut problems = Problems::default();
        for name in ["Foo", "Bar", "Foo"] {
            let error = Error::new(ErrorKind::UnknownName, format!("unknown layer `{name}`"));
            problems.note("layer `x`", &error);
        }
        let error = problems.finish("parts are not supported").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownName);
        assert_eq!(
            error.to_string(),
            "2 parts are not supported\n- layer `x`: unknown layer `Foo`\n- layer `x`: unknown layer `Bar`"
        );
        assert!(Problems::default().finish("").is_ok());
    }
}
