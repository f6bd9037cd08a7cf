//! Tables of weights that are kept in few bits: `model.quantize("int8")` and `"int4"` of Keras.
//!
//! A layer's table (the kernel of a dense layer, the vectors of an embedding) is held as whole
//! numbers `q`, with a scale `s` for each column or row, or for each block of it. The numbers are
//! bytes in files, two to a byte for `int4`, and `f32` in memory: products of two of them, and
//! sums of 512 such products, are exact there.
//!
//! | mode | table | product with `x` |
//! |---|---|---|
//! | `int8` | `q / s` | `(x_q · q) / (s_x s)`, with `x` rounded to whole numbers row by row ([`abs_max`]) |
//! | `int8`, weights alone | `q / s` | `(x · q) / s` |
//! | `int4`, whole columns | `q / s` | `(x · q) / s` |
//! | `int4`, in blocks | `(q - z) s` | `x · ((q - z) s)` |
//!
//! Derivatives are those of a product with the float table, as in Keras. The table does not learn;
//! biases do, and LoRA's factors.
//!
//! # Source
//! Keras 3.15, `keras.quantizers`. The scheme of `int8`, a scale from the largest absolute value
//! of each row of the input and of each column of the table, is the vector-wise quantization of
//! Dettmers and others: "LLM.int8(): 8-bit matrix multiplication for transformers at scale", arXiv
//! 2208.07339, section 2, without its part for outliers.

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::Value;

use self::abs_max::AbsMax;
pub(crate) use self::held::{Held, Role, merge};
pub use self::settings::Mode;
pub(crate) use self::table::Table;
use super::{DTypePolicy, Options, Weight};
use crate::object::{Config, ConfigReader};

mod abs_max;
mod held;
mod int4;
mod int8;
mod settings;
mod table;

/// How a layer's table is quantized: what `dtype` and `quantization_config` say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quantized {
    /// None where the table is of floats.
    pub(crate) mode: Option<Mode>,
    /// `quantization_config` as it is written.
    config: Option<Value>,
    /// What it says of the rounding of inputs: none where there is no `config`, `Some(None)` where
    /// inputs stay as they are.
    inputs: Option<Option<AbsMax>>,
}

/// How a product of inputs and a table is made, for a layer of its own equation.
pub(crate) struct Product<'a, 'g> {
    /// The axes of the input that are summed over.
    pub(crate) axes: &'a [usize],
    /// Input and table multiplied.
    pub(crate) multiply: &'a dyn Fn(Node<'g>, Node<'g>) -> Result<Node<'g>>,
    /// The scale of the rounded input, whose `axes` are of length 1, as it lies in the result.
    pub(crate) arrange: &'a dyn Fn(Node<'g>) -> Node<'g>,
    /// What inputs are rounded to where `int4` has no `quantization_config`.
    pub(crate) rounds_for_int4: bool,
    /// What LoRA adds to the table.
    pub(crate) added: Option<Node<'g>>,
    /// Whether derivatives go through the float table; else through the scale of the input alone,
    /// as those of Keras's `ReversibleEmbedding` do.
    pub(crate) has_gradient: bool,
}

impl Quantized {
    /// Reads the options of a layer whose table may be quantized.
    ///
    /// # Errors
    /// As [`Options::read`]; what is not supported is noted in the reader.
    pub(crate) fn read(reader: &mut ConfigReader<'_>) -> Result<(Options, Self)> {
        let (config, inputs) = match settings::read_config(reader) {
            None => (None, None),
            Some((config, inputs)) => (Some(config), Some(inputs)),
        };
        let Some((source, mode)) = settings::read_policy(reader) else {
            return Ok((Options::read(reader)?, Quantized { mode: None, config, inputs }));
        };
        // The blocks of the config count where there is one.
        let mode = mode.map(|mode| mode.of_config(config.as_ref()));
        Ok((Options::read_as(reader, source)?, Quantized { mode, config, inputs }))
    }

