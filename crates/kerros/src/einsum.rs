//! Sums of products over named axes: `"bij,bjk->bik"` is a batch of matrix products.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use crate::operations::matmul_with;

/// The name of an axis: a letter, or a place behind `...` counted from the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    /// An axis that `...` stands for; 0 is the last of them.
    Elided(usize),
    /// An axis with a name.
    Letter(char),
}

/// A tensor with a name for each axis.
#[derive(Clone, Debug)]
struct Labeled<'g> {
    node: Node<'g>,
    labels: Vec<Label>,
}

/// The sum over all axes that are not in the result, of the product of all operands.
///
/// An equation names the axes of each operand and, after `->`, of the result (left away: those
/// that occur once, in alphabetic order). `...` stands for axes without names, which broadcast.
/// A name that an operand has twice stands for the diagonal of these axes. Whole numbers are
/// summed as such, and wrap.
///
/// # Shape
/// As the equation says: `"btnh,bsnh->bnts"` takes `[b, t, n, h]` and `[b, s, n, h]` and gives
/// `[b, n, t, s]`.
///
/// # Errors
/// [`ErrorKind::Argument`] for an equation that cannot be read; [`ErrorKind::Shape`] for
/// operands that do not fit it.
///
/// # Example
/// ```
/// use kerros::graph::{Graph, eval::evaluate};
/// use kerros::{DType, Tensor, einsum};
/// let graph = Graph::new();
/// let x = graph.input("x", [2, 3], DType::F32);
/// let y = einsum("ij,ij->i", &[x, x])?;
/// let values = Tensor::new([2, 3], [1.0f32, 2.0, 3.0, 0.0, 1.0, 0.0])?;
/// let found = evaluate::<f32>(&graph, &[y], &[values], &[])?;
/// assert_eq!(found[0].as_slice::<f32>()?, [14.0, 1.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
pub fn einsum<'g>(equation: &str, operands: &[Node<'g>]) -> Result<Node<'g>> {
    let (operands, output) =
        read(equation, operands).map_err(|error| error.context(format!("einsum `{equation}`")))?;
    let mut left = operands.into_iter();
    let Some(mut product) = left.next() else {
        return Err(Error::new(ErrorKind::Argument, "an equation without operands"));
    };
    while let Some(next) = left.next() {
        let later = left.as_slice().iter().flat_map(|operand| operand.labels.iter());
        let needed: Vec<Label> = output.iter().chain(later).copied().collect();
        product = contract(product, next, &needed);
    }
    product = sum_out(product, &output);
    Ok(ordered(&product, &output))
}

/// The operands with the names of their axes, and the names of the result's.
fn read<'g>(equation: &str, operands: &[Node<'g>]) -> Result<(Vec<Labeled<'g>>, Vec<Label>)> {
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (equation.as_str(), None),
    };
    let terms: Vec<&str> = inputs.split(',').collect();
    if terms.len() != operands.len() {
        return Err(Error::new(ErrorKind::Argument, format!("{} operands", operands.len()))
            .expected(format!("{}, one for each term", terms.len())));
    }
    let mut labeled = Vec::new();
    let (mut longest, mut all) = (0, Vec::new());
    for (term, &node) in terms.iter().zip(operands) {
        let letters = term.replace("...", "").chars().count();
        let has_ellipsis = term.contains("...");
        let ndim = node.ndim();
        if ndim < letters || (!has_ellipsis && ndim != letters) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("an operand of shape {} for `{term}`", node.shape()),
            )
            .expected(format!("{letters} axes")));
        }
        let elided = ndim - letters;
        longest = longest.max(elided);
        let labels = labels_of(term, elided)?;
        all.extend(labels.iter().copied());
        labeled.push(on_diagonals(Labeled { node, labels }, term)?);
    }
    check_lengths(&labeled)?;
    let output = match output {
        Some(output) => labels_of(output, longest)?,
        None => once(&all),
    };
    let known = |label: &&Label| !labeled.iter().any(|operand| operand.labels.contains(label));
    match (output.iter().find(known), repeated(&output)) {
        (None, None) => Ok((labeled, output)),
        (unknown, _) => {
            let what = match unknown {
                Some(label) => format!("the result's axis {label:?} is in no operand"),
                None => "the result has an axis twice".into(),
            };
            Err(Error::new(ErrorKind::Argument, what).expected("axes of the operands, once each"))
        }
    }
}

