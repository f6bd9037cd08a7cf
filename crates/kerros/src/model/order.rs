//! The order of the layers of a functional model: Keras's, on which files depend.

use std::collections::HashMap;

/// What calls of a functional model say of each other: which layer is called, and which calls
/// (by place) its tensors come from.
#[derive(Clone, Debug)]
pub(super) struct CallLink {
    pub(super) layer: usize,
    pub(super) parents: Vec<usize>,
}

/// The layers in the order of Keras's `model.layers`: the farthest from the outputs first, equals
/// as they are met when walking back from the outputs.
///
/// `finished` lists calls so that each comes after its parents, in the order in which a
/// depth-first walk from the outputs finishes them; `met` lists layers in the order in which
/// that walk first meets them.
pub(super) fn layers_by_depth(links: &[CallLink], finished: &[usize], met: &[usize]) -> Vec<usize> {
    let mut call_depths: HashMap<usize, usize> = HashMap::new();
    let mut layer_depths: HashMap<usize, usize> = HashMap::new();
    for &call in finished.iter().rev() {
        let own = *call_depths.entry(call).or_default();
        let known = layer_depths.get(&links[call].layer).copied().unwrap_or(0);
        let depth = own.max(known);
        layer_depths.insert(links[call].layer, depth);
        call_depths.insert(call, depth);
        for &parent in &links[call].parents {
            let below = call_depths.entry(parent).or_default();
            *below = (*below).max(depth + 1);
        }
    }
    let mut layers = met.to_vec();
    layers.sort_by_key(|layer| std::cmp::Reverse(layer_depths.get(layer).copied().unwrap_or(0)));
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_comes_first() {
        // 0 -> 1 -> 3, 0 -> 2 -> 3 where 2 is met first, and 1 is called once more on itself.
        let link = |layer, parents: &[usize]| CallLink { layer, parents: parents.to_vec() };
        let links = [link(0, &[]), link(1, &[0]), link(2, &[0]), link(1, &[1]), link(3, &[2, 3])];
        let order = layers_by_depth(&links, &[0, 2, 1, 3, 4], &[3, 2, 0, 1]);
        assert_eq!(order, [0, 1, 2, 3]);
    }
}
