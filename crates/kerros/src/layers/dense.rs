use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::LinearActivation;
use serde_json::json;

use super::activation::serialize_activation;
use super::low_rank::{LowRank, low_rank_methods};
use super::options::{
    layer_methods, resolve_constraint, resolve_regularizer, serialize_constraint,
    serialize_regularizer,
};
use super::quantized::{Mode, Product, Quantized, Table};
use super::{Call, Layer, Options, Weight};
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::object::{Choice, Config, ConfigReader, Described, Entry};
use crate::regularizers::Regularizer;

/// `y = activation(x · kernel + bias)`.
///
/// The layer in which every unit sees every input: the plain neuron, weight and bias of the
/// textbook.
///
/// # Shape
/// `x: [batch, .., in] -> [batch, .., units]`; `kernel: [in, units]`, `bias: [units]`.
///
/// # Parameters
/// - `units`: how many numbers come out, at least 1.
/// - `activation`: what follows the sums. Default: `linear`, nothing.
/// - `use_bias`: whether to add a bias. Default: `true`.
/// - `kernel_initializer`: default `glorot_uniform`; `bias_initializer`: default `zeros`.
/// - `kernel_regularizer`, `bias_regularizer`: penalties that join the loss. Default: none.
/// - `kernel_constraint`, `bias_constraint`: rules obeyed after each step. Default: none.
/// - `lora_rank`: freezes the kernel and lets the product of two matrices of this rank learn in
///   its place. Default: none. As in Keras a `.keras` or `.weights.h5` file holds their sum, and
///   the product begins at 0 again.
///
/// Of a model that Keras has quantized, or [`Model::quantize`](crate::Model::quantize) has, the
/// kernel is one of whole numbers: `q / s` with a scale `s` for each unit.
///
/// # Errors
/// When the model is built: 0 units; a row without an axis, or whose last length is not known; an
/// activation, initializer, regularizer or constraint that there is not.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let dense = Dense::new(1).kernel_initializer("ones").bias_initializer("ones");
/// let mut model = Sequential::new().input([2]).add(dense.activation("relu"));
/// // relu(3 · 1 + 4 · 1 + 1), relu(-3 · 1 - 4 · 1 + 1)
/// let y = model.predict(Tensor::new([2, 2], [3.0f32, 4.0, -3.0, -4.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [8.0, 0.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dense {
    options: Options,
    units: usize,
    activation: Choice<dyn Activation>,
    use_bias: bool,
    kernel_initializer: Choice<dyn Initializer>,
    bias_initializer: Choice<dyn Initializer>,
    kernel_regularizer: Option<Choice<dyn Regularizer>>,
    bias_regularizer: Option<Choice<dyn Regularizer>>,
    kernel_constraint: Option<Choice<dyn Constraint>>,
    bias_constraint: Option<Choice<dyn Constraint>>,
    low_rank: LowRank,
    quantized: Quantized,
}

layer_methods!(Dense);
low_rank_methods!(Dense, low_rank);

impl Dense {
    /// A layer of this many units.
    #[track_caller]
    pub fn new(units: usize) -> Self {
        Dense {
            options: Options::here(),
            units,
            activation: "linear".into(),
            use_bias: true,
            kernel_initializer: "glorot_uniform".into(),
            bias_initializer: "zeros".into(),
            kernel_regularizer: None,
            bias_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
            low_rank: LowRank::default(),
            quantized: Quantized::default(),
        }
    }

    /// Sets what follows the sums.
    pub fn activation(mut self, activation: impl Into<Choice<dyn Activation>>) -> Self {
        self.activation = activation.into();
        self
    }

    /// Sets whether to add a bias.
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.use_bias = use_bias;
        self
    }

    /// Sets how the kernel starts.
    pub fn kernel_initializer(mut self, start: impl Into<Choice<dyn Initializer>>) -> Self {
        self.kernel_initializer = start.into();
        self
    }

    /// Sets how the bias starts.
    pub fn bias_initializer(mut self, start: impl Into<Choice<dyn Initializer>>) -> Self {
        self.bias_initializer = start.into();
        self
    }

    /// Sets a penalty on the kernel.
    pub fn kernel_regularizer(mut self, penalty: impl Into<Choice<dyn Regularizer>>) -> Self {
        self.kernel_regularizer = Some(penalty.into());
        self
    }

    /// Sets a penalty on the bias.
    pub fn bias_regularizer(mut self, penalty: impl Into<Choice<dyn Regularizer>>) -> Self {
        self.bias_regularizer = Some(penalty.into());
        self
    }

    /// Sets a rule that the kernel obeys after each step.
    pub fn kernel_constraint(mut self, rule: impl Into<Choice<dyn Constraint>>) -> Self {
        self.kernel_constraint = Some(rule.into());
        self
    }

    /// Sets a rule that the bias obeys after each step.
    pub fn bias_constraint(mut self, rule: impl Into<Choice<dyn Constraint>>) -> Self {
        self.bias_constraint = Some(rule.into());
        self
    }

    /// The sums with a quantized kernel, if it is one.
    fn quantized_sums<'g>(&self, x: Node<'g>, call: &Call<'_, 'g>) -> Result<Option<Node<'g>>> {
        let width = x.shape().last();
        let held = self.quantized.held(|| Ok(Table::dense(width, self.units)))?;
        let Some(held) = held else { return Ok(None) };
        let ranges = 1 + usize::from(self.use_bias);
        let sums = self.quantized.product(
            x,
            &held,
            &held.of(call.weights, ranges),
            &Product {
                axes: &[x.ndim() - 1],
                multiply: &|x, kernel| Ok(x.linear(kernel, None, LinearActivation::Identity)),
                arrange: &|scale| scale,
                rounds_for_int4: false,
                added: self.low_rank.product(call.weights, held.table.shape()),
                has_gradient: true,
            },
        )?;
        Ok(Some(if self.use_bias { sums + call.weights[1] } else { sums }))
    }
}

