//! Spreads an input of some layout over a stretch of the grid, without a division per
//! element.

/// `to[i] = from[(phase + i) % from.len()]`, `phase < from.len()`.
pub fn cycle(to: &mut [f32], from: &[f32], phase: usize) {
    let period = from.len();
    // One period, rotated; then copies of what there is, twice as long each time.
    let first = to.len().min(period - phase);
    to[..first].copy_from_slice(&from[phase..phase + first]);
    let wrapped = (to.len() - first).min(phase);
    to[first..first + wrapped].copy_from_slice(&from[..wrapped]);
    let mut filled = first + wrapped;
    while filled < to.len() {
        let more = filled.min(to.len() - filled);
        to.copy_within(..more, filled);
        filled += more;
    }
}

/// `to[i] = from[(phase + i) / run]`, `phase < run`.
pub fn stretch(to: &mut [f32], from: &[f32], run: usize, phase: usize) {
    let (first, rest) = to.split_at_mut(to.len().min(run - phase));
    first.fill(from[0]);
    for (to, &value) in rest.chunks_mut(run).zip(&from[1..]) {
        to.fill(value);
    }
}

/// `to[i]` from the place of element `start + i` of a grid with axes `dims`, as
/// [`Layout::Strided`](kerros_core::program::Layout::Strided) says. `index` is scratch.
pub fn strided(
    to: &mut [f32],
    from: &[f32],
    dims: &[usize],
    strides: &[usize],
    start: usize,
    index: &mut Vec<usize>,
) {
    let (Some((&row, outer_dims)), Some((&step, outer_strides))) =
        (dims.split_last(), strides.split_last())
    else {
        // No axes: a single element everywhere.
        return to.fill(from[0]);
    };
    // Where `start` is: its place along each outer axis, and in the row.
    let mut column = start % row;
    let (mut rest, mut base) = (start / row, 0);
    index.clear();
    index.resize(outer_dims.len(), 0);
    for (axis, (dim, stride)) in outer_dims.iter().zip(outer_strides).enumerate().rev() {
        index[axis] = rest % dim;
        base += index[axis] * stride;
        rest /= dim;
    }
    let mut to = to;
    while !to.is_empty() {
        let (here, later) = to.split_at_mut(to.len().min(row - column));
        along_row(here, from, base + column * step, step);
        (to, column) = (later, 0);
        // The next row: count up like an odometer.
        for (axis, (&dim, &stride)) in outer_dims.iter().zip(outer_strides).enumerate().rev() {
            index[axis] += 1;
            base += stride;
            if index[axis] < dim {
                break;
            }
            base -= dim * stride;
            index[axis] = 0;
        }
    }
}

fn along_row(to: &mut [f32], from: &[f32], start: usize, step: usize) {
    match step {
        0 => to.fill(from[start]),
        1 => to.copy_from_slice(&from[start..start + to.len()]),
        _ => {
            for (to, &value) in to.iter_mut().zip(from[start..].iter().step_by(step)) {
                *to = value;
            }
        }
    }
}
