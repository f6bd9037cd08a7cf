//! How weights are spread, in buckets.

/// As many as TensorBoard's own summaries have.
const BUCKETS: usize = 30;

/// Buckets of one width from the smallest to the largest value, each as left edge, right edge
/// and count; the last holds its right edge. Without values all is 0; when all values are one,
/// the last bucket has them.
///
/// # Source
/// TensorBoard, `plugins/histogram/summary_v2.py`, `_buckets`.
pub(super) fn buckets(values: &[f64]) -> Vec<[f64; 3]> {
    let Some(least) = values.iter().copied().reduce(f64::min) else {
        return vec![[0.0; 3]; BUCKETS];
    };
    let most = values.iter().copied().fold(least, f64::max);
    let range = most - least;
    if range == 0.0 {
        let mut buckets = vec![[least, least, 0.0]; BUCKETS];
        buckets[BUCKETS - 1][2] = values.len() as f64;
        return buckets;
    }
    let width = range / BUCKETS as f64;
    let edge = |at: usize| if at == BUCKETS { most } else { least + at as f64 * width };
    let mut buckets: Vec<[f64; 3]> = (0..BUCKETS).map(|at| [edge(at), edge(at + 1), 0.0]).collect();
    for value in values {
        // A value that is no number is cut to the first bucket by `as`.
        let at = ((value - least) / width) as usize;
        buckets[at.min(BUCKETS - 1)][2] += 1.0;
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bucket() {
        let values: Vec<f64> = (0..=60).map(f64::from).collect();
        let buckets = buckets(&values);
        assert_eq!(buckets[0], [0.0, 2.0, 2.0]);
        assert_eq!(buckets[29], [58.0, 60.0, 3.0]);
        assert_eq!(buckets.iter().map(|bucket| bucket[2]).sum::<f64>(), 61.0);
    }

    #[test]
    fn one_value_and_none() {
        assert_eq!(buckets(&[]), [[0.0; 3]; 30]);
        let same = buckets(&[2.5; 7]);
        assert_eq!((same[0], same[29]), ([2.5, 2.5, 0.0], [2.5, 2.5, 7.0]));
    }
}
