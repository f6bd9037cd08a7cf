//! The barrier inside a parallel region, and what a member of the region can see.

use std::marker::PhantomData;
use std::panic;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::gate::{Gate, Padded, Waited};

/// The bit of the barrier's gate that says that a member has panicked.
const BROKEN: u64 = 1;
/// What one completed barrier adds to its gate.
const GENERATION: u64 = 2;

/// The payload of the quiet unwinding that takes the other members out of a region in which
/// one has panicked.
pub(super) struct Abandoned;

/// A barrier that all members of a region pass together, any number of times.
pub(super) struct Barrier {
    arrived: Padded<AtomicU32>,
    gate: Gate,
    long_waits: Padded<AtomicUsize>,
}

impl Barrier {
    pub(super) fn new() -> Self {
        Barrier {
            arrived: Padded(AtomicU32::new(0)),
            gate: Gate::new(),
            long_waits: Padded(AtomicUsize::new(0)),
        }
    }

    #[inline]
    fn pass(&self, count: usize) {
        // Cannot change under us while it is not broken: it needs our own arrival.
        let generation = self.gate.value();
        if generation & BROKEN != 0 {
            abandon();
        }
        if self.arrived.0.fetch_add(1, Ordering::AcqRel) as usize + 1 == count {
            self.arrived.0.store(0, Ordering::Relaxed);
            self.gate.add(GENERATION);
            return;
        }
        let (value, waited) = self.gate.wait_until(|value| value != generation);
        if waited == Waited::Long {
            self.count_long_wait();
        }
        // A barrier that all had reached is passed, even if one has panicked since.
        if value == generation | BROKEN {
            abandon();
        }
    }

    /// Releases everybody who waits, and makes every further barrier of the region unwind.
    pub(super) fn break_up(&self) {
        self.gate.set_bits(BROKEN);
    }

    /// Makes the barrier whole again after a broken region. Nobody may be in it.
    pub(super) fn mend(&self) {
        self.arrived.0.store(0, Ordering::Relaxed);
        self.gate.set((self.gate.value() & !BROKEN) + GENERATION);
    }

    /// Notes one wait that had to yield or sleep.
    pub(super) fn count_long_wait(&self) {
        self.long_waits.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits that had to yield or sleep, since the team was made.
    pub(super) fn num_long_waits(&self) -> usize {
        self.long_waits.0.load(Ordering::Relaxed)
    }

    /// How many threads sleep in the barrier.
    #[cfg(test)]
    pub(super) fn num_sleepers(&self) -> u32 {
        self.gate.num_sleepers()
    }
}

/// Unwinds without a message: the member that panicked has printed its own.
#[cold]
fn abandon() -> ! {
    panic::resume_unwind(Box::new(Abandoned))
}

/// One participant of a parallel region: which of how many, and the way to wait for the
/// others.
pub struct Member<'region> {
    /// This member's number, from 0; the caller of [`super::Team::run`] is 0.
    pub index: usize,
    /// How many members the region has.
    pub count: usize,
    barrier: Option<&'region Barrier>,
    // A member arrives once per barrier, from its own thread: it must not be shared.
    not_send: PhantomData<*const ()>,
}

impl<'region> Member<'region> {
    pub(super) fn new(index: usize, count: usize, barrier: &'region Barrier) -> Self {
        Member { index, count, barrier: Some(barrier), not_send: PhantomData }
    }

    /// The only member of a region that runs on its caller.
    pub(crate) fn alone() -> Self {
        Member { index: 0, count: 1, barrier: None, not_send: PhantomData }
    }

    /// Waits until every member of the region has come here. What any member wrote before
    /// is visible to all afterwards. All members must pass the same number of barriers.
    ///
    /// When another member has panicked this call unwinds, quietly, and the region ends.
    #[inline]
    pub fn barrier(&self) {
        if let Some(barrier) = self.barrier {
            barrier.pass(self.count);
        }
    }
}
