//! The Kerros side of the measurements in `bench/`: one workload, one JSON line.
//!
//! `cargo run --release -p kerros --example bench -- w1|w3|w4|w5|w6|w7|w8|w9a --threads N`; the fields are
//! explained in `bench/README.md`. With `--explain`, the steps of what ran and the time of each
//! go to stderr.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kerros::callbacks::Callback;
use kerros::layers::Dense;
use kerros::losses::MeanSquaredError;
use kerros::optimizers::SGD;
use kerros::trainer::Training;
use kerros::{Error, ErrorKind, Fit, Metrics, Model, Result, Sequential, Tensor, Verbose};
use kerros_core::{Philox, philox};
use kerros_cpu::{Cpu, CpuOptions};
use serde_json::{Map, Value, json};

mod models;

fn main() {
    let clock = Clock::start();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let workload = arguments.first().cloned().unwrap_or_default();
    let threads = arguments
        .iter()
        .position(|word| word == "--threads")
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(1);
    let mut line = Map::new();
    line.insert("framework".into(), "kerros".into());
    line.insert("workload".into(), workload.as_str().into());
    line.insert("threads".into(), threads.into());
    line.insert("versions".into(), json!({ "kerros": env!("CARGO_PKG_VERSION") }));
    let outcome = run(&workload, threads, &clock, &mut line);
    if let Err(error) = &outcome {
        line.insert("error".into(), error.to_string().into());
    }
    line.insert("wall_s".into(), clock.seconds().into());
    println!("{}", Value::Object(line));
    if outcome.is_err() {
        std::process::exit(1);
    }
}

fn run(workload: &str, threads: usize, clock: &Clock, line: &mut Map<String, Value>) -> Result<()> {
    let cpu = Cpu::with(&CpuOptions { threads: Some(threads), ..CpuOptions::default() })?;
    kerros::set_default_device(cpu);
    match workload {
        "w8" => w8(clock, line),
        "w9a" => w9a(clock, line),
        _ => {
            let begun = Instant::now();
            let Some(job) = models::job(workload)? else {
                return Err(Error::new(
                    ErrorKind::UnknownName,
                    format!("unknown workload `{workload}`"),
                )
                .expected("w1, w3, w4, w5, w6, w7, w8 or w9a"));
            };
            let explain = std::env::args().any(|word| word == "--explain");
            epochs(job, begun.elapsed(), explain, clock, line)
        }
    }
}

/// Trains epoch after epoch until there are enough windows, and enough seconds of them. `making`
/// is the time that the rows took.
fn epochs(
    job: models::Job,
    making: Duration,
    explain: bool,
    clock: &Clock,
    line: &mut Map<String, Value>,
) -> Result<()> {
    let models::Job { mut model, x, y, batch_size: batch } = job;
    let rows = x.shape()[0];
    let rows_of = |range: std::ops::Range<usize>| -> Result<(Tensor, Tensor)> {
        Ok((x.slice_rows(range.clone())?, y.slice_rows(range)?))
    };
    model.fit(rows_of(0..batch)?, Fit::epochs(1).batch_size(batch).verbose(Verbose::Silent))?;
    line.insert("first_step_s".into(), (clock.seconds() - making.as_secs_f64()).into());

    if explain {
        model.measure_steps();
    }
    let mut windows = Windows::new();
    let fit = Fit::epochs(1_000_000).batch_size(batch).verbose(Verbose::Silent);
    model.fit((&x, &y), fit.callback(&mut windows))?;
    if explain {
        eprintln!("{}", model.explain());
    }
    let mut rates: Vec<f64> = windows.seconds.iter().map(|seconds| rows as f64 / seconds).collect();
    rates.sort_by(f64::total_cmp);
    line.insert("rate".into(), rates[rates.len() / 2].into());
    line.insert("rate_min".into(), rates[0].into());
    line.insert("rate_max".into(), rates[rates.len() - 1].into());
    line.insert("windows".into(), rates.len().into());
    line.insert("measured_s".into(), windows.seconds.iter().sum::<f64>().into());
    line.insert("epoch1_loss".into(), windows.first.get("loss").into());
    line.insert("epoch1_accuracy".into(), windows.first.get("accuracy").into());
    Ok(())
}

/// Times epochs; the first is not counted.
struct Windows {
    begun: Instant,
    seconds: Vec<f64>,
    first: Metrics,
    at_least: usize,
    at_least_seconds: f64,
}

impl Windows {
    fn new() -> Self {
        Windows {
            begun: Instant::now(),
            seconds: Vec::new(),
            first: Metrics::default(),
            at_least: environment("BENCH_WINDOWS").unwrap_or(7.0) as usize,
            at_least_seconds: environment("BENCH_SECONDS").unwrap_or(3.0),
        }
    }
}

