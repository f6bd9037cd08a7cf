use kerros_core::Result;

use super::attention::{Attention, AttentionSizes, Block, ScoreInput, heads_first};
use crate::attributes::{Bits, attributes, named_attribute};
use crate::grad::through_decomposition;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, misfit};

/// With respect to what an [`AttentionGradient`] is; a device computes all three in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttentionOperand {
    /// The queries.
    Query,
    /// The keys.
    Key,
    /// The values.
    Value,
}
named_attribute!(AttentionOperand { Query = "query", Key = "key", Value = "value" });

/// The derivative of an [`Attention`].
///
/// With `p` the weights of a block of queries and `dp = dy · v^T`:
/// `ds = scale (dp - sum(dp p)) p`, 0 where a key was not to be seen; then `dq = ds · k`,
/// `dk = sum over blocks of ds^T · q` and `dv = sum over blocks of p^T · dy`. The weights are
/// computed again. The order of roundings is that of [`kerros_core::law::attention`].
///
/// # Shape
/// `q, k, v, dy` and a bias or mask as in [`Attention`], `dy` like its result; the result is
/// like the operand in question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttentionGradient {
    /// With respect to what.
    pub of: AttentionOperand,
    /// As in [`Attention`].
    pub scale: Bits,
    /// As in [`Attention`].
    pub causal: bool,
    /// What the fifth input is.
    pub input: ScoreInput,
}

impl AttentionGradient {
    /// The sizes for inputs of these types, if they fit.
    pub fn sizes(&self, inputs: &[Type]) -> Option<AttentionSizes> {
        let [q, k, v, dy, rest @ ..] = inputs else { return None };
        let sizes = AttentionSizes::of(q, k, v)?;
        (*dy == sizes.result() && sizes.accepts(self.input, rest)).then_some(sizes)
    }
}

impl Operation for AttentionGradient {
    const NAME: &'static str = "attention_gradient";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        self.sizes(inputs).ok_or_else(|| {
            misfit(inputs, "queries, keys, values, a derivative and a bias or mask of an attention")
        })?;
        Ok(match self.of {
            AttentionOperand::Query => inputs[0].clone(),
            AttentionOperand::Key => inputs[1].clone(),
            AttentionOperand::Value => inputs[2].clone(),
        })
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        through_decomposition(self, context)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let &[q, k, v, dy, ..] = inputs else { return None };
        let (queries, keys) = (q.shape()[1], k.shape()[1]);
        let [q, k, v, dy] = [q, k, v, dy].map(heads_first);
        let forward = Attention { scale: self.scale, causal: self.causal, input: self.input };
        let mut dq = Vec::new();
        let (mut dk, mut dv): (Option<Node<'g>>, Option<Node<'g>>) = (None, None);
        for (first, end) in Block::cut(queries).into_iter().rev() {
            let block = Block::new(&forward, q, k, inputs.get(4).copied(), (first, end));
            let p = block.weights;
            let dy = dy.slice(2, first, end);
            let dp = dy.matmul_with(v.slice(2, 0, block.keys), false, true);
            let ds = (dp - (dp * p).sum(&[-1]).keep(3)) * p;
            let ds = block.allowed.map_or(ds, |allowed| allowed.select(ds, 0.0));
            let ds = ds * self.scale.get();
            dq.insert(0, ds.matmul(k.slice(2, 0, block.keys)));
            dk = Some(added(dk, ds.matmul_with(q.slice(2, first, end), true, false), keys));
            dv = Some(added(dv, p.matmul_with(dy, true, false), keys));
        }
        let result = match self.of {
            AttentionOperand::Query if dq.len() == 1 => dq[0],
            AttentionOperand::Query => Node::concat(&dq, 2),
            AttentionOperand::Key => dk?,
            AttentionOperand::Value => dv?,
        };
        Some(heads_first(result))
    }

    attributes!(of, scale, causal, input);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        for case in Attention::samples() {
            let Attention { scale, causal, input } = case.op;
            let sizes = case.op.sizes(&case.inputs).expect("samples fit their operation");
            let mut inputs = case.inputs;
            inputs.insert(3, sizes.result());
            for of in [AttentionOperand::Query, AttentionOperand::Key, AttentionOperand::Value] {
                let op = AttentionGradient { of, scale, causal, input };
                samples.push(Sample { op, inputs: inputs.clone(), range: case.range });
            }
        }
        samples
    }
}

/// The sum over blocks so far, of all keys, with one more block that reaches the first of
/// them.
#[track_caller]
fn added<'g>(total: Option<Node<'g>>, block: Node<'g>, keys: usize) -> Node<'g> {
    let reached = block.shape()[2];
    let Some(total) = total else {
        return if reached == keys { block } else { block.pad(2, 0, keys - reached, 1) };
    };
    let sum = total.slice(2, 0, reached) + block;
    if reached == keys {
        return sum;
    }
    Node::concat(&[sum, total.slice(2, reached, keys)], 2)
}
