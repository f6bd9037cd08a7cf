use kerros_core::{DType, Error, ErrorKind, Result};

use super::argsort::expect_sortable;
use crate::attributes::attributes;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, expect_inputs};

/// Cross-entropy of classes from logits, over the last axis.
///
/// `logits: [.., classes]`, and either `labels: i32 [..]` or `targets: [.., classes]`
/// `-> [..]`. With `z = x - max` and `l = log(sum(e^z))`: `l - z[label]`, or
/// `sum(targets * (l - z))`. A label outside `0..classes` gives NaN: callers check labels
/// before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SoftmaxCrossEntropy;

impl Operation for SoftmaxCrossEntropy {
    const NAME: &'static str = "softmax_cross_entropy";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        expect_sortable(&inputs[..1])?;
        let logits = &inputs[0].shape;
        let rows = Type::f32(&logits[..logits.ndim() - 1]);
        let sparse = Type::new(DType::I32, &rows.shape);
        if inputs[1] != sparse && inputs[1] != inputs[0] {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("logits of shape {logits} and targets {:?}", &inputs[1..]),
            )
            .expected("int32 labels without the last axis, or targets like the logits"));
        }
        Ok(rows)
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (logits, targets) = (context.inputs[0], context.inputs[1]);
        let last = logits.ndim() - 1;
        let dy = context.dy.keep(last);
        let y = logits.softmax();
        if targets.dtype() == DType::I32 {
            let hit = targets.one_hot(logits.shape().last());
            return Ok(vec![Some((y - hit) * dy), None]);
        }
        let total = targets.sum(&[-1]).keep(last);
        Ok(vec![Some((y * total - targets) * dy), Some(-logits.log_softmax() * dy)])
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let (x, targets) = (inputs[0], inputs[1]);
        let last = x.ndim() - 1;
        let z = x - x.max(&[-1]).keep(last).stop_gradient();
        let log_sum = z.exp().sum(&[-1]).log();
        if targets.dtype() == DType::I32 {
            let classes = x.graph().iota(x.shape().last());
            let picked = targets.keep(last).equal(classes).select(z, 0.0).sum(&[-1]);
            let inside =
                targets.greater_equal(0.0).logical_and(targets.less(x.shape().last() as f32));
            return Some(inside.select(log_sum - picked, f32::NAN));
        }
        Some((targets * (log_sum.keep(last) - z)).sum(&[-1]))
    }

    attributes!();

    fn samples() -> Vec<Sample<Self>> {
        let logits = Type::f32([4, 6]);
        let dense = vec![logits.clone(), logits.clone()];
        let sparse = vec![logits, Type::new(DType::I32, [4])];
        [dense, sparse]
            .map(|inputs| Sample { op: SoftmaxCrossEntropy, inputs, range: (0.1, 3.0) })
            .to_vec()
    }
}
