//! The state of optimizers of Keras 1 and 2, in the order of Keras 3.
//!
//! Keras 3 has the step, the learning rate unless it follows a schedule, and then the slots of
//! one variable after the other. Before, the rate was not among them, and but for RMSprop of
//! tf.keras and everything since tf.keras 2.11, one slot of all variables came before the next.

use kerros_core::Tensor;
use serde_json::{Map, Value};

use super::super::legacy_config::Age;
use super::super::objects::class_name;
use super::parts::{named_layers, parts};

/// Slots that Keras 3 keeps variable by variable, and those that follow as rounds over all of
/// them, by their old names.
struct Slots {
    class: &'static str,
    pairs: &'static [&'static [&'static str]],
    rounds: &'static [&'static [&'static str]],
}

impl Slots {
    /// The old names of each slot.
    fn known(&self) -> impl Iterator<Item = &'static [&'static str]> {
        self.pairs.iter().chain(self.rounds).copied()
    }

    /// Which slot a state is by its name: `Adam/m/dense/kernel:0`, or `Adam/dense/kernel/m:0`; none
    /// for a name that tells nothing.
    fn place(&self, name: &str) -> Option<usize> {
        let words: Vec<&str> = name.split([':', '/']).collect();
        let place = |at: usize| {
            let word = words.get(at)?;
            self.known().position(|all| all.contains(word))
        };
        place(1).or_else(|| place(words.len().checked_sub(2)?))
    }
}

const SLOTS: &[Slots] = &[
    Slots { class: "SGD", pairs: &[&["momentum", "m"]], rounds: &[] },
    Slots {
        class: "RMSprop",
        pairs: &[],
        rounds: &[&["rms", "velocity"], &["momentum"], &["mg", "average_gradient"]],
    },
    Slots { class: "Adam", pairs: &[&["m"], &["v"]], rounds: &[&["vhat"]] },
    Slots { class: "AdamW", pairs: &[&["m"], &["v"]], rounds: &[&["vhat"]] },
    Slots { class: "Adamax", pairs: &[&["m"], &["v", "u"]], rounds: &[] },
    Slots { class: "Nadam", pairs: &[&["m"], &["v"]], rounds: &[] },
    Slots { class: "Adagrad", pairs: &[&["accumulator"]], rounds: &[] },
    Slots {
        class: "Adadelta",
        pairs: &[&["accum_grad", "accumulated_grad"], &["accum_var", "accumulated_delta_var"]],
        rounds: &[],
    },
    Slots { class: "Ftrl", pairs: &[&["accumulator"], &["linear"]], rounds: &[] },
    Slots { class: "Lion", pairs: &[&["m", "momentum"]], rounds: &[] },
];

/// The state of the optimizer of a config, in the order of Keras 3; none where the layout is not
/// known.
pub(super) fn states(
    config: &Value,
    saved: Vec<(String, Tensor)>,
    age: Age,
) -> Option<Vec<Tensor>> {
    let optimizer = config.get("compile_config")?.get("optimizer")?;
    let options = optimizer.get("config")?.as_object()?;
    let rate = options.get("learning_rate").and_then(Value::as_f64);
    let is_of_keras_3 =
        |(name, _): &(String, Tensor)| name.ends_with("learning_rate") || name.contains("/state_");
    // Keras 3.15 itself takes over from such a file no more than step and rate, and then fails to
    // train on. What the file holds is all there is to go on as the model would have.
    if age == Age::Three || saved.get(1).is_some_and(is_of_keras_3) {
        return Some(saved.into_iter().map(|(_, state)| state).collect());
    }
    let class = class_name(optimizer)?;
    let slots = SLOTS.iter().find(|slots| slots.class == class)?;
    // One array of a number alone each, before the slots: the step, and in some versions a
    // product that `Nadam` keeps. Zeros of one element stand for what was not used.
    // A weight that is a single number has such slots too, which their names tell.
    let is_slot =
        |name: &str, state: &Tensor| state.shape().ndim() > 0 || slots.place(name).is_some();
    let mut scalars = Vec::new();
    let mut arrays = Vec::new();
    let mut averages = Vec::new();
    for (name, state) in saved {
        match is_slot(&name, &state) {
            true if name.split('/').nth(1) == Some("average") => averages.push(state),
            true => arrays.push((name, state)),
            false => scalars.push((name, state)),
        }
    }
    let count = num_trained(config)?;
    if !averages.is_empty() && averages.len() != count {
        return None;
    }
    // Keras 2.3 and tf.keras keep the product under these names.
    let is_product = |name: &str| name.contains("schedule") || name.contains("momentum_cache");
    let step = scalars.iter().find(|(name, _)| !is_product(name));
    let is_since_211 = step.is_some_and(|(name, _)| name.starts_with("iteration:"));
    let step = step.map_or(0.0, |(_, step)| step.to_vec_f64().first().copied().unwrap_or(0.0));
    let mut states = vec![Tensor::scalar(step as i32)];
    states.extend(rate.map(|rate| Tensor::scalar(rate as f32)));
    states.extend(averages);
    let mut rounds = rounds(slots, arrays, count)?;
    if class == "SGD" && momentum(options) == 0.0 {
        // Since tf.keras 2.11 momenta are saved that are not used.
        rounds.clear();
    }
    let num_pairs = slots.pairs.len().min(rounds.len());
    let (pairs, rest) = rounds.split_at(num_pairs);
    for variable in 0..count {
        states.extend(pairs.iter().map(|round| round[variable].clone()));
    }
    rest.iter().for_each(|round| states.extend(round.iter().cloned()));
    if class == "Nadam" {
        // The product of its momenta so far.
        let product = scalars.iter().find(|(name, _)| is_product(name));
        let product = product.and_then(|(_, product)| product.to_vec_f64().first().copied());
        let product = product.unwrap_or_else(|| {
            let slowness = if is_since_211 { 1.0 } else { SCHEDULE_DECAY };
            momentum_product(options.get("beta_1"), slowness, step)
        });
        states.push(Tensor::scalar(product as f32));
    }
    Some(states)
}

/// The momentum of an optimizer with this config: 0 where it says nothing.
pub(in super::super) fn momentum(options: &Map<String, Value>) -> f64 {
    options.get("momentum").and_then(Value::as_f64).unwrap_or(0.0)
}

/// The exponent by which `Nadam`'s momentum grew in a step before tf.keras 2.11; since then it
/// is 1, as in Keras 3.
const SCHEDULE_DECAY: f64 = 0.004;

/// `prod(beta_1 * (1 - 0.96^(slowness * t) / 2))` over the steps done: what `Nadam` of Keras 3
/// keeps and older files lack.
pub(in super::super) fn momentum_product(beta: Option<&Value>, slowness: f64, steps: f64) -> f64 {
    let beta = beta.and_then(Value::as_f64).unwrap_or(0.9);
    // From here on the product is 0 in `f32`.
    const ENOUGH: f64 = 100_000.0;
    let momentum = |t: u64| beta * (1.0 - 0.5 * 0.96f64.powf(slowness * t as f64));
    (1..=steps.clamp(0.0, ENOUGH) as u64).map(momentum).product()
}

/// The slots as rounds over the variables, in Keras 3's order of slots.
fn rounds(slots: &Slots, arrays: Vec<(String, Tensor)>, count: usize) -> Option<Vec<Vec<Tensor>>> {
    let num_slots = slots.known().count();
    let named: Option<Vec<usize>> = arrays.iter().map(|(name, _)| slots.place(name)).collect();
    let mut rounds: Vec<Vec<Tensor>> = vec![Vec::new(); num_slots];
    match named {
        Some(places) => {
            for (place, (_, array)) in places.into_iter().zip(arrays) {
                rounds[place].push(array);
            }
        }
        None => {
            let arrays: Vec<Tensor> = arrays.into_iter().map(|(_, array)| array).collect();
            let chunks = arrays.chunks(count.max(1));
            // Of `Adam` without its third slot, that slot is one zero per variable.
            let is_used = |round: &&[Tensor]| {
                round.len() == count && round.iter().all(|state| state.shape().dims() != [1])
            };
            let is_short = slots.rounds.len() == 1 && chunks.len() == num_slots;
            for (place, round) in chunks.enumerate() {
                let is_last = place + 1 == num_slots;
                if is_short && is_last && !is_used(&round) {
                    break;
                }
                rounds.get_mut(place)?.extend_from_slice(round);
            }
        }
    }
    rounds.retain(|round| !round.is_empty());
    rounds.iter().all(|round| round.len() == count).then_some(rounds)
}

/// How many variables the optimizer of a config moves.
fn num_trained(config: &Value) -> Option<usize> {
    let model = config.get("config")?.as_object()?;
    let is_model_frozen = model.get("trainable") == Some(&Value::Bool(false));
    let mut count = 0;
    for (layer, _) in named_layers(model, "layers") {
        for part in parts(layer) {
            let trained = part.variables.as_ref()?.iter().filter(|variable| variable.is_trained);
            count += if part.is_frozen || is_model_frozen { 0 } else { trained.count() };
        }
    }
    Some(count)
}