impl Callback for Windows {
    fn on_epoch_begin(&mut self, _training: &mut Training<'_>, _epoch: usize) -> Result<()> {
        self.begun = Instant::now();
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        if epoch == 0 {
            self.first = logs.clone();
            return Ok(());
        }
        self.seconds.push(self.begun.elapsed().as_secs_f64());
        let spent: f64 = self.seconds.iter().sum();
        let enough = self.seconds.len() >= self.at_least && spent >= self.at_least_seconds;
        let slow = self.seconds.len() >= 3 && spent >= 20.0 * self.at_least_seconds;
        if enough || slow {
            training.stop();
        }
        Ok(())
    }
}

fn w8(clock: &Clock, line: &mut Map<String, Value>) -> Result<()> {
    let x = normal(1, 100);
    let noise = normal(2, 100);
    let y: Vec<f32> = x.iter().zip(noise).map(|(x, noise)| 2.0 * x + 1.0 + 0.1 * noise).collect();
    let (x, y) = (Tensor::new([100, 1], x)?, Tensor::new([100, 1], y)?);
    for (at, name) in ["fit_s", "refit_s"].into_iter().enumerate() {
        let begun = Instant::now();
        let mut model = Sequential::new().input([1]).add(Dense::new(1));
        model.compile(SGD::new(0.01), MeanSquaredError::new(), ())?;
        model.fit((&x, &y), Fit::epochs(1000).batch_size(32).verbose(Verbose::Silent))?;
        line.insert(name.into(), begun.elapsed().as_secs_f64().into());
        if at == 0 {
            line.insert("process_s".into(), clock.seconds().into());
            for (name, weight) in ["kernel", "bias"].into_iter().zip(model.get_weights()?) {
                line.insert(name.into(), weight.to_vec_f64()[0].into());
            }
        }
    }
    Ok(())
}

fn w9a(clock: &Clock, line: &mut Map<String, Value>) -> Result<()> {
    let begun = Instant::now();
    let rows: Vec<Tensor> =
        (0..64).map(|row| Tensor::new([1, 784], normal(row, 784))).collect::<Result<_>>()?;
    let path = std::env::temp_dir().join(format!("kerros-bench-{}.keras", std::process::id()));
    let mut fresh = models::w1()?;
    let wanted: Vec<Tensor> = rows.iter().map(|x| fresh.predict(x)).collect::<Result<_>>()?;
    fresh.save(&path)?;
    let making = begun.elapsed();
    let loaded = Model::load(&path);
    // The file goes whether or not it could be loaded.
    let _ = std::fs::remove_file(&path);
    let mut model = loaded?;
    let mut worst = 0.0f64;
    model.predict_on_batch(&rows[0])?;
    line.insert("first_step_s".into(), (clock.seconds() - making.as_secs_f64()).into());
    for (x, wanted) in rows.iter().zip(&wanted) {
        let got = model.predict_on_batch(x)?.to_vec_f64();
        let pairs = got.into_iter().zip(wanted.to_vec_f64());
        worst = pairs.fold(worst, |worst, (a, b)| worst.max((a - b).abs()));
    }
    let at_least = Duration::from_secs_f64(environment("BENCH_SECONDS").unwrap_or(3.0));
    let mut micros = Vec::new();
    let begun = Instant::now();
    while micros.len() < 200 || (begun.elapsed() < at_least && micros.len() < 1_000_000) {
        let x = &rows[micros.len() % rows.len()];
        let call = Instant::now();
        std::hint::black_box(model.predict_on_batch(x)?);
        micros.push(call.elapsed().as_secs_f64() * 1e6);
    }
    micros.sort_by(f64::total_cmp);
    line.insert("latency_us".into(), micros[micros.len() / 2].into());
    line.insert("latency_min_us".into(), micros[0].into());
    line.insert("latency_p99_us".into(), micros[micros.len() * 99 / 100].into());
    line.insert("calls".into(), micros.len().into());
    line.insert("max_probability_error".into(), worst.into());
    Ok(())
}

/// The time since the process was started.
struct Clock {
    begun: Instant,
    before: Duration,
}

impl Clock {
    fn start() -> Self {
        let spawned =
            environment("BENCH_SPAWNED_NS").map(|nanos| Duration::from_secs_f64(nanos / 1e9));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = spawned.map_or(Duration::ZERO, |spawned| now.saturating_sub(spawned));
        Clock { begun: Instant::now(), before }
    }

    fn seconds(&self) -> f64 {
        (self.before + self.begun.elapsed()).as_secs_f64()
    }
}

fn environment(name: &str) -> Option<f64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Standard normal numbers (Box and Muller).
fn normal(stream: u32, count: usize) -> Vec<f32> {
    let mut words = vec![0; count.next_multiple_of(2)];
    Philox::new(1).fill(stream, 0, &mut words);
    let mut numbers = Vec::with_capacity(words.len());
    for pair in words.chunks(2) {
        let radius = (-2.0 * (1.0 - philox::unit_f32(pair[0])).ln()).sqrt();
        let angle = std::f32::consts::TAU * philox::unit_f32(pair[1]);
        numbers.extend([radius * angle.cos(), radius * angle.sin()]);
    }
    numbers.truncate(count);
    numbers
}
