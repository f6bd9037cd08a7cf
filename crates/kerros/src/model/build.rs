//! Finding out shapes and weights by trying: the network is built into a graph of a few rows, which
//! have a few trial lengths.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::{Graph, Node, StateId};

use super::forward::{Masked, Pass, Values};
use super::{
    Arguments, Forward, InputSpec, LayerCall, Network, PartialShape, Source, WeightEntry,
    fixed_lengths,
};
use crate::layers::{Layer, Weight};

/// The rows of a trial, where nothing says how many fit; any number but 1, which broadcasts.
const TRIAL_ROWS: usize = 3;

/// Pairs of lengths for axes that are not known. Where a result differs within a pair, its axis
/// is not known either. Small ones first, for sequences; then what images need that are halved
/// many times; then sequences of which thousands of steps are cropped.
const TRIAL_LENGTHS: [(usize, usize); 6] =
    [(16, 24), (64, 96), (256, 320), (299, 331), (4_096, 5_120), (32_768, 40_960)];

/// The longest that a mistake is told of: those beyond are too large for images.
const MAX_TOLD_LENGTH: usize = 299;

/// Elements of one row of a value, at most: a row of 16 GiB is a mistake, and shapes below it
/// multiply without overflow.
const MAX_ROW_ELEMENTS: usize = 1 << 32;

/// What a trial found.
#[derive(Clone)]
struct Trial {
    /// The calls: those of a chain show only as its results do.
    calls: Vec<LayerCall>,
    /// For each layer what it asks for.
    weights: Vec<Vec<Weight>>,
    /// For each call the shapes of its results, batch axis included.
    shapes: Vec<Vec<Shape>>,
}

impl Network {
    /// Finds out shapes and weights from the inputs.
    ///
    /// Where the usual few rows do not fit, other numbers of rows that the network speaks of are
    /// tried too: see [`Network::rows`].
    ///
    /// # Errors
    /// As [`Network::check`]; a layer that cannot take what it is given; a layer whose weights
    /// depend on an axis that is not known.
    pub fn build(&mut self) -> Result<()> {
        self.rows = None;
        let Err(first) = self.build_for(None) else { return Ok(()) };
        // A setting that cannot be, or an input that says how many rows there are.
        if self.check().is_err() || self.batch().is_some() {
            return Err(first);
        }
        for rows in fixed_lengths::candidates(self) {
            if rows != TRIAL_ROWS && self.build_for(Some(rows)).is_ok() {
                return Ok(());
            }
        }
        self.rows = None;
        Err(first)
    }

    /// Finds out shapes and weights with so many rows, or with the usual few.
    ///
    /// # Errors
    /// As [`Network::build`].
    pub(super) fn build_for(&mut self, rows: Option<usize>) -> Result<()> {
        self.rows = rows;
        self.check()?;
        let is_known = self.inputs.iter().all(|input| input.shape.known().is_some());
        let (first, second) = match is_known {
            true => (self.trial(0)?, None),
            false => {
                let (first, second) = self.trials()?;
                (first, Some(second))
            }
        };
        let rows = self.trial_rows();
        let changes = |shape: &Shape| shape.first() != Some(&rows);
        self.changes_rows = first.shapes.iter().flatten().any(changes);
        self.calls = first.calls;
        for (at, call) in self.calls.iter_mut().enumerate() {
            let row = |shape: &Shape| Shape::from(shape.get(1..).unwrap_or_default());
            let shapes = first.shapes[at].iter().enumerate().map(|(output, shape)| match &second {
                None => PartialShape::from(row(shape)),
                Some(second) => {
                    let other = row(&second.shapes[at][output]);
                    PartialShape::common(&row(shape), &other).unwrap_or_default()
                }
            });
            call.shapes = shapes.collect();
        }
        if !self.is_functional {
            self.outputs = chain_end(&first.shapes);
        }
        self.weights.clear();
        for (at, wanted) in first.weights.into_iter().enumerate() {
            self.place_weights(at, wanted);
        }
        self.is_built = true;
        Ok(())
    }

    /// How many rows a trial has.
    pub(crate) fn trial_rows(&self) -> usize {
        self.batch().or(self.rows).unwrap_or(TRIAL_ROWS)
    }

