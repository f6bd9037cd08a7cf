//! The order of the layers of a functional model, on which files depend, and that of its calls, on
//! which it depends what a layer that is called twice makes of its weights: Keras's.

use std::cmp::Reverse;
use std::collections::HashMap;

/// What calls of a functional model say of each other: which layer is called, and which calls
/// (by place) its tensors come from.
#[derive(Clone, Debug)]
pub(super) struct CallLink {
    pub(super) layer: usize,
    pub(super) parents: Vec<usize>,
}

/// How far calls and layers are from the outputs.
struct Depths {
    calls: HashMap<usize, usize>,
    /// The calls as they are met first when walking back from the outputs.
    met: Vec<usize>,
    layers: HashMap<usize, usize>,
}

/// The depths of calls which are listed so that each comes after its parents, in the order in
/// which a depth-first walk from the outputs finishes them.
fn depths(links: &[CallLink]) -> Depths {
    let mut found = Depths { calls: HashMap::new(), met: Vec::new(), layers: HashMap::new() };
    for (call, link) in links.iter().enumerate().rev() {
        let known = found.layers.get(&link.layer).copied().unwrap_or(0);
        let depth = found.reach(call, known);
        found.layers.insert(link.layer, depth);
        for &parent in &link.parents {
            found.reach(parent, depth + 1);
        }
    }
    found
}

impl Depths {
    /// Puts a call at this depth, if it is not deeper already.
    fn reach(&mut self, call: usize, depth: usize) -> usize {
        let own = self.calls.entry(call).or_insert_with(|| {
            self.met.push(call);
            0
        });
        *own = (*own).max(depth);
        *own
    }
}

/// The layers in the order of Keras's `model.layers`: the farthest from the outputs first, equals
/// as they are met when walking back from the outputs (`met`).
pub(super) fn layers_by_depth(links: &[CallLink], met: &[usize]) -> Vec<usize> {
    let depths = depths(links).layers;
    let mut layers = met.to_vec();
    layers.sort_by_key(|layer| Reverse(depths.get(layer).copied().unwrap_or(0)));
    layers
}

/// The calls in the order in which Keras runs them: the farthest from the outputs first, equals
/// as they are met when walking back from the outputs, the last output first.
pub(super) fn calls_by_depth(links: &[CallLink]) -> Vec<usize> {
    let depths = depths(links);
    let mut calls = depths.met;
    calls.sort_by_key(|call| Reverse(depths.calls[call]));
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_comes_first() {
        // The call 0 leads to 1 and to 2 -> 3, which are one layer; 4 takes from both.
        let link = |layer, parents: &[usize]| CallLink { layer, parents: parents.to_vec() };
        let links = [link(0, &[]), link(2, &[0]), link(1, &[0]), link(1, &[2]), link(3, &[1, 3])];
        assert_eq!(layers_by_depth(&links, &[3, 2, 0, 1]), [0, 1, 2, 3]);
        assert_eq!(calls_by_depth(&links), [0, 2, 1, 3, 4]);
    }

    #[test]
    fn of_two_outputs_the_last_runs_first() {
        let link = |layer, parents: &[usize]| CallLink { layer, parents: parents.to_vec() };
        let links = [link(0, &[]), link(1, &[0]), link(0, &[]), link(1, &[2])];
        assert_eq!(calls_by_depth(&links), [2, 0, 3, 1]);
    }
}
