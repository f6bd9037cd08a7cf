//! `softmax(q · kᵀ * scale) · v` with heads, over any axes.

use kerros_core::Result;
use kerros_graph::Node;
use kerros_graph::ops::ScoreBias;

use super::masks::{Seen, causal};
use crate::einsum;
use crate::layers::Call;
use crate::layers::noise::key;

/// What stands for minus infinity in Keras's softmax layer where nothing may be attended to;
/// rows of nothing else are 0.
const MASKED: f32 = -1e9;

/// Scaled dot-product attention.
#[derive(Clone, Copy, Debug)]
pub(super) struct DotProduct<'a> {
    /// What scores are multiplied by.
    pub(super) scale: f32,
    /// The axes of query and key that are attended over, ascending.
    pub(super) axes: &'a [usize],
    /// The share of the scores that is dropped while training.
    pub(super) dropout: f64,
    /// Random numbers of its own.
    pub(super) seed: Option<u64>,
}

impl DotProduct<'_> {
    /// The result and, where they are asked for, the weights `[batch.., heads, query.., key..]`.
    ///
    /// Without scores to drop or to give away it is one operation, which never has them all in
    /// memory.
    ///
    /// # Shape
    /// `query: [batch, .., query.., heads, depth]`, `key: [batch, .., key.., heads, depth]`,
    /// `value: [batch, .., key.., heads, depth'] -> [batch, .., query.., heads, depth']`.
    ///
    /// # Errors
    /// Tensors that do not fit each other.
    pub(super) fn apply<'g>(
        &self,
        [query, key, value]: [Node<'g>; 3],
        seen: Seen<'g>,
        with_scores: bool,
        call: &Call<'_, 'g>,
    ) -> Result<(Node<'g>, Option<Node<'g>>)> {
        let mask = |mask: Node<'g>| self.over_heads(mask, query.ndim());
        let drops = call.training && self.dropout > 0.0;
        // Keras takes JAX's function where it can, which differs for rows that see nothing:
        // they are the mean of all values, not 0.
        let differs = self.dropout > 0.0 && matches!(seen, Seen::By(_));
        let is_row = query.ndim() == 4 && self.axes == [1] && key.shape()[1] > 0;
        if is_row && !with_scores && !drops && !differs {
            let (is_causal, bias) = match seen {
                Seen::All => (false, ScoreBias::None),
                Seen::Before => (true, ScoreBias::None),
                Seen::By(seen) => (false, ScoreBias::Mask(mask(seen))),
            };
            return Ok((query.attention(key, value, self.scale, is_causal, bias), None));
        }
        let (product, combination) = self.equations(query.ndim());
        let scores = einsum(&product, &[key, query * self.scale])?;
        let mask = match seen {
            Seen::All => None,
            Seen::Before => Some(mask(causal(scores.graph(), (query.shape()[1], key.shape()[1])))),
            Seen::By(seen) => Some(mask(seen)),
        };
        let weights = match mask {
            Some(mask) => mask.select(self.softmax(mask.select(scores, MASKED)), 0.0),
            None => self.softmax(scores),
        };
        let kept = dropped(weights, self.dropout, self.seed, call)?;
        Ok((einsum(&combination, &[kept, value])?, with_scores.then_some(weights)))
    }

    /// The equations `key, query -> scores` and `scores, value -> result`, for tensors with
    /// this many axes.
    fn equations(&self, ndim: usize) -> (String, String) {
        let letter = |at: usize| char::from(b'a' + at as u8);
        let target: Vec<char> = (0..ndim).map(letter).collect();
        let mut source = target.clone();
        for (at, &axis) in self.axes.iter().enumerate() {
            source[axis] = letter(ndim + at);
        }
        let is_batch = |axis: &usize| !self.axes.contains(axis) && axis + 1 < ndim;
        let batch = (0..ndim).filter(is_batch).map(|axis| target[axis]);
        let of = |terms: &[char]| self.axes.iter().map(|&axis| terms[axis]).collect::<Vec<_>>();
        let scores: String = batch.chain(of(&target)).chain(of(&source)).collect();
        let (target, source): (String, String) = (target.iter().collect(), source.iter().collect());
        (format!("{source},{target}->{scores}"), format!("{scores},{source}->{target}"))
    }

    /// A mask with an axis of length 1 for the heads, and for what it lacks before them.
    fn over_heads<'g>(&self, mask: Node<'g>, ndim: usize) -> Node<'g> {
        // Scores have an axis per attended axis more than queries, and no depth.
        let wanted = ndim - 1 + self.axes.len();
        let mut mask = mask;
        while mask.ndim() < wanted && mask.ndim() >= 2 * self.axes.len() {
            mask = mask.expand_dims(mask.ndim() - 2 * self.axes.len());
        }
        mask
    }

    /// Softmax over all attended places at once.
    fn softmax<'g>(&self, scores: Node<'g>) -> Node<'g> {
        let shape = scores.shape();
        let (kept, places) = shape.split_at(shape.ndim() - self.axes.len());
        let places: usize = places.iter().product();
        scores.reshape([kept, &[places]].concat()).softmax().reshape(shape)
    }
}

/// Numbers of which a share is dropped while training.
pub(super) fn dropped<'g>(
    x: Node<'g>,
    rate: f64,
    seed: Option<u64>,
    call: &Call<'_, 'g>,
) -> Result<Node<'g>> {
    let key = key(call, seed)?.filter(|_| rate > 0.0);
    Ok(match key {
        Some(_) if rate >= 1.0 => x * 0.0,
        Some(key) => x.dropout(key, rate as f32),
        None => x,
    })
}
