//! A warning for sorted data: the tail that `validation_split` takes does not look like the rest.

use kerros_core::Tensor;

use crate::labels;

/// How many standard deviations of chance a difference must exceed to be worth a word: at 4, one
/// run in thirty thousand of well mixed data gets a needless warning.
const CLEAR_DEVIATIONS: f64 = 4.0;

/// Labels count as classes when each has at least this many rows on average; otherwise they are
/// taken for quantities.
const ROWS_PER_CLASS: usize = 3;

/// Targets with more columns than this (images, sequences) are not looked at.
const MAX_COLUMNS: usize = 64;

/// What to tell the user when the rows from `split_at` on differ clearly from those before, as
/// the tail of sorted data does; `None` when they look alike or cannot be judged.
///
/// Classes (whole numbers or one-hot rows) are compared by a chi-squared test, and a class that
/// occurs twice or more in the tail and never before it is always named. Quantities are
/// compared by the mean of each column. Costs one pass over the labels.
///
/// # Shape
/// `labels: [rows, ..]`.
///
/// # Source
/// The chi-squared statistic is made normal by the cube root of E. B. Wilson and M. M. Hilferty,
/// "The distribution of chi-square", 1931.
///
/// # Example
/// ```
/// use kerros_core::Tensor;
/// use kerros_data::tail_differs;
/// let sorted: Vec<i32> = (0..100).map(|row| row / 50).collect();
/// let warning = tail_differs(&Tensor::new([100], &sorted)?, 80).expect("the data are sorted");
/// assert!(warning.starts_with("the last 20 of 100 rows, taken for validation, differ"));
/// let mixed: Vec<i32> = (0..100).map(|row| row % 2).collect();
/// assert_eq!(tail_differs(&Tensor::new([100], &mixed)?, 80), None);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn tail_differs(labels: &Tensor, split_at: usize) -> Option<String> {
    let num_rows = *labels.shape().first()?;
    let num_columns: usize = labels.shape().iter().skip(1).product();
    if split_at == 0 || split_at >= num_rows || num_columns == 0 || num_columns > MAX_COLUMNS {
        return None;
    }
    let found = match classes(labels, num_columns) {
        Some(ids) => classes_differ(&ids, split_at),
        None => means_differ(labels, num_columns, split_at),
    }?;
    Some(format!(
        "the last {} of {num_rows} rows, taken for validation, differ clearly from the rest: \
         {found}; shuffle the data before splitting, or split stratified with a seed",
        num_rows - split_at
    ))
}

/// The class of each row, when the labels look like classes.
fn classes(labels: &Tensor, num_columns: usize) -> Option<Vec<i64>> {
    let mut all_whole = true;
    let mut num_ones = 0;
    let mut num_zeros = 0;
    labels.for_each_f64(|_, value| {
        all_whole &= value.fract() == 0.0;
        num_ones += usize::from(value == 1.0);
        num_zeros += usize::from(value == 0.0);
    });
    let ids = if num_columns == 1 {
        labels::class_ids(labels).ok().filter(|_| all_whole)?
    } else {
        let num_rows = labels.num_elements() / num_columns;
        let is_one_hot = num_ones == num_rows && num_zeros + num_ones == labels.num_elements();
        labels::class_ids(labels).ok().filter(|_| is_one_hot)?
    };
    (labels::count(&ids).len() * ROWS_PER_CLASS <= ids.len()).then_some(ids)
}

fn classes_differ(ids: &[i64], split_at: usize) -> Option<String> {
    let all = labels::count(ids);
    let tail = labels::count(&ids[split_at..]);
    let in_tail = |class: &i64| tail.get(class).copied().unwrap_or(0);
    let unseen = all.iter().find(|(class, count)| **count >= 2 && in_tail(class) == **count);
    if let Some((class, count)) = unseen {
        return Some(format!("all {count} rows of class {class} are there and none in the rest"));
    }
    let degrees = all.len() as f64 - 1.0;
    if degrees == 0.0 {
        return None;
    }
    let share = (ids.len() - split_at) as f64 / ids.len() as f64;
    // One class's part of the statistic: the squared deviation over its variance by chance.
    let part = |class: &i64, count: usize| {
        let expected = count as f64 * share;
        (in_tail(class) as f64 - expected).powi(2) / (expected * (1.0 - share))
    };
    let statistic: f64 = all.iter().map(|(class, &count)| part(class, count)).sum();
    let spread = 2.0 / (9.0 * degrees);
    let deviations = ((statistic / degrees).cbrt() - (1.0 - spread)) / spread.sqrt();
    if deviations <= CLEAR_DEVIATIONS {
        return None;
    }
    let (class, count) = all
        .iter()
        .max_by(|a, b| part(a.0, *a.1).total_cmp(&part(b.0, *b.1)))
        .expect("there are at least two classes");
    Some(format!(
        "they hold {} of the {count} rows of class {class}, where {:.0} would be expected",
        in_tail(class),
        *count as f64 * share
    ))
}

