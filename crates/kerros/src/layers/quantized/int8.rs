//! Tables of bytes: `q = round(w s)` with `s = 127 / (max |w| + 1e-7)` for each column.

use super::abs_max::AbsMax;
use super::table::Table;

/// The float table that whole numbers and scales stand for.
pub(super) fn floats(table: &Table, whole: &[f32], scales: &[f32]) -> Vec<f32> {
    whole.iter().zip(table.scale_places()).map(|(q, place)| q / scales[place]).collect()
}

/// A float table as whole numbers, and their scales.
pub(super) fn quantize(table: &Table, floats: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let range = AbsMax::of_table(-127.0, 127.0);
    let mut scales = vec![0.0f32; table.scale.iter().product()];
    for (value, place) in floats.iter().zip(table.scale_places()) {
        scales[place] = scales[place].max(value.abs());
    }
    scales.iter_mut().for_each(|scale| *scale = range.scale(*scale));
    let places = table.scale_places();
    let whole = floats.iter().zip(places).map(|(&value, place)| range.round(value, scales[place]));
    (whole.collect(), scales)
}
