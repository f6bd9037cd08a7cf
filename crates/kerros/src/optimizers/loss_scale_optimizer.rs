use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::setting::Setting;
use super::{
    Moved, Optimizer, Options, REGISTRY, Slot, Step, Updated, Variable, Wraps, with_loss_scale,
};
use crate::object::{Choice, Config, ConfigReader, Described, Entry};

/// Another optimizer, with the loss times a scale that grows until gradients overflow.
///
/// Small gradients of half precision would become zero: the loss is scaled up before gradients
/// are taken, and they are scaled down again. A step with a gradient that is not finite changes
/// nothing and halves the scale.
///
/// # Parameters
/// - `inner_optimizer`: what moves the variables.
/// - `initial_scale`: default 2^15.
/// - `dynamic_growth_steps`: after how many finite steps the scale is doubled. Default: 2000.
///
/// # Example
/// ```
/// use kerros::Described;
/// use kerros::optimizers::{Adam, LossScaleOptimizer};
/// let optimizer = LossScaleOptimizer::new(Adam::new(1e-3)).initial_scale(1024.0);
/// assert_eq!(optimizer.config()["inner_optimizer"]["class_name"], "Adam");
/// ```
///
/// # Source
/// Micikevicius et al.: "Mixed precision training", arXiv 1710.03740.
#[derive(Clone, Debug)]
pub struct LossScaleOptimizer {
    options: Options,
    inner: Choice<dyn Optimizer>,
    initial_scale: f64,
    dynamic_growth_steps: usize,
}

impl LossScaleOptimizer {
    /// This optimizer, or the one of this name, with a dynamic scale.
    pub fn new(inner_optimizer: impl Into<Choice<dyn Optimizer>>) -> Self {
        LossScaleOptimizer {
            options: Options::new("loss_scale_optimizer", 0.0),
            inner: inner_optimizer.into(),
            initial_scale: 32768.0,
            dynamic_growth_steps: 2000,
        }
    }

    /// The scale at the start.
    pub fn initial_scale(mut self, initial_scale: f64) -> Self {
        self.initial_scale = initial_scale;
        self
    }

    /// After how many finite steps the scale is doubled.
    pub fn dynamic_growth_steps(mut self, steps: usize) -> Self {
        self.dynamic_growth_steps = steps;
        self
    }

    /// The name in configs and in the paths of the optimizer's variables.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = name.into();
        self
    }

    /// What moves the variables.
    ///
    /// # Errors
    /// An unknown name.
    pub fn inner_optimizer(&self) -> Result<Arc<dyn Optimizer>> {
        self.inner.resolve()
    }

    pub(super) fn scale(&self) -> (f64, usize) {
        (self.initial_scale, self.dynamic_growth_steps)
    }

    fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Optimizer>> {
        let Some(inner) = reader.object::<dyn Optimizer>("inner_optimizer")? else {
            return Err(Error::new(ErrorKind::Argument, "`inner_optimizer` is missing")
                .expected("an optimizer"));
        };
        // Older files write settings of the inner optimizer here, at defaults that do nothing.
        let nothing = Options::new("", 0.0).config();
        for (name, default) in nothing.iter().skip(2) {
            if let Some(value) = reader.given(name)
                && value != default
            {
                reader.refuse(format!("`{name}` is {value}: set it on the inner optimizer"));
            }
        }
        reader.ignore(&["dynamic"]);
        let start = LossScaleOptimizer::new(inner);
        let read = LossScaleOptimizer {
            options: Options {
                name: Setting::read(reader, "name", start.options.name.clone()),
                ..start.options
            },
            initial_scale: Setting::read(reader, "initial_scale", start.initial_scale),
            dynamic_growth_steps: Setting::read(
                reader,
                "dynamic_growth_steps",
                start.dynamic_growth_steps,
            ),
            inner: start.inner,
        };
        read.check()?;
        Ok(Arc::new(read))
    }

    pub(super) const ENTRY: Entry<dyn Optimizer> = Entry {
        class_name: "LossScaleOptimizer",
        names: &[],
        summary: "another optimizer, with the loss scaled up for half precision",
        from_config: LossScaleOptimizer::from_config,
    };
}

impl Described for LossScaleOptimizer {
    fn class_name(&self) -> &'static str {
        "LossScaleOptimizer"
    }

    fn config(&self) -> Config {
        let inner = self.inner.resolve().map(|inner| REGISTRY.serialize(&*inner));
        let inner = inner.map(|inner| with_loss_scale(inner, None)).unwrap_or_default();
        Config::from_iter([
            ("name".into(), json!(self.options.name)),
            ("inner_optimizer".into(), inner),
            ("initial_scale".into(), json!(self.initial_scale)),
            ("dynamic_growth_steps".into(), json!(self.dynamic_growth_steps)),
        ])
    }
}

impl Optimizer for LossScaleOptimizer {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let inner = self.inner.resolve()?;
        inner.options().check().and_then(|()| inner.check())?;
        let wrong = |message: String, expected: &str| {
            Err(Error::new(ErrorKind::Argument, message).expected(expected))
        };
        if let Some(Wraps::Scaled(_)) = inner.wraps() {
            return wrong(
                format!("the inner optimizer is a {}", inner.class_name()),
                "one that does not scale the loss itself",
            );
        }
        if !(self.initial_scale.is_finite() && self.initial_scale > 0.0) {
            return wrong(format!("initial_scale={}", self.initial_scale), "a number above 0");
        }
        match self.dynamic_growth_steps {
            0 => wrong("dynamic_growth_steps=0".into(), "1 or more"),
            _ => Ok(()),
        }
    }

    fn note_learning_rate(&self, rate: f32, config: &mut Config) {
        let inner = config.get_mut("inner_optimizer").and_then(|inner| inner.get_mut("config"));
        if let (Ok(optimizer), Some(inner)) =
            (self.inner.resolve(), inner.and_then(Value::as_object_mut))
        {
            optimizer.note_learning_rate(rate, inner);
        }
    }

    fn wraps(&self) -> Option<Wraps<'_>> {
        Some(Wraps::Scaled(self))
    }

    fn slots(&self, _variable: &Variable) -> Vec<Slot> {
        Vec::new()
    }

    fn update<'g>(&self, _step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        Updated { variable: moved.variable, slots: Vec::new() }
    }
}
