//! What the user reads when something went wrong, and the exit status.

use std::fmt;
use std::io::{self, Write};

use kerros::{Error, ErrorKind};

/// A mistake on the command line itself: exit status 2, as for those that clap finds.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The message of an error.
///
/// Source lines are left out: they lead into this program, not into anything of the user's.
pub fn text(error: &anyhow::Error) -> String {
    let Some(error) = error.downcast_ref::<Error>() else { return format!("{error:#}") };
    let text = error.to_string();
    let Some((file, line)) = error.origin().location else { return text };
    text.replace(&format!("\n  in: {file}:{line}"), "").replace(&format!(" ({file}:{line})"), "")
}

/// The exit status for an error.
pub fn exit_status(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() { 2 } else { 1 }
}

/// Writes results to stdout. That nobody reads them any more, as after `| head`, is no failure.
///
/// # Errors
/// What else writing meets, such as a full disk.
pub fn say(text: impl fmt::Display) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::Io, "the results cannot be written to stdout")
                .caused_by(error)
                .into())
        }
        _ => Ok(()),
    }
}

/// A mistake in a job file.
pub fn in_job(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Argument, message)
}

/// The words of `known` that look most like `word`, the likest first; at most three, and none
/// that look altogether different.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let mut ranked: Vec<(usize, &str)> =
        known.iter().map(|known| (edits(&word, &known.to_lowercase()), *known)).collect();
    ranked.sort_by_key(|(distance, _)| *distance);
    let is_like = |distance: usize, known: &str| 2 * distance <= word.len().max(known.len());
    ranked.retain(|(distance, known)| is_like(*distance, known));
    ranked.into_iter().take(3).map(|(_, known)| known).collect()
}

/// How many letters must be inserted, left out, replaced or swapped with their neighbour to make
/// one word of the other (optimal string alignment).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_words_come_first() {
        assert_eq!(nearest("epcohs", &["batch_size", "epochs", "seed"]), ["epochs"]);
        assert_eq!(nearest("Unit", &["units", "use_bias"]), ["units"]);
        assert!(nearest("xyz", &["epochs", "seed"]).is_empty());
        assert_eq!(edits("adma", "adam"), 1);
        assert_eq!(edits("", "abc"), 3);
    }

    #[test]
    fn source_lines_are_left_out() {
        let origin = origin_here();
        let error = Error::new(ErrorKind::Shape, "too wide").at(&origin).hint("cut");
        assert_eq!(text(&error.into()), "too wide\n  try: cut");
        let origin = origin_here().with_layer("dense");
        let error = Error::new(ErrorKind::Shape, "too wide").at(&origin);
        assert_eq!(text(&error.into()), "too wide\n  in: layer `dense`");
    }

    fn origin_here() -> kerros_core::Origin {
        kerros_core::Origin::here()
    }

    #[test]
    fn usage_errors_have_their_own_status() {
        assert_eq!(exit_status(&Usage("no".into()).into()), 2);
        assert_eq!(exit_status(&in_job("no").into()), 1);
    }
}
