//! Waiting for a number to change: spin, then yield, then park.

use std::hint;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// Looks at the number before a waiter gives up its processor. A partner that is running
/// answers within a few of them; beyond that it is probably waiting for a processor itself.
const SPINS: u32 = 2_000;
/// Times a waiter offers its processor to others before it goes to sleep. Waking from sleep
/// costs tens of microseconds, so a short gap is better slept over like this.
const YIELDS: u32 = 64;

/// A padded box, so that two numbers written by different threads never share a cache line
/// (or a pair of lines, which processors fetch together).
#[repr(align(128))]
pub(super) struct Padded<T>(pub T);

/// How far a wait had to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// The number changed while the waiter spun.
    Briefly,
    /// The waiter yielded or slept.
    Long,
}

/// A number that one thread changes and others wait on.
pub(super) struct Gate {
    value: Padded<AtomicU64>,
    sleepers: Padded<AtomicU32>,
    bed: Mutex<()>,
    alarm: Condvar,
}

impl Gate {
    pub(super) fn new() -> Self {
        Gate {
            value: Padded(AtomicU64::new(0)),
            sleepers: Padded(AtomicU32::new(0)),
            bed: Mutex::new(()),
            alarm: Condvar::new(),
        }
    }

    /// The number; what was written before it was set is visible afterwards.
    #[inline]
    pub(super) fn value(&self) -> u64 {
        self.value.0.load(Ordering::Acquire)
    }

    /// Sets the number and wakes whoever sleeps.
    #[inline]
    pub(super) fn set(&self, value: u64) {
        self.value.0.store(value, Ordering::SeqCst);
        self.wake();
    }

    /// Adds to the number and wakes whoever sleeps.
    #[inline]
    pub(super) fn add(&self, step: u64) {
        self.value.0.fetch_add(step, Ordering::SeqCst);
        self.wake();
    }

    /// Sets bits of the number and wakes whoever sleeps.
    pub(super) fn set_bits(&self, bits: u64) {
        self.value.0.fetch_or(bits, Ordering::SeqCst);
        self.wake();
    }

    /// Waits until `ready` holds of the number, and returns it.
    #[inline]
    pub(super) fn wait_until(&self, ready: impl Fn(u64) -> bool) -> (u64, Waited) {
        for _ in 0..SPINS {
            let value = self.value();
            if ready(value) {
                return (value, Waited::Briefly);
            }
            hint::spin_loop();
        }
        (self.wait_long(&ready), Waited::Long)
    }

    #[cold]
    fn wait_long(&self, ready: &dyn Fn(u64) -> bool) -> u64 {
        for _ in 0..YIELDS {
            let value = self.value();
            if ready(value) {
                return value;
            }
            thread::yield_now();
        }
        // The count is raised before the last look, and a changer looks at the count after
        // its change (all SeqCst): one of the two sees the other. The changer then takes the
        // lock before it rings, so the ring cannot fall between our look and our sleep.
        self.sleepers.0.fetch_add(1, Ordering::SeqCst);
        let mut asleep = self.bed.lock().unwrap_or_else(PoisonError::into_inner);
        let value = loop {
            let value = self.value.0.load(Ordering::SeqCst);
            if ready(value) {
                break value;
            }
            asleep = self.alarm.wait(asleep).unwrap_or_else(PoisonError::into_inner);
        };
        drop(asleep);
        self.sleepers.0.fetch_sub(1, Ordering::SeqCst);
        value
    }

    #[inline]
    fn wake(&self) {
        if self.sleepers.0.load(Ordering::SeqCst) > 0 {
            self.ring();
        }
    }

    #[cold]
    fn ring(&self) {
        drop(self.bed.lock().unwrap_or_else(PoisonError::into_inner));
        self.alarm.notify_all();
    }

    /// How many threads sleep at this gate.
    #[cfg(test)]
    pub(super) fn num_sleepers(&self) -> u32 {
        self.sleepers.0.load(Ordering::SeqCst)
    }
}
