//! A small network as a graph: what the floors above trace for Dense 64 relu, Dense 64 relu,
//! Dense 10 softmax, with sparse categorical cross-entropy, accuracy and Adam.

use kerros_core::{DType, Origin, Result};
use kerros_graph::ops::LinearActivation;
use kerros_graph::{Graph, Node, NodeData, Op, StateId, Type, grad};

/// Inputs, two hidden layers, classes.
const SIZES: [usize; 4] = [784, 64, 64, 10];

/// The composites that a device computes as a whole, as the CPU does.
pub fn has_kernel(node: &NodeData) -> bool {
    matches!(
        node.op,
        Op::Linear(_)
            | Op::Softmax(_)
            | Op::LogSoftmax(_)
            | Op::SoftmaxCrossEntropy(_)
            | Op::GlobalNorm(_)
    )
}

/// A step under construction, and the states it has declared so far.
pub struct Step<'g> {
    graph: &'g Graph,
    pub states: Vec<Type>,
    weights: Vec<Node<'g>>,
    batch: usize,
}

impl<'g> Step<'g> {
    pub fn new(graph: &'g Graph, batch: usize) -> Self {
        let mut step = Step { graph, states: Vec::new(), weights: Vec::new(), batch };
        for (layer, pair) in SIZES.windows(2).enumerate() {
            for (name, shape) in [("kernel", pair), ("bias", &pair[1..])] {
                let weight = step.state(&format!("dense_{layer}/{name}"), shape, DType::F32);
                step.weights.push(weight);
            }
        }
        step
    }

    fn state(&mut self, name: &str, shape: &[usize], dtype: DType) -> Node<'g> {
        self.states.push(Type::new(dtype, shape));
        self.graph.state(StateId(self.states.len() as u32 - 1), name, shape, dtype)
    }

    /// Class probabilities: `[batch, classes]`.
    pub fn forward(&self) -> Node<'g> {
        let mut y = self.graph.input("x", [self.batch, SIZES[0]], DType::F32);
        for layer in 0..SIZES.len() - 1 {
            let last = layer + 2 == SIZES.len();
            let activation = if last { LinearActivation::Identity } else { LinearActivation::Relu };
            let (kernel, bias) = (self.weights[2 * layer], self.weights[2 * layer + 1]);
            let origin = Origin::default().with_layer(format!("dense_{layer}"));
            y = self.graph.scope(origin, || {
                let y = y.linear(kernel, Some(bias), activation);
                if last { y.softmax() } else { y }
            });
        }
        y
    }

    /// Forward, loss and metrics: the batch's mean loss.
    pub fn evaluate(&mut self) -> Node<'g> {
        let labels = self.graph.input("y_true", [self.batch], DType::I32);
        let p = self.forward();
        let hit = labels.keep(1).equal(self.graph.iota(SIZES[3]));
        let picked = hit.select(p, 0.0).sum(&[-1]) / p.sum(&[-1]);
        let losses = -picked.clip(1e-7, 1.0 - 1e-7).log();
        let loss = losses.sum_all() / self.batch as f32;
        let right = labels.equal(p.stop_gradient().argmax(-1)).cast(DType::F32);
        let totals = [
            ("loss_total", loss * self.batch as f32),
            ("loss_rows", self.graph.constant(self.batch as f32)),
            ("accuracy/total", right.sum_all()),
            ("accuracy/count", self.graph.constant(self.batch as f32)),
        ];
        for (name, more) in totals {
            let total = self.state(name, &[], DType::F32);
            self.graph.assign(total, total + more);
        }
        loss
    }

    /// Everything: forward, loss, metrics, backward and Adam.
    pub fn train(&mut self) -> Result<()> {
        let loss = self.evaluate();
        let weights = self.weights.clone();
        let gradients = grad(loss, &weights)?;
        let iteration = self.state("adam/iteration", &[], DType::I32);
        let rate = self.state("adam/learning_rate", &[], DType::F32);
        let step = iteration.cast(DType::F32) + 1.0;
        let left = |beta: f32| 1.0 - self.graph.constant(beta).pow(step);
        let alpha = rate * left(0.999).sqrt() / left(0.9);
        for (at, (&w, &g)) in weights.iter().zip(&gradients).enumerate() {
            let shape = w.shape();
            let m = self.state(&format!("adam/{at}_momentum"), &shape, DType::F32);
            let v = self.state(&format!("adam/{at}_velocity"), &shape, DType::F32);
            let next_m = m + (g - m) * 0.1;
            let next_v = v + (g.square() - v) * 0.001;
            self.graph.assign(w, w - next_m * alpha / (next_v.sqrt() + 1e-7));
            self.graph.assign(m, next_m);
            self.graph.assign(v, next_v);
        }
        self.graph.assign(iteration, iteration + 1.0);
        Ok(())
    }
}