/// The operand with each name once: of axes with the same name only the diagonal is left.
fn on_diagonals<'g>(operand: Labeled<'g>, term: &str) -> Result<Labeled<'g>> {
    let Labeled { mut node, mut labels } = operand;
    while let Some(label) = repeated(&labels) {
        let mut places = (0..labels.len()).filter(|&at| labels[at] == label);
        let (Some(first), Some(second)) = (places.next(), places.next()) else { break };
        let shape = node.shape();
        let (length, other) = (shape[first], shape[second]);
        if length != other || length == 0 {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("the axis {label:?} of `{term}` is {length} long, and {other}"),
            )
            .expected("one length for each axis"));
        }
        let others: Vec<usize> =
            (0..labels.len()).filter(|at| ![first, second].contains(at)).collect();
        let outer: Vec<usize> = others.iter().map(|&at| shape[at]).collect();
        let order = [&others[..], &[first, second]].concat();
        let flat = node.transpose(&order).reshape([&outer[..], &[length * length]].concat());
        node = flat.slice_step(outer.len(), 0, length * length, length + 1);
        labels = others.iter().map(|&at| labels[at]).chain([label]).collect();
    }
    Ok(Labeled { node, labels })
}

/// The names of a term's axes; `elided` is how many `...` stands for.
fn labels_of(term: &str, elided: usize) -> Result<Vec<Label>> {
    let mut labels = Vec::new();
    let mut rest = term;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("...") {
            labels.extend((0..elided).rev().map(Label::Elided));
            rest = after;
            continue;
        }
        if !first.is_alphabetic() {
            return Err(Error::new(ErrorKind::Argument, format!("`{first}` in an equation"))
                .expected("letters, commas, `...` and `->`, as in \"abc,cd->abd\""));
        }
        labels.push(Label::Letter(first));
        rest = &rest[first.len_utf8()..];
    }
    Ok(labels)
}

fn repeated(labels: &[Label]) -> Option<Label> {
    labels.iter().enumerate().find(|(at, label)| labels[..*at].contains(label)).map(|(_, l)| *l)
}

/// The names that occur once, `...` first.
fn once(all: &[Label]) -> Vec<Label> {
    let count = |label: &Label| all.iter().filter(|other| *other == label).count();
    let mut letters: Vec<Label> = all
        .iter()
        .filter(|label| matches!(label, Label::Letter(_)) && count(label) == 1)
        .copied()
        .collect();
    letters.sort_unstable();
    let mut elided: Vec<Label> =
        all.iter().filter(|label| matches!(label, Label::Elided(_))).copied().collect();
    elided.sort_unstable();
    elided.dedup();
    elided.into_iter().rev().chain(letters).collect()
}

/// Checks that an axis has one length everywhere; axes without names may be 1.
fn check_lengths(operands: &[Labeled<'_>]) -> Result<()> {
    let mut known: Vec<(Label, usize)> = Vec::new();
    for operand in operands {
        for (&label, &length) in operand.labels.iter().zip(operand.node.shape().iter()) {
            let first = known.iter().find(|(other, _)| *other == label);
            let may_stretch = matches!(label, Label::Elided(_)) || length == 1;
            match first {
                Some(&(_, other))
                    if other != length && length != 1 && !(may_stretch && other == 1) =>
                {
                    return Err(Error::new(
                        ErrorKind::Shape,
                        format!("the axis {label:?} is {other} long, and {length}"),
                    )
                    .expected("one length for each axis"));
                }
                Some(_) => {}
                None => known.push((label, length)),
            }
        }
    }
    Ok(())
}

/// Sums over the axes that nothing needs.
fn sum_out<'g>(operand: Labeled<'g>, needed: &[Label]) -> Labeled<'g> {
    let is_summed = |label: &Label| !needed.contains(label);
    let axes: Vec<isize> = (0..operand.labels.len())
        .filter(|&axis| is_summed(&operand.labels[axis]))
        .map(|axis| axis as isize)
        .collect();
    let labels = operand.labels.into_iter().filter(|label| !is_summed(label)).collect();
    Labeled { node: operand.node.sum(&axes), labels }
}

/// The operand with its axes in this order; axes that it lacks are left out.
fn ordered<'g>(operand: &Labeled<'g>, order: &[Label]) -> Node<'g> {
    let place = |label: &Label| operand.labels.iter().position(|own| own == label);
    let axes: Vec<usize> = order.iter().filter_map(place).collect();
    match axes.iter().copied().eq(0..axes.len()) {
        true => operand.node,
        false => operand.node.transpose(&axes),
    }
}

