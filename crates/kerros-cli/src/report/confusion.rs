//! Which classes a model takes for which.

use kerros::Tensor;
use kerros::data::labels::class_ids;

/// A class that was often taken for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confused {
    /// What the rows are.
    pub class: usize,
    /// What they were most often taken for.
    pub taken_for: usize,
    /// How many were taken for that.
    pub count: usize,
    /// How many of them were recognised.
    pub right: usize,
    /// How many there are.
    pub rows: usize,
}

/// The classes of which the largest share was taken for something else, the worst first, those
/// without a mistake left out.
///
/// # Shape
/// `targets: [rows]` class numbers or `[rows, classes]` one-hot; `outputs: [rows, classes]`, or
/// `[rows, 1]` probabilities of class 1.
///
/// # Errors
/// Targets that are no classes.
pub fn worst(targets: &Tensor, outputs: &Tensor) -> kerros::Result<Vec<Confused>> {
    let truth = class_ids(targets)?;
    let guesses = match outputs.shape().last() {
        1 => outputs.to_vec_f64().iter().map(|share| i64::from(*share > 0.5)).collect(),
        _ => class_ids(outputs)?,
    };
    let num_classes = truth.iter().chain(&guesses).max().map_or(0, |&class| class.max(0) + 1);
    let num_classes = num_classes as usize;
    let mut counts = vec![vec![0usize; num_classes]; num_classes];
    for (&is, &guess) in truth.iter().zip(&guesses) {
        if let (Ok(is), Ok(guess)) = (usize::try_from(is), usize::try_from(guess)) {
            counts[is][guess] += 1;
        }
    }
    let mut worst: Vec<Confused> = counts
        .iter()
        .enumerate()
        .filter_map(|(class, row)| {
            let others = (0..num_classes).filter(|&other| other != class);
            // The first of equals.
            let taken_for = others.rev().max_by_key(|&other| row[other])?;
            let (right, rows) = (row[class], row.iter().sum());
            (right < rows).then_some(Confused {
                class,
                taken_for,
                count: row[taken_for],
                right,
                rows,
            })
        })
        .collect();
    // Shares compared as fractions, the larger class first where they are equal.
    worst.sort_by(|a, b| (a.right * b.rows).cmp(&(b.right * a.rows)).then(b.rows.cmp(&a.rows)));
    Ok(worst)
}

/// One line per class.
pub fn describe(worst: &[Confused], names: &[String]) -> String {
    let name = |class: usize| names.get(class).cloned().unwrap_or_else(|| class.to_string());
    let line = |found: &Confused| {
        format!(
            "  {}: {} of {} recognised; mistaken most for {} ({} time{})\n",
            name(found.class),
            found.right,
            found.rows,
            name(found.taken_for),
            found.count,
            if found.count == 1 { "" } else { "s" }
        )
    };
    worst.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_class_comes_first() {
        let targets = Tensor::new([6], [0i32, 0, 1, 1, 1, 2]).unwrap();
        let one = |class: usize| (0..3).map(move |at| if at == class { 0.9f32 } else { 0.05 });
        let outputs: Vec<f32> = [0, 2, 2, 2, 1, 2].into_iter().flat_map(one).collect();
        let worst = worst(&targets, &Tensor::new([6, 3], outputs).unwrap()).unwrap();
        assert_eq!(
            worst,
            [
                Confused { class: 1, taken_for: 2, count: 2, right: 1, rows: 3 },
                Confused { class: 0, taken_for: 2, count: 1, right: 1, rows: 2 },
            ]
        );
        let names = ["cat", "dog", "owl"].map(String::from);
        assert_eq!(
            describe(&worst[..1], &names),
            "  dog: 1 of 3 recognised; mistaken most for owl (2 times)\n"
        );
    }

    #[test]
    fn one_probability_stands_for_two_classes() {
        let targets = Tensor::new([3, 1], [0.0f32, 1.0, 1.0]).unwrap();
        let outputs = Tensor::new([3, 1], [0.2f32, 0.7, 0.4]).unwrap();
        let worst = worst(&targets, &outputs).unwrap();
        assert_eq!(worst, [Confused { class: 1, taken_for: 0, count: 1, right: 1, rows: 2 }]);
    }
}