    /// Two trials of different lengths for the axes that are not known; twice the same where the
    /// network fits one length alone.
    fn trials(&self) -> Result<(Trial, Trial)> {
        let mut error = None;
        for (first, second) in TRIAL_LENGTHS {
            let both = self.trial(first).and_then(|one| Ok((one, self.trial(second)?)));
            match both {
                Err(_) if first > MAX_TOLD_LENGTH => {}
                Err(found) => error = Some(found),
                Ok((first, second)) => {
                    self.check_same_weights(&first, &second)?;
                    return Ok((first, second));
                }
            }
        }
        // Not for each number of rows again: that would be a square of trials.
        let lengths = match self.rows {
            None => fixed_lengths::candidates(self),
            Some(_) => Vec::new(),
        };
        for length in lengths {
            if let Ok(trial) = self.trial(length) {
                return Ok((trial.clone(), trial));
            }
        }
        Err(error.expect("some lengths were tried"))
    }

    fn check_same_weights(&self, first: &Trial, second: &Trial) -> Result<()> {
        for (entry, (a, b)) in self.layers.iter().zip(first.weights.iter().zip(&second.weights)) {
            let differs = |(a, b): &(&Weight, &Weight)| a.shape != b.shape;
            if let Some((weight, _)) = a.iter().zip(b).find(differs) {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("the size of `{}` depends on an axis of unknown length", weight.name),
                )
                .expected("an input whose axes are known, as far as weights depend on them")
                .at(&entry.origin()));
            }
        }
        Ok(())
    }

    /// Builds the network into a graph of its own.
    fn trial(&self, length: usize) -> Result<Trial> {
        let graph = Graph::new();
        let rows = self.trial_rows();
        let input = |spec: &InputSpec| {
            let row = spec.shape.filled(length);
            let dims: Shape = std::iter::once(rows).chain(row.iter().copied()).collect();
            Masked { node: graph.input(&spec.name, dims, spec.dtype), mask: None }
        };
        for spec in &self.inputs {
            check_size(&std::iter::once(rows).chain(spec.shape.filled(length).to_vec()).collect())
                .map_err(|error| error.context(format!("input `{}`", spec.name)))?;
        }
        let mut values = Values::new(self.inputs.iter().map(input).collect());
        let mut weights: Vec<Option<Vec<Weight>>> = vec![None; self.layers.len()];
        let mut nodes: Vec<Vec<Node<'_>>> = vec![Vec::new(); self.layers.len()];
        let mut states = 0;
        let mut shapes = Vec::new();
        let mut forward = Forward::nothing();
        let pass = Pass { training: false, trainable: true, key: None, is_part: false };
        // A copy in which updates of weights have somewhere to go.
        let mut network = Network { layers: self.layers.clone(), ..Network::default() };
        let num_calls = if self.is_functional { self.calls.len() } else { self.layers.len() };
        let mut calls: Vec<LayerCall> = Vec::with_capacity(num_calls);
        for place in 0..num_calls {
            let call = match self.is_functional {
                true => self.calls[place].clone(),
                false => LayerCall {
                    layer: place,
                    arguments: Arguments::all(chain_end(&shapes)),
                    shapes: Vec::new(),
                },
            };
            let at = call.layer;
            let origin = self.layers[at].origin();
            if weights[at].is_none() {
                self.check_call(&call, &values)?;
                let inputs = self.building_inputs(&call, &values)?;
                let given: Vec<Shape> = inputs.iter().map(|input| input.node.shape()).collect();
                let wanted =
                    self.layers[at].layer.weights(&given).map_err(|error| error.at(&origin))?;
                for weight in &wanted {
                    let id = StateId(states);
                    states += 1;
                    nodes[at].push(graph.state(id, &weight.name, &weight.shape, weight.dtype()));
                }
                network.layers[at].weights = (0..wanted.len()).collect();
                weights[at] = Some(wanted);
            }
            let results = network.apply(&call, &values, &nodes[at], pass, &mut forward)?;
            graph.check().map_err(|error| error.at(&origin))?;
            for result in &results {
                check_size(&result.node.shape()).map_err(|error| error.at(&origin))?;
            }
            if !mixes_rows(&*self.layers[at].layer) {
                let inputs = self.inputs_of(&call, &values)?;
                let given: Vec<Shape> = inputs.iter().map(|input| input.node.shape()).collect();
                for result in &results {
                    check_rows(&given, &result.node.shape()).map_err(|error| error.at(&origin))?;
                }
            }
            shapes.push(results.iter().map(|result| result.node.shape()).collect());
            values.set(place, results);
            calls.push(call);
        }
        if self.is_functional {
            self.finish(&values, &mut forward)?;
        }
        let weights = weights.into_iter().map(Option::unwrap_or_default).collect();
        Ok(Trial { calls, weights, shapes })
    }

    /// Gives a layer's weights their places: part by part, the trained ones of each first, as
    /// Keras does.
    fn place_weights(&mut self, layer: usize, wanted: Vec<Weight>) {
        let part = |at: usize| wanted.iter().position(|other| other.part == wanted[at].part);
        let mut order: Vec<usize> = (0..wanted.len()).collect();
        order.sort_by_key(|&at| (part(at), !wanted[at].trainable));
        let mut places = vec![0; wanted.len()];
        for at in order {
            let weight = wanted[at].clone();
            let path = format!("{}/{}/{}", self.name, self.layers[layer].name, weight.name);
            places[at] = self.weights.len();
            self.weights.push(WeightEntry { path, layer, weight });
        }
        self.layers[layer].weights = places;
    }

    /// The shape of one row of each output for inputs whose rows have these shapes.
    ///
    /// # Errors
    /// Rows that a layer cannot take.
    pub fn output_rows(&self, rows: &[Shape]) -> Result<Vec<Shape>> {
        if let Some(known) = self.output_shapes().iter().map(|shape| shape.known()).collect() {
            return Ok(known);
        }
        let mut concrete = self.clone();
        for (input, row) in concrete.inputs.iter_mut().zip(rows) {
            input.shape = PartialShape::from(row);
        }
        let trial = concrete.trial(0)?;
        let shape = |&output: &Source| match output {
            Source::Input(input) => rows[input].clone(),
            Source::Call { call, output } => Shape::from(&trial.shapes[call][output][1..]),
        };
        Ok(self.outputs.iter().map(shape).collect())
    }
}

