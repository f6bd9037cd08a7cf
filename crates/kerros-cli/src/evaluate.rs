//! `kerros evaluate`: loss and metrics of a saved model on data.

use anyhow::Result;
use kerros::Evaluate;
use kerros::metrics::MetricValue;

use crate::args::EvaluateArgs;
use crate::array_data::{self, Purpose};
use crate::messages::say;
use crate::{device, outputs, summary};

/// Runs `kerros evaluate`.
///
/// # Errors
/// A model or data that cannot be read, or that do not fit.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    array_data::note_unused(&args.data, Purpose::Evaluate);
    device::set(&args.data.device)?;
    let mut model = summary::load(&args.model)?;
    if let Some(weights) = &args.weights {
        model.load_weights(weights)?;
    }
    summary::check_compiled(&model, &args.model)?;
    let data = array_data::load(&args.data, Purpose::Evaluate)?;
    array_data::check_counts(&model, &data.train, Purpose::Evaluate)?;
    let metrics = model.evaluate_with(&data.train, Evaluate::new().batch_size(args.batch_size))?;
    if args.json {
        return say(outputs::json_object(
            metrics.iter().map(|(name, value)| (name, value.to_json())),
        ));
    }
    let lines: Vec<String> =
        metrics.iter().map(|(name, value)| format!("{name}: {}", six_digits(value))).collect();
    say(lines.join("\n"))
}

/// A number with six decimals; a list of such.
fn six_digits(value: &MetricValue) -> String {
    match value {
        MetricValue::Number(number) => format!("{number:.6}"),
        MetricValue::List(list) => format!("{list:.6?}"),
    }
}
