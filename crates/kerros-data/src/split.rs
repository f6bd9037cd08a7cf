//! Setting rows aside: at random, the same share of every class, or the tail as Keras does.

use kerros_core::{Error, ErrorKind, Philox, Result, Tensor};

use crate::{Samples, labels};

/// The Philox stream that splits data. See [`crate::batches::SHUFFLE_STREAM`].
pub const SPLIT_STREAM: u32 = 0xFFFF_FF01;

/// The rows to keep and the rows to set aside, as two lists of row indices in random order.
pub type RowSplit = (Vec<u32>, Vec<u32>);

/// Sets `ceil(rows * fraction)` random rows aside (scikit-learn's count).
///
/// # Errors
/// [`ErrorKind::Argument`] when `fraction` is not between 0 and 1; [`ErrorKind::Data`] when
/// either part would be empty.
///
/// # Example
/// ```
/// let (train, test) = kerros_data::split_random(10, 0.25, 1)?;
/// assert_eq!((train.len(), test.len()), (7, 3));
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn split_random(num_rows: usize, fraction: f64, seed: u64) -> Result<RowSplit> {
    let num_aside = num_aside(num_rows, fraction)?;
    let mut aside = Philox::new(seed).permutation(SPLIT_STREAM, 0, num_rows);
    let keep = aside.split_off(num_aside);
    Ok((keep, aside))
}

/// Sets `ceil(rows * fraction)` random rows aside, with the same share of every class as far
/// as whole rows allow.
///
/// Each class gives `rows of the class * share` rows, rounded down; the rows still missing come
/// from the classes with the largest remainders. A class never gives its last row, so none is
/// unknown to the rows that are kept.
///
/// # Shape
/// `labels`: `[rows]`, `[rows, 1]` or one-hot `[rows, classes]`.
///
/// # Errors
/// As [`split_random`] and [`labels::class_ids`]; [`ErrorKind::Data`] when every class has a
/// single row.
///
/// # Example
/// ```
/// use kerros_core::Tensor;
/// let labels = Tensor::new([6], [0i32, 0, 0, 0, 1, 1])?;
/// let (_, test) = kerros_data::split_stratified(&labels, 0.5, 1)?;
/// assert_eq!(test.iter().filter(|&&row| row >= 4).count(), 1);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn split_stratified(labels: &Tensor, fraction: f64, seed: u64) -> Result<RowSplit> {
    let ids = labels::class_ids(labels)?;
    let mut wanted = quotas(&ids, num_aside(ids.len(), fraction)?);
    let order = Philox::new(seed).permutation(SPLIT_STREAM, 0, ids.len());
    let (aside, keep): (Vec<u32>, Vec<u32>) = order.into_iter().partition(|&row| {
        let left = wanted.get_mut(&ids[row as usize]).expect("every class has a quota");
        let is_aside = *left > 0;
        *left -= usize::from(is_aside);
        is_aside
    });
    if aside.is_empty() {
        return Err(Error::new(
            ErrorKind::Data,
            format!("each of the {} rows is the only one of its class", ids.len()),
        )
        .expected("classes with at least 2 rows")
        .hint("split at random instead: are these labels quantities?"));
    }
    Ok((keep, aside))
}

/// How many rows each class gives, `num_aside` together.
fn quotas(ids: &[i64], num_aside: usize) -> std::collections::BTreeMap<i64, usize> {
    let counts = labels::count(ids);
    let num_rows = ids.len() as u128;
    // Whole-number arithmetic: quotient and remainder of count * num_aside / rows.
    let share = |count: usize| {
        let product = count as u128 * num_aside as u128;
        ((product / num_rows) as usize, product % num_rows)
    };
    let mut quotas: std::collections::BTreeMap<i64, usize> =
        counts.iter().map(|(&class, &count)| (class, share(count).0)).collect();
    let mut by_remainder: Vec<i64> = counts.keys().copied().collect();
    by_remainder.sort_by_key(|class| std::cmp::Reverse(share(counts[class]).1));
    let mut missing = num_aside - quotas.values().sum::<usize>();
    while missing > 0 {
        let before = missing;
        for class in &by_remainder {
            let quota = quotas.get_mut(class).expect("every class has a quota");
            if missing > 0 && *quota + 1 < counts[class] {
                *quota += 1;
                missing -= 1;
            }
        }
        if missing == before {
            break;
        }
    }
    quotas
}

fn num_aside(num_rows: usize, fraction: f64) -> Result<usize> {
    check_fraction(fraction)?;
    if u32::try_from(num_rows).is_err() {
        return Err(Error::new(ErrorKind::Data, format!("the data have {num_rows} rows"))
            .expected("at most 4,294,967,295 rows"));
    }
    let num_aside = (num_rows as f64 * fraction).ceil() as usize;
    if num_aside == 0 || num_aside >= num_rows {
        return Err(one_side_empty(num_rows, fraction));
    }
    Ok(num_aside)
}

fn check_fraction(fraction: f64) -> Result<()> {
    if fraction > 0.0 && fraction < 1.0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Argument, format!("the fraction to set aside is {fraction}"))
        .expected("a number between 0 and 1, such as 0.2"))
}

fn one_side_empty(num_rows: usize, fraction: f64) -> Error {
    Error::new(
        ErrorKind::Data,
        format!("setting {fraction} of {num_rows} rows aside leaves one part empty"),
    )
    .expected("at least one row in each part")
    .hint("give more rows or another fraction")
}