/// What comes out of a chain whose calls give results of these shapes: all results of the last.
fn chain_end(shapes: &[Vec<Shape>]) -> Vec<Source> {
    let Some((call, last)) = shapes.iter().enumerate().next_back() else {
        return vec![Source::Input(0)];
    };
    (0..last.len()).map(|output| Source::Call { call, output }).collect()
}

/// Whether a layer may give other rows than those of its inputs: an operation, or a model that may
/// have some.
fn mixes_rows(layer: &dyn Layer) -> bool {
    layer.is_operation() || layer.network().is_some()
}

/// Checks that a layer keeps the batch axis: as many rows as one of its inputs has, or all of them
/// one below the other.
fn check_rows(given: &[Shape], result: &Shape) -> Result<()> {
    let rows = || given.iter().filter_map(|shape| shape.first().copied());
    let fits = |&found: &usize| rows().any(|rows| rows == found) || rows().sum::<usize>() == found;
    if given.is_empty() || result.first().is_some_and(fits) {
        return Ok(());
    }
    let rows = rows().next().unwrap_or_default();
    Err(Error::new(
        ErrorKind::Shape,
        format!("the layer got {rows} rows and returned shape {result}"),
    )
    .expected("the batch axis first, and kept"))
}

/// Refuses rows of absurd sizes.
fn check_size(shape: &Shape) -> Result<()> {
    let row = Shape::from(shape.get(1..).unwrap_or_default());
    let size = row.iter().try_fold(1usize, |size, &dim| size.checked_mul(dim));
    match size.is_some_and(|size| size <= MAX_ROW_ELEMENTS) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Shape, format!("rows of shape {row}"))
            .expected(format!("at most {MAX_ROW_ELEMENTS} elements in a row"))),
    }
}