/// The product of two operands, summed over the axes that nothing needs.
fn contract<'g>(a: Labeled<'g>, b: Labeled<'g>, needed: &[Label]) -> Labeled<'g> {
    let keep = |other: &Labeled<'_>| -> Vec<Label> {
        needed.iter().chain(&other.labels).copied().collect()
    };
    let (for_a, for_b) = (keep(&b), keep(&a));
    let (a, b) = stretched(sum_out(a, &for_a), sum_out(b, &for_b));
    let shared = |label: &&Label| b.labels.contains(label);
    let (common, free_a): (Vec<Label>, Vec<Label>) = a.labels.iter().partition(shared);
    let (batch, summed): (Vec<Label>, Vec<Label>) =
        common.iter().partition(|label| needed.contains(label));
    let free_b: Vec<Label> =
        b.labels.iter().filter(|label| !a.labels.contains(label)).copied().collect();
    let lengths = |operand: &Labeled<'_>, labels: &[Label]| -> Vec<usize> {
        let shape = operand.node.shape();
        let length = |label| operand.labels.iter().position(|own| own == label).map(|at| shape[at]);
        labels.iter().filter_map(length).collect()
    };
    let (dims, m, n) = (lengths(&a, &batch), lengths(&a, &free_a), lengths(&b, &free_b));
    let full: Shape = [&dims[..], &m, &n].concat().into();
    let labels = [&batch[..], &free_a, &free_b].concat();
    if summed.is_empty() {
        let ones = |count: usize| vec![1; count];
        let left = ordered(&a, &[&batch[..], &free_a].concat());
        let left = left.reshape([&dims[..], &m, &ones(n.len())].concat());
        let right = ordered(&b, &[&batch[..], &free_b].concat());
        let right = right.reshape([&dims[..], &ones(m.len()), &n].concat());
        return Labeled { node: left * right, labels };
    }
    let k: usize = lengths(&a, &summed).iter().product();
    let (m, n): (usize, usize) = (m.iter().product(), n.iter().product());
    // An operand whose last axis is summed over stays in its order, and so does one whose is
    // not: the matrix product takes both.
    let ends_summed =
        |operand: &Labeled<'_>| operand.labels.last().is_some_and(|l| summed.contains(l));
    let flip_a = !ends_summed(&a);
    let left = match flip_a {
        false => ordered(&a, &[&batch[..], &free_a, &summed].concat()),
        true => ordered(&a, &[&batch[..], &summed, &free_a].concat()),
    };
    let flip_b = ends_summed(&b);
    let right = match flip_b {
        false => ordered(&b, &[&batch[..], &summed, &free_b].concat()),
        true => ordered(&b, &[&batch[..], &free_b, &summed].concat()),
    };
    let matrix = |rows: usize, columns: usize, flip: bool| -> Vec<usize> {
        let (rows, columns) = if flip { (columns, rows) } else { (rows, columns) };
        [&dims[..], &[rows, columns]].concat()
    };
    let (left, right) = (left.reshape(matrix(m, k, flip_a)), right.reshape(matrix(k, n, flip_b)));
    Labeled { node: matmul_with(left, right, flip_a, flip_b).reshape(full), labels }
}

/// Both operands with axes of length 1 as long as the other's of the same name.
fn stretched<'g>(a: Labeled<'g>, b: Labeled<'g>) -> (Labeled<'g>, Labeled<'g>) {
    let stretch = |one: &Labeled<'g>, other: &Labeled<'g>| {
        let (own, theirs) = (one.node.shape(), other.node.shape());
        let length = |(label, &length): (&Label, &usize)| {
            let at = other.labels.iter().position(|known| known == label);
            at.map_or(length, |at| length.max(theirs[at]))
        };
        let shape: Shape = one.labels.iter().zip(own.iter()).map(length).collect();
        Labeled { node: one.node.broadcast_to(shape), labels: one.labels.clone() }
    };
    (stretch(&a, &b), stretch(&b, &a))
}

#[cfg(test)]
mod tests {
    use kerros_core::{DType, Tensor};
    use kerros_graph::{Graph, eval::evaluate};

    use super::*;

