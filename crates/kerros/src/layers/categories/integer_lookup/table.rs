//! A table from whole numbers to others.

use kerros_core::Tensor;
use kerros_graph::Node;

/// A table from whole numbers to others, in the order of its keys.
pub(super) struct Table(Vec<(i32, i32)>);

impl Table {
    /// The table of these pairs; no key stands there twice.
    pub fn new(pairs: impl IntoIterator<Item = (i32, i32)>) -> Self {
        let mut pairs: Vec<(i32, i32)> = pairs.into_iter().collect();
        pairs.sort_unstable();
        Table(pairs)
    }

    /// What stands beside each of the keys `x` (`i32`); `other` where it is not there, of the same
    /// shape.
    ///
    /// A binary search, all elements at once: after each step the entry at `place` is the last
    /// known to be at most `x`, unless all are greater.
    pub fn look_up<'g>(&self, x: Node<'g>, other: Node<'g>) -> Node<'g> {
        let (Some(&last), graph) = (self.0.last(), x.graph()) else { return other };
        let len = self.0.len().next_power_of_two();
        let padded = self.0.iter().copied().chain(std::iter::repeat(last)).take(len);
        let (keys, values): (Vec<i32>, Vec<i32>) = padded.unzip();
        let [keys, values] = [keys, values]
            .map(|column| graph.literal(Tensor::new([len], column).expect("one axis")));
        let mut place = graph.constant_i32(0).broadcast_to(x.shape());
        let mut step = len / 2;
        while step > 0 {
            let further = place + step as f32;
            place = keys.gather(further, 0).less_equal(x).select(further, place);
            step /= 2;
        }
        keys.gather(place, 0).equal(x).select(values.gather(place, 0), other)
    }
}

#[cfg(test)]
mod tests {
    use kerros_graph::Graph;
    use kerros_graph::eval::evaluate;

    use super::*;

    #[test]
    fn every_key_is_found_and_no_other_number() {
        for len in [0, 1, 2, 3, 5, 8, 13] {
            let keys: Vec<i32> = (0..len).map(|at| at * at * 3 - 20).chain([i32::MAX]).collect();
            let graph = Graph::new();
            let x: Vec<i32> = (-25..500).chain([i32::MIN, i32::MAX]).collect();
            let node = graph.literal(Tensor::new([x.len()], x.clone()).unwrap());
            let other = graph.constant_i32(-7).broadcast_to(node.shape());
            let pairs = keys.iter().zip(100..).map(|(&key, value)| (key, value));
            let found = Table::new(pairs).look_up(node, other);
            let found = evaluate::<f32>(&graph, &[found], &[], &[]).unwrap();
            for (x, &found) in x.iter().zip(found[0].as_slice::<i32>().unwrap()) {
                let place = keys.iter().position(|key| key == x);
                assert_eq!(found, place.map_or(-7, |at| at as i32 + 100), "{x} of {len}");
            }
        }
    }
}
