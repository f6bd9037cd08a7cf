//! What a parallel region and a barrier cost on this machine, in microseconds.
//!
//! `cargo run --release -p kerros-cpu --example team_cost [threads]`

use std::hint;
use std::time::{Duration, Instant};

use kerros_core::Result;
use kerros_cpu::team::{Team, TeamOptions};

/// Sorted times per repetition of 21 batches.
fn batches(mut batch: impl FnMut() -> Duration) -> Vec<f64> {
    let mut times: Vec<f64> = (0..21).map(|_| batch().as_secs_f64() * 1e6).collect();
    times.sort_by(f64::total_cmp);
    times
}

fn report(what: &str, times: &[f64]) {
    println!("{what:<44} best {:>8.2}  median {:>8.2}", times[0], times[times.len() / 2]);
}

fn busy(length: Duration) {
    let start = Instant::now();
    while start.elapsed() < length {
        hint::spin_loop();
    }
}

fn main() -> Result<()> {
    let threads = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let team = Team::new(TeamOptions { threads })?;
    let count = team.num_threads();
    println!("{count} threads, microseconds");

    const REPEATS: u32 = 2_000;
    let regions = batches(|| {
        let start = Instant::now();
        (0..REPEATS).for_each(|_| team.run(count, &|_| ()));
        start.elapsed() / REPEATS
    });
    report("region, back to back", &regions);

    let barriers = batches(|| {
        let start = Instant::now();
        team.run(count, &|member| (0..REPEATS).for_each(|_| member.barrier()));
        start.elapsed() / REPEATS
    });
    report("barrier, back to back", &barriers);

    for gap_micros in [10, 100, 1_000, 10_000] {
        let gap = Duration::from_micros(gap_micros);
        let repeats = (20_000 / gap_micros as u32).clamp(3, 200);
        let after_gap = batches(|| {
            let mut total = Duration::ZERO;
            for _ in 0..repeats {
                busy(gap);
                let start = Instant::now();
                team.run(count, &|_| ());
                total += start.elapsed();
            }
            total / repeats
        });
        report(&format!("region after a gap of {gap_micros} microseconds"), &after_gap);
    }
    println!("advised threads at the end: {}", team.advised_threads());
    Ok(())
}
