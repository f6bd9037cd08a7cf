//! What Keras lets one set for each trained weight: how it starts, a penalty, a rule.

use std::sync::Arc;

use kerros_core::{Result, Shape};
use serde_json::Value;

use super::Weight;
use super::options::{
    resolve_constraint, resolve_regularizer, serialize_constraint, serialize_regularizer,
};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::object::{Choice, Config, ConfigReader, Family};
use crate::regularizers::Regularizer;

/// The settings of one trained weight: Keras's `kernel_initializer`, `kernel_regularizer` and
/// `kernel_constraint`, for a kernel.
#[derive(Clone, Debug)]
pub(crate) struct Trained {
    pub(crate) initializer: Choice<dyn Initializer>,
    pub(crate) regularizer: Option<Choice<dyn Regularizer>>,
    pub(crate) constraint: Option<Choice<dyn Constraint>>,
}

impl Trained {
    /// A weight that starts like this, without penalty or rule.
    pub(crate) fn new(initializer: &str) -> Self {
        Trained { initializer: initializer.into(), regularizer: None, constraint: None }
    }

    /// Checks names and numbers.
    ///
    /// # Errors
    /// An unknown name, or an argument out of its range.
    pub(crate) fn check(&self) -> Result<()> {
        self.initializer.resolve()?.check()?;
        resolve_regularizer(&self.regularizer)?;
        resolve_constraint(&self.constraint).map(|_| ())
    }

    /// The weight of this name and shape.
    ///
    /// # Errors
    /// As [`Trained::check`].
    pub(crate) fn weight(&self, name: &'static str, shape: impl Into<Shape>) -> Result<Weight> {
        let weight = Weight::new(name, shape, self.initializer.resolve()?);
        let regularizer = resolve_regularizer(&self.regularizer)?;
        let constraint = resolve_constraint(&self.constraint)?;
        Ok(Weight { regularizer, constraint, ..weight })
    }

    /// Reads what is given of the settings of the weight `name`.
    ///
    /// # Errors
    /// An unknown class, or a wrong argument.
    pub(crate) fn read(&mut self, reader: &mut ConfigReader<'_>, name: &str) -> Result<()> {
        if let Some(start) = reader.object::<dyn Initializer>(&format!("{name}_initializer"))? {
            self.initializer = start.into();
        }
        self.regularizer = object(reader, &format!("{name}_regularizer"))?;
        self.constraint = object(reader, &format!("{name}_constraint"))?;
        Ok(())
    }
}

fn object<T: Family + ?Sized>(
    reader: &mut ConfigReader<'_>,
    name: &str,
) -> Result<Option<Choice<T>>> {
    Ok(reader.object::<T>(name)?.map(|object: Arc<T>| Choice::Object(object)))
}

/// Writes the settings of some weights in Keras's order: all initializers, all regularizers,
/// all constraints.
pub(crate) fn write(config: &mut Config, weights: &[(&str, &Trained)]) {
    write_initializers(config, weights);
    write_regularizers(config, weights);
    write_constraints(config, weights);
}

/// Writes `kernel_initializer` and its like.
pub(crate) fn write_initializers(config: &mut Config, weights: &[(&str, &Trained)]) {
    each(config, weights, "initializer", |weight| weight.initializer.serialize());
}

/// Writes `kernel_regularizer` and its like.
pub(crate) fn write_regularizers(config: &mut Config, weights: &[(&str, &Trained)]) {
    each(config, weights, "regularizer", |weight| serialize_regularizer(&weight.regularizer));
}

/// Writes `kernel_constraint` and its like.
pub(crate) fn write_constraints(config: &mut Config, weights: &[(&str, &Trained)]) {
    each(config, weights, "constraint", |weight| serialize_constraint(&weight.constraint));
}

fn each(
    config: &mut Config,
    weights: &[(&str, &Trained)],
    setting: &str,
    value: impl Fn(&Trained) -> Value,
) {
    for (name, weight) in weights {
        config.insert(format!("{name}_{setting}"), value(weight));
    }
}

/// The builder methods of a trained weight; `$place` is where the layer keeps its [`Trained`].
macro_rules! trained_methods {
    ($Layer:ty, $($place:ident).+, $what:literal, $initializer:ident, $regularizer:ident, $constraint:ident) => {
        impl $Layer {
            #[doc = concat!("Sets how ", $what, " starts.")]
            pub fn $initializer(
                mut self,
                start: impl Into<$crate::object::Choice<dyn $crate::initializers::Initializer>>,
            ) -> Self {
                self.$($place).+.initializer = start.into();
                self
            }

            #[doc = concat!("Sets a penalty on ", $what, ", which joins the loss.")]
            pub fn $regularizer(
                mut self,
                penalty: impl Into<$crate::object::Choice<dyn $crate::regularizers::Regularizer>>,
            ) -> Self {
                self.$($place).+.regularizer = Some(penalty.into());
                self
            }

            #[doc = concat!("Sets a rule that ", $what, " obeys after each step.")]
            pub fn $constraint(
                mut self,
                rule: impl Into<$crate::object::Choice<dyn $crate::constraints::Constraint>>,
            ) -> Self {
                self.$($place).+.constraint = Some(rule.into());
                self
            }
        }
    };
}
pub(crate) use trained_methods;
