//! What SimpleRNN, GRU and LSTM can be told, as cells and as layers.

use kerros_core::{Error, ErrorKind, Result};
use serde_json::json;

use crate::activations::Activation;
use crate::layers::activation::serialize_activation;
use crate::layers::options::{check_share, maybe_f64};
use crate::layers::trained::{self, Trained};
use crate::object::{Choice, Config, ConfigReader};

/// The settings that the cells have in common.
#[derive(Clone, Debug)]
pub struct CellSettings {
    pub(super) units: usize,
    pub(super) activation: Choice<dyn Activation>,
    /// That of the gates, where there are any.
    pub(super) recurrent_activation: Option<Choice<dyn Activation>>,
    pub(super) use_bias: bool,
    pub(super) kernel: Trained,
    pub(super) recurrent: Trained,
    pub(super) bias: Trained,
    pub(super) dropout: f64,
    pub(super) recurrent_dropout: f64,
    pub(super) seed: Option<u64>,
}

impl CellSettings {
    /// So many units, else Keras's defaults.
    pub(super) fn new(units: usize, recurrent_activation: Option<&str>) -> Self {
        CellSettings {
            units,
            activation: "tanh".into(),
            recurrent_activation: recurrent_activation.map(Choice::from),
            use_bias: true,
            kernel: Trained::new("glorot_uniform"),
            recurrent: Trained::new("orthogonal"),
            bias: Trained::new("zeros"),
            dropout: 0.0,
            recurrent_dropout: 0.0,
            seed: None,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.units == 0 {
            return Err(Error::new(ErrorKind::Argument, "a recurrent layer of 0 units")
                .expected("at least 1 unit"));
        }
        self.activation.resolve()?;
        self.recurrent_activation.as_ref().map(Choice::resolve).transpose()?;
        for weight in [&self.kernel, &self.recurrent, &self.bias] {
            weight.check()?;
        }
        check_share("`dropout`", self.dropout)?;
        check_share("`recurrent_dropout`", self.recurrent_dropout)
    }

    /// The names of the trained weights as settings call them.
    fn weights(&self) -> [(&'static str, &Trained); 3] {
        [("kernel", &self.kernel), ("recurrent", &self.recurrent), ("bias", &self.bias)]
    }

    /// Writes the settings that come before the initializers.
    pub(super) fn write_first(&self, config: &mut Config) {
        config.insert("units".into(), json!(self.units));
        self.write_activations(config);
    }

    /// Writes what follows the sums, and whether there is a bias.
    pub(super) fn write_activations(&self, config: &mut Config) {
        config.insert("activation".into(), serialize_activation(&self.activation));
        if let Some(activation) = &self.recurrent_activation {
            config.insert("recurrent_activation".into(), serialize_activation(activation));
        }
        config.insert("use_bias".into(), json!(self.use_bias));
    }

    /// Writes how the weights start.
    pub(super) fn write_initializers(&self, config: &mut Config) {
        trained::write_initializers(config, &self.weights());
    }

    /// Writes penalties and rules; `activity` is a layer's penalty on its output.
    pub(super) fn write_last(&self, config: &mut Config, activity: Option<serde_json::Value>) {
        trained::write_regularizers(config, &self.weights());
        if let Some(activity) = activity {
            config.insert("activity_regularizer".into(), activity);
        }
        trained::write_constraints(config, &self.weights());
        config.insert("dropout".into(), json!(self.dropout));
        config.insert("recurrent_dropout".into(), json!(self.recurrent_dropout));
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// An unknown class, or a wrong argument of one.
    pub(super) fn read(&mut self, reader: &mut ConfigReader<'_>) -> Result<()> {
        match reader.maybe_usize("units") {
            Some(units) => self.units = units,
            None => reader.refuse("`units` is missing"),
        }
        self.read_but_units(reader)
    }

    /// Reads all settings but the number of units.
    ///
    /// # Errors
    /// As [`CellSettings::read`].
    pub(super) fn read_but_units(&mut self, reader: &mut ConfigReader<'_>) -> Result<()> {
        let recurrent = self.recurrent_activation.as_mut();
        let activations = [("activation", Some(&mut self.activation))]
            .into_iter()
            .chain([("recurrent_activation", recurrent)]);
        for (name, activation) in activations {
            let Some(activation) = activation else { continue };
            if reader.is_null(name) {
                *activation = "linear".into();
            } else if let Some(given) = reader.object::<dyn Activation>(name)? {
                *activation = given.into();
            }
        }
        self.use_bias = reader.bool("use_bias", true);
        self.kernel.read(reader, "kernel")?;
        self.recurrent.read(reader, "recurrent")?;
        self.bias.read(reader, "bias")?;
        self.dropout = maybe_f64(reader, "dropout").unwrap_or(0.0);
        self.recurrent_dropout = maybe_f64(reader, "recurrent_dropout").unwrap_or(0.0);
        self.seed = reader.maybe_seed("seed");
        // How Keras computes it, which changes no result.
        reader.ignore(&["implementation", "use_cudnn"]);
        Ok(())
    }
}

/// The builder methods of [`CellSettings`]; `$place` is where the layer keeps them.
macro_rules! cell_methods {
    ($Layer:ident, $($place:ident).+) => {
        impl $Layer {
            /// Sets what follows the sums. Default: `tanh`.
            pub fn activation(
                mut self,
                activation: impl Into<$crate::object::Choice<dyn $crate::activations::Activation>>,
            ) -> Self {
                self.$($place).+.activation = activation.into();
                self
            }

            /// Sets whether to add a bias. Default: `true`.
            pub fn use_bias(mut self, use_bias: bool) -> Self {
                self.$($place).+.use_bias = use_bias;
                self
            }

            /// Sets the share of the inputs that is dropped while training, the same at all
            /// steps of a sequence. Default: 0.
            pub fn dropout(mut self, rate: f64) -> Self {
                self.$($place).+.dropout = rate;
                self
            }

            /// Sets the share of the states that is dropped while training, the same at all
            /// steps of a sequence. Default: 0.
            pub fn recurrent_dropout(mut self, rate: f64) -> Self {
                self.$($place).+.recurrent_dropout = rate;
                self
            }

            /// Gives it random numbers of its own.
            pub fn seed(mut self, seed: u64) -> Self {
                self.$($place).+.seed = Some(seed);
                self
            }
        }

        $crate::layers::trained::trained_methods!(
            $Layer, $($place).+.kernel, "the kernel of the inputs",
            kernel_initializer, kernel_regularizer, kernel_constraint
        );
        $crate::layers::trained::trained_methods!(
            $Layer, $($place).+.recurrent, "the kernel of the states",
            recurrent_initializer, recurrent_regularizer, recurrent_constraint
        );
        $crate::layers::trained::trained_methods!(
            $Layer, $($place).+.bias, "the bias",
            bias_initializer, bias_regularizer, bias_constraint
        );
    };
}
pub(super) use cell_methods;

/// The builder method of the gates' activation.
macro_rules! gate_methods {
    ($Layer:ident, $($place:ident).+) => {
        impl $Layer {
            /// Sets what follows the sums of the gates. Default: `sigmoid`.
            pub fn recurrent_activation(
                mut self,
                activation: impl Into<$crate::object::Choice<dyn $crate::activations::Activation>>,
            ) -> Self {
                self.$($place).+.recurrent_activation = Some(activation.into());
                self
            }
        }
    };
}
pub(super) use gate_methods;
