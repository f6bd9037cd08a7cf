//! Is the machine busy? When threads of the team keep waiting for a processor, fewer of
//! them get more done.

use std::fs::File;
use std::io::{Read, Seek};
use std::time::{Duration, Instant};

/// Regions looked at together.
const WINDOW: usize = 32;
/// Long waits within a window that raise the suspicion that the machine is busy.
const SUSPICIOUS: usize = 8;
/// The team shrinks when its threads together waited for a processor for more than one part
/// in this many of the time that went by. An idle machine stays below one in a hundred, one
/// busy neighbour on two cores costs about one half.
const DELAY_SHARE: u32 = 8;
/// How long a smaller team is kept before a larger one is tried again, at first and at most.
const FIRST_HOLD: Duration = Duration::from_millis(100);
const LONGEST_HOLD: Duration = Duration::from_secs(4);

/// The time that a thread has spent ready to run without a processor, as Linux counts it.
pub(super) struct RunDelay(File);

impl RunDelay {
    /// The calling thread's, where the system tells.
    pub(super) fn of_this_thread() -> Option<Self> {
        let delay = RunDelay(File::open("/proc/thread-self/schedstat").ok()?);
        delay.total()?;
        Some(delay)
    }

    /// Since the thread began. The file reads `running waiting timeslices`, the first two in
    /// nanoseconds.
    fn total(&self) -> Option<Duration> {
        let mut text = [0u8; 96];
        let mut file = &self.0;
        file.rewind().ok()?;
        let len = file.read(&mut text).ok()?;
        let waiting = std::str::from_utf8(&text[..len]).ok()?.split_ascii_whitespace().nth(1)?;
        Some(Duration::from_nanos(waiting.parse().ok()?))
    }
}

/// A suspicion being checked: what the clocks said when it arose.
struct Check {
    since: Instant,
    caller: Option<RunDelay>,
    delay: Duration,
}

impl Check {
    fn begin(caller: Option<RunDelay>, workers: &[RunDelay]) -> Self {
        let delay = total_delay(caller.as_ref(), workers);
        Check { since: Instant::now(), caller, delay }
    }

    /// Whether the team waited for processors. Where the system does not count it, the long
    /// waits alone decide.
    fn busy(&self, workers: &[RunDelay]) -> bool {
        if self.caller.is_none() {
            return true;
        }
        let waited = total_delay(self.caller.as_ref(), workers).saturating_sub(self.delay);
        waited * DELAY_SHARE > self.since.elapsed()
    }
}

fn total_delay(caller: Option<&RunDelay>, workers: &[RunDelay]) -> Duration {
    caller.into_iter().chain(workers).filter_map(RunDelay::total).sum()
}

/// How many threads are worth using at the moment.
///
/// Long waits at barriers raise a suspicion, which costs nothing to notice. They may also
/// come from uneven work, so the next window is timed: the team shrinks to half when its
/// threads really waited for processors. After a while it is doubled again; when that fails
/// the smaller one is kept for twice as long.
pub(super) struct Pressure {
    most: usize,
    advised: usize,
    regions: usize,
    long_waits: usize,
    check: Option<Check>,
    hold: Duration,
    until: Option<Instant>,
    delay_of_caller: fn() -> Option<RunDelay>,
}

impl Pressure {
    pub(super) fn new(most: usize) -> Self {
        Pressure {
            most,
            advised: most,
            regions: 0,
            long_waits: 0,
            check: None,
            hold: FIRST_HOLD,
            until: None,
            delay_of_caller: RunDelay::of_this_thread,
        }
    }

