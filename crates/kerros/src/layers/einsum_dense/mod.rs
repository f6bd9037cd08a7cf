use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::LinearActivation;
use serde_json::{Value, json};

use self::equation::with_axes;
use super::activation::serialize_activation;
use super::attention::projections::Projections;
use super::low_rank::{LowRank, low_rank_methods};
use super::options::{layer_methods, refuse_given, serialize_regularizer};
use super::quantized::{Mode, Quantized};
use super::trained::{self, Trained, trained_methods};
use super::{Call, Layer, Options, Weight};
use crate::activations::Activation;
use crate::einsum;
use crate::object::{Choice, Config, ConfigReader, Described, Entry, length};

mod equation;
mod quantized;

/// `y = activation(einsum(equation, x, kernel) + bias)`: a dense layer over any axes.
///
/// [`Dense`](super::Dense) multiplies the last axis; here an equation says which axes are
/// multiplied, kept and made, as in [`einsum()`](crate::einsum()).
///
/// # Shape
/// As the equation says: `"abc,cd->abd"` takes `x: [a, b, c]` and `kernel: [c, d]` and gives
/// `[a, b, d]`.
///
/// # Parameters
/// - `equation`: terms of the input, the kernel and the result. `...` may stand for axes at
///   the beginning of input and result, or at their end.
/// - `output_shape`: the result's axes after the batch axis, without those that `...` stands
///   for; `None` for axes that are the input's.
/// - `activation`: default: `linear`, nothing.
/// - `bias_axes`: the result's axes along which the bias varies. Default: no bias.
/// - `kernel_initializer`: default `glorot_uniform`, whose inputs and outputs are the axes that
///   are summed over, and made; `bias_initializer`: default `zeros`.
/// - `kernel_regularizer`, `bias_regularizer`, `kernel_constraint`, `bias_constraint`: default:
///   none.
/// - `lora_rank`, `lora_alpha`: freeze the kernel and let a product of two matrices learn in its
///   place, as in [`Dense`](super::Dense), which counts `lora_alpha / lora_rank`. Default: none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = EinsumDense::new("abc,cd->abd", [None, Some(1)]).bias_axes("d");
/// let mut model = Sequential::new().input([1, 2]).add(layer);
/// model.set_weights(&[Tensor::new([2, 1], [1.0f32, 2.0])?, Tensor::new([1], [0.5f32])?])?;
/// let y = model.predict(Tensor::new([1, 1, 2], [3.0f32, 4.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [11.5]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EinsumDense {
    options: Options,
    equation: String,
    output_shape: Vec<Option<usize>>,
    activation: Choice<dyn Activation>,
    bias_axes: Option<String>,
    kernel: Trained,
    bias: Trained,
    low_rank: LowRank,
    quantized: Quantized,
}

layer_methods!(EinsumDense);
low_rank_methods!(EinsumDense, low_rank, alpha);
trained_methods!(
    EinsumDense,
    kernel,
    "the kernel",
    kernel_initializer,
    kernel_regularizer,
    kernel_constraint
);
trained_methods!(
    EinsumDense,
    bias,
    "the bias",
    bias_initializer,
    bias_regularizer,
    bias_constraint
);

impl EinsumDense {
    /// A layer of this equation, whose results have this shape.
    #[track_caller]
    pub fn new(equation: impl Into<String>, output_shape: impl Into<Vec<Option<usize>>>) -> Self {
        EinsumDense {
            options: Options::here(),
            equation: equation.into(),
            output_shape: output_shape.into(),
            activation: "linear".into(),
            bias_axes: None,
            kernel: Trained::new("glorot_uniform"),
            bias: Trained::new("zeros"),
            low_rank: LowRank::default(),
            quantized: Quantized::default(),
        }
    }

    /// A projection of an attention layer: equation, output shape and bias axes, with the
    /// settings that all of them share.
    pub(super) fn part(
        name: &str,
        (equation, shape, bias_axes): (String, Vec<Option<usize>>, Option<String>),
        settings: &Projections,
    ) -> Self {
        let layer = EinsumDense::new(equation, shape).name(name);
        let activity_regularizer = settings.activity.clone();
        EinsumDense {
            options: Options { activity_regularizer, ..layer.options.clone() },
            bias_axes,
            kernel: settings.kernel.clone(),
            bias: settings.bias.clone(),
            ..layer
        }
    }

    /// Sets what follows the sums.
    pub fn activation(mut self, activation: impl Into<Choice<dyn Activation>>) -> Self {
        self.activation = activation.into();
        self
    }

    /// Sets the axes along which a bias varies.
    pub fn bias_axes(mut self, axes: impl Into<String>) -> Self {
        self.bias_axes = Some(axes.into());
        self
    }
}

impl Described for EinsumDense {
    fn class_name(&self) -> &'static str {
        "EinsumDense"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("output_shape".into(), json!(self.output_shape));
        config.insert("equation".into(), json!(self.equation));
        config.insert("activation".into(), serialize_activation(&self.activation));
        config.insert("bias_axes".into(), json!(self.bias_axes));
        let weights = [("kernel", &self.kernel), ("bias", &self.bias)];
        trained::write_initializers(&mut config, &weights);
        trained::write_regularizers(&mut config, &weights);
        let activity = serialize_regularizer(&self.options.activity_regularizer);
        config.insert("activity_regularizer".into(), activity);
        trained::write_constraints(&mut config, &weights);
        self.quantized.write(self.options.dtype, &mut config);
        self.low_rank.write(&mut config);
        config
    }
}

