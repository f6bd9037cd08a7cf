//! `metadata.json`: who wrote the file and when; and what Kerros needs to go on with the same
//! random numbers, which Keras does not read.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The version of Keras whose format is written, and against which it is tested.
pub(super) const KERAS_VERSION: &str = "3.15.1";

/// Where a run stands in its random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resume {
    /// The model's seed.
    pub(super) seed: u64,
    /// See [`crate::Model::random_key`].
    pub(super) random_key: [i32; 4],
    /// Epochs trained so far: the order of rows goes on from there.
    pub(super) epochs_done: u64,
}

/// Epochs that a file may claim: the count goes on from there without overflow.
const MAX_EPOCHS_DONE: u64 = 1 << 48;

/// The metadata of a file written at this moment.
pub(super) fn write(resume: Option<Resume>) -> Value {
    let secs = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut metadata = json!({"keras_version": KERAS_VERSION, "date_saved": date(secs)});
    let mut own = json!({"version": env!("CARGO_PKG_VERSION")});
    if let Some(resume) = resume {
        own["seed"] = json!(resume.seed);
        own["random_key"] = json!(resume.random_key);
        own["epochs_done"] = json!(resume.epochs_done);
    }
    metadata["kerros"] = own;
    metadata
}

/// Where the run of the file stood, when Kerros wrote it.
pub(super) fn read(metadata: &Value) -> Option<Resume> {
    let own = metadata.get("kerros")?;
    let words = own.get("random_key")?.as_array()?;
    let words: Vec<i32> =
        words.iter().map(|word| word.as_i64()?.try_into().ok()).collect::<Option<_>>()?;
    Some(Resume {
        seed: own.get("seed")?.as_u64()?,
        random_key: words.try_into().ok()?,
        epochs_done: own.get("epochs_done")?.as_u64().filter(|&done| done <= MAX_EPOCHS_DONE)?,
    })
}

/// A moment as `year-month-day@hour:minute:second` in universal time.
///
/// # Source
/// Hinnant: "chrono-compatible low-level date algorithms", `civil_from_days`.
fn date(unix_secs: u64) -> String {
    let (days, secs) = (unix_secs / 86_400, unix_secs % 86_400);
    // Years begin in March, so that the leap day is the last of its year.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + later;
    let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}@{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // date -u -d @SECS +%Y-%m-%d@%H:%M:%S
        assert_eq!(date(0), "1970-01-01@00:00:00");
        assert_eq!(date(951_782_399), "2000-02-28@23:59:59");
        assert_eq!(date(951_782_400), "2000-02-29@00:00:00");
        assert_eq!(date(1_798_761_599), "2026-12-31@23:59:59");
        assert_eq!(date(4_107_542_400), "2100-03-01@00:00:00");
    }

    #[test]
    fn the_state_of_a_run_goes_through() {
        let resume = Resume { seed: u64::MAX, random_key: [-1, 7, i32::MIN, 0], epochs_done: 12 };
        let metadata = write(Some(resume));
        let text = serde_json::to_string(&metadata).unwrap();
        assert_eq!(read(&serde_json::from_str(&text).unwrap()), Some(resume));
        assert_eq!(read(&write(None)), None);
        assert_eq!(read(&Value::Null), None);
        let mut hostile = metadata;
        hostile["kerros"]["epochs_done"] = json!(u64::MAX);
        assert_eq!(read(&hostile), None);
    }
}
