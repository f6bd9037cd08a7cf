//! Boundaries of bins from data: a summary of the data, a sample with weights, whose quantiles
//! they are.
//!
//! Sums and quantiles are rounded where Keras rounds them, so that the boundaries are its own.

/// A number of the data, and how many it stands for.
type Weighted = (f32, f32);

/// The numbers between which `num_bins` bins lie.
pub(super) fn boundaries(data: &[f32], num_bins: usize, epsilon: f64) -> Vec<f64> {
    let summary = compressed(summary(data, epsilon), epsilon);
    let quantiles = compressed(summary, 1.0 / num_bins as f64);
    let inner = quantiles.len().saturating_sub(1);
    quantiles[..inner].iter().map(|&(number, _)| f64::from(number)).collect()
}

/// About `1 / epsilon` of the data, in order.
fn summary(data: &[f32], epsilon: f64) -> Vec<Weighted> {
    let mut sorted = data.to_vec();
    sorted.sort_by(f32::total_cmp);
    let step = (sorted.len() as f64 / (1.0 / epsilon)).max(1.0);
    let picked = sorted.iter().skip((step - 1.0) as usize).step_by(step as usize);
    picked.map(|&number| (number, step as f32)).collect()
}

/// The quantiles `epsilon`, `2 epsilon` ..., if the summary has so many numbers.
fn compressed(summary: Vec<Weighted>, epsilon: f64) -> Vec<Weighted> {
    if (summary.len() as f64) * epsilon < 1.0 {
        return summary;
    }
    let numbers: Vec<f64> = summary.iter().map(|&(number, _)| f64::from(number)).collect();
    let mut sum = 0.0f32;
    let sums: Vec<f32> = summary
        .iter()
        .map(|&(_, weight)| {
            sum += weight;
            sum
        })
        .collect();
    let shares: Vec<f64> = sums.iter().map(|&part| f64::from(part / sum)).collect();
    let sums: Vec<f64> = sums.into_iter().map(f64::from).collect();
    let count = (1.0 / epsilon).ceil() as usize;
    let mut before = 0.0;
    (0..count)
        .map(|at| {
            let share = epsilon + at as f64 * epsilon;
            let (number, sum) = (along(share, &shares, &numbers), along(share, &shares, &sums));
            let weight = sum - before;
            before = sum;
            (number as f32, weight as f32)
        })
        .collect()
}

/// The value at `x` of the line through the points `(xs, ys)`, level before and after them.
fn along(x: f64, xs: &[f64], ys: &[f64]) -> f64 {
    let after = xs.partition_point(|&known| known <= x);
    match after {
        0 => ys[0],
        after if after == xs.len() => ys[after - 1],
        after => {
            let slope = (ys[after] - ys[after - 1]) / (xs[after] - xs[after - 1]);
            slope * (x - xs[after - 1]) + ys[after - 1]
        }
    }
}
