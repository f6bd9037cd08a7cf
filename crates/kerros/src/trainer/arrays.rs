//! Data ready to be fed: checked, and in the types that the graphs take.

use std::collections::BTreeMap;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_data::{Batch, Samples};
use kerros_plan::Feed;

use super::per_output::PerOutput;
use super::step::typed_target;
use super::{ExecutableKey, Mode, checks};
use crate::model::{Model, Network, not_built};

/// How much the rows of each class count.
pub(crate) type ClassWeights = BTreeMap<i64, f32>;

/// Inputs, targets and weights of a run, row by row.
#[derive(Debug)]
pub(crate) struct Arrays {
    pub(crate) inputs: Vec<Tensor>,
    /// One per output; `None` for outputs without.
    pub(crate) targets: Vec<Option<Tensor>>,
    /// One per output.
    pub(crate) weights: Vec<Option<Tensor>>,
    pub(crate) rows: usize,
}

impl Arrays {
    /// The key of the executable for batches of so many rows.
    pub(crate) fn key(&self, mode: Mode, rows: usize) -> ExecutableKey {
        ExecutableKey {
            mode,
            rows,
            inputs: self.inputs.iter().map(row_shape).collect(),
            targets: self.targets.iter().map(|target| target.as_ref().map(row_shape)).collect(),
            weights: self.weights.iter().map(|weight| weight.as_ref().map(row_shape)).collect(),
        }
    }

    /// Multiplies the weight of each row by that of its class, for each output that has class
    /// weights.
    ///
    /// # Errors
    /// Class weights of an output that has no target, or whose targets are no classes.
    pub(crate) fn weigh_classes(
        &mut self,
        names: &[String],
        classes: &PerOutput<ClassWeights>,
    ) -> Result<()> {
        let assigned = classes.assign(names, "class weights")?;
        for (at, classes) in assigned.into_iter().enumerate() {
            let Some(classes) = classes.filter(|classes| !classes.is_empty()) else { continue };
            let target = self.targets[at].as_ref().ok_or_else(|| {
                let what = format!("class weights of the output `{}`", names[at]);
                Error::new(ErrorKind::Data, what).expected("a target for that output")
            })?;
            let of_row = kerros_data::class_weights(target, &classes)?;
            let Some(weights) = &mut self.weights[at] else {
                self.weights[at] = Some(of_row);
                continue;
            };
            let per_row = weights.num_elements() / self.rows;
            let factors = of_row.as_slice::<f32>()?;
            for (at, weight) in weights.as_mut_slice::<f32>()?.iter_mut().enumerate() {
                *weight *= factors[at / per_row];
            }
        }
        Ok(())
    }

    /// The feeds of a batch, in the order of the graph's inputs: see [`super::step`].
    pub(crate) fn feeds<'a>(&'a self, batch: Batch<'a>, feeds: &mut impl Extend<Feed<'a>>) {
        let targets = self.targets.iter().flatten();
        let arrays = self.inputs.iter().chain(targets).chain(self.weights.iter().flatten());
        feeds.extend(arrays.map(|tensor| match &batch {
            Batch::Range(rows) => Feed::From { tensor, start: rows.start as usize },
            Batch::Rows(rows) => Feed::Rows { tensor, rows },
        }));
    }
}

impl Arrays {
    /// A number that other data hardly have: from every byte of every array.
    pub(crate) fn fingerprint(&self) -> u64 {
        let targets = self.targets.iter().flatten();
        let arrays = self.inputs.iter().chain(targets).chain(self.weights.iter().flatten());
        arrays.fold(0, |hash, array| {
            array.bytes().chunks(8).fold(hash ^ array.num_elements() as u64, |hash, chunk| {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                // Weyl's constant of the golden ratio spreads each bit over the upper half.
                let mixed = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                mixed ^ mixed >> 32
            })
        })
    }
}

/// The shape of one row.
pub(crate) fn row_shape(tensor: &Tensor) -> Shape {
    Shape::from(tensor.shape().get(1..).unwrap_or_default())
}

/// The shape of one row of a model that is made for these data: single numbers are rows of one.
pub(crate) fn data_row_shape(tensor: &Tensor) -> Shape {
    match tensor.shape().ndim() {
        0 | 1 => Shape::from([1]),
        _ => row_shape(tensor),
    }
}

/// The arrays in the order of these names of a model; as they are when they have no names.
fn in_order<'a>(
    arrays: &'a [Tensor],
    given: &[String],
    names: &[String],
    what: &str,
) -> Result<Vec<Option<&'a Tensor>>> {
    if given.is_empty() {
        return Ok(arrays.iter().map(Some).collect());
    }
    if let Some(name) = given.iter().find(|name| !names.contains(name)) {
        return Err(Error::new(ErrorKind::Data, format!("an array for the {what} `{name}`"))
            .expected(format!("arrays for {}", names.join(", "))));
    }
    let place = |name: &String| given.iter().position(|known| known == name);
    Ok(names.iter().map(|name| place(name).and_then(|at| arrays.get(at))).collect())
}

