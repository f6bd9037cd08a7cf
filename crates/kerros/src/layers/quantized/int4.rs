//! Tables of half bytes, -8 to 7: with a scale for each column, `q = round(w s)` with
//! `s = 7 / (max |w| + 1e-7)`; or with a scale and a zero for each block of a column,
//! `q = round(w / s) + z` with `s = (max w - min w + 1e-7) / 15` and `z = round(-min w / s) - 8`,
//! all cut to that range.

use kerros_graph::Node;

use super::abs_max::AbsMax;

/// The lowest and the highest number of four bits.
const RANGE: (f32, f32) = (-8.0, 7.0);
/// What is added where a range could be 0.
const EPSILON: f32 = 1e-7;

/// The numbers of bytes, each of which holds two that follow each other along an axis, the first
/// one in its lower half; `length` of them.
pub(super) fn unpack<'g>(bytes: Node<'g>, axis: usize, length: usize) -> Node<'g> {
    let high = (bytes / 16.0).floor();
    let low = bytes - high * 16.0;
    let low = low.less(8.0).select(low, low - 16.0);
    let pairs = Node::concat(&[low.expand_dims(axis + 1), high.expand_dims(axis + 1)], axis + 1);
    let mut dims = bytes.shape().to_vec();
    dims[axis] *= 2;
    pairs.reshape(dims).slice(axis, 0, length)
}

/// The numbers of a matrix `[rows, columns]`, two to a byte along an axis.
pub(super) fn pack(matrix: &[f32], [rows, columns]: [usize; 2], axis: usize) -> Vec<f32> {
    let at = |row: usize, column: usize| match row < rows && column < columns {
        true => matrix[row * columns + column] as i32,
        false => 0,
    };
    let byte = |low: i32, high: i32| ((low & 15) | (high & 15) << 4) as u8 as i8 as f32;
    let mut bytes = Vec::new();
    match axis {
        0 => {
            for row in (0..rows).step_by(2) {
                bytes.extend((0..columns).map(|column| byte(at(row, column), at(row + 1, column))));
            }
        }
        _ => {
            for row in 0..rows {
                let pairs = (0..columns).step_by(2);
                bytes.extend(pairs.map(|column| byte(at(row, column), at(row, column + 1))));
            }
        }
    }
    bytes
}

/// The numbers of [`pack`].
pub(super) fn unpacked(bytes: &[f32], [rows, columns]: [usize; 2], axis: usize) -> Vec<f32> {
    let half = |index: usize, byte: f32| {
        let byte = byte as i32;
        match index % 2 {
            0 => ((byte & 15) ^ 8) - 8,
            _ => byte >> 4,
        }
    };
    let width = if axis == 0 { columns } else { columns.div_ceil(2) };
    let mut matrix = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        matrix.extend((0..columns).map(|column| match axis {
            0 => half(row, bytes[row / 2 * width + column]) as f32,
            _ => half(column, bytes[row * width + column / 2]) as f32,
        }));
    }
    matrix
}

/// How a matrix lies: `lines` of so many entries that share scales by blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    /// Rows and columns.
    pub(super) matrix: [usize; 2],
    /// The axis along which a line runs.
    pub(super) along: usize,
}

impl Lines {
    fn count(self) -> usize {
        self.matrix[1 - self.along]
    }

    fn length(self) -> usize {
        self.matrix[self.along]
    }

    /// The place of an entry of a line in the matrix.
    fn place(self, line: usize, entry: usize) -> usize {
        match self.along {
            0 => entry * self.matrix[1] + line,
            _ => line * self.matrix[1] + entry,
        }
    }

    /// The place of a line's block among scales that lie as the lines do.
    fn block(self, line: usize, block: usize, blocks: usize) -> usize {
        match self.along {
            0 => block * self.matrix[1] + line,
            _ => line * blocks + block,
        }
    }
}

/// Whole numbers with their scales and, in blocks, their zeros, as they lie in files.
pub(super) struct Quantized {
    pub(super) whole: Vec<f32>,
    pub(super) scales: Vec<f32>,
    pub(super) zeros: Vec<f32>,
}

