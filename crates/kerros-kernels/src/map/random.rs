//! Random words for a stretch of the grid: Philox, many counters at a time.

use kerros_core::philox::{MULTIPLIERS, ROUNDS, WEYL};

/// Counters that go through the rounds side by side: two registers of the widest set, so
/// that the products of one hide behind those of the other.
const BLOCKS: usize = 32;
/// Words that they give.
const WORDS: usize = 4 * BLOCKS;

/// Which random tensor at which step.
#[derive(Clone, Copy)]
pub struct Stream {
    /// The halves of the seed.
    pub seed: [u32; 2],
    /// The halves of the step.
    pub step: [u32; 2],
    /// The stream.
    pub op: u32,
}

/// `to[i]` = the bits of `Philox(seed).word(op, step, start + i)`.
#[inline(always)]
pub fn fill(to: &mut [f32], stream: Stream, start: usize) {
    let mut block = (start / 4) as u32;
    let mut skip = start % 4;
    let mut rest = to;
    let mut words = [0.0; WORDS];
    while !rest.is_empty() {
        words_of_blocks(stream, block, &mut words);
        let (here, later) = rest.split_at_mut(rest.len().min(WORDS - skip));
        here.copy_from_slice(&words[skip..skip + here.len()]);
        (rest, skip) = (later, 0);
        block = block.wrapping_add(BLOCKS as u32);
    }
}

/// The words of the blocks from `first` on. Plain loops over arrays of integers, which the
/// compiler turns into vector code: there is no rounding that it could change.
#[inline(always)]
fn words_of_blocks(stream: Stream, first: u32, words: &mut [f32; WORDS]) {
    let mut key = stream.seed;
    let mut c = [[0; BLOCKS], [stream.op; BLOCKS], [stream.step[0]; BLOCKS], [0; BLOCKS]];
    c[3] = [stream.step[1]; BLOCKS];
    for (lane, counter) in c[0].iter_mut().enumerate() {
        *counter = first.wrapping_add(lane as u32);
    }
    for _ in 0..ROUNDS {
        let mut next = [[0; BLOCKS]; 4];
        for lane in 0..BLOCKS {
            let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c[0][lane]);
            let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c[2][lane]);
            next[0][lane] = (p1 >> 32) as u32 ^ c[1][lane] ^ key[0];
            next[1][lane] = p1 as u32;
            next[2][lane] = (p0 >> 32) as u32 ^ c[3][lane] ^ key[1];
            next[3][lane] = p0 as u32;
        }
        c = next;
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    for (lane, words) in words.chunks_exact_mut(4).enumerate() {
        for (word, c) in words.iter_mut().zip(&c) {
            *word = f32::from_bits(c[lane]);
        }
    }
}