    /// The number of threads worth using.
    pub(super) fn advised(&mut self) -> usize {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            self.advised = (self.advised * 2).min(self.most);
            self.until = (self.advised < self.most).then(|| Instant::now() + self.hold);
        }
        self.advised
    }

    /// Notes a finished region of `count` members; `long_waits` counts all since the team
    /// was made.
    #[inline]
    pub(super) fn note_region(&mut self, count: usize, long_waits: usize, workers: &[RunDelay]) {
        self.regions += 1;
        let suspicious = long_waits - self.long_waits >= SUSPICIOUS;
        if suspicious || self.regions == WINDOW {
            self.regions = 0;
            self.long_waits = long_waits;
            self.end_window(count, suspicious, workers);
        }
    }

    fn end_window(&mut self, count: usize, suspicious: bool, workers: &[RunDelay]) {
        if !suspicious {
            self.check = None;
            if self.advised == self.most {
                self.hold = FIRST_HOLD;
            }
            return;
        }
        let Some(check) = self.check.take() else {
            self.check = Some(Check::begin((self.delay_of_caller)(), workers));
            return;
        };
        // Regions larger than the advice say nothing about it.
        if count <= self.advised && check.busy(workers) {
            self.advised = (count / 2).max(1);
            self.until = Some(Instant::now() + self.hold);
            self.hold = (self.hold * 2).min(LONGEST_HOLD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::thread;

    /// A clock that says what a file says.
    struct Clock(std::path::PathBuf);

    impl Clock {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("kerros-{name}-{}", std::process::id()));
            let clock = Clock(path);
            clock.set(Duration::ZERO);
            clock
        }
        fn set(&self, waiting: Duration) {
            fs::write(&self.0, format!("123456 {} 7\n", waiting.as_nanos())).unwrap();
        }
        fn delay(&self) -> RunDelay {
            RunDelay(File::open(&self.0).unwrap())
        }
    }

    impl Drop for Clock {
        fn drop(&mut self) {
            fs::remove_file(&self.0).ok();
        }
    }

    /// A team of four whose caller never waits for a processor.
    fn pressure() -> Pressure {
        let idle = || Some(RunDelay(File::open("/dev/null").unwrap()));
        Pressure { delay_of_caller: idle, ..Pressure::new(4) }
    }

    /// One window of regions in which `long` waits were long.
    fn window(pressure: &mut Pressure, count: usize, long: usize, workers: &[RunDelay]) {
        let before = pressure.long_waits;
        for region in 0..WINDOW {
            let waits = before + (region * long / WINDOW).min(SUSPICIOUS);
            pressure.note_region(count, waits, workers);
            if pressure.regions == 0 {
                return;
            }
        }
    }

    #[test]
    fn uneven_work_alone_does_not_shrink_the_team() {
        let clock = Clock::new("uneven");
        let mut pressure = pressure();
        for round in 0..20 {
            window(&mut pressure, 4, 32, &[clock.delay()]);
            assert_eq!(pressure.check.is_some(), round % 2 == 0, "every other window is timed");
            assert_eq!(pressure.advised(), 4);
        }
    }

    #[test]
    fn waiting_for_processors_halves_it_until_a_while_has_passed() {
        let clock = Clock::new("busy");
        let mut pressure = pressure();
        let workers = [clock.delay()];
        window(&mut pressure, 4, 32, &workers);
        clock.set(Duration::from_secs(3600));
        window(&mut pressure, 4, 32, &workers);
        assert_eq!(pressure.advised(), 2);
        // A region that is larger than advised says nothing new.
        for waited in [7200, 10_800] {
            window(&mut pressure, 4, 32, &workers);
            clock.set(Duration::from_secs(waited));
        }
        assert_eq!(pressure.advised(), 2);
        thread::sleep(FIRST_HOLD);
        assert_eq!(pressure.advised(), 4);
        assert_eq!(pressure.hold, 2 * FIRST_HOLD, "the next time it is kept for longer");
        // A quiet window forgets that.
        window(&mut pressure, 4, 1, &workers);
        assert_eq!((pressure.hold, pressure.advised()), (FIRST_HOLD, 4));
    }

    #[test]
    fn long_waits_decide_where_the_system_has_no_clock() {
        let mut pressure = Pressure { delay_of_caller: || None, ..Pressure::new(4) };
        for expected in [4, 2] {
            window(&mut pressure, 4, 32, &[]);
            assert_eq!(pressure.advised(), expected);
        }
    }

    #[test]
    fn rare_long_waits_are_not_looked_into() {
        let mut pressure = pressure();
        for _ in 0..10 {
            window(&mut pressure, 4, SUSPICIOUS - 1, &[]);
            assert!(pressure.check.is_none());
        }
    }
}
