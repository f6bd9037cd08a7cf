use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::pattern::Pattern;
use super::setting::Setting;
use super::{
    Moved, Optimizer, Options, REGISTRY, Slot, Step, Updated, Variable, Wraps, with_loss_scale,
};
use crate::object::{Choice, Config, ConfigReader, Described, Entry};

/// Which optimizer moves which variable: by patterns of the variables' paths, such as
/// `".*/bias"`, with an optimizer for what matches none.
///
/// Patterns are regular expressions that the whole path must match: letters, `.`, sets, groups,
/// `|`, `*`, `+` and `?`.
#[derive(Clone, Debug)]
pub struct OptimizerMap {
    default: Choice<dyn Optimizer>,
    patterns: Vec<(String, Choice<dyn Optimizer>)>,
}

impl OptimizerMap {
    /// This optimizer for all variables.
    pub fn new(default_optimizer: impl Into<Choice<dyn Optimizer>>) -> Self {
        OptimizerMap { default: default_optimizer.into(), patterns: Vec::new() }
    }

    /// Gives variables whose path is, or matches, this pattern to another optimizer.
    pub fn insert(
        mut self,
        pattern: impl Into<String>,
        optimizer: impl Into<Choice<dyn Optimizer>>,
    ) -> Self {
        self.patterns.push((pattern.into(), optimizer.into()));
        self
    }

    /// The optimizers in the order of their states in files: those of patterns, then the
    /// default; and what their patterns are.
    fn resolve(&self) -> Result<Routes> {
        let mut routes = Routes { optimizers: Vec::new(), patterns: Vec::new(), default: 0 };
        for (at, (text, optimizer)) in self.patterns.iter().enumerate() {
            if self.patterns[..at].iter().any(|(known, _)| known == text) {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("the pattern `{text}` is given twice"),
                )
                .expected("an optimizer for each pattern"));
            }
            let place = routes.place_of(optimizer.resolve()?);
            routes.patterns.push((Pattern::new(text)?, place));
        }
        routes.default = routes.place_of(self.default.resolve()?);
        Ok(routes)
    }

    fn serialize(&self, loss_scale_factor: Option<f64>) -> Value {
        let inner = |optimizer: &Choice<dyn Optimizer>| match optimizer.resolve() {
            Ok(optimizer) => with_loss_scale(REGISTRY.serialize(&*optimizer), loss_scale_factor),
            Err(_) => Value::Null,
        };
        let patterns =
            self.patterns.iter().map(|(text, optimizer)| (text.clone(), inner(optimizer)));
        json!({
            "module": "keras.optimizers",
            "class_name": "OptimizerMap",
            "config": {
                "default_optimizer": inner(&self.default),
                "optimizer_map": patterns.collect::<Config>(),
            },
            "registered_name": null,
        })
    }

    fn deserialize(value: &Value) -> Result<Self> {
        let wrong = || {
            Error::new(ErrorKind::Unsupported, "`optimizer_map` is not an `OptimizerMap`")
                .expected("an object of the class OptimizerMap, with a default optimizer")
                .hint("a function of your own cannot be read from a file: compile again")
        };
        let is_map = value.get("class_name").and_then(Value::as_str) == Some("OptimizerMap");
        let config = value.get("config").filter(|_| is_map).ok_or_else(wrong)?;
        let default = config.get("default_optimizer").ok_or_else(wrong)?;
        let mut map = OptimizerMap::new(REGISTRY.deserialize(default)?);
        for (text, optimizer) in
            config.get("optimizer_map").and_then(Value::as_object).into_iter().flatten()
        {
            map = map.insert(text, REGISTRY.deserialize(optimizer)?);
        }
        Ok(map)
    }
}

/// An [`OptimizerMap`] with its names and patterns understood.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    pub(super) optimizers: Vec<Arc<dyn Optimizer>>,
    patterns: Vec<(Pattern, usize)>,
    default: usize,
}

impl Routes {
    /// The place of an optimizer; the same object has one place.
    fn place_of(&mut self, optimizer: Arc<dyn Optimizer>) -> usize {
        let known = self.optimizers.iter().position(|known| Arc::ptr_eq(known, &optimizer));
        known.unwrap_or_else(|| {
            self.optimizers.push(optimizer);
            self.optimizers.len() - 1
        })
    }

