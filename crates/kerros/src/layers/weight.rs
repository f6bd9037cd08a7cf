//! The weights that layers ask for.

use std::borrow::Cow;
use std::sync::Arc;

use kerros_core::{DType, Result, Shape, Tensor};

use super::{low_rank, quantized};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;

/// How a weight starts.
#[derive(Clone, Debug)]
pub enum Start {
    /// Drawn or filled by an initializer: `f32`.
    Initializer(Arc<dyn Initializer>),
    /// These values; their dtype is the weight's.
    Value(Tensor),
}

/// A weight that a layer asks for.
#[derive(Clone, Debug)]
pub struct Weight {
    /// Keras's name for it, such as `"kernel"`; within a part of the layer that is a layer
    /// itself, its path: `"forward_lstm/lstm_cell/kernel"`.
    pub name: Cow<'static, str>,
    /// The part of the layer that has it, as files name parts: `"forward_layer/cell"`; empty
    /// for the layer itself.
    pub part: Cow<'static, str>,
    /// Another part in whose group files hold it once more; empty for none.
    pub twin: Cow<'static, str>,
    /// Its path from the innermost part on that configs describe as a layer: Keras builds such
    /// parts of a file alone, before what is around them. Empty where there is none.
    pub path_in_files: Cow<'static, str>,
    /// Its shape.
    pub shape: Shape,
    /// How it starts.
    pub start: Start,
    /// A penalty that joins the loss.
    pub regularizer: Option<Arc<dyn Regularizer>>,
    /// A rule that it obeys after each step.
    pub constraint: Option<Arc<dyn Constraint>>,
    /// Whether the optimizer moves it.
    pub trainable: bool,
    /// Whether it belongs to a part that is frozen: trained otherwise.
    pub frozen: bool,
    /// Whether it is what a layer remembers from batch to batch: no weight to Keras, and in no
    /// file.
    pub is_memory: bool,
    /// What it is where a product of two matrices learns in a kernel's place (`lora_rank`).
    pub(crate) low_rank: Option<low_rank::Role>,
    /// What it is in a layer whose table of weights is quantized.
    pub(crate) quantized: Option<quantized::Role>,
}

impl Weight {
    /// A trained weight without penalty or constraint.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        shape: impl Into<Shape>,
        initializer: Arc<dyn Initializer>,
    ) -> Self {
        Weight::starting(name.into(), shape.into(), Start::Initializer(initializer))
    }

    /// A weight that no optimizer moves, starting at these values.
    pub fn fixed(name: impl Into<Cow<'static, str>>, value: Tensor) -> Self {
        let shape = value.shape().clone();
        Weight { trainable: false, ..Weight::starting(name.into(), shape, Start::Value(value)) }
    }

    fn starting(name: Cow<'static, str>, shape: Shape, start: Start) -> Self {
        Weight {
            name,
            part: "".into(),
            twin: "".into(),
            path_in_files: "".into(),
            shape,
            start,
            regularizer: None,
            constraint: None,
            trainable: true,
            frozen: false,
            is_memory: false,
            low_rank: None,
            quantized: None,
        }
    }

    /// The same weight as one of a part: `part` as files name the part (`"cell"`), `name` as
    /// paths do (`"lstm_cell"`).
    pub fn within(mut self, part: &str, name: &str) -> Self {
        if !self.twin.is_empty() {
            self.twin = format!("{part}/{}", self.twin).into();
        }
        self.part = match self.part.is_empty() {
            true => part.to_string().into(),
            false => format!("{part}/{}", self.part).into(),
        };
        self.name = format!("{name}/{}", self.name).into();
        self
    }

    /// The same weight, now that its name says in which part it is, of a part that configs describe
    /// as a layer.
    pub fn described(mut self) -> Self {
        if self.path_in_files.is_empty() {
            self.path_in_files = self.name.clone();
        }
        self
    }

    /// Bytes of one element where Keras keeps it.
    pub fn size_bytes(&self) -> usize {
        match self.is_byte() {
            true => 1,
            false => self.dtype().size_bytes(),
        }
    }

    /// Whether it is of whole numbers that are bytes in files, as in quantized layers.
    pub(crate) fn is_byte(&self) -> bool {
        self.quantized.as_ref().is_some_and(quantized::Role::is_byte)
    }

    /// A value in the type in which the model keeps it.
    ///
    /// # Errors
    /// Numbers that are not whole, or no bytes, where the weight is of such.
    pub(crate) fn held(&self, value: &Tensor) -> Result<Tensor> {
        match self.dtype() {
            DType::I32 => value.to_i32(),
            _ if self.is_byte() => Ok(value.to_i8()?.to_f32()),
            _ => Ok(value.to_f32()),
        }
    }

    /// The element type: `f32`, or that of the given start value.
    pub fn dtype(&self) -> DType {
        match &self.start {
            Start::Initializer(_) => DType::F32,
            Start::Value(value) => value.dtype(),
        }
    }
}
