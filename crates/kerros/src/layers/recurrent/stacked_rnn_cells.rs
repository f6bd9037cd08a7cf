use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::Value;

use super::STATES;
use super::cell::{Cell, Noise, Step, as_cell, call_once};
use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, REGISTRY, Weight, part};
use crate::model::names::{snake_case, unique};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = cell_n(.. cell_2(cell_1(x)))`: several cells as one, each fed by the one before at the
/// same step.
///
/// # Shape
/// `x: [batch, in] -> [batch, units]` of the last cell, and all cells' states, in order.
///
/// # Parameters
/// - `cells`: at least one.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let cells = StackedRNNCells::new([GRUCell::new(2).into_layer(), GRUCell::new(5).into_layer()]);
/// let mut model = Sequential::new().input([3, 1]).add(RNN::new(cells));
/// assert_eq!(model.predict(Tensor::full([2, 3, 1], 1.0f32))?.shape().dims(), [2, 5]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StackedRNNCells {
    options: Options,
    cells: Vec<Arc<dyn Layer>>,
}

layer_methods!(StackedRNNCells);

impl StackedRNNCells {
    /// These cells, the first nearest to the input.
    #[track_caller]
    pub fn new(cells: impl IntoIterator<Item = Arc<dyn Layer>>) -> Self {
        StackedRNNCells { options: Options::here(), cells: cells.into_iter().collect() }
    }

    fn cells(&self) -> Result<Vec<&dyn Cell>> {
        self.cells.iter().map(|layer| as_cell(&**layer)).collect()
    }

    /// The cells' names, each another.
    fn names(&self) -> Vec<String> {
        unique(self.cells.iter().map(|cell| (cell.class_name(), cell.options().name.as_deref())))
    }

    /// What files call the cells: by class, counted.
    fn parts(&self) -> Vec<String> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let part = |cell: &Arc<dyn Layer>| {
            let count = counts.entry(cell.class_name()).or_default();
            *count += 1;
            match *count {
                1 => format!("cells/{}", snake_case(cell.class_name())),
                count => format!("cells/{}_{}", snake_case(cell.class_name()), count - 1),
            }
        };
        self.cells.iter().map(part).collect()
    }

    /// Each cell with the shape of its input and of its states.
    #[allow(clippy::type_complexity)]
    fn walk(&self, input: &Shape) -> Result<Vec<(&dyn Cell, Shape, Vec<Shape>)>> {
        let mut input = input.clone();
        let mut walk = Vec::new();
        for cell in self.cells()? {
            let states = cell.state_shapes(&input)?;
            let output = states.get(cell.output_state()).cloned();
            let own = std::mem::replace(&mut input, output.unwrap_or_default());
            walk.push((cell, own, states));
        }
        Ok(walk)
    }
}

impl Described for StackedRNNCells {
    fn class_name(&self) -> &'static str {
        "StackedRNNCells"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        let cells = self.cells.iter().zip(self.names());
        let cells: Value = cells.map(|(cell, name)| part::serialize(&**cell, &name)).collect();
        config.insert("cells".into(), cells);
        config
    }
}

impl Layer for StackedRNNCells {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        if self.cells.is_empty() {
            return Err(Error::new(ErrorKind::Argument, "a stack of no cells")
                .expected("at least one cell"));
        }
        self.cells()?.into_iter().try_for_each(|cell| cell.check())
    }

    fn parameters(&self) -> &'static [&'static str] {
        STATES
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        1..=usize::MAX
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let mut weights = Vec::new();
        let names = self.parts().into_iter().zip(self.names());
        for ((cell, input, _), (part, name)) in self.walk(&inputs[0])?.into_iter().zip(names) {
            weights.extend(part::described_weights(cell, &part, &name, &[input])?);
        }
        Ok(weights)
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        call_once(self, inputs, call)
    }

    fn as_cell(&self) -> Option<&dyn Cell> {
        Some(self)
    }
}

impl Cell for StackedRNNCells {
    fn state_shapes(&self, input: &Shape) -> Result<Vec<Shape>> {
        Ok(self.walk(input)?.into_iter().flat_map(|(_, _, states)| states).collect())
    }

    fn output_state(&self) -> usize {
        let cells: Vec<&dyn Cell> = self.cells.iter().filter_map(|cell| cell.as_cell()).collect();
        let Some((last, before)) = cells.split_last() else { return 0 };
        before.iter().map(|cell| cell.num_states()).sum::<usize>() + last.output_state()
    }

    fn num_states(&self) -> usize {
        self.cells.iter().filter_map(|cell| cell.as_cell()).map(Cell::num_states).sum()
    }

    fn noise<'g>(&self, input: &Shape, call: &Call<'_, 'g>) -> Result<Noise<'g>> {
        let walk = self.walk(input)?.into_iter();
        let cells = walk.map(|(cell, input, _)| cell.noise(&input, call)).collect::<Result<_>>()?;
        Ok(Noise { cells, ..Noise::default() })
    }

    fn step<'g>(
        &self,
        x: Node<'g>,
        states: &[Node<'g>],
        noise: &Noise<'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Step<'g>> {
        let (mut output, mut next) = (x, Vec::new());
        let (mut states, mut weights) = (states, call.weights);
        for ((cell, input, shapes), noise) in self.walk(&x.shape())?.into_iter().zip(&noise.cells) {
            let (own_weights, other_weights) = weights.split_at(cell.weights(&[input])?.len());
            let (own_states, other_states) = states.split_at(shapes.len());
            (weights, states) = (other_weights, other_states);
            let inner = Call { weights: own_weights, ..*call };
            let step = cell.step(output, own_states, noise, &inner)?;
            output = step.output;
            next.extend(step.states);
        }
        Ok(Step { output, states: next })
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "StackedRNNCells",
    names: &[],
    summary: "several cells as one",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let cells = reader.value("cells").and_then(Value::as_array);
    let cells = cells.into_iter().flatten().map(|cell| REGISTRY.deserialize(cell));
    let layer = StackedRNNCells { options, cells: cells.collect::<Result<_>>()? };
    layer.check()?;
    Ok(Arc::new(layer))
}
