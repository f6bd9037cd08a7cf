use std::cell::RefCell;
use std::cmp::Ordering;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use crate::initializers::TruncatedNormal;
use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, REGISTRY, Weight};
use crate::model::{IntoLayer, Masked, names::snake_case};
use crate::object::{Config, ConfigReader, Described, Entry};

/// Iterations, at most: each is a part of the graph.
const MAX_ITERATIONS: usize = 256;

/// The smallest square of a length that is divided by.
const SMALLEST_SQUARE: f32 = 1e-14;

/// `y = layer(x)` with `kernel / sigma` in place of the layer's kernel while training, where
/// `sigma` is the kernel's largest singular value: no step of the layer stretches more than by 1.
///
/// `sigma = v · W · u` with the kernel as a matrix `W: [others, out]` and unit vectors that a
/// few steps of power iteration bring nearer each time: `v = W · u`, `u = v · W`. Training keeps
/// `vector_u`; predictions use the kernel as it is, as Keras does on JAX. A regularizer of the
/// kernel penalizes the divided one, and a frozen kernel stays divided after a step.
///
/// # Shape
/// Those of the layer; `vector_u: [1, out]`
///
/// # Parameters
/// - `layer`: one with a `kernel` or with `embeddings`.
/// - `power_iterations`: steps of power iteration, at least 1. Default: 1.
///
/// # Gradient
/// Goes through the kernel in `sigma`; `u` and `v` count as constants.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let inner = Dense::new(1).kernel_initializer(Constant::new(3.0));
/// let mut model = Sequential::new().input([1]).add(SpectralNormalization::new(inner));
/// model.compile(SGD::new(0.0), "mse", ["mse"])?;
/// let x = Tensor::full([1, 1], 2.0f32);
/// // While training the kernel is 1, but for rounding.
/// assert!(model.train_on_batch((&x, &x))?.get("loss").is_some_and(|loss| loss < 1e-12));
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [6.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Miyato et al.: "Spectral normalization for generative adversarial networks",
/// arXiv:1802.05957.
#[derive(Clone, Debug)]
pub struct SpectralNormalization {
    options: Options,
    layer: Arc<dyn Layer>,
    power_iterations: usize,
}

layer_methods!(SpectralNormalization);

impl SpectralNormalization {
    /// Wraps a layer.
    #[track_caller]
    pub fn new(layer: impl IntoLayer) -> Self {
        let layer = layer.into_layer();
        SpectralNormalization { options: Options::here(), layer, power_iterations: 1 }
    }

    /// Sets the steps of power iteration.
    pub fn power_iterations(mut self, power_iterations: usize) -> Self {
        self.power_iterations = power_iterations;
        self
    }

    /// The place of the kernel among these weights of the layer.
    fn kernel(&self, weights: &[Weight]) -> Result<usize> {
        let is_kernel = |weight: &Weight| matches!(&*weight.name, "kernel" | "embeddings");
        weights.iter().position(is_kernel).ok_or_else(|| {
            Error::new(
                ErrorKind::Argument,
                format!("a {} layer without a kernel", self.layer.class_name()),
            )
            .expected("a layer with a `kernel` or with `embeddings`")
        })
    }

    /// The kernel divided by its largest singular value, and the next `u`.
    fn normalized<'g>(&self, kernel: Node<'g>, u: Node<'g>) -> (Node<'g>, Node<'g>) {
        let shape = kernel.shape();
        let out = shape[shape.ndim() - 1];
        let matrix = kernel.reshape([shape.num_elements() / out.max(1), out]);
        let fixed = matrix.stop_gradient();
        let (mut next, mut v) = (u, u);
        for _ in 0..self.power_iterations {
            v = unit(next.matmul_with(fixed, false, true));
            next = unit(v.matmul(fixed));
        }
        let sigma = v.matmul(matrix).matmul_with(next, false, true).reshape([]);
        // A kernel of zeros stays as it is.
        let is_zero = fixed.abs().max_all().equal(0.0);
        (kernel / is_zero.select(1.0, sigma), is_zero.select(u, next))
    }
}

