//! Where models that are not given a seed take one from.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use kerros_core::Philox;

/// The stream of the numbers that become seeds of models.
const SEED_STREAM: u32 = 0xFFFF_FE00;

static SEEDS: Mutex<Option<(u64, u64)>> = Mutex::new(None);

/// Makes everything random repeatable: models without a seed of their own take theirs from
/// this one, in the order in which they are made.
///
/// ```
/// kerros::set_random_seed(7);
/// ```
pub fn set_random_seed(seed: u64) {
    *SEEDS.lock().unwrap_or_else(PoisonError::into_inner) = Some((seed, 0));
}

/// The seed of the next model: from [`set_random_seed`], else another in every process.
pub fn next_seed() -> u64 {
    let mut seeds = SEEDS.lock().unwrap_or_else(PoisonError::into_inner);
    match seeds.as_mut() {
        Some((seed, count)) => {
            let words = Philox::new(*seed).block([0, SEED_STREAM, *count as u32, 0]);
            *count += 1;
            u64::from(words[0]) | u64::from(words[1]) << 32
        }
        None => RandomState::new().hash_one("kerros"),
    }
}