/// The last rows as validation data, as Keras's `validation_split` takes them: before any
/// shuffling. Returns the rows to train on and the rows to validate on.
///
/// [`crate::tail_differs`] says when that is a bad choice.
///
/// # Errors
/// As [`Samples::check`]; [`ErrorKind::Argument`] when `fraction` is not between 0 and 1;
/// [`ErrorKind::Data`] when either part would be empty.
///
/// # Example
/// ```
/// use kerros_core::Tensor;
/// use kerros_data::{Samples, validation_split};
/// let x = Tensor::new([4, 1], [0.0f32, 1.0, 2.0, 3.0])?;
/// let (train, validation) = validation_split(&Samples::from((&x, &x)), 0.25)?;
/// assert_eq!(train.num_rows(), 3);
/// assert_eq!(validation.inputs[0].as_slice::<f32>()?, [3.0]);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn validation_split(samples: &Samples, fraction: f64) -> Result<(Samples, Samples)> {
    samples.check()?;
    let num_rows = samples.num_rows();
    let split_at = validation_split_at(num_rows, fraction)?;
    Ok((samples.slice(0..split_at)?, samples.slice(split_at..num_rows)?))
}

/// The first row that `validation_split` sets aside: `floor(rows * (1 - fraction))`, in `f64`.
///
/// # Errors
/// [`ErrorKind::Argument`] when `fraction` is not between 0 and 1; [`ErrorKind::Data`] when
/// either part would be empty.
///
/// # Source
/// Keras 3.15, `array_slicing.train_validation_split`: the same operations in the same order,
/// so that the same row comes out where rounding decides.
fn validation_split_at(num_rows: usize, fraction: f64) -> Result<usize> {
    check_fraction(fraction)?;
    let split_at = (num_rows as f64 * (1.0 - fraction)).floor() as usize;
    if split_at == 0 || split_at == num_rows {
        return Err(one_side_empty(num_rows, fraction));
    }
    Ok(split_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ids: &[i32]) -> Tensor {
        Tensor::new([ids.len()], ids).unwrap()
    }

    fn sorted(mut rows: Vec<u32>) -> Vec<u32> {
        rows.sort_unstable();
        rows
    }

    #[test]
    fn a_split_is_a_partition_set_by_the_seed() {
        let (keep, aside) = split_random(100, 0.3, 5).unwrap();
        assert_eq!((keep.len(), aside.len()), (70, 30));
        assert!(sorted([keep.clone(), aside.clone()].concat()).into_iter().eq(0..100));
        assert_eq!(split_random(100, 0.3, 5).unwrap(), (keep.clone(), aside));
        assert_ne!(split_random(100, 0.3, 6).unwrap().0, keep);
    }

    #[test]
    fn every_class_gives_its_share() {
        let ids: Vec<i32> = (0..1000).map(|row| if row < 700 { 0 } else { 1 + row % 3 }).collect();
        let (keep, aside) = split_stratified(&labels(&ids), 0.2, 11).unwrap();
        assert_eq!(aside.len(), 200);
        for class in 0..4 {
            let of = |rows: &[u32]| rows.iter().filter(|&&row| ids[row as usize] == class).count();
            let share = (of(&keep) + of(&aside)) as f64 * 0.2;
            assert!((of(&aside) as f64 - share).abs() < 1.0, "class {class}");
        }
        assert!(sorted([keep, aside].concat()).into_iter().eq(0..1000));
    }

    #[test]
    fn no_class_is_lost_to_the_rows_kept() {
        for seed in 0..50 {
            let ids = [0, 1, 1, 2, 2, 2, 3, 4];
            let (keep, aside) = split_stratified(&labels(&ids), 0.7, seed).unwrap();
            // Three classes of one row keep it; the others keep one each: 3 can be given.
            assert_eq!(aside.len(), 3);
            let kept: std::collections::BTreeSet<i32> =
                keep.iter().map(|&row| ids[row as usize]).collect();
            assert_eq!(kept.len(), 5);
        }
        let error = split_stratified(&labels(&[1, 2, 3]), 0.5, 0).unwrap_err();
        assert_eq!(error.message(), "each of the 3 rows is the only one of its class");
    }

    #[test]
    fn the_tail_is_cut_where_keras_cuts_it() {
        // int(math.floor(n * (1.0 - f))) in Python, among them cases that rounding decides.
        for (num_rows, fraction, split_at) in [
            (100, 0.2, 80),
            (10, 0.1, 9),
            (10, 0.3, 7),
            (10, 0.7, 3),
            (10, 0.9, 0),
            (50, 0.9, 4),
            (1797, 0.2, 1437),
            (3, 0.34, 1),
            (1000, 0.001, 999),
        ] {
            match validation_split_at(num_rows, fraction) {
                Ok(at) => assert_eq!(at, split_at, "{num_rows} {fraction}"),
                Err(error) => {
                    assert_eq!((split_at, error.kind()), (0, ErrorKind::Data));
                }
            }
        }
        assert_eq!(validation_split_at(1, 0.5).unwrap_err().kind(), ErrorKind::Data);
    }

    #[test]
    fn fractions_outside_0_to_1_are_refused() {
        for fraction in [0.0, 1.0, -0.1, 20.0, f64::NAN] {
            assert_eq!(split_random(10, fraction, 0).unwrap_err().kind(), ErrorKind::Argument);
            assert_eq!(validation_split_at(10, fraction).unwrap_err().kind(), ErrorKind::Argument);
        }
        assert_eq!(split_random(1, 0.5, 0).unwrap_err().kind(), ErrorKind::Data);
        assert_eq!(split_random(0, 0.5, 0).unwrap_err().kind(), ErrorKind::Data);
        assert_eq!(split_random(10, 0.99, 0).unwrap_err().kind(), ErrorKind::Data);
    }
}