/// `x / |x|` over all elements.
fn unit(x: Node<'_>) -> Node<'_> {
    x * x.square().sum_all().maximum(SMALLEST_SQUARE).rsqrt()
}

impl Described for SpectralNormalization {
    fn class_name(&self) -> &'static str {
        "SpectralNormalization"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        let mut layer = REGISTRY.serialize(&*self.layer);
        if layer["config"]["name"].is_null() {
            layer["config"]["name"] = json!(snake_case(self.layer.class_name()));
        }
        config.insert("layer".into(), layer);
        config.insert("power_iterations".into(), json!(self.power_iterations));
        config
    }
}

impl Layer for SpectralNormalization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        match self.power_iterations {
            1..=MAX_ITERATIONS => self.layer.check(),
            other => Err(Error::new(ErrorKind::Argument, format!("`power_iterations` is {other}"))
                .expected(format!("1 to {MAX_ITERATIONS}"))),
        }
    }

    /// The layer's kernel, which Keras counts as the wrapper's own, `vector_u`, the layer's
    /// other weights.
    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let mut inner = self.layer.weights(inputs)?;
        let kernel = inner.remove(self.kernel(&inner)?);
        let start = Arc::new(TruncatedNormal::new().stddev(0.02));
        let u = Weight::new("vector_u", [1, kernel.shape.last()], start);
        let options = self.layer.options();
        let name = options.name.clone().unwrap_or_else(|| snake_case(self.layer.class_name()));
        let part = |weight: Weight| Weight {
            frozen: weight.frozen || !options.trainable,
            ..weight.within("layer", &name).described()
        };
        // Files hold the kernel twice: for the wrapper and for the layer.
        let kernel = Weight { part: "".into(), twin: "layer".into(), ..part(kernel) };
        let own = [kernel, Weight { trainable: false, ..u }];
        Ok(own.into_iter().chain(inner.into_iter().map(part)).collect())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(self.call_masked(inputs, call)?.into_iter().map(|result| result.node).collect())
    }

    fn call_masked<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Masked<'g>>> {
        let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape()).collect();
        let given = inputs[0].dtype();
        let place = self.kernel(&self.layer.weights(&shapes)?)?;
        let mut kernel = call.weights[0];
        if call.training {
            let (normalized, u) = self.normalized(kernel, call.weights[1]);
            kernel = normalized;
            call.updates.borrow_mut().extend([(0, kernel), (1, u)]);
        }
        let mut weights = call.weights[2..].to_vec();
        weights.insert(place, kernel);
        let updates = RefCell::default();
        let inner = Call { weights: &weights, updates: &updates, ..*call };
        let masks = call.masks.iter().copied().chain(std::iter::repeat(None));
        let inputs: Vec<Masked<'g>> =
            inputs.iter().zip(masks).map(|(&node, mask)| Masked { node, mask }).collect();
        let results = inner.part(&*self.layer, 0..weights.len(), &inputs)?;
        let own = |at: usize| match at.cmp(&place) {
            Ordering::Less => at + 2,
            Ordering::Equal => 0,
            Ordering::Greater => at + 1,
        };
        let updates = updates.into_inner().into_iter().map(|(at, node)| (own(at), node));
        call.updates.borrow_mut().extend(updates);
        let in_type = |result: Masked<'g>| Masked { node: result.node.cast(given), ..result };
        Ok(results.into_iter().map(in_type).collect())
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "SpectralNormalization",
    names: &[],
    summary: "a layer whose kernel has the largest singular value 1",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let Some(layer) = reader.object::<dyn Layer>("layer")? else {
        return Err(Error::new(ErrorKind::Format, "`layer` is missing").expected("a layer"));
    };
    let power_iterations = reader.maybe_usize("power_iterations").unwrap_or(1);
    let layer = SpectralNormalization { options, layer, power_iterations };
    layer.check()?;
    Ok(Arc::new(layer))
}
