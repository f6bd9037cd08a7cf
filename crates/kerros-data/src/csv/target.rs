//! The target columns: classes or quantities, as told or as they look.

use std::collections::BTreeMap;

use kerros_core::{Error, ErrorKind, Result, Tensor};

use super::{Place, not_a_number, number};

/// What a target column holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetKind {
    /// Whole numbers from 0 on, with none left out, and text are classes; other numbers are
    /// quantities. Text among numbers is an error.
    #[default]
    Auto,
    /// Every field is the name of a class, numbers too.
    Classes,
    /// Every field is a quantity.
    Numbers,
}

/// One target column while it is read.
pub(super) struct Reading {
    kind: TargetKind,
    numbers: Vec<f64>,
    /// Each text with the number it got when it was first met.
    texts: BTreeMap<String, u32>,
    text_of_row: Vec<u32>,
}

/// The target of the table.
#[derive(Default)]
pub(super) struct Target {
    pub y: Option<Tensor>,
    pub class_names: Vec<String>,
    pub classes: Option<usize>,
}

impl Reading {
    pub fn new(kind: TargetKind) -> Self {
        Reading { kind, numbers: Vec::new(), texts: BTreeMap::new(), text_of_row: Vec::new() }
    }

    pub fn push(&mut self, field: &str, place: &Place<'_>) -> Result<()> {
        if field.is_empty() {
            return Err(Error::new(ErrorKind::Data, format!("{place}: the target is missing"))
                .hint("remove the line, or fill the target in"));
        }
        let number = number(field).filter(|_| self.kind != TargetKind::Classes);
        match (number, self.kind) {
            (Some(number), _) if self.text_of_row.is_empty() => {
                self.numbers.push(number);
                Ok(())
            }
            (None, TargetKind::Auto) if !self.numbers.is_empty() => Err(not_a_number(field, place)
                .hint(
                    "the lines before have numbers; say so if the column holds names of classes",
                )),
            (None, TargetKind::Numbers) => Err(not_a_number(field, place)),
            (Some(_), _) => {
                Err(Error::new(ErrorKind::Data, format!("{place}: {field:?} is a number"))
                    .expected("the name of a class, as in the lines before")
                    .hint("say that the column holds names of classes, if this is one"))
            }
            (None, _) => {
                let next = self.texts.len() as u32;
                let id = match self.texts.get(field) {
                    Some(&id) => id,
                    None => *self.texts.entry(field.to_string()).or_insert(next),
                };
                self.text_of_row.push(id);
                Ok(())
            }
        }
    }
}

/// Puts the columns together.
pub(super) fn finish(mut readings: Vec<Reading>, num_rows: usize) -> Result<Target> {
    if readings.len() > 1 {
        return several(&readings, num_rows);
    }
    let Some(reading) = readings.pop() else {
        return Ok(Target::default());
    };
    if !reading.text_of_row.is_empty() {
        return names(reading);
    }
    if reading.kind == TargetKind::Auto
        && let Some(classes) = count_classes(&reading.numbers)
    {
        let ids: Vec<i32> = reading.numbers.iter().map(|&number| number as i32).collect();
        let y = Some(Tensor::new([num_rows], ids)?);
        return Ok(Target { y, class_names: Vec::new(), classes: Some(classes) });
    }
    let values: Vec<f32> = reading.numbers.iter().map(|&number| number as f32).collect();
    Ok(Target { y: Some(Tensor::new([num_rows], values)?), ..Target::default() })
}

/// Class numbers for the texts, in the order of the texts.
fn names(reading: Reading) -> Result<Target> {
    let mut rank_of_text = vec![0i32; reading.texts.len()];
    for (rank, &text) in reading.texts.values().enumerate() {
        rank_of_text[text as usize] = rank as i32;
    }
    let ids: Vec<i32> =
        reading.text_of_row.iter().map(|&text| rank_of_text[text as usize]).collect();
    Ok(Target {
        y: Some(Tensor::new([ids.len()], ids)?),
        classes: Some(reading.texts.len()),
        class_names: reading.texts.into_keys().collect(),
    })
}

/// The number of classes, when the numbers are exactly 0, 1, 2 .. up to some largest one.
fn count_classes(numbers: &[f64]) -> Option<usize> {
    let largest = numbers.iter().copied().fold(0.0, f64::max);
    if largest >= numbers.len() as f64 {
        return None;
    }
    let mut is_there = vec![false; largest as usize + 1];
    for &number in numbers {
        if number < 0.0 || number.fract() != 0.0 {
            return None;
        }
        is_there[number as usize] = true;
    }
    is_there.iter().all(|&is_there| is_there).then_some(is_there.len())
}

fn several(readings: &[Reading], num_rows: usize) -> Result<Target> {
    if readings.iter().any(|reading| !reading.text_of_row.is_empty()) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "one of several target columns holds names of classes",
        )
        .expected("numbers in every one of several target columns")
        .hint("read the table once for each target"));
    }
    let mut values = Vec::with_capacity(num_rows * readings.len());
    for row in 0..num_rows {
        values.extend(readings.iter().map(|reading| reading.numbers[row] as f32));
    }
    let y = Some(Tensor::new([num_rows, readings.len()], values)?);
    Ok(Target { y, ..Target::default() })
}