/// The input arrays in the order of the network's inputs.
///
/// # Errors
/// A name that no input has; an input without an array.
pub(crate) fn ordered_inputs(network: &Network, samples: &Samples) -> Result<Vec<Tensor>> {
    let mut names: Vec<String> = network.inputs.iter().map(|input| input.name.clone()).collect();
    if samples.names.inputs.iter().any(|name| network.input_keys.contains(name)) {
        names.clone_from(&network.input_keys);
    }
    let found = in_order(&samples.inputs, &samples.names.inputs, &names, "input")?;
    let missing = |name: &String| {
        Error::new(ErrorKind::Data, format!("the input `{name}` has no array"))
            .expected(format!("arrays for {}", names.join(", ")))
    };
    let arrays = found.into_iter().enumerate();
    arrays.map(|(at, array)| array.cloned().ok_or_else(|| missing(&names[at]))).collect()
}

impl Model {
    /// Checks samples and brings them into the types that the graphs take; builds the model
    /// from their shape when it is not built.
    pub(crate) fn arrays(&mut self, samples: &Samples, what: &str) -> Result<Arrays> {
        let arrays = self.checked_arrays(samples).map_err(|error| error.context(what))?;
        self.check_endings()?;
        Ok(arrays)
    }

    /// Holds the model's outputs against their losses, once.
    fn check_endings(&mut self) -> Result<()> {
        let trackers = self.compiled()?.trackers.as_mut().ok_or_else(not_built)?;
        if std::mem::replace(&mut trackers.is_checked, true) {
            return Ok(());
        }
        let losses: Vec<_> = trackers.outputs.iter().map(|output| output.loss.clone()).collect();
        let with_loss = losses.iter().enumerate().filter_map(|(at, l)| Some((at, l.as_ref()?)));
        with_loss.into_iter().try_for_each(|(at, loss)| checks::output_fits_loss(self, at, &**loss))
    }

    fn checked_arrays(&mut self, samples: &Samples) -> Result<Arrays> {
        self.compiled()?;
        samples.check()?;
        self.build_with(&samples.inputs.iter().map(data_row_shape).collect::<Vec<_>>())?;
        let inputs = checks::inputs(&self.network, &ordered_inputs(&self.network, samples)?)?;
        for (at, input) in inputs.iter().enumerate() {
            checks::finite(&format!("input {at}"), input)?;
        }
        let given = self.targets_of(samples)?;
        for target in given.iter().flatten() {
            checks::finite("the target", target)?;
        }
        let input_rows: Vec<Shape> = inputs.iter().map(row_shape).collect();
        let target_rows: Vec<Option<Shape>> =
            given.iter().map(|target| target.map(row_shape)).collect();
        self.prepare_trackers(&input_rows, &target_rows)?;
        let predictions = self.network.output_rows(&input_rows)?;
        let trackers = self.compiled()?.trackers.as_ref().ok_or_else(not_built)?;
        let outputs = trackers.outputs.iter();
        let outputs: Vec<_> =
            outputs.map(|output| (output.loss.clone(), output.target_dtype())).collect();
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        for (at, (loss, dtype)) in outputs.iter().enumerate() {
            let Some(target) = given[at] else {
                targets.push(None);
                weights.push(None);
                continue;
            };
            if let Some(loss) = loss {
                checks::target(&**loss, target, &predictions[at])?;
            }
            let target = typed_target(target, *dtype)?;
            if let Some(loss) = loss.as_ref().filter(|_| *dtype == DType::I32) {
                let ignored = loss.config().get("ignore_class").and_then(|class| class.as_i64());
                checks::labels(&target, &predictions[at], ignored)?;
            }
            let weight = self.weights_of(samples, at).map(Tensor::to_f32);
            if let Some(weight) = &weight {
                checks::weights(weight, &predictions[at])?;
            }
            targets.push(Some(target));
            weights.push(weight);
        }
        Ok(Arrays { inputs, targets, weights, rows: samples.num_rows() })
    }

    /// The target of each output: by name, by position, or, where some outputs have no loss, one
    /// after another for those that have.
    fn targets_of<'a>(&mut self, samples: &'a Samples) -> Result<Vec<Option<&'a Tensor>>> {
        let names = self.network.output_names();
        let given = in_order(&samples.targets, &samples.names.targets, &names, "output")?;
        if given.len() == names.len() {
            return Ok(given);
        }
        let compiled = self.compiled()?;
        let losses = compiled.loss.assign(&names, "losses")?;
        let with_loss = losses.iter().filter(|loss| loss.is_some()).count();
        if given.len() != with_loss {
            return Err(checks::number_of_targets(given.len(), &names));
        }
        let mut rest = given.into_iter();
        Ok(losses.iter().map(|loss| loss.as_ref().and_then(|_| rest.next().flatten())).collect())
    }

    /// The sample weights of an output.
    fn weights_of<'a>(&self, samples: &'a Samples, output: usize) -> Option<&'a Tensor> {
        if samples.names.targets.is_empty() {
            return samples.weights_of(output);
        }
        let name = &self.network.output_names()[output];
        let place = samples.names.targets.iter().position(|known| known == name)?;
        samples.weights_of(place)
    }
}
