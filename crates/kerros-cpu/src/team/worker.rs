//! The threads of a team: how a region reaches them and how they report back.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use super::barrier::{Abandoned, Barrier, Member};
use super::gate::{Gate, Padded, Waited};
use super::pressure::RunDelay;

/// The work of a region: called once per member.
pub(super) type Work<'work> = &'work (dyn Fn(Member<'_>) + Sync);

/// What a member threw.
pub(super) type Payload = Box<dyn Any + Send>;

/// Low bits of the start gate that hold the number of members; the rest counts regions.
const COUNT_BITS: u32 = 16;

thread_local! {
    /// Whether this thread is inside a region. A region started from inside another runs on
    /// its caller alone: the threads are busy, and waiting for them would never end.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is a member of a region right now.
pub(super) fn inside_region() -> bool {
    INSIDE.get()
}

/// What the caller and the workers share.
pub(super) struct Shared {
    /// `regions << COUNT_BITS | count`: workers below `count` take part.
    start: Gate,
    /// Points to a [`Work`] on the caller's stack, for as long as a region runs.
    work: Padded<AtomicPtr<()>>,
    /// Workers that have not finished the region.
    running: Padded<AtomicU32>,
    /// Changes when the last worker has finished.
    finish: Gate,
    /// The barrier inside a region.
    pub(super) barrier: Barrier,
    broken: AtomicBool,
    payload: Mutex<Option<Payload>>,
    stop: AtomicBool,
}

impl Shared {
    pub(super) fn new() -> Self {
        Shared {
            start: Gate::new(),
            work: Padded(AtomicPtr::new(ptr::null_mut())),
            running: Padded(AtomicU32::new(0)),
            finish: Gate::new(),
            barrier: Barrier::new(),
            broken: AtomicBool::new(false),
            payload: Mutex::new(None),
            stop: AtomicBool::new(false),
        }
    }

    /// Runs `work` as `count` members, the caller among them, and returns once all have
    /// finished, with what the first to panic threw. One caller at a time, and workers
    /// 1 to `count - 1` must exist.
    pub(super) fn region(&self, count: usize, work: Work<'_>) -> Result<(), Payload> {
        let finished = self.finish.value();
        self.work.0.store((&raw const work).cast_mut().cast(), Ordering::Relaxed);
        self.running.0.store(count as u32 - 1, Ordering::Relaxed);
        let regions = (self.start.value() >> COUNT_BITS) + 1;
        self.start.set(regions << COUNT_BITS | count as u64);

        INSIDE.set(true);
        self.attend(0, count, work);
        INSIDE.set(false);

        // Nothing above unwinds, so the workers are always waited for, and `work` outlives
        // their use of it.
        let (_, waited) = self.finish.wait_until(|value| value != finished);
        if waited == Waited::Long {
            self.barrier.count_long_wait();
        }
        if self.broken.load(Ordering::Relaxed) {
            return Err(self.clear());
        }
        Ok(())
    }

    /// One member's part, with its panic caught.
    fn attend(&self, index: usize, count: usize, work: Work<'_>) {
        let member = Member::new(index, count, &self.barrier);
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| work(member))) {
            self.report(payload);
        }
    }

    #[cold]
    fn report(&self, payload: Payload) {
        if !payload.is::<Abandoned>() {
            let mut first = self.payload.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(payload);
        }
        self.broken.store(true, Ordering::Relaxed);
        self.barrier.break_up();
    }

    #[cold]
    fn clear(&self) -> Payload {
        self.broken.store(false, Ordering::Relaxed);
        self.barrier.mend();
        let payload = self.payload.lock().unwrap_or_else(PoisonError::into_inner).take();
        payload.unwrap_or_else(|| Box::new("a parallel region was abandoned"))
    }

    /// How many workers sleep between regions.
    #[cfg(test)]
    pub(super) fn num_asleep(&self) -> u32 {
        self.start.num_sleepers()
    }

    /// The life of worker `index`, which has seen the start gate at `seen`.
    fn serve(&self, index: usize, mut seen: u64) {
        INSIDE.set(true);
        loop {
            // Regions that leave this worker out change the gate as well; it takes no
            // notice, so that it goes to sleep although others work.
            let (value, _) = self.start.wait_until(|value| {
                value != seen && (value & ((1 << COUNT_BITS) - 1)) as usize > index
            });
            seen = value;
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let work = self.work.0.load(Ordering::Relaxed).cast_const().cast::<Work<'_>>();
            // SAFETY: the pointer was stored before the start gate was set to the value we
            // have seen, and it points to a `Work` in the frame of `region`, which returns
            // only after our `running.fetch_sub` below.
            let work = unsafe { *work };
            self.attend(index, (value & ((1 << COUNT_BITS) - 1)) as usize, work);
            if self.running.0.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.finish.add(1);
            }
        }
    }
}

/// The workers that have been started, in order: the first is member 1.
#[derive(Default)]
pub(super) struct Crew {
    handles: Vec<JoinHandle<()>>,
    pub(super) delays: Vec<RunDelay>,
    refused: bool,
}

impl Crew {
    /// Starts workers until a region of `count` members can run, and returns how many it
    /// can have: fewer when the system refuses a thread, which is asked for only once.
    pub(super) fn enlist(&mut self, count: usize, shared: &Arc<Shared>) -> usize {
        while self.handles.len() + 1 < count && !self.refused {
            let index = self.handles.len() + 1;
            let seen = shared.start.value();
            let (send_delay, delay) = mpsc::channel();
            let team = Arc::clone(shared);
            let body = move || {
                // The receiver waits for it: a send cannot fail.
                send_delay.send(RunDelay::of_this_thread()).ok();
                team.serve(index, seen);
            };
            match thread::Builder::new().name(format!("kerros-{index}")).spawn(body) {
                Ok(handle) => {
                    self.handles.push(handle);
                    self.delays.extend(delay.recv().ok().flatten());
                }
                Err(_) => self.refused = true,
            }
        }
        count.min(self.handles.len() + 1)
    }

    /// The number of threads started.
    #[cfg(test)]
    pub(super) fn num_workers(&self) -> usize {
        self.handles.len()
    }

    /// Ends and joins all workers.
    pub(super) fn dismiss(&mut self, shared: &Shared) {
        shared.stop.store(true, Ordering::Release);
        let regions = (shared.start.value() >> COUNT_BITS) + 1;
        shared.start.set(regions << COUNT_BITS | ((1 << COUNT_BITS) - 1));
        for handle in self.handles.drain(..) {
            // A worker catches every panic of its work, so it cannot have died of one.
            handle.join().ok();
        }
    }
}