impl Described for Dense {
    fn class_name(&self) -> &'static str {
        "Dense"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("units".into(), json!(self.units));
        config.insert("activation".into(), serialize_activation(&self.activation));
        config.insert("use_bias".into(), json!(self.use_bias));
        config.insert("kernel_initializer".into(), self.kernel_initializer.serialize());
        config.insert("bias_initializer".into(), self.bias_initializer.serialize());
        let regularizer = serialize_regularizer;
        config.insert("kernel_regularizer".into(), regularizer(&self.kernel_regularizer));
        config.insert("bias_regularizer".into(), regularizer(&self.bias_regularizer));
        let constraint = serialize_constraint;
        config.insert("kernel_constraint".into(), constraint(&self.kernel_constraint));
        config.insert("bias_constraint".into(), constraint(&self.bias_constraint));
        self.quantized.write(self.options.dtype, &mut config);
        self.low_rank.write(&mut config);
        config
    }
}

impl Layer for Dense {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        if self.units == 0 {
            return Err(Error::new(ErrorKind::Argument, "a Dense layer of 0 units")
                .expected("at least 1 unit"));
        }
        self.activation.resolve()?;
        self.kernel_initializer.resolve()?;
        self.bias_initializer.resolve()?;
        resolve_regularizer(&self.kernel_regularizer)?;
        resolve_regularizer(&self.bias_regularizer)?;
        resolve_constraint(&self.kernel_constraint)?;
        resolve_constraint(&self.bias_constraint)?;
        self.low_rank.check(&self.kernel_constraint)
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let Some(&width) = inputs[0][1..].last() else {
            return Err(Error::new(ErrorKind::Shape, "each input row is a single number")
                .expected("rows of at least one axis: [batch, .., in]")
                .hint("give inputs of shape [rows, 1]: `x.reshape([rows, 1])`"));
        };
        let kernel = Weight::new("kernel", [width, self.units], self.kernel_initializer.resolve()?);
        let regularizer = resolve_regularizer(&self.kernel_regularizer)?;
        let constraint = resolve_constraint(&self.kernel_constraint)?;
        let mut kernel = Weight { regularizer, constraint, ..kernel };
        let factors = self.low_rank.factors(&mut kernel, ["lora_kernel_a", "lora_kernel_b"])?;
        let table = || Ok(Table::dense(width, self.units));
        let (kernel, ranges) = self.quantized.weights(kernel, table)?;
        let mut weights = vec![kernel];
        if self.use_bias {
            let bias = Weight::new("bias", [self.units], self.bias_initializer.resolve()?);
            let regularizer = resolve_regularizer(&self.bias_regularizer)?;
            let constraint = resolve_constraint(&self.bias_constraint)?;
            weights.push(Weight { regularizer, constraint, ..bias });
        }
        weights.extend(ranges.into_iter().chain(factors));
        Ok(weights)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn quantized(&self, mode: &Mode) -> Result<Option<Arc<dyn Layer>>> {
        let quantized = self.quantized.to(mode, self.options.dtype)?;
        Ok(Some(Arc::new(Dense { quantized, ..self.clone() })))
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let activation = self.activation.resolve()?;
        if let Some(y) = self.quantized_sums(x, call)? {
            return Ok(vec![activation.call(y)]);
        }
        // ReLU joins the matrix product's kernel; its derivative needs no more than the output.
        let fused = match activation.is_relu() {
            true => LinearActivation::Relu,
            false => LinearActivation::Identity,
        };
        let bias = self.use_bias.then(|| call.weights[1]);
        let y = x.linear(self.low_rank.kernel(call.weights), bias, fused);
        Ok(match activation.is_relu() || activation.is_linear() {
            true => vec![y],
            false => vec![activation.call(y)],
        })
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Dense",
    names: &[],
    summary: "y = activation(x · kernel + bias)",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let (options, quantized) = Quantized::read(reader)?;
    let mut layer = Dense { options, quantized, ..Dense::new(0) };
    match reader.maybe_usize("units") {
        Some(units) => layer.units = units,
        None => reader.refuse("`units` is missing"),
    }
    if let Some(activation) = reader.object::<dyn Activation>("activation")? {
        layer.activation = activation.into();
    }
    layer.use_bias = reader.bool("use_bias", true);
    if let Some(start) = reader.object::<dyn Initializer>("kernel_initializer")? {
        layer.kernel_initializer = start.into();
    }
    if let Some(start) = reader.object::<dyn Initializer>("bias_initializer")? {
        layer.bias_initializer = start.into();
    }
    let mut regularizer =
        |name| reader.object::<dyn Regularizer>(name).map(|r| r.map(Choice::from));
    layer.kernel_regularizer = regularizer("kernel_regularizer")?;
    layer.bias_regularizer = regularizer("bias_regularizer")?;
    let mut constraint = |name| reader.object::<dyn Constraint>(name).map(|c| c.map(Choice::from));
    layer.kernel_constraint = constraint("kernel_constraint")?;
    layer.bias_constraint = constraint("bias_constraint")?;
    layer.low_rank = LowRank::read_rank(reader);
    layer.check()?;
    Ok(Arc::new(layer))
}