    /// The sum by its definition: every place of every axis in turn.
    fn by_definition(
        terms: &[&str],
        output: &str,
        operands: &[(Vec<usize>, Vec<f64>)],
    ) -> Vec<f64> {
        let mut axes: Vec<(char, usize)> = Vec::new();
        for (term, (shape, _)) in terms.iter().zip(operands) {
            for (letter, &length) in term.chars().zip(shape) {
                if !axes.iter().any(|(known, _)| *known == letter) {
                    axes.push((letter, length));
                }
            }
        }
        let length = |letter: char| axes.iter().find(|(known, _)| *known == letter).unwrap().1;
        let place = |term: &str, at: &[usize]| {
            term.chars().fold(0, |place, letter| {
                let axis = axes.iter().position(|(known, _)| *known == letter).unwrap();
                place * length(letter) + at[axis]
            })
        };
        let mut sums = vec![0.0; output.chars().map(length).product()];
        for mut index in 0..axes.iter().map(|(_, length)| length).product() {
            let mut at = vec![0; axes.len()];
            for (axis, (_, length)) in axes.iter().enumerate().rev() {
                at[axis] = index % length;
                index /= length;
            }
            let factor =
                |(term, (_, values)): (&&str, &(Vec<usize>, Vec<f64>))| values[place(term, &at)];
            sums[place(output, &at)] += terms.iter().zip(operands).map(factor).product::<f64>();
        }
        sums
    }

    #[test]
    fn equations_mean_what_they_say() {
        let length = |letter: char| 2 + (letter as usize - 'a' as usize) % 3;
        for equation in [
            "ab,bc->ac",
            "ab,cb->ac",
            "ba,bc->ac",
            "abc,cd->abd",
            "abc,cde->abde",
            "abcd,aecd->acbe",
            "abcd,cde->abe",
            "ab,ab->",
            "ab,ab->ab",
            "ab,c->cab",
            "abc->ca",
            "abc->b",
            "ab,bc,cd->ad",
            "acbe,aecd->abcd",
            "abc,bd->d",
            "aebf,afbc->abec",
            "aa->a",
            "aa->",
            "baa,ab->ab",
            "abab,aab->b",
            "aaa->a",
        ] {
            let (inputs, output) = equation.split_once("->").unwrap();
            let terms: Vec<&str> = inputs.split(',').collect();
            let graph = Graph::new();
            let operands: Vec<(Vec<usize>, Vec<f64>)> = terms
                .iter()
                .enumerate()
                .map(|(seed, term)| {
                    let shape: Vec<usize> = term.chars().map(length).collect();
                    let count: usize = shape.iter().product();
                    let values = (0..count).map(|at| ((at * 7 + seed * 3) % 11) as f64 - 5.0);
                    (shape, values.collect())
                })
                .collect();
            let input = |(at, (shape, _)): (usize, &(Vec<usize>, Vec<f64>))| {
                graph.input(&format!("x{at}"), shape.clone(), DType::F32)
            };
            let nodes: Vec<Node<'_>> = operands.iter().enumerate().map(input).collect();
            let y = einsum(equation, &nodes).unwrap();
            let shape: Vec<usize> = output.chars().map(length).collect();
            assert_eq!(y.shape().to_vec(), shape, "{equation}");
            let tensor = |(shape, values): &(Vec<usize>, Vec<f64>)| {
                let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
                Tensor::new(shape.clone(), values).unwrap()
            };
            let values: Vec<Tensor> = operands.iter().map(tensor).collect();
            let found = evaluate::<f32>(&graph, &[y], &values, &[]).unwrap();
            // Whole numbers below 2^24: sums are exact in any order.
            assert_eq!(
                found[0].to_vec_f64(),
                by_definition(&terms, output, &operands),
                "{equation}"
            );
        }
    }

    #[test]
    fn ellipses_stand_for_any_axes() {
        let graph = Graph::new();
        let x = graph.input("x", [5, 1, 2, 3], DType::F32);
        let y = graph.input("y", [4, 3, 6], DType::F32);
        assert_eq!(einsum("...ij,...jk->...ik", &[x, y]).unwrap().shape().to_vec(), [5, 4, 2, 6]);
        assert_eq!(einsum("ab...->b...a", &[x]).unwrap().shape().to_vec(), [1, 2, 3, 5]);
        assert_eq!(einsum("...j,kjl", &[x, y]).unwrap().shape().to_vec(), [5, 1, 2, 4, 6]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let graph = Graph::new();
        let x = graph.input("x", [2, 3], DType::F32);
        for (equation, kind) in [
            ("ij,jk->ik", ErrorKind::Argument),
            ("ijk->i", ErrorKind::Shape),
            ("i1->i", ErrorKind::Argument),
            ("ii->i", ErrorKind::Shape),
            ("ij->k", ErrorKind::Argument),
            ("ij->ii", ErrorKind::Argument),
        ] {
            assert_eq!(einsum(equation, &[x]).unwrap_err().kind(), kind, "{equation}");
        }
        assert_eq!(einsum("ij,ki->kj", &[x, x]).unwrap_err().kind(), ErrorKind::Shape);
    }
}
