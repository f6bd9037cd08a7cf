//! What every layer has.

use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Origin, Result};
use serde_json::{Value, json};

use super::dtype_policy::DTypePolicy;

use crate::constraints::Constraint;
use crate::object::{Choice, Config, ConfigReader};
use crate::regularizers::Regularizer;

/// What every layer has: a name, whether it learns, a dtype policy, a penalty on what comes out,
/// and where the user made it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name; made from the class when absent (`dense`, `dense_1` ...).
    pub name: Option<String>,
    /// Whether its weights are trained.
    pub trainable: bool,
    /// In which precision Keras computes it; here all is `float32`.
    pub dtype: DTypePolicy,
    /// A penalty on the layer's output, divided by the batch size, that joins the loss.
    pub activity_regularizer: Option<Choice<dyn Regularizer>>,
    /// Where the user made it.
    pub origin: Origin,
}

impl Options {
    /// The options of a layer made by the caller's caller.
    #[track_caller]
    pub fn here() -> Self {
        Options {
            name: None,
            trainable: true,
            dtype: DTypePolicy::Float32,
            activity_regularizer: None,
            origin: Origin::here(),
        }
    }

    /// The options as Keras's `get_config` begins.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.insert("name".into(), json!(self.name));
        config.insert("trainable".into(), json!(self.trainable));
        config.insert("dtype".into(), self.dtype.serialize());
        if let Some(regularizer) = &self.activity_regularizer {
            config.insert("activity_regularizer".into(), regularizer.serialize());
        }
        config
    }

    /// Reads the options that every layer has.
    ///
    /// # Errors
    /// A regularizer that is not known; a dtype policy that is not is noted in the reader.
    pub fn read(reader: &mut ConfigReader<'_>) -> Result<Self> {
        let dtype = DTypePolicy::read(reader);
        Options::read_as(reader, dtype)
    }

    /// Reads the options but for the dtype policy, which is this.
    ///
    /// # Errors
    /// A regularizer that is not known.
    pub(crate) fn read_as(reader: &mut ConfigReader<'_>, dtype: DTypePolicy) -> Result<Self> {
        let name = reader.maybe_string("name");
        let trainable = reader.bool("trainable", true);
        let activity_regularizer =
            reader.object::<dyn Regularizer>("activity_regularizer")?.map(Choice::Object);
        Ok(Options { name, trainable, dtype, activity_regularizer, origin: Origin::default() })
    }

    /// Checks the name and the regularizer.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for a name with `/`, which separates the parts of weight paths;
    /// an unknown regularizer.
    pub fn check(&self) -> Result<()> {
        if let Some(name) = self.name.as_deref().filter(|n| n.is_empty() || n.contains('/')) {
            return Err(Error::new(ErrorKind::Argument, format!("the layer name `{name}`"))
                .expected("a name that is not empty and has no `/`"));
        }
        resolve_regularizer(&self.activity_regularizer).map(|_| ())
    }
}

/// A serialized regularizer, or null.
pub(crate) fn serialize_regularizer(choice: &Option<Choice<dyn Regularizer>>) -> Value {
    choice.as_ref().map_or(Value::Null, Choice::serialize)
}

/// The object of a regularizer, if there is one, its settings checked.
pub(crate) fn resolve_regularizer(
    choice: &Option<Choice<dyn Regularizer>>,
) -> Result<Option<Arc<dyn Regularizer>>> {
    let regularizer = choice.as_ref().map(Choice::resolve).transpose()?;
    regularizer.as_ref().map_or(Ok(()), |regularizer| regularizer.check())?;
    Ok(regularizer)
}

/// A serialized constraint, or null.
pub(crate) fn serialize_constraint(choice: &Option<Choice<dyn Constraint>>) -> Value {
    choice.as_ref().map_or(Value::Null, Choice::serialize)
}

/// The object of a constraint, if there is one, its settings checked.
pub(crate) fn resolve_constraint(
    choice: &Option<Choice<dyn Constraint>>,
) -> Result<Option<Arc<dyn Constraint>>> {
    let constraint = choice.as_ref().map(Choice::resolve).transpose()?;
    constraint.as_ref().map_or(Ok(()), |constraint| constraint.check())?;
    Ok(constraint)
}

/// Refuses arguments that Keras knows and this library does not carry out, unless they are null.
pub(crate) fn refuse_given(reader: &mut ConfigReader<'_>, names: &[&str]) {
    for name in names {
        if let Some(value) = reader.value(name) {
            reader.refuse(format!("`{name}` is {value}, which is not supported"));
        }
    }
}

/// A number in full precision, if given.
pub(crate) fn maybe_f64(reader: &mut ConfigReader<'_>, name: &str) -> Option<f64> {
    let value = reader.value(name)?;
    if !value.is_number() {
        reader.refuse(format!("`{name}` is {value}, expected a number"));
    }
    value.as_f64()
}

/// The error for a number that is outside its range.
pub(crate) fn out_of_range(what: &str, value: f64, expected: &str) -> Error {
    Error::new(ErrorKind::Argument, format!("{what} is {value}")).expected(expected)
}

/// Checks a share that is dropped.
///
/// # Errors
/// A number outside `0..=1`.
pub(crate) fn check_share(what: &str, share: f64) -> Result<()> {
    match (0.0..=1.0).contains(&share) {
        true => Ok(()),
        false => Err(no_share(what, share, "a share in 0..=1")),
    }
}

/// Checks a share that is dropped by a layer that divides by what stays.
///
/// # Errors
/// A number outside `0..1`.
pub(crate) fn check_share_below_one(what: &str, share: f64) -> Result<()> {
    match (0.0..1.0).contains(&share) {
        true => Ok(()),
        false => Err(no_share(what, share, "a share in 0..1")),
    }
}

fn no_share(what: &str, share: f64, expected: &str) -> Error {
    out_of_range(what, share, expected).hint("write 0.2 to drop a fifth of the elements")
}

/// The builder methods that every layer has; the layer keeps its [`Options`] in `options`, or
/// in the place that is named.
macro_rules! layer_methods {
    ($Layer:ident) => {
        $crate::layers::options::layer_methods!($Layer, options);
    };
    ($Layer:ident, $($place:ident).+) => {
        $crate::layers::options::name_methods!($Layer, $($place).+);
        $crate::layers::options::activity_methods!($Layer, $($place).+.activity_regularizer);
    };
}
pub(crate) use layer_methods;

/// The builder methods of name and trainability.
macro_rules! name_methods {
    ($Layer:ident, $($place:ident).+) => {
        impl $Layer {
            /// Sets the name; without one the model makes it from the class.
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.$($place).+.name = Some(name.into());
                self
            }

            /// Sets whether the optimizer moves the layer's weights. Default: `true`.
            pub fn trainable(mut self, trainable: bool) -> Self {
                self.$($place).+.trainable = trainable;
                self
            }
        }
    };
}
pub(crate) use name_methods;

/// The builder method of the penalty on outputs.
macro_rules! activity_methods {
    ($Layer:ident, $($place:ident).+) => {
        impl $Layer {
            /// Adds a penalty on the layer's output, divided by the batch size, to the loss.
            pub fn activity_regularizer(
                mut self,
                regularizer: impl Into<
                    $crate::object::Choice<dyn $crate::regularizers::Regularizer>,
                >,
            ) -> Self {
                self.$($place).+ = Some(regularizer.into());
                self
            }
        }
    };
}
pub(crate) use activity_methods;
