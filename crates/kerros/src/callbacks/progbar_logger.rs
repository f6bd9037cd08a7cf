use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kerros_core::{Error, Result};

use super::Callback;
use crate::trainer::{Metrics, Training, Verbose};

/// How often a bar is drawn at most; between, no number is read from the device.
const REDRAW: Duration = Duration::from_millis(100);

/// Shows how training goes, on stderr: a bar per epoch on a terminal, else a line per epoch.
///
/// `fit` adds one unless it is silent.
#[derive(Debug)]
pub struct ProgbarLogger {
    is_bar: bool,
    bar: Option<ProgressBar>,
    began: Instant,
    drawn: Instant,
}

impl ProgbarLogger {
    /// A bar or lines.
    pub fn new(verbose: Verbose) -> Self {
        let is_bar = match verbose {
            Verbose::Bar => true,
            Verbose::Auto => stderr().is_terminal(),
            Verbose::Line | Verbose::Silent => false,
        };
        let now = Instant::now();
        ProgbarLogger { is_bar, bar: None, began: now, drawn: now }
    }

    /// Leaves a bar as it stands.
    fn leave(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.abandon();
        }
    }
}

impl Callback for ProgbarLogger {
    fn class_name(&self) -> &'static str {
        "ProgbarLogger"
    }

    fn on_epoch_begin(&mut self, training: &mut Training<'_>, epoch: usize) -> Result<()> {
        self.began = Instant::now();
        self.drawn = self.began;
        if self.is_bar {
            let size = training.size();
            let bar = ProgressBar::with_draw_target(
                size.steps.map(|steps| steps as u64),
                ProgressDrawTarget::stderr_with_hz(10),
            );
            let template = match size.steps {
                Some(_) => "{prefix} {pos}/{len} {bar:20} {msg}",
                None => "{prefix} {pos}/? {msg}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.set_prefix(format!("Epoch {}/{}", epoch + 1, size.epochs));
            self.bar = Some(bar);
        }
        Ok(())
    }

    fn on_train_batch_end(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        let Some(bar) = &self.bar else { return Ok(()) };
        if self.drawn.elapsed() >= REDRAW {
            self.drawn = Instant::now();
            let text = progress(self.began.elapsed(), batch + 1, &training.logs()?);
            bar.set_message(text);
            bar.set_position(batch as u64 + 1);
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        let size = training.size();
        let steps = training.steps_done();
        let text = progress(self.began.elapsed(), steps, logs);
        match self.bar.take() {
            Some(bar) => {
                bar.set_position(steps as u64);
                bar.finish_with_message(text);
            }
            None => {
                let of = size.steps.unwrap_or(steps);
                eprintln!("Epoch {}/{} - {steps}/{of} - {text}", epoch + 1, size.epochs)
            }
        }
        Ok(())
    }

    fn on_train_end(&mut self, _training: &mut Training<'_>) -> Result<()> {
        self.leave();
        Ok(())
    }

    fn on_train_error(&mut self, _training: &mut Training<'_>, _error: &Error) -> Result<()> {
        self.leave();
        Ok(())
    }
}

/// Time, time per step and the numbers, as Keras writes them.
fn progress(elapsed: Duration, steps: usize, logs: &Metrics) -> String {
    let secs = elapsed.as_secs_f64();
    let per_step = secs / steps.max(1) as f64;
    let per_step = match per_step {
        s if s >= 1.0 => format!("{s:.0}s/step"),
        s if s >= 1e-3 => format!("{:.0}ms/step", s * 1e3),
        s => format!("{:.0}us/step", s * 1e6),
    };
    format!("{secs:.0}s {per_step} - {logs}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_time_and_numbers() {
        let mut logs = Metrics::default();
        logs.set("accuracy", 0.91234);
        logs.set("loss", 0.00001);
        assert_eq!(
            progress(Duration::from_millis(2500), 100, &logs),
            "2s 25ms/step - accuracy: 0.9123 - loss: 1.0000e-5"
        );
    }
}
