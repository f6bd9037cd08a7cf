//! Philox4x32-10: random numbers as a pure function of a key and a counter.

/// The Philox4x32 generator with ten rounds.
///
/// A counter-based generator has no state to carry: element `e` of random tensor `op` at
/// training step `step` under `seed` is `block(seed, [e / 4, op, step_lo, step_hi])[e % 4]`,
/// whoever computes it and in whatever order. That is what makes runs repeatable for any
/// number of threads, and resumable from (seed, step) alone.
///
/// # Source
/// Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Philox {
    key: [u32; 2],
}

/// The two multipliers of the round function (Salmon et al., table 2).
pub const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What the key grows by each round: the golden ratio and the square root of 3 minus 1.
pub const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// Rounds of the variant used.
pub const ROUNDS: usize = 10;

impl Philox {
    /// The generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Philox { key: [seed as u32, (seed >> 32) as u32] }
    }

    /// The four random words of one counter.
    ///
    /// ```
    /// // The published known answer for an all-zero key and counter.
    /// use kerros_core::Philox;
    /// assert_eq!(Philox::new(0).block([0; 4]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    /// ```
    pub fn block(&self, counter: [u32; 4]) -> [u32; 4] {
        let (mut key, mut c) = (self.key, counter);
        for _ in 0..ROUNDS {
            let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c[0]);
            let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c[2]);
            c = [
                (p1 >> 32) as u32 ^ c[1] ^ key[0],
                p1 as u32,
                (p0 >> 32) as u32 ^ c[3] ^ key[1],
                p0 as u32,
            ];
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        c
    }

    /// The random word of element `element` of stream `op` at `step`.
    pub fn word(&self, op: u32, step: u64, element: u64) -> u32 {
        let block = (element / 4) as u32;
        self.block([block, op, step as u32, (step >> 32) as u32])[(element % 4) as usize]
    }

    /// Fills `out` with the words of stream `op` at `step`, from element 0 on.
    pub fn fill(&self, op: u32, step: u64, out: &mut [u32]) {
        for (block, words) in out.chunks_mut(4).enumerate() {
            let fresh = self.block([block as u32, op, step as u32, (step >> 32) as u32]);
            words.copy_from_slice(&fresh[..words.len()]);
        }
    }

    /// A uniform whole number below `bound`, without bias worth naming (64-bit multiply-shift
    /// of two words).
    pub fn below(&self, op: u32, step: u64, element: u64, bound: u64) -> u64 {
        let words = self.block([element as u32, op, step as u32, (step >> 32) as u32]);
        let wide = (u64::from(words[0]) << 32) | u64::from(words[1]);
        ((u128::from(wide) * u128::from(bound)) >> 64) as u64
    }

    /// A random order of `0..len` (Fisher-Yates), for stream `op` at `step`.
    pub fn permutation(&self, op: u32, step: u64, len: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..len as u32).collect();
        for last in (1..len).rev() {
            let other = self.below(op, step, last as u64, last as u64 + 1) as usize;
            order.swap(last, other);
        }
        order
    }
}

/// A number in `[0, 1)` from a random word: its upper 24 bits times 2^-24, exact.
pub fn unit_f32(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // From the kat_vectors file of the Random123 distribution, philox4x32 10.
        let ones = Philox::new(u64::MAX);
        assert_eq!(ones.block([u32::MAX; 4]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        let pi = Philox::new(0x299f31d0_a4093822);
        assert_eq!(
            pi.block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn permutations_hold_every_index_once() {
        let mut order = Philox::new(7).permutation(1, 0, 1000);
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(at, &index)| at as u32 == index));
    }

    #[test]
    fn fill_agrees_with_word() {
        let philox = Philox::new(3);
        let mut words = [0; 11];
        philox.fill(5, 9, &mut words);
        for (element, &word) in words.iter().enumerate() {
            assert_eq!(word, philox.word(5, 9, element as u64));
        }
    }
}
