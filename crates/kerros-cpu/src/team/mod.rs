//! The thread team: a fixed set of threads that run one piece of work together, again and
//! again, about a microsecond apart.
//!
//! A training step is a list of kernels, each cut into one part per thread, with a barrier
//! where a kernel needs what other threads wrote. [`Team::run`] starts such a region on all
//! members, the caller being member 0, and returns when all have finished.
//!
//! Whoever waits (a member at a barrier, the caller at the end, a worker between regions)
//! spins for a bounded time, then yields, then sleeps. So a region costs about a microsecond
//! when the processors are free, and an oversubscribed machine loses a little instead of
//! collapsing. Idle workers sleep.

mod barrier;
mod gate;
mod limits;
mod pressure;
#[cfg(test)]
mod tests;
mod worker;

use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kerros_core::{Error, ErrorKind, Result};

pub use self::barrier::Member;
pub use self::limits::default_num_threads;
use self::pressure::Pressure;
use self::worker::{Crew, Shared};

/// More threads than this are taken for a mistake.
const MOST_THREADS: usize = 1024;

/// How to make a [`Team`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TeamOptions {
    /// The number of threads, the caller's among them, 1 to 1024. Default: as many as
    /// [`default_num_threads`] finds useful.
    pub threads: Option<usize>,
}

/// A fixed set of threads that run regions of parallel work together.
///
/// The threads are started when a region first needs them, named `kerros-1` and so on, and
/// joined when the team is dropped.
///
/// # Example
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use kerros_cpu::team::{Team, TeamOptions};
///
/// let team = Team::new(TeamOptions { threads: Some(3) })?;
/// let (sum, doubled) = (AtomicUsize::new(0), AtomicUsize::new(0));
/// team.run(3, &|member| {
///     sum.fetch_add(member.index + 1, Ordering::Relaxed);
///     member.barrier();
///     if member.index == 0 {
///         doubled.store(2 * sum.load(Ordering::Relaxed), Ordering::Relaxed);
///     }
/// });
/// assert_eq!(doubled.into_inner(), 12);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub struct Team {
    num_threads: usize,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

/// What only the caller of the running region may touch.
struct State {
    crew: Crew,
    pressure: Pressure,
}

impl Team {
    /// A team of the given size; no thread is started yet.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] when the number of threads is 0 or above 1024.
    pub fn new(options: TeamOptions) -> Result<Self> {
        let num_threads = options.threads.unwrap_or_else(default_num_threads);
        if !(1..=MOST_THREADS).contains(&num_threads) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("{num_threads} threads asked for"),
            )
            .expected(format!("1 to {MOST_THREADS}"))
            .hint("leave the number out to use what this process may use"));
        }
        Ok(Team {
            num_threads,
            shared: Arc::new(Shared::new()),
            state: Mutex::new(State {
                crew: Crew::default(),
                pressure: Pressure::new(num_threads),
            }),
        })
    }

    /// The most members that a region can have.
    pub fn num_threads(&self) -> usize {
        self.num_threads
    }

    /// How many threads are worth using at the moment: [`Team::num_threads`], or fewer for a
    /// while when other programs keep this one's threads waiting for a processor.
    ///
    /// Ask between regions; the answer may change from one to the next, and results must not
    /// depend on it.
    pub fn advised_threads(&self) -> usize {
        if self.num_threads == 1 || worker::inside_region() {
            return 1;
        }
        self.state().pressure.advised()
    }

    /// Calls `work` once per member, all at the same time, and returns when all calls have
    /// returned. What the caller wrote before is visible to the members, and what they wrote
    /// is visible to the caller afterwards.
    ///
    /// The region has `num_threads` members, at least 1 and at most [`Team::num_threads`];
    /// fewer when the system gives no more threads, and 1 when the caller is itself inside a
    /// region of any team. [`Member::count`] tells. Regions started from several threads at
    /// the same time take turns.
    ///
    /// # Panics
    /// When a member panics: the others unwind at their next barrier, all are waited for,
    /// and the panic goes on in the caller. The team stays usable.
    pub fn run(&self, num_threads: usize, work: &(dyn Fn(Member<'_>) + Sync)) {
        let wanted = num_threads.clamp(1, self.num_threads);
        if wanted == 1 || worker::inside_region() {
            return work(Member::alone());
        }
        let mut state = self.state();
        let count = state.crew.enlist(wanted, &self.shared);
        if count == 1 {
            drop(state);
            return work(Member::alone());
        }
        let outcome = self.shared.region(count, work);
        let State { crew, pressure } = &mut *state;
        pressure.note_region(count, self.shared.barrier.num_long_waits(), &crew.delays);
        drop(state);
        if let Err(payload) = outcome {
            panic::resume_unwind(payload);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.crew.dismiss(&self.shared);
    }
}
