//! Regions, barriers, panics, sleep and advice.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

fn team(threads: usize) -> Team {
    Team::new(TeamOptions { threads: Some(threads) }).unwrap()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} within 30 seconds");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn every_member_runs_once_per_region() {
    for threads in [1, 2, 3, 8] {
        let team = team(threads);
        for asked in [1, 2, threads, threads + 5, 0] {
            let seen: Vec<_> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
            let expected = asked.clamp(1, threads);
            team.run(asked, &|member| {
                assert_eq!(member.count, expected);
                seen[member.index].fetch_add(1, Ordering::Relaxed);
            });
            let seen: Vec<_> = seen.into_iter().map(AtomicUsize::into_inner).collect();
            let mut wanted = vec![1; expected];
            wanted.resize(threads, 0);
            assert_eq!(seen, wanted);
        }
    }
}

#[test]
fn threads_start_when_first_needed_and_have_names() {
    let team = team(3);
    assert_eq!(team.state().crew.num_workers(), 0);
    team.run(1, &|_| ());
    assert_eq!(team.state().crew.num_workers(), 0);
    team.run(2, &|member| {
        if member.index == 1 {
            assert_eq!(thread::current().name(), Some("kerros-1"));
        }
    });
    assert_eq!(team.state().crew.num_workers(), 1);
    team.run(3, &|_| ());
    team.run(3, &|_| ());
    assert_eq!(team.state().crew.num_workers(), 2);
}

#[test]
fn the_caller_is_member_0() {
    let team = team(4);
    let caller = thread::current().id();
    team.run(4, &|member| assert_eq!(thread::current().id() == caller, member.index == 0));
}

/// Each member adds up what all wrote before the barrier; a barrier that let one pass early
/// would give another sum. Plain reads and writes of different members are kept apart by the
/// barriers alone (Relaxed), so missing orderings show as well.
#[test]
fn barriers_hold_back_and_publish() {
    for threads in [2, 3, 8] {
        let team = team(threads);
        let cells: Vec<_> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
        for region in 0..200 {
            team.run(threads, &|member| {
                for round in 0..20 {
                    let value = region * 1000 + round * 31 + member.index;
                    cells[member.index].store(value, Ordering::Relaxed);
                    member.barrier();
                    let sum: usize = cells.iter().map(|cell| cell.load(Ordering::Relaxed)).sum();
                    let indices = threads * (threads - 1) / 2;
                    assert_eq!(sum, threads * (region * 1000 + round * 31) + indices);
                    member.barrier();
                }
            });
        }
    }
}

#[test]
fn regions_of_changing_size() {
    let team = team(5);
    let total = AtomicUsize::new(0);
    let mut wanted = 0;
    for region in 0..3000 {
        let count = 1 + region * 7 % 5;
        wanted += count * (count + 1) / 2;
        team.run(count, &|member| {
            member.barrier();
            total.fetch_add(member.index + 1, Ordering::Relaxed);
            member.barrier();
        });
    }
    assert_eq!(total.into_inner(), wanted);
}

#[test]
fn what_members_write_is_there_afterwards() {
    let team = team(3);
    for round in 0..500 {
        let cells: Vec<_> = (0..3).map(|_| AtomicUsize::new(0)).collect();
        team.run(3, &|member| cells[member.index].store(round + 1, Ordering::Relaxed));
        assert!(cells.iter().all(|cell| cell.load(Ordering::Relaxed) == round + 1));
    }
}

#[test]
fn a_panic_reaches_the_caller_and_the_team_lives_on() {
    for threads in [1, 2, 4] {
        let team = team(threads);
        for guilty in 0..threads {
            let finished = AtomicUsize::new(0);
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
                team.run(threads, &|member| {
                    member.barrier();
                    if member.index == guilty {
                        panic!("member {guilty} fell over");
                    }
                    finished.fetch_add(1, Ordering::Relaxed);
                });
            }));
            let payload = outcome.unwrap_err();
            assert_eq!(
                payload.downcast_ref::<String>().unwrap(),
                &format!("member {guilty} fell over")
            );
            assert_eq!(finished.load(Ordering::Relaxed), threads - 1);
            let alive = AtomicUsize::new(0);
            team.run(threads, &|member| {
                member.barrier();
                alive.fetch_add(1, Ordering::Relaxed);
                member.barrier();
                assert_eq!(alive.load(Ordering::Relaxed), threads);
            });
        }
    }
}

