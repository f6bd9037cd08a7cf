use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::{MergeMode, Recurrence, SEQUENCES};
use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight, part};
use crate::model::{Argument, Arguments, IntoLayer, Masked};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = merge(layer(x), layer'(x))`, with `layer'` walking from the last step to the first: each
/// output knows what comes before and what comes after.
///
/// # Shape
/// `x: [batch, time, in] -> [batch, 2 * units]`, with `return_sequences`
/// `[batch, time, 2 * units]`; half as wide unless the results are joined by
/// [`MergeMode::Concat`]. With `return_state` the states of the forward layer, then those of the
/// backward layer. States to begin with are further inputs, in that order.
///
/// # Parameters
/// - `layer`: a recurrent layer: [`LSTM`](super::LSTM), [`GRU`](super::GRU) ...
/// - `backward_layer`: the layer for the other direction, which must go backwards. Default: one
///   like `layer`, with weights of its own.
/// - `merge_mode`: default: [`MergeMode::Concat`].
///
/// Where a step is masked the outputs of sequences are 0, as in Keras.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = SimpleRNN::new(1).activation("linear").return_sequences(true);
/// let layer = layer.kernel_initializer("ones").recurrent_initializer("ones");
/// let mut model = Sequential::new().input([3, 1]).add(Bidirectional::new(layer));
/// let y = model.predict(Tensor::new([1, 3, 1], [1.0f32, 2.0, 3.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [1.0, 6.0, 3.0, 5.0, 6.0, 3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Schuster, Paliwal: "Bidirectional recurrent neural networks", IEEE Transactions on Signal
/// Processing 45, 1997.
#[derive(Clone, Debug)]
pub struct Bidirectional {
    options: Options,
    layer: Arc<dyn Layer>,
    backward_layer: Option<Arc<dyn Layer>>,
    merge_mode: MergeMode,
}

layer_methods!(Bidirectional);

impl Bidirectional {
    /// This layer in both directions.
    #[track_caller]
    pub fn new(layer: impl IntoLayer) -> Self {
        Bidirectional {
            options: Options::here(),
            layer: layer.into_layer(),
            backward_layer: None,
            merge_mode: MergeMode::Concat,
        }
    }

    /// Sets the layer for the other direction.
    pub fn backward_layer(mut self, layer: impl IntoLayer) -> Self {
        self.backward_layer = Some(layer.into_layer());
        self
    }

    /// Sets how the outputs of both directions become one.
    pub fn merge_mode(mut self, mode: impl Into<MergeMode>) -> Self {
        self.merge_mode = mode.into();
        self
    }

    /// The layer of each direction, and how the forward one walks.
    fn directions(&self) -> Result<([Arc<dyn Layer>; 2], Recurrence)> {
        let recurrent = |layer: &Arc<dyn Layer>| -> Result<Recurrence> {
            let found = layer.as_recurrent().map(|layer| *layer.recurrence());
            found.ok_or_else(|| {
                Error::new(
                    ErrorKind::Argument,
                    format!("a Bidirectional of a {} layer", layer.class_name()),
                )
                .expected("a recurrent layer, such as LSTM")
            })
        };
        // Outputs of sequences are 0 where a step is masked, whatever the layer says.
        let zeroing = |recurrence: Recurrence| Recurrence {
            zero_output_for_mask: recurrence.return_sequences,
            ..recurrence
        };
        let walking = |layer: &Arc<dyn Layer>, recurrence: Recurrence, name: String| {
            let walking =
                layer.as_recurrent().map(|layer| layer.walking(zeroing(recurrence), name));
            walking.unwrap_or_else(|| layer.clone())
        };
        let named = |layer: &Arc<dyn Layer>, prefix: &str| {
            let name = part::name_of(&**layer);
            format!("{prefix}{}", name.strip_prefix(prefix).unwrap_or(&name))
        };
        let forward = recurrent(&self.layer)?;
        let backward = match &self.backward_layer {
            Some(layer) => walking(layer, recurrent(layer)?, part::name_of(&**layer)),
            None => {
                let recurrence = Recurrence { go_backwards: true, ..forward };
                walking(&self.layer, recurrence, named(&self.layer, "backward_"))
            }
        };
        let layer = walking(&self.layer, forward, named(&self.layer, "forward_"));
        Ok(([layer, backward], forward))
    }

    fn merge<'g>(&self, forward: Node<'g>, backward: Node<'g>) -> Vec<Node<'g>> {
        vec![match self.merge_mode {
            MergeMode::Sum => forward + backward,
            MergeMode::Mul => forward * backward,
            MergeMode::Ave => (forward + backward) / 2.0,
            MergeMode::Separate => return vec![forward, backward],
            _ => Node::concat(&[forward, backward], forward.ndim() - 1),
        }]
    }
}

impl Described for Bidirectional {
    fn class_name(&self) -> &'static str {
        "Bidirectional"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("merge_mode".into(), json!(self.merge_mode.name()));
        if let Ok(([forward, backward], _)) = self.directions() {
            for (key, layer) in [("layer", forward), ("backward_layer", backward)] {
                config.insert(key.into(), part::serialize(&*layer, &part::name_of(&*layer)));
            }
        }
        config
    }
}

impl Layer for Bidirectional {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let ([forward, backward], walk) = self.directions()?;
        let of = |layer: &Arc<dyn Layer>| {
            layer.as_recurrent().map(|layer| *layer.recurrence()).unwrap_or_default()
        };
        let (there, back) = (of(&forward), of(&backward));
        let expected =
            Recurrence { go_backwards: !there.go_backwards, unroll: back.unroll, ..there };
        if back != expected {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("a forward layer that is {there:?}, and a backward layer that is {back:?}"),
            )
            .expected(
                "opposite `go_backwards`, and the same `return_sequences`, `return_state` and \
                 `stateful`",
            ));
        }
        if walk.go_backwards {
            return Err(Error::new(ErrorKind::Argument, "a forward layer that goes backwards")
                .expected("`go_backwards(false)`"));
        }
        if let MergeMode::Unknown(name) = &self.merge_mode {
            return Err(Error::new(ErrorKind::UnknownName, format!("the merge mode `{name}`"))
                .expected("concat, sum, mul, ave, or `MergeMode::Separate`"));
        }
        forward.check()?;
        backward.check()
    }

    fn parameters(&self) -> &'static [&'static str] {
        SEQUENCES
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        1..=usize::MAX
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let ([forward, backward], _) = self.directions()?;
        let mut weights = Vec::new();
        for (part, layer) in [("forward_layer", forward), ("backward_layer", backward)] {
            weights.extend(part::described_weights(
                &*layer,
                part,
                &part::name_of(&*layer),
                &inputs[..1],
            )?);
        }
        Ok(weights)
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let (layers, walk) = self.directions()?;
        let mask = call.masks.first().copied().flatten();
        let arguments = match (call.argument("mask"), mask) {
            (Some(_), Some(mask)) => Arguments::default().with("mask", Argument::Tensor(mask)),
            _ => Arguments::default(),
        };
        let (states, mut first_weight) = (&inputs[1..], 0);
        if !states.len().is_multiple_of(2) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("{} initial states", states.len()),
            )
            .expected("as many for one direction as for the other"));
        }
        let mut results = Vec::new();
        for (layer, direction) in layers.iter().zip(0..) {
            let own = states.chunks((states.len() / 2).max(1)).nth(direction).unwrap_or_default();
            let own = own.iter().map(|&node| Masked { node, mask: None });
            let given: Vec<Masked<'g>> =
                [Masked { node: inputs[0], mask }].into_iter().chain(own).collect();
            let num_weights = layer.weights(&[inputs[0].shape()])?.len();
            let weights = first_weight..first_weight + num_weights;
            first_weight = weights.end;
            let made = call.part_with(&**layer, weights, &given, &arguments)?;
            results.push(made.into_iter().map(|made| made.node).collect::<Vec<_>>());
        }
        let backward = match walk.return_sequences {
            true => results[1][0].reverse(1),
            false => results[1][0],
        };
        let mut all = self.merge(results[0][0], backward);
        all.extend(results.iter().flat_map(|made| &made[1..]));
        Ok(all)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask<'g>(
        &self,
        _inputs: &[Node<'g>],
        call: &Call<'_, 'g>,
    ) -> Result<Vec<Option<Node<'g>>>> {
        let (_, walk) = self.directions()?;
        let mask = walk.masks(call)[0];
        Ok(match self.merge_mode {
            MergeMode::Separate => vec![mask, mask],
            _ => vec![mask],
        })
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Bidirectional",
    names: &[],
    summary: "a recurrent layer in both directions",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let layer = reader.object::<dyn Layer>("layer")?.ok_or_else(|| {
        Error::new(ErrorKind::Format, "`layer` is missing").expected("a serialized layer")
    })?;
    let backward_layer = reader.object::<dyn Layer>("backward_layer")?;
    let merge_mode = match reader.is_null("merge_mode") {
        true => MergeMode::Separate,
        false => {
            reader.maybe_string("merge_mode").map_or(MergeMode::Concat, |name| (&*name).into())
        }
    };
    let layer = Bidirectional { options, layer, backward_layer, merge_mode };
    layer.check()?;
    Ok(Arc::new(layer))
}
