//! Which bytes of the arena are taken, and when.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The bytes that placed buffers take, region by region: a segment tree over the regions.
///
/// A buffer is entered at the few nodes that together are its life, and at those above them.
/// Each node keeps the union of what is entered, so a stack of buffers that all live at one time
/// is one span, passed in one stride: the lowest place is found in about the square of the
/// logarithm of the number of buffers, where a look at each of them would be linear.
pub struct Occupancy {
    /// The number of leaves, a power of two; node `n` has the children `2 n` and `2 n + 1`, and
    /// the root is node 1.
    leaves: usize,
    nodes: Vec<Taken>,
}

/// What is taken in the regions of one node.
#[derive(Clone, Default)]
struct Taken {
    /// By buffers that live in all of its regions.
    throughout: Spans,
    /// By buffers that live in any of them, and are entered here or below.
    sometime: Spans,
}

impl Occupancy {
    /// Nothing is taken, in any of so many regions.
    pub fn new(num_regions: usize) -> Self {
        let leaves = num_regions.max(1).next_power_of_two();
        Occupancy { leaves, nodes: vec![Taken::default(); 2 * leaves] }
    }

    /// Takes the lowest `size` bytes that are free in all these regions; returns where they start.
    pub fn take_lowest(&mut self, size: usize, regions: RangeInclusive<usize>) -> usize {
        let mut offset = 0;
        loop {
            let passed = self.pass(1, 0..=self.leaves - 1, &regions, offset, size);
            if passed == offset {
                break;
            }
            offset = passed;
        }
        self.enter(1, 0..=self.leaves - 1, &regions, offset, size);
        offset
    }

    /// An offset behind what is in the way at this node and below it; `offset` itself when
    /// nothing is.
    fn pass(
        &self,
        node: usize,
        covered: RangeInclusive<usize>,
        regions: &RangeInclusive<usize>,
        offset: usize,
        size: usize,
    ) -> usize {
        let taken = &self.nodes[node];
        match within(&covered, regions) {
            Within::Not => offset,
            Within::Wholly => taken.sometime.pass(offset, size),
            Within::Partly => {
                let offset = taken.throughout.pass(offset, size);
                let [left, right] = halves(&covered);
                let offset = self.pass(2 * node, left, regions, offset, size);
                self.pass(2 * node + 1, right, regions, offset, size)
            }
        }
    }

    fn enter(
        &mut self,
        node: usize,
        covered: RangeInclusive<usize>,
        regions: &RangeInclusive<usize>,
        offset: usize,
        size: usize,
    ) {
        let how = within(&covered, regions);
        if let Within::Not = how {
            return;
        }
        self.nodes[node].sometime.insert(offset, offset + size);
        if let Within::Wholly = how {
            self.nodes[node].throughout.insert(offset, offset + size);
        } else {
            let [left, right] = halves(&covered);
            self.enter(2 * node, left, regions, offset, size);
            self.enter(2 * node + 1, right, regions, offset, size);
        }
    }
}

/// How much of a node's regions is in a life.
enum Within {
    Not,
    Partly,
    Wholly,
}

fn within(covered: &RangeInclusive<usize>, regions: &RangeInclusive<usize>) -> Within {
    if covered.end() < regions.start() || regions.end() < covered.start() {
        Within::Not
    } else if regions.contains(covered.start()) && regions.contains(covered.end()) {
        Within::Wholly
    } else {
        Within::Partly
    }
}

fn halves(covered: &RangeInclusive<usize>) -> [RangeInclusive<usize>; 2] {
    let middle = (covered.start() + covered.end()) / 2;
    [*covered.start()..=middle, middle + 1..=*covered.end()]
}

/// A set of bytes: its unbroken spans, each by its start with its end.
#[derive(Clone, Default)]
struct Spans(BTreeMap<usize, usize>);

impl Spans {
    /// An offset behind all spans that `size` bytes from `offset` on would touch, or `offset`:
    /// at every offset between the two a span is in the way.
    fn pass(&self, offset: usize, size: usize) -> usize {
        let last = self.0.range(..offset + size).next_back();
        last.map_or(offset, |(_, &end)| end.max(offset))
    }

    /// Adds the bytes from `start` to `end`.
    fn insert(&mut self, mut start: usize, mut end: usize) {
        while let Some((&before, &its_end)) = self.0.range(..=end).next_back()
            && its_end >= start
        {
            self.0.remove(&before);
            (start, end) = (start.min(before), end.max(its_end));
        }
        self.0.insert(start, end);
    }
}

#[cfg(test)]
mod tests {
    use kerros_testkit::Draw;

    use super::Occupancy;

    /// Each buffer lies where a look at all that were placed before it finds the lowest gap.
    #[test]
    fn the_lowest_gap_is_found() {
        const REGIONS: usize = 37;
        let mut draw = Draw::new(1);
        let mut occupancy = Occupancy::new(REGIONS);
        let mut placed = Vec::new();
        for _ in 0..500 {
            let (a, b) = (draw.below(REGIONS), draw.below(REGIONS));
            let size = 1 + draw.below(20);
            let (first, last) = (a.min(b), a.max(b));
            let clashes = |offset: usize| {
                placed.iter().any(|&(start, end, begun, ended)| {
                    start < offset + size && offset < end && begun <= last && first <= ended
                })
            };
            let lowest = (0..).find(|&offset| !clashes(offset)).unwrap();
            assert_eq!(occupancy.take_lowest(size, first..=last), lowest);
            placed.push((lowest, lowest + size, first, last));
        }
    }
}