#[test]
fn a_panic_frees_those_who_wait_at_a_barrier() {
    let team = team(4);
    for guilty in 0..4 {
        let passed = AtomicUsize::new(0);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            team.run(4, &|member| {
                member.barrier();
                if member.index == guilty {
                    // The others are asleep in the barrier, or about to be.
                    until("the others wait", || team.shared.barrier.num_sleepers() == 3);
                    panic::resume_unwind(Box::new(guilty));
                }
                member.barrier();
                passed.fetch_add(1, Ordering::Relaxed);
            });
        }));
        assert_eq!(*outcome.unwrap_err().downcast_ref::<usize>().unwrap(), guilty);
        assert_eq!(passed.into_inner(), 0, "nobody passes a barrier that one never reached");
    }
}

#[test]
fn everybody_panics_and_one_panic_arrives() {
    let team = team(3);
    for _ in 0..50 {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            team.run(3, &|member| panic::resume_unwind(Box::new(member.index)));
        }));
        assert!(*outcome.unwrap_err().downcast_ref::<usize>().unwrap() < 3);
    }
    team.run(3, &|member| member.barrier());
}

#[test]
fn a_region_inside_a_region_runs_on_its_caller() {
    let (outer, other) = (team(3), team(2));
    let inner = AtomicUsize::new(0);
    outer.run(3, &|member| {
        assert_eq!(outer.advised_threads(), 1);
        for team in [&outer, &other] {
            team.run(3, &|nested| {
                assert_eq!((nested.index, nested.count), (0, 1));
                nested.barrier();
                inner.fetch_add(1, Ordering::Relaxed);
            });
        }
        member.barrier();
    });
    assert_eq!(inner.into_inner(), 6);
    let count = AtomicUsize::new(0);
    outer.run(3, &|member| count.store(member.count, Ordering::Relaxed));
    assert_eq!(count.into_inner(), 3, "afterwards regions are parallel as before");
}

#[test]
fn callers_on_several_threads_take_turns() {
    let team = team(3);
    let (inside, total) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    team.run(3, &|member| {
                        inside.fetch_add(1, Ordering::Relaxed);
                        member.barrier();
                        assert_eq!(inside.load(Ordering::Relaxed), 3);
                        member.barrier();
                        inside.fetch_sub(1, Ordering::Relaxed);
                        total.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 4 * 200 * 3);
}

#[test]
fn idle_workers_sleep_and_wake_again_and_can_be_dropped_asleep() {
    for _ in 0..20 {
        let team = team(4);
        for _ in 0..3 {
            let seen = AtomicUsize::new(0);
            team.run(4, &|_| {
                seen.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(seen.into_inner(), 4);
            until("the workers sleep", || team.shared.num_asleep() == 3);
        }
        // Those who are left out of a region stay asleep or go back to sleep.
        team.run(2, &|member| member.barrier());
        until("the workers sleep", || team.shared.num_asleep() == 3);
        drop(team);
    }
}

#[test]
fn drop_while_workers_spin_and_when_none_was_started() {
    drop(team(8));
    for _ in 0..100 {
        let team = team(3);
        team.run(3, &|member| member.barrier());
        drop(team);
    }
}

#[test]
fn many_more_threads_than_processors() {
    let team = team(32);
    let total = AtomicUsize::new(0);
    for _ in 0..20 {
        team.run(32, &|member| {
            for _ in 0..5 {
                total.fetch_add(1, Ordering::Relaxed);
                member.barrier();
            }
        });
    }
    assert_eq!(total.into_inner(), 20 * 5 * 32);
}

/// Four members on each processor cannot all run: the advice must fall, and every region
/// must still be complete.
#[test]
fn the_advice_shrinks_when_members_wait_for_processors() {
    let processors = thread::available_parallelism().unwrap().get();
    let team = team(4 * processors);
    let mut fewest = team.advised_threads();
    assert_eq!(fewest, 4 * processors);
    let start = Instant::now();
    while fewest > processors.max(2) / 2 && start.elapsed() < Duration::from_secs(30) {
        let advised = team.advised_threads();
        fewest = fewest.min(advised);
        let seen = AtomicUsize::new(0);
        team.run(advised, &|member| {
            for _ in 0..3 {
                let spin = Instant::now();
                while spin.elapsed() < Duration::from_micros(200) {
                    std::hint::spin_loop();
                }
                member.barrier();
            }
            seen.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(seen.into_inner(), advised);
        if fewest <= processors {
            break;
        }
    }
    assert!(fewest <= processors.max(2), "the advice stayed at {fewest}");
    // Some time later more are tried again.
    until("the advice grows", || team.advised_threads() > fewest);
}

#[test]
fn nonsense_numbers_of_threads_are_refused() {
    for threads in [0, 1025, usize::MAX] {
        let refused = Team::new(TeamOptions { threads: Some(threads) });
        assert_eq!(refused.err().unwrap().kind(), ErrorKind::Argument);
    }
    assert!(Team::new(TeamOptions::default()).unwrap().num_threads() >= 1);
}