impl Layer for EinsumDense {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.activation.resolve()?;
        self.kernel.check()?;
        self.low_rank.check(&self.kernel.constraint)?;
        self.bias.check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let sizes = self.sizes(&inputs[0])?;
        let mut kernel = self.kernel.weight("kernel", sizes.kernel)?;
        let start = with_axes(self.kernel.initializer.resolve()?, &sizes.terms)?;
        kernel.start = super::Start::Initializer(start);
        let factors = self.low_rank.factors(&mut kernel, ["lora_kernel_a", "lora_kernel_b"])?;
        let place = || self.table(&inputs[0]).map(|placed| placed.table);
        let (kernel, ranges) = self.quantized.weights(kernel, place)?;
        let bias = sizes.bias.map(|bias| self.bias.weight("bias", bias)).transpose()?;
        Ok([kernel].into_iter().chain(bias).chain(ranges).chain(factors).collect())
    }

    fn quantized(&self, mode: &Mode) -> Result<Option<Arc<dyn Layer>>> {
        let quantized = self.quantized.to(mode, self.options.dtype)?;
        Ok(Some(Arc::new(EinsumDense { quantized, ..self.clone() })))
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let bias = self.bias_axes.as_ref().map(|_| call.weights[1]);
        let sums = match self.quantized_sums(x, call)? {
            Some(sums) => bias.map_or(sums, |bias| sums + bias),
            None => self.sums(x, self.low_rank.kernel(call.weights), bias)?,
        };
        Ok(vec![self.activation.resolve()?.call(sums)])
    }
}

impl EinsumDense {
    /// What the equation says, with the bias if there is one.
    fn sums<'g>(&self, x: Node<'g>, kernel: Node<'g>, bias: Option<Node<'g>>) -> Result<Node<'g>> {
        let (shape, made) = (x.shape(), kernel.shape());
        let terms = self.terms(shape.ndim())?;
        let as_dense = terms.as_dense(self.bias_axes.as_deref().filter(|_| bias.is_some()));
        match as_dense {
            Some(summed) => {
                let (k, n) = (&made[..summed], &made[summed..]);
                let (k, n): (usize, usize) = (k.iter().product(), n.iter().product());
                let kept = &shape[..shape.ndim() - summed];
                let x = x.reshape([kept, &[k]].concat());
                let bias = bias.map(|bias| bias.reshape([n]));
                let sums = x.linear(kernel.reshape([k, n]), bias, LinearActivation::Identity);
                Ok(sums.reshape([kept, &made[summed..]].concat()))
            }
            None => {
                let sums = einsum(&self.equation, &[x, kernel])?;
                Ok(bias.map_or(sums, |bias| sums + bias))
            }
        }
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "EinsumDense",
    names: &[],
    summary: "a dense layer over any axes, by an equation",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let (options, quantized) = Quantized::read(reader)?;
    let equation = reader.maybe_string("equation");
    let shape = reader.value("output_shape").and_then(partial_shape);
    if equation.is_none() || shape.is_none() {
        reader.refuse("`equation` and `output_shape` are not both given");
    }
    let layer = EinsumDense::new(equation.unwrap_or_default(), shape.unwrap_or_default());
    let mut layer = EinsumDense { options, quantized, ..layer };
    if let Some(activation) = reader.object::<dyn Activation>("activation")? {
        layer.activation = activation.into();
    }
    layer.bias_axes = reader.maybe_string("bias_axes");
    layer.kernel.read(reader, "kernel")?;
    layer.bias.read(reader, "bias")?;
    refuse_given(reader, &["gptq_unpacked_column_size"]);
    layer.low_rank = LowRank::read(reader);
    layer.check()?;
    Ok(Arc::new(layer))
}

/// A number, or a list of numbers and nulls.
pub(super) fn partial_shape(value: &Value) -> Option<Vec<Option<usize>>> {
    let dim = |dim: &Value| match dim {
        Value::Null => Some(None),
        dim => length(dim).map(Some),
    };
    match value {
        Value::Array(dims) => dims.iter().map(dim).collect(),
        value => dim(value).map(|dim| vec![dim]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_give_the_shapes_of_weights() {
        let sizes = |equation: &str, output: &[Option<usize>], bias: &str, input: &[usize]| {
            let layer = EinsumDense::new(equation, output).bias_axes(bias);
            let sizes = layer.sizes(&Shape::from(input)).unwrap();
            (sizes.kernel, sizes.bias.unwrap())
        };
        let (six, any) = (Some(6), None);
        assert_eq!(sizes("abc,cd->abd", &[any, six], "d", &[2, 3, 4]), (vec![4, 6], vec![6]));
        assert_eq!(sizes("...x,xy->...y", &[six], "y", &[2, 3, 4]), (vec![4, 6], vec![6]));
        assert_eq!(sizes("abc,bd->adc", &[six, any], "d", &[2, 3, 4]), (vec![3, 6], vec![6, 1]));
        assert_eq!(
            sizes("ab...,bd->ad...", &[six], "d", &[2, 3, 4, 5]),
            (vec![3, 6], vec![6, 1, 1])
        );
        assert_eq!(
            sizes("abc,cde->abde", &[any, six, Some(5)], "e", &[2, 3, 4]),
            (vec![4, 6, 5], vec![5])
        );
    }

    #[test]
    fn fans_are_the_axes_of_the_equation() {
        let layer = EinsumDense::new("abc,cde->abde", [None, Some(2), Some(3)]);
        let weights = layer.weights(&[Shape::from([1, 2, 4])]).unwrap();
        let super::super::Start::Initializer(start) = &weights[0].start else { panic!() };
        assert_eq!(start.config()["input_axes"], json!([0]));
        assert_eq!(start.config()["output_axes"], json!([1, 2]));
    }
}
