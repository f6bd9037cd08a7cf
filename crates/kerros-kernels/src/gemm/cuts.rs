//! Cutting a number of rows or vectors into nearly equal parts.

use std::ops::Range;

/// A number of things cut into parts whose lengths differ by one at most, longer ones first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cuts {
    num: usize,
    /// Length of the shorter parts.
    short: usize,
    /// How many parts are longer.
    num_longer: usize,
}

impl Cuts {
    /// As few parts as possible of at most `longest`.
    pub(crate) fn new(len: usize, longest: usize) -> Self {
        Cuts::into(len, len.div_ceil(longest))
    }

    /// This many parts.
    pub(crate) fn into(len: usize, num: usize) -> Self {
        let divisor = num.max(1);
        Cuts { num, short: len / divisor, num_longer: len % divisor }
    }

    /// How many parts there are.
    pub(crate) fn num(self) -> usize {
        self.num
    }

    /// Where a part begins; the end of the last one for `index == num`.
    pub(crate) fn start(self, index: usize) -> usize {
        index * self.short + index.min(self.num_longer)
    }

    /// What a part holds.
    pub(crate) fn range(self, index: usize) -> Range<usize> {
        self.start(index)..self.start(index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_and_are_nearly_equal() {
        for len in 0..50 {
            for longest in 1..14 {
                let cuts = Cuts::new(len, longest);
                assert_eq!(cuts.num(), len.div_ceil(longest));
                let mut end = 0;
                for part in (0..cuts.num()).map(|index| cuts.range(index)) {
                    assert_eq!(part.start, end);
                    assert!(part.len() <= longest && part.len() + 1 > len / cuts.num());
                    end = part.end;
                }
                assert_eq!(end, len);
            }
        }
    }
}
