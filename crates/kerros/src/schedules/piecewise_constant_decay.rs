use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::Schedule;
use crate::object::{Config, ConfigReader, Described, Entry};
use crate::optimizers::setting::Setting;

/// The steps at which values end. A step is a whole number: of a boundary such as 1.5, its
/// fraction does not count, as in Keras while a model is trained.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Boundaries(Vec<f64>);

impl From<Vec<f64>> for Boundaries {
    fn from(boundaries: Vec<f64>) -> Self {
        Boundaries(boundaries)
    }
}

impl From<Vec<usize>> for Boundaries {
    fn from(boundaries: Vec<usize>) -> Self {
        Boundaries(boundaries.into_iter().map(|boundary| boundary as f64).collect())
    }
}

impl From<Vec<i32>> for Boundaries {
    fn from(boundaries: Vec<i32>) -> Self {
        Boundaries(boundaries.into_iter().map(f64::from).collect())
    }
}

/// In configs, whole numbers are written as such.
impl Setting for Boundaries {
    const EXPECTED: &'static str = "a list of numbers";

    fn from_json(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>().map(Boundaries)
    }

    fn to_json(&self) -> Value {
        // Beyond these a number of 64 bits does not hold every whole one.
        let is_whole = |boundary: f64| boundary.fract() == 0.0 && boundary.abs() < 9e15;
        let number = |&boundary: &f64| match is_whole(boundary) {
            true => json!(boundary as i64),
            false => json!(boundary),
        };
        self.0.iter().map(number).collect()
    }
}

/// `rate = values[i]` for the first `i` with `step <= boundaries[i]`, the last value after
/// all boundaries.
///
/// # Parameters
/// - `boundaries`: the last step of each value but the last, ascending, at least one; a fraction
///   does not count.
/// - `values`: one more than there are boundaries.
/// - `name`: the name in configs. Default: `"PiecewiseConstant"`.
///
/// # Example
/// ```
/// use kerros::Described;
/// use kerros::schedules::PiecewiseConstantDecay;
/// let schedule = PiecewiseConstantDecay::new(vec![100, 200], vec![0.1, 0.05, 0.01]);
/// assert_eq!(schedule.config()["boundaries"].to_string(), "[100,200]");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PiecewiseConstantDecay {
    boundaries: Boundaries,
    values: Vec<f64>,
    name: String,
}

impl PiecewiseConstantDecay {
    /// These values, up to these steps.
    pub fn new(boundaries: impl Into<Boundaries>, values: Vec<f64>) -> Self {
        PiecewiseConstantDecay {
            boundaries: boundaries.into(),
            values,
            name: "PiecewiseConstant".into(),
        }
    }

    /// The name in configs.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Schedule>> {
        let boundaries = Boundaries::read_required(reader, "boundaries");
        let values = Vec::<f64>::read_required(reader, "values");
        let start = PiecewiseConstantDecay::new(boundaries, values);
        let read =
            PiecewiseConstantDecay { name: Setting::read(reader, "name", start.name), ..start };
        read.check()?;
        Ok(Arc::new(read))
    }

    pub(super) const ENTRY: Entry<dyn Schedule> = Entry {
        class_name: "PiecewiseConstantDecay",
        names: &[],
        summary: "one value up to each boundary",
        from_config: PiecewiseConstantDecay::from_config,
    };
}

impl Described for PiecewiseConstantDecay {
    fn class_name(&self) -> &'static str {
        "PiecewiseConstantDecay"
    }

    fn config(&self) -> Config {
        Config::from_iter([
            ("boundaries".into(), self.boundaries.to_json()),
            ("values".into(), self.values.to_json()),
            ("name".into(), json!(self.name)),
        ])
    }
}

impl Schedule for PiecewiseConstantDecay {
    fn check(&self) -> Result<()> {
        let Boundaries(boundaries) = &self.boundaries;
        let (count, values) = (boundaries.len(), self.values.len());
        if count == 0 || values != count + 1 {
            let message = format!("{count} boundaries and {values} values");
            return Err(Error::new(ErrorKind::Argument, message)
                .expected("at least one boundary, and one value more than boundaries"));
        }
        let are_steps = boundaries.iter().all(|boundary| boundary.is_finite());
        match are_steps && boundaries.is_sorted() {
            true => Ok(()),
            false => {
                let all: Vec<String> = boundaries.iter().map(f64::to_string).collect();
                let message = format!("boundaries=[{}]", all.join(", "));
                Err(Error::new(ErrorKind::Argument, message).expected("ascending steps"))
            }
        }
    }

    fn at<'g>(&self, step: Node<'g>) -> Node<'g> {
        let value = |at: usize| step.graph().constant(self.values[at] as f32);
        let pieces = self.boundaries.0.iter().enumerate().rev();
        pieces.fold(value(self.values.len() - 1), |later, (at, boundary)| {
            step.less_equal(boundary.trunc() as f32).select(value(at), later)
        })
    }
}