fn means_differ(labels: &Tensor, num_columns: usize, split_at: usize) -> Option<String> {
    let num_rows = labels.num_elements() / num_columns;
    let num_tail = (num_rows - split_at) as f64;
    let mut sums = vec![(0.0f64, 0.0f64); num_columns]; // all rows, the tail
    labels.for_each_f64(|index, value| {
        let (all, tail) = &mut sums[index % num_columns];
        *all += value;
        *tail += if index / num_columns >= split_at { value } else { 0.0 };
    });
    // The second pass takes squares around the mean, which large offsets would spoil.
    let mut squares = vec![0.0f64; num_columns];
    labels.for_each_f64(|index, value| {
        let column = index % num_columns;
        squares[column] += (value - sums[column].0 / num_rows as f64).powi(2);
    });
    for (column, ((all, tail), square)) in sums.into_iter().zip(squares).enumerate() {
        let variance = square / (num_rows as f64 - 1.0);
        // The variance of the mean of `num_tail` rows drawn from these rows without return.
        let chance = (variance / num_tail * (1.0 - num_tail / num_rows as f64)).sqrt();
        let (tail_mean, rest_mean) = (tail / num_tail, (all - tail) / split_at as f64);
        if (tail_mean - all / num_rows as f64).abs() > CLEAR_DEVIATIONS * chance {
            let column =
                if num_columns > 1 { format!(" of column {column}") } else { String::new() };
            return Some(format!(
                "the mean{column} is {tail_mean:.4} there and {rest_mean:.4} in the rest"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use kerros_core::Philox;

    use super::*;

    fn labels(values: &[f32]) -> Tensor {
        Tensor::new([values.len()], values).unwrap()
    }

    #[test]
    fn sorted_classes_are_noticed_in_every_form() {
        let ids: Vec<f32> = (0..300).map(|row| (row / 100) as f32).collect();
        let warning = tail_differs(&labels(&ids), 240).unwrap();
        assert!(warning.contains("they hold 60 of the 100 rows of class 2"), "{warning}");
        let one_hot = labels::one_hot(&labels(&ids), 3).unwrap();
        assert_eq!(tail_differs(&one_hot, 240), Some(warning));
        let unseen = tail_differs(&labels(&ids), 200).unwrap();
        assert!(unseen.contains("all 100 rows of class 2 are there and none"), "{unseen}");
        assert!(tail_differs(&labels(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]), 6).is_some());
    }

    #[test]
    fn sorted_quantities_are_noticed() {
        let rising: Vec<f32> = (0..200).map(|row| 1000.5 + row as f32 * 0.37).collect();
        let warning = tail_differs(&labels(&rising), 160).unwrap();
        assert!(warning.contains("the mean is"), "{warning}");
        let columns: Vec<f32> =
            (0..200).flat_map(|row| [(row % 7) as f32 + 0.5, row as f32]).collect();
        let warning = tail_differs(&Tensor::new([200, 2], columns).unwrap(), 160).unwrap();
        assert!(warning.contains("of column 1"), "{warning}");
    }

    #[test]
    fn mixed_data_pass() {
        let digits = crate::datasets::digits_all().unwrap();
        for seed in 0..200 {
            let order = Philox::new(seed).permutation(7, 0, digits.num_rows());
            let mixed = digits.y.take_rows(&order).unwrap();
            assert_eq!(tail_differs(&mixed, 1437), None, "seed {seed}");
            let quantity: Vec<f32> = order.iter().map(|&row| row as f32 + 0.25).collect();
            assert_eq!(tail_differs(&labels(&quantity), 1437), None, "seed {seed}");
        }
    }

    #[test]
    fn what_cannot_be_judged_passes() {
        assert_eq!(tail_differs(&labels(&[1.0; 50]), 40), None);
        assert_eq!(tail_differs(&labels(&[0.0, 1.0]), 1), None);
        assert_eq!(tail_differs(&labels(&[0.5, f32::NAN, 2.5, 1.0]), 2), None);
        assert_eq!(tail_differs(&labels(&[]), 0), None);
        assert_eq!(tail_differs(&Tensor::scalar(1.0f32), 0), None);
    }
}
