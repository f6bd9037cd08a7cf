//! What the layers with heads have in common: dense layers into heads and out of them.

use std::ops::Range;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::{Value, json};

use crate::layers::options::{check_share, maybe_f64, resolve_regularizer, serialize_regularizer};
use crate::layers::trained::{self, Trained};
use crate::layers::{Call, EinsumDense, Layer, Options, Weight, part};
use crate::model::Masked;
use crate::object::{Choice, Config, ConfigReader};
use crate::regularizers::Regularizer;

/// Axes of an input, at most: equations have a letter for each.
pub(super) const MAX_AXES: usize = 16;

/// The settings of the projections, and how attention is dropped.
#[derive(Clone, Debug)]
pub(in crate::layers) struct Projections {
    pub(super) use_bias: bool,
    pub(super) use_gate: bool,
    pub(super) sliding_window: Option<usize>,
    pub(super) dropout: f64,
    pub(super) seed: Option<u64>,
    pub(in crate::layers) kernel: Trained,
    pub(in crate::layers) bias: Trained,
    /// On what each projection gives.
    pub(in crate::layers) activity: Option<Choice<dyn Regularizer>>,
}

impl Default for Projections {
    fn default() -> Self {
        Projections {
            use_bias: true,
            use_gate: false,
            sliding_window: None,
            dropout: 0.0,
            seed: None,
            kernel: Trained::new("glorot_uniform"),
            bias: Trained::new("zeros"),
            activity: None,
        }
    }
}

/// A projection: what files call it, what paths call it, and the layer.
pub(super) struct Projection {
    part: &'static str,
    pub(super) layer: EinsumDense,
    /// The shape of its input.
    input: Shape,
    /// The place of its weights among those of the whole layer.
    weights: Range<usize>,
}

/// The projections of a layer, in the order of their weights.
#[derive(Default)]
pub(super) struct Parts(Vec<Projection>);

impl Parts {
    /// Adds the projection of this part.
    pub(super) fn push(
        &mut self,
        part: &'static str,
        layer: EinsumDense,
        input: Shape,
    ) -> Result<()> {
        let start = self.0.last().map_or(0, |last| last.weights.end);
        let count = layer.weights(std::slice::from_ref(&input))?.len();
        self.0.push(Projection { part, layer, input, weights: start..start + count });
        Ok(())
    }

    /// The weights of all.
    pub(super) fn weights(&self) -> Result<Vec<Weight>> {
        let mut weights = Vec::new();
        for Projection { part, layer, input, .. } in &self.0 {
            let input = std::slice::from_ref(input);
            weights.extend(part::weights(layer, part, &part::name_of(layer), input)?);
        }
        Ok(weights)
    }

    /// What a projection makes of `x`.
    pub(super) fn apply<'g>(
        &self,
        name: &str,
        x: Node<'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Node<'g>> {
        let found = self.0.iter().find(|projection| part::name_of(&projection.layer) == name);
        let projection =
            found.ok_or_else(|| Error::new(ErrorKind::Internal, "a lost projection"))?;
        let x = Masked { node: x, mask: None };
        let made = call.part(&projection.layer, projection.weights.clone(), &[x])?;
        Ok(made[0].node)
    }
}

impl Projections {
    /// A projection of the last `summed` axes of an input with so many axes to `made`, which
    /// become its last.
    pub(super) fn dense(
        &self,
        name: &str,
        ndim: usize,
        summed: usize,
        made: &[usize],
    ) -> EinsumDense {
        let letters = |range: Range<usize>| -> String {
            range.map(|at| char::from(b'a' + at as u8)).collect()
        };
        let kept = ndim - summed;
        let (free, inner, outer) =
            (letters(0..kept), letters(kept..ndim), letters(ndim..ndim + made.len()));
        let equation = format!("{free}{inner},{inner}{outer}->{free}{outer}");
        let shape: Vec<Option<usize>> =
            std::iter::repeat_n(None, kept - 1).chain(made.iter().copied().map(Some)).collect();
        let bias_axes = self.use_bias.then_some(outer);
        EinsumDense::part(name, (equation, shape, bias_axes), self)
    }

