//! An equation with a quantized kernel: which axes share a scale, and how scales lie in the result.

use kerros_core::{Result, Shape};
use kerros_graph::Node;

use super::EinsumDense;
use crate::layers::Call;
use crate::layers::quantized::{Product, Table};

/// The kernel as a table, and how the input lies to it.
pub(super) struct Placed {
    pub(super) table: Table,
    /// The axes of the input that are summed over.
    summed: Vec<usize>,
    /// For each axis of the result that of the input, where it has one.
    from_input: Vec<Option<usize>>,
}

impl EinsumDense {
    /// The kernel as a table, for inputs of this shape. What is not in the result shares a scale.
    pub(super) fn table(&self, input: &Shape) -> Result<Placed> {
        let sizes = self.sizes(input)?;
        let terms = &sizes.terms;
        let (before, after) = (terms.before, terms.after);
        let in_output = |letter: &char| terms.output.iter().position(|known| known == letter);
        let in_kernel = |letter: &char| terms.kernel.iter().position(|known| known == letter);
        let in_input = |letter: &char| terms.input.iter().position(|known| known == letter);
        let none = |count: usize| std::iter::repeat_n(1, count);
        let named = terms.output.iter();
        let named = named.map(|letter| in_kernel(letter).map_or(1, |at| sizes.kernel[at]));
        let scale = none(before).chain(named).chain(none(after)).collect();
        let is_summed = |letter: &&char| in_output(letter).is_none();
        let kept = terms.kernel.iter().filter_map(in_output).map(|at| before + at).collect();
        let places = |letters: &[char]| -> Vec<usize> {
            (0..letters.len()).filter(|&at| is_summed(&&letters[at])).collect()
        };
        let elided_after = before + terms.input.len()..before + terms.input.len() + after;
        let own = terms.output.iter().map(|letter| in_input(letter).map(|at| before + at));
        let from_input = (0..before).map(Some).chain(own).chain(elided_after.map(Some)).collect();
        let summed = places(&terms.input).into_iter().map(|at| before + at).collect();
        let kernel_summed = places(&terms.kernel);
        let table = Table::einsum(sizes.kernel, kernel_summed, scale, kept);
        Ok(Placed { table, summed, from_input })
    }

    /// The sums with a quantized kernel, without the bias; none for one of floats.
    pub(super) fn quantized_sums<'g>(
        &self,
        x: Node<'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Option<Node<'g>>> {
        if self.quantized.mode.is_none() {
            return Ok(None);
        }
        let Placed { table, summed, from_input } = self.table(&x.shape())?;
        let Some(held) = self.quantized.held(|| Ok(table))? else { return Ok(None) };
        let ranges = 1 + usize::from(self.bias_axes.is_some());
        let product = Product {
            axes: &summed,
            multiply: &|x, kernel| self.sums(x, kernel, None),
            arrange: &|scale| arranged(scale, &from_input),
            rounds_for_int4: false,
            added: self.low_rank.product(call.weights, held.table.shape()),
            has_gradient: true,
        };
        let own = held.of(call.weights, ranges);
        self.quantized.product(x, &held, &own, &product).map(Some)
    }
}

/// A value for each place of the input as it lies in the result, whose axes come from these of the
/// input; its others are of length 1.
fn arranged<'g>(value: Node<'g>, from: &[Option<usize>]) -> Node<'g> {
    let shape = value.shape();
    let kept = from.iter().copied().flatten();
    let rest = (0..shape.ndim()).filter(|axis| !from.contains(&Some(*axis)));
    let axes: Vec<usize> = kept.chain(rest).collect();
    let dims = from.iter().map(|axis| axis.map_or(1, |axis| shape[axis]));
    value.transpose(&axes).reshape(dims.collect::<Vec<_>>())
}
