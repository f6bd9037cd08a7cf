use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

use super::Schedule;
use crate::optimizers::setting::described;

described! {
    /// `rate = values[i]` for the first `i` with `step <= boundaries[i]`, the last value after
    /// all boundaries.
    ///
    /// # Parameters
    /// - `boundaries`: the last step of each value but the last, ascending, at least one.
    /// - `values`: one more than there are boundaries.
    PiecewiseConstantDecay: Schedule, "one value up to each boundary", names: &[],
    required { boundaries: Vec<usize>, values: Vec<f64>, }
    optional {
        /// The name in configs.
        name: String = "PiecewiseConstant".into(),
    }
}

impl Schedule for PiecewiseConstantDecay {
    fn check(&self) -> Result<()> {
        let (boundaries, values) = (self.boundaries.len(), self.values.len());
        if boundaries == 0 || values != boundaries + 1 {
            let message = format!("{boundaries} boundaries and {values} values");
            return Err(Error::new(ErrorKind::Argument, message)
                .expected("at least one boundary, and one value more than boundaries"));
        }
        match self.boundaries.is_sorted() {
            true => Ok(()),
            false => {
                let message = format!("boundaries={:?}", self.boundaries);
                Err(Error::new(ErrorKind::Argument, message).expected("ascending steps"))
            }
        }
    }

    fn at<'g>(&self, step: Node<'g>) -> Node<'g> {
        let value = |at: usize| step.graph().constant(self.values[at] as f32);
        let pieces = self.boundaries.iter().enumerate().rev();
        pieces.fold(value(self.values.len() - 1), |later, (at, &boundary)| {
            step.less_equal(boundary as f32).select(value(at), later)
        })
    }
}