    pub(super) fn check(&self) -> Result<()> {
        check_share("`dropout`", self.dropout)?;
        if self.sliding_window == Some(0) {
            return Err(Error::new(ErrorKind::Argument, "`sliding_window` is 0")
                .expected("at least 1, or none"));
        }
        self.kernel.check()?;
        self.bias.check()?;
        resolve_regularizer(&self.activity).map(|_| ())
    }

    /// Writes the last settings: of the weights, and the seed.
    pub(super) fn write_last(&self, config: &mut Config) {
        let weights = [("kernel", &self.kernel), ("bias", &self.bias)];
        trained::write_initializers(config, &weights);
        trained::write_regularizers(config, &weights);
        config.insert("activity_regularizer".into(), serialize_regularizer(&self.activity));
        trained::write_constraints(config, &weights);
        config.insert("seed".into(), json!(self.seed));
    }

    /// Reads the settings; the penalty on activity, which the layer's options read, moves here:
    /// it counts for each projection.
    ///
    /// # Errors
    /// An unknown class, or a wrong argument of one.
    pub(super) fn read(reader: &mut ConfigReader<'_>, options: &mut Options) -> Result<Self> {
        let mut settings = Projections {
            use_bias: reader.bool("use_bias", true),
            use_gate: reader.bool("use_gate", false),
            sliding_window: reader.maybe_usize("sliding_window"),
            dropout: maybe_f64(reader, "dropout").unwrap_or(0.0),
            seed: reader.maybe_seed("seed"),
            activity: options.activity_regularizer.take(),
            ..Projections::default()
        };
        settings.kernel.read(reader, "kernel")?;
        settings.bias.read(reader, "bias")?;
        // How Keras computes it, which changes no result.
        reader.ignore(&["flash_attention"]);
        Ok(settings)
    }
}

/// The builder methods of [`Projections`]; the layer keeps them in `settings`.
macro_rules! projection_methods {
    ($Layer:ident) => {
        impl $Layer {
            /// Sets whether projections have a bias. Default: `true`.
            pub fn use_bias(mut self, use_bias: bool) -> Self {
                self.settings.use_bias = use_bias;
                self
            }

            /// Sets whether what the heads give is multiplied by a gate made of the query.
            /// Default: `false`.
            pub fn use_gate(mut self, use_gate: bool) -> Self {
                self.settings.use_gate = use_gate;
                self
            }

            /// Sets how near a place must be to be looked at: less than so many places. Default:
            /// any.
            pub fn sliding_window(mut self, window: usize) -> Self {
                self.settings.sliding_window = Some(window);
                self
            }

            /// Sets the share of the scores that is dropped while training. Default: 0.
            pub fn dropout(mut self, rate: f64) -> Self {
                self.settings.dropout = rate;
                self
            }

            /// Sets the layer's own seed. Default: the model's.
            pub fn seed(mut self, seed: u64) -> Self {
                self.settings.seed = Some(seed);
                self
            }
        }

        $crate::layers::options::name_methods!($Layer, options);
        $crate::layers::trained::trained_methods!(
            $Layer,
            settings.kernel,
            "the projections' kernels",
            kernel_initializer,
            kernel_regularizer,
            kernel_constraint
        );
        $crate::layers::trained::trained_methods!(
            $Layer,
            settings.bias,
            "the projections' biases",
            bias_initializer,
            bias_regularizer,
            bias_constraint
        );
    };
}
pub(super) use projection_methods;

/// A whole number, or a list of them, if given.
pub(super) fn numbers<T>(
    reader: &mut ConfigReader<'_>,
    name: &str,
    number: impl Fn(&Value) -> Option<T>,
) -> Option<Vec<T>> {
    let value = reader.value(name)?;
    let list = match value.as_array() {
        Some(list) => list.iter().map(&number).collect(),
        None => number(value).map(|number| vec![number]),
    };
    if list.is_none() {
        reader.refuse(format!("`{name}` is {value}, expected whole numbers"));
    }
    list
}
