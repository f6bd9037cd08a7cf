//! What all optimizers have in common.

use kerros_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::pattern::Pattern;
use super::setting::Setting;
use crate::object::{Config, ConfigReader};
use crate::schedules::{InverseTimeDecay, LearningRate};

/// The settings that every optimizer takes.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name in configs and in the paths of the optimizer's variables.
    pub name: String,
    /// The learning rate: a number, or a schedule over steps.
    pub learning_rate: LearningRate,
    /// The share of each variable that is taken away per step, times the learning rate.
    pub weight_decay: Option<f64>,
    /// Upper bound of each gradient's own norm.
    pub clipnorm: Option<f64>,
    /// Upper bound of the norm of all gradients together.
    pub global_clipnorm: Option<f64>,
    /// Upper bound of each gradient element's size.
    pub clipvalue: Option<f64>,
    /// Whether to keep a moving average of the variables.
    pub use_ema: bool,
    /// The share of the old average that is kept per step.
    pub ema_momentum: f64,
    /// Every how many steps the variables are set to their averages.
    pub ema_overwrite_frequency: Option<usize>,
    /// A fixed factor by which the loss is scaled up and gradients down.
    pub loss_scale_factor: Option<f64>,
    /// Over how many steps gradients are averaged before one update.
    pub gradient_accumulation_steps: Option<usize>,
    /// Variables in whose names one of these patterns is found keep clear of weight decay: most
    /// often a plain text, such as `"bias"`; also sets, groups, `|`, `*`, `+`, `?`, `^` and `$`.
    /// Not part of the config, in Keras neither.
    pub exclude_from_weight_decay: Vec<String>,
    /// A contradiction met while building, to be reported by [`Options::check`].
    pub(super) contradiction: Option<&'static str>,
}

impl Options {
    /// Keras's defaults with this name and learning rate.
    pub fn new(name: &str, learning_rate: impl Into<LearningRate>) -> Self {
        Options {
            name: name.into(),
            learning_rate: learning_rate.into(),
            weight_decay: None,
            clipnorm: None,
            global_clipnorm: None,
            clipvalue: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
            loss_scale_factor: None,
            gradient_accumulation_steps: None,
            exclude_from_weight_decay: Vec::new(),
            contradiction: None,
        }
    }

    /// Turns the learning rate into `rate / (1 + decay * step)`.
    pub(super) fn decay(&mut self, decay: f64) {
        match self.learning_rate {
            LearningRate::Constant(rate) => {
                self.learning_rate = InverseTimeDecay::new(rate.into(), 1, decay).into();
            }
            LearningRate::Schedule(_) => {
                self.contradiction = Some("both a learning rate schedule and `decay` were given");
            }
        }
    }

    /// The settings as Keras writes them: the first arguments of every optimizer's config.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        let mut put = |name: &str, value| config.insert(name.into(), value);
        put("name", json!(self.name));
        put("learning_rate", self.learning_rate.serialize());
        put("weight_decay", self.weight_decay.to_json());
        put("clipnorm", self.clipnorm.to_json());
        put("global_clipnorm", self.global_clipnorm.to_json());
        put("clipvalue", self.clipvalue.to_json());
        put("use_ema", self.use_ema.to_json());
        put("ema_momentum", self.ema_momentum.to_json());
        put("ema_overwrite_frequency", self.ema_overwrite_frequency.to_json());
        put("loss_scale_factor", self.loss_scale_factor.to_json());
        put("gradient_accumulation_steps", self.gradient_accumulation_steps.to_json());
        config
    }

    /// Reads the settings of a config over these defaults.
    ///
    /// `decay`, which Keras wrote up to version 2, becomes [`InverseTimeDecay`] with
    /// `decay_steps` 1, which is what it meant.
    pub(super) fn read(self, reader: &mut ConfigReader<'_>) -> Result<Self> {
        let learning_rate = match reader.value("learning_rate") {
            Some(value) => LearningRate::deserialize(value)?,
            None => self.learning_rate,
        };
        let mut options = Options {
            name: Setting::read(reader, "name", self.name),
            learning_rate,
            weight_decay: Setting::read(reader, "weight_decay", self.weight_decay),
            clipnorm: Setting::read(reader, "clipnorm", None),
            global_clipnorm: Setting::read(reader, "global_clipnorm", None),
            clipvalue: Setting::read(reader, "clipvalue", None),
            use_ema: Setting::read(reader, "use_ema", false),
            ema_momentum: Setting::read(reader, "ema_momentum", self.ema_momentum),
            ema_overwrite_frequency: Setting::read(reader, "ema_overwrite_frequency", None),
            loss_scale_factor: Setting::read(reader, "loss_scale_factor", None),
            gradient_accumulation_steps: Setting::read(reader, "gradient_accumulation_steps", None),
            exclude_from_weight_decay: self.exclude_from_weight_decay,
            contradiction: None,
        };
        let decay = f64::read(reader, "decay", 0.0);
        if decay != 0.0 {
            options.decay(decay);
        }
        Ok(options)
    }

    /// Checks that no setting is out of its range or contradicts another.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] naming the setting.
    pub fn check(&self) -> Result<()> {
        let wrong = |message: String, expected: &str| {
            Err(Error::new(ErrorKind::Argument, message).expected(expected))
        };
        self.learning_rate.check()?;
        for pattern in &self.exclude_from_weight_decay {
            Pattern::new(pattern).map_err(|error| error.context("exclude_from_weight_decay"))?;
        }
        if let Some(contradiction) = self.contradiction {
            return wrong(contradiction.into(), "one of the two");
        }
        let clips = [self.clipnorm, self.global_clipnorm, self.clipvalue];
        if clips.iter().flatten().count() > 1 {
            let [norm, global, value] = clips.map(|clip| clip.to_json());
            return wrong(
                format!("clipnorm={norm}, global_clipnorm={global} and clipvalue={value}"),
                "at most one of `clipnorm`, `global_clipnorm` and `clipvalue`",
            );
        }
        if let Some(steps @ 0..2) = self.gradient_accumulation_steps {
            return wrong(format!("gradient_accumulation_steps={steps}"), "2 or more");
        }
        if !self.use_ema {
            return Ok(());
        }
        if !(0.0..=1.0).contains(&self.ema_momentum) {
            return wrong(format!("ema_momentum={}", self.ema_momentum), "a number from 0 to 1");
        }
        match self.ema_overwrite_frequency {
            Some(0) => wrong("ema_overwrite_frequency=0".into(), "1 or more"),
            _ => Ok(()),
        }
    }
}

