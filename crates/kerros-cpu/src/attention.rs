//! Attention: from a step to the kernel that computes its sequences or queries.

use kerros_graph::ops::{self, AttentionSizes};
use kerros_kernels::attention::{
    Attention, AttentionGradient, ScoreInput, ScoreView, Scoring, Scratch, Sizes,
};
use kerros_plan::attention::Attention as Kernel;
use kerros_plan::plan::Split;

use crate::work::Work;

/// Computes what one thread has of an attention.
pub(crate) fn run(work: &Work<'_>, kernel: &Kernel, scratch: &mut Scratch) {
    let AttentionSizes { batch, queries, keys, heads, dim, value_dim } = kernel.sizes;
    let by_queries = batch == 1 && work.step.split != Split::Single;
    let (batch, range) = match by_queries {
        true => (batch, work.rows.clone()),
        false => (work.units(batch).len(), 0..queries),
    };
    let sizes = Sizes { batch, queries, keys, heads, dim, value_dim };
    let last = work.step.reads.len() - 1;
    let view = || ScoreView { numbers: work.read(last), strides: kernel.strides };
    let input = match kernel.input {
        ops::ScoreInput::None => ScoreInput::None,
        ops::ScoreInput::Bias => ScoreInput::Bias(view()),
        ops::ScoreInput::Mask => ScoreInput::Mask(view()),
    };
    let scoring = Scoring { scale: kernel.scale, causal: kernel.causal, input };
    let (q, k, v) = (work.read(0), work.read(1), work.read(2));
    if kernel.backward {
        let dy = work.read(3);
        let (dq, dk, dv) = (work.write(0), work.write(1), work.write(2));
        AttentionGradient { sizes, scoring, q, k, v, dy, dq, dk, dv }.run(work.isa, scratch);
    } else {
        Attention { sizes, range, scoring, q, k, v, y: work.write(0) }.run(work.isa, scratch);
    }
}