/// A float matrix as whole numbers: in blocks of this length, or with one scale for each line.
pub(super) fn quantize(lines: Lines, floats: &[f32], block: Option<usize>) -> Quantized {
    let (count, length) = (lines.count(), lines.length());
    let blocks = block.map_or(1, |block| length.div_ceil(block));
    let mut found = Quantized {
        whole: vec![0.0; floats.len()],
        scales: vec![0.0; count * blocks],
        zeros: vec![0.0; if block.is_some() { count * blocks } else { 0 }],
    };
    let range = AbsMax::of_table(RANGE.0, RANGE.1);
    for line in 0..count {
        let Some(block) = block else {
            let values = (0..length).map(|entry| floats[lines.place(line, entry)]);
            let scale =
                range.scale(values.fold(0.0, |largest: f32, value| largest.max(value.abs())));
            found.scales[line] = scale;
            for place in (0..length).map(|entry| lines.place(line, entry)) {
                found.whole[place] = range.round(floats[place], scale);
            }
            continue;
        };
        for at in 0..blocks {
            let entries = at * block..length.min((at + 1).saturating_mul(block));
            // A block that is cut short counts the zeros that Keras fills it up with.
            let fill = (entries.len() < block).then_some(0.0f32);
            let values = entries.clone().map(|entry| floats[lines.place(line, entry)]);
            let (low, high) = values
                .chain(fill)
                .fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
            let scale = (high - low + EPSILON) / (RANGE.1 - RANGE.0);
            let zero = ((-low / scale).round_ties_even() + RANGE.0).clamp(RANGE.0, RANGE.1);
            let place = lines.block(line, at, blocks);
            (found.scales[place], found.zeros[place]) = (scale, zero);
            for place in entries.map(|entry| lines.place(line, entry)) {
                let whole = (floats[place] / scale).round_ties_even() + zero;
                found.whole[place] = whole.clamp(RANGE.0, RANGE.1);
            }
        }
    }
    found
}

/// The float matrix that whole numbers, scales and zeros stand for; `groups` says of each entry of
/// a line in which block it is. NaN where there is no such block.
pub(super) fn floats(
    lines: Lines,
    whole: &[f32],
    scales: &[f32],
    blocks: Option<(&[f32], &[f32])>,
) -> Vec<f32> {
    let count = lines.count();
    let num_blocks = scales.len() / count.max(1);
    let mut floats = vec![0.0; whole.len()];
    for line in 0..count {
        for entry in 0..lines.length() {
            let place = lines.place(line, entry);
            floats[place] = match blocks {
                None => whole[place] / scales[line],
                Some((zeros, groups)) => {
                    let group = groups[entry];
                    match group >= 0.0 && group < num_blocks as f32 {
                        true => {
                            let block = lines.block(line, group as usize, num_blocks);
                            (whole[place] - zeros[block]) * scales[block]
                        }
                        false => f32::NAN,
                    }
                }
            };
        }
    }
    floats
}

#[cfg(test)]
mod tests {
    use kerros_core::{DType, Tensor};
    use kerros_graph::Graph;
    use kerros_graph::eval::evaluate;

    use super::*;

    #[test]
    fn two_numbers_are_in_a_byte() {
        let matrix: Vec<f32> = vec![-3.0, 7.0, 2.0, -8.0, 1.0, 0.0, -1.0, -8.0, 5.0];
        for (axis, packed) in [(0, [2, 3]), (1, [3, 2])] {
            let bytes = pack(&matrix, [3, 3], axis);
            assert_eq!(unpacked(&bytes, [3, 3], axis), matrix);
            let graph = Graph::new();
            let node = unpack(graph.input("bytes", packed, DType::F32), axis, 3);
            let values = Tensor::new(packed, bytes).unwrap();
            let found = evaluate::<f32>(&graph, &[node], &[values], &[]).unwrap();
            assert_eq!(found[0].as_slice::<f32>().unwrap(), matrix);
        }
        // As in the documentation of Keras's `pack_int4`.
        assert_eq!(pack(&[-3.0, 7.0, 2.0, -8.0, 1.0, 0.0], [3, 2], 0), [45.0, -121.0, 1.0, 0.0]);
        assert_eq!(pack(&[-3.0, 7.0, 2.0, -8.0, 1.0, 0.0], [2, 3], 1), [125.0, 2.0, 24.0, 0.0]);
    }

    #[test]
    fn blocks_stand_for_what_they_were_made_of() {
        let lines = Lines { matrix: [5, 2], along: 0 };
        let floats: Vec<f32> = (0..10).map(|at| (at * 7 % 10) as f32 / 10.0 - 0.4).collect();
        let q = quantize(lines, &floats, Some(3));
        assert_eq!((q.scales.len(), q.zeros.len()), (4, 4));
        let groups = [0.0, 0.0, 0.0, 1.0, 1.0];
        let again = super::floats(lines, &q.whole, &q.scales, Some((&q.zeros, &groups)));
        assert!(floats.iter().zip(again).all(|(a, b)| (a - b).abs() < 0.04));
        let lost = super::floats(
            lines,
            &q.whole,
            &q.scales,
            Some((&q.zeros, &[0.0, 2.0, -1.0, 0.0, 1.0])),
        );
        assert!(lost[2..6].iter().all(|value| value.is_nan()) && lost[0].is_finite());
    }
}