    /// The same layer's settings in this mode, with what Keras rounds then.
    ///
    /// # Errors
    /// [`ErrorKind::State`] for one that is quantized already; [`ErrorKind::Argument`] for a policy
    /// that the mode does not go with.
    pub(crate) fn to(&self, mode: &Mode, source: DTypePolicy) -> Result<Self> {
        if let Some(before) = &self.mode {
            let before = before.word();
            return Err(Error::new(ErrorKind::State, format!("the layer is {before} already"))
                .expected("a layer of floats"));
        }
        mode.check(source).map_err(|why| Error::new(ErrorKind::Argument, why))?;
        let inputs = (*mode == Mode::Int8).then(AbsMax::default);
        let config = Some(settings::default_config(mode));
        Ok(Quantized { mode: Some(mode.clone()), config, inputs: Some(inputs) })
    }

    /// Writes `quantization_config`, and the policy where the table is quantized.
    pub(crate) fn write(&self, source: DTypePolicy, config: &mut Config) {
        config.insert("quantization_config".into(), self.config.clone().unwrap_or_default());
        if let Some(mode) = &self.mode {
            config.insert("dtype".into(), mode.policy(source));
        }
    }

    /// A layer's table as it is kept, and the weights that say what it stands for: its scale, for
    /// `int4` in blocks also what is 0 there and the block of each entry.
    ///
    /// # Errors
    /// A table of more numbers than a machine could address.
    pub(crate) fn weights(
        &self,
        table: Weight,
        place: impl FnOnce() -> Result<Table>,
    ) -> Result<(Weight, Vec<Weight>)> {
        match self.held(place)? {
            None => Ok((table, Vec::new())),
            Some(held) => held.weights(table),
        }
    }

    /// The layer's table in its mode, if it is quantized.
    ///
    /// # Errors
    /// A table of more numbers than a machine could address.
    pub(crate) fn held(&self, place: impl FnOnce() -> Result<Table>) -> Result<Option<Held>> {
        self.mode.as_ref().map(|mode| Held::new(mode, place()?)).transpose()
    }

    /// The product of inputs with the table that these weights are ([`Held::of`]), and with what
    /// LoRA adds to it.
    ///
    /// # Errors
    /// As the product of floats.
    pub(crate) fn product<'g>(
        &self,
        x: Node<'g>,
        held: &Held,
        weights: &[Node<'g>],
        product: &Product<'_, 'g>,
    ) -> Result<Node<'g>> {
        let float = || held.float(weights);
        let inputs = self.inputs(product.rounds_for_int4);
        let (rounded, inputs_scale) = match &inputs {
            None => (x, None),
            Some(abs_max) => {
                let (rounded, scale) = abs_max.quantize(x, product.axes);
                (rounded, Some((product.arrange)(scale)))
            }
        };
        let y = match held.divides_products() {
            true => {
                let scale = held.scale(weights);
                let scale = inputs_scale.map_or(scale, |inputs| inputs * scale);
                (product.multiply)(rounded, held.whole(weights[0]))? / scale
            }
            false => {
                let y = (product.multiply)(rounded, float())?;
                inputs_scale.map_or(y, |scale| y / scale)
            }
        };
        let y = match product.has_gradient {
            true => y.replace_gradient((product.multiply)(x, float())?),
            false => y,
        };
        match product.added {
            None => Ok(y),
            Some(added) => Ok(y + (product.multiply)(x, added)?),
        }
    }

    /// How inputs are rounded, if they are.
    fn inputs(&self, rounds_for_int4: bool) -> Option<AbsMax> {
        match (&self.inputs, &self.mode) {
            (Some(given), _) => given.clone(),
            (None, Some(Mode::Int8)) => Some(AbsMax::default()),
            (None, Some(Mode::Int4 { .. })) if rounds_for_int4 => Some(AbsMax::default()),
            _ => None,
        }
    }
}
