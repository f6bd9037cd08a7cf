//! Attention: one step for its result, one for the derivatives with respect to all operands.

use kerros_graph::ops::{self, AttentionOperand, AttentionSizes, ScoreInput};
use kerros_graph::{Op, Type};

use super::Lowering;
use super::heavy::Call;
use crate::attention::Attention;
use crate::plan::{Access, Kernel, Operand, Split, Step};

/// How far apart the entries of a bias or mask are; 0 where it is stretched.
fn strides(extra: Option<&Type>) -> [usize; 4] {
    let Some(extra) = extra else { return [0; 4] };
    let plain = extra.shape.strides();
    std::array::from_fn(|axis| if extra.shape[axis] == 1 { 0 } else { plain[axis] })
}

impl Lowering<'_> {
    /// The step of an attention, or that of its derivatives.
    pub(super) fn attention(&mut self, call: &Call<'_>) {
        let inputs: Vec<Type> = call.inputs.iter().map(|&ty| ty.clone()).collect();
        let (sizes, scale, causal, input, results): (_, _, _, _, Vec<Op>) = match &call.node.op {
            Op::Attention(op) => {
                (op.sizes(&inputs), op.scale, op.causal, op.input, vec![op.clone().into()])
            }
            Op::AttentionGradient(op) => {
                let of = |of| ops::AttentionGradient { of, ..op.clone() }.into();
                let all = [AttentionOperand::Query, AttentionOperand::Key, AttentionOperand::Value];
                (op.sizes(&inputs), op.scale, op.causal, op.input, all.map(of).into())
            }
            op => unreachable!("{} is no attention", op.name()),
        };
        let sizes = sizes.expect("the shape rule accepted it");
        let AttentionSizes { batch, queries, keys, heads, dim, value_dim } = sizes;
        let backward = matches!(call.node.op, Op::AttentionGradient(_));
        let extra = (input != ScoreInput::None).then(|| inputs.len() - 1);
        let strides = strides(extra.map(|at| &inputs[at]));
        let kernel = Attention { sizes, scale: scale.get(), causal, input, strides, backward };
        let split = match batch {
            2.. => Split::Rows(batch),
            _ if queries > 1 && !backward => Split::Rows(queries),
            _ => Split::Single,
        };
        // Divided by queries, every thread needs the keys, the values and the bias.
        let divided = |at: usize| match (batch > 1, extra == Some(at)) {
            (true, true) => strides[0] > 0,
            (true, false) => true,
            (false, _) => at == 0,
        };
        let read = |at| if divided(at) { call.part(at) } else { call.whole(at) };
        let reads = (0..call.reads.len()).map(read).collect();
        let writes = results
            .iter()
            .map(|op| Operand { buffer: self.result(call, op, &inputs), access: Access::Part })
            .collect();
        let products = 2 * batch * heads * queries * keys * (dim + value_dim);
        self.plan.steps.push(Step {
            kernel: Kernel::Attention(kernel),
            reads,
            writes,
            split,
            cost: if backward { 5 * products / 2 } else { products },
            origin: call.node.origin.clone(),
        });
    }
}