    /// The place of the optimizer that moves a variable: that of the pattern that is its path,
    /// else of the one that it matches, else the default.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for a variable that several patterns match.
    pub(super) fn of(&self, variable: &Variable) -> Result<usize> {
        let path = &variable.path;
        if let Some((_, place)) = self.patterns.iter().find(|(known, _)| known.to_string() == *path)
        {
            return Ok(*place);
        }
        let matching: Vec<_> =
            self.patterns.iter().filter(|(pattern, _)| pattern.matches(path)).collect();
        match matching[..] {
            [] => Ok(self.default),
            [(_, place)] => Ok(*place),
            _ => {
                let patterns: Vec<String> =
                    matching.iter().map(|(pattern, _)| format!("`{pattern}`")).collect();
                Err(Error::new(
                    ErrorKind::Argument,
                    format!("the variable `{path}` matches the patterns {}", patterns.join(", ")),
                )
                .expected("one optimizer for each variable"))
            }
        }
    }
}

/// Several optimizers, each for some of the variables.
///
/// # Parameters
/// - `optimizer_map`: which optimizer moves which variable.
/// - `loss_scale_factor`: a fixed factor by which the loss is scaled up and gradients down;
///   those of the optimizers themselves do not count. Default: none.
///
/// # Example
/// ```
/// use kerros::Described;
/// use kerros::optimizers::{Adam, MultiOptimizer, OptimizerMap, SGD};
/// let map = OptimizerMap::new(Adam::new(1e-3)).insert(".*/embeddings", SGD::new(0.1));
/// let optimizer = MultiOptimizer::new(map);
/// assert_eq!(optimizer.config()["name"], "multi_optimizer");
/// ```
#[derive(Clone, Debug)]
pub struct MultiOptimizer {
    options: Options,
    map: OptimizerMap,
}

impl MultiOptimizer {
    /// These optimizers.
    pub fn new(optimizer_map: OptimizerMap) -> Self {
        MultiOptimizer { options: Options::new("multi_optimizer", 0.0), map: optimizer_map }
    }

    /// A fixed factor by which the loss is scaled up and gradients down.
    pub fn loss_scale_factor(mut self, factor: impl Into<Option<f64>>) -> Self {
        self.options.loss_scale_factor = factor.into();
        self
    }

    /// The name in configs and in the paths of the optimizer's variables.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = name.into();
        self
    }

    pub(super) fn routes(&self) -> Result<Routes> {
        self.map.resolve()
    }

    fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Optimizer>> {
        let Some(map) = reader.value("optimizer_map") else {
            return Err(Error::new(ErrorKind::Argument, "`optimizer_map` is missing")
                .expected("an OptimizerMap"));
        };
        let start = MultiOptimizer::new(OptimizerMap::deserialize(map)?);
        let read = MultiOptimizer {
            options: Options {
                name: Setting::read(reader, "name", start.options.name.clone()),
                loss_scale_factor: Setting::read(reader, "loss_scale_factor", None),
                ..start.options
            },
            map: start.map,
        };
        read.check()?;
        Ok(Arc::new(read))
    }

    pub(super) const ENTRY: Entry<dyn Optimizer> = Entry {
        class_name: "MultiOptimizer",
        names: &[],
        summary: "several optimizers, each for some of the variables",
        from_config: MultiOptimizer::from_config,
    };
}

impl Described for MultiOptimizer {
    fn class_name(&self) -> &'static str {
        "MultiOptimizer"
    }

    fn config(&self) -> Config {
        let factor = self.options.loss_scale_factor;
        Config::from_iter([
            ("optimizer_map".into(), self.map.serialize(factor)),
            ("loss_scale_factor".into(), factor.to_json()),
            ("name".into(), json!(self.options.name)),
        ])
    }
}

impl Optimizer for MultiOptimizer {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        for optimizer in &self.routes()?.optimizers {
            optimizer.options().check().and_then(|()| optimizer.check())?;
            if optimizer.wraps().is_some() {
                let message = format!("one of the optimizers is a {}", optimizer.class_name());
                return Err(Error::new(ErrorKind::Argument, message)
                    .expected("optimizers that move variables themselves"));
            }
        }
        Ok(())
    }

    fn note_learning_rate(&self, _rate: f32, _config: &mut Config) {}

    fn wraps(&self) -> Option<Wraps<'_>> {
        Some(Wraps::Several(self))
    }

    fn slots(&self, _variable: &Variable) -> Vec<Slot> {
        Vec::new()
    }

    fn update<'g>(&self, _step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        Updated { variable: moved.variable, slots: Vec::new() }
    }
}