/// The builder methods of the settings that every optimizer takes.
macro_rules! option_methods {
    () => {
        /// The name in configs and in the paths of the optimizer's variables.
        pub fn name(mut self, name: impl Into<String>) -> Self {
            self.options.name = name.into();
            self
        }

        /// The learning rate: a number, or a schedule over steps.
        pub fn learning_rate(
            mut self,
            learning_rate: impl Into<$crate::schedules::LearningRate>,
        ) -> Self {
            self.options.learning_rate = learning_rate.into();
            self
        }

        /// The share of each variable that is taken away per step, times the learning rate.
        pub fn weight_decay(mut self, weight_decay: impl Into<Option<f64>>) -> Self {
            self.options.weight_decay = weight_decay.into();
            self
        }

        /// Variables in whose names one of these patterns is found keep clear of weight decay:
        /// most often a plain text, such as `"bias"`.
        pub fn exclude_from_weight_decay<S: Into<String>>(
            mut self,
            names: impl IntoIterator<Item = S>,
        ) -> Self {
            self.options.exclude_from_weight_decay = names.into_iter().map(Into::into).collect();
            self
        }

        /// Upper bound of each gradient's own norm.
        pub fn clipnorm(mut self, clipnorm: impl Into<Option<f64>>) -> Self {
            self.options.clipnorm = clipnorm.into();
            self
        }

        /// Upper bound of each gradient element's size.
        pub fn clipvalue(mut self, clipvalue: impl Into<Option<f64>>) -> Self {
            self.options.clipvalue = clipvalue.into();
            self
        }

        /// Upper bound of the norm of all gradients together.
        pub fn global_clipnorm(mut self, global_clipnorm: impl Into<Option<f64>>) -> Self {
            self.options.global_clipnorm = global_clipnorm.into();
            self
        }

        /// Whether to keep a moving average of the variables; `fit` leaves it in the model.
        pub fn use_ema(mut self, use_ema: bool) -> Self {
            self.options.use_ema = use_ema;
            self
        }

        /// The share of the old average that is kept per step.
        pub fn ema_momentum(mut self, ema_momentum: f64) -> Self {
            self.options.ema_momentum = ema_momentum;
            self
        }

        /// Every how many steps the variables are set to their averages.
        pub fn ema_overwrite_frequency(mut self, steps: impl Into<Option<usize>>) -> Self {
            self.options.ema_overwrite_frequency = steps.into();
            self
        }

        /// A fixed factor by which the loss is scaled up and gradients down.
        pub fn loss_scale_factor(mut self, factor: impl Into<Option<f64>>) -> Self {
            self.options.loss_scale_factor = factor.into();
            self
        }

        /// Over how many steps gradients are averaged before one update.
        pub fn gradient_accumulation_steps(mut self, steps: impl Into<Option<usize>>) -> Self {
            self.options.gradient_accumulation_steps = steps.into();
            self
        }
    };
}
pub(crate) use option_methods;
