//! How long graphs of many nodes take to build, differentiate and compile:
//! `cargo run --release -p kerros-plan --example compile_time`.
//!
//! Each network is a whole training step with Adam. Times are the best of several, in
//! milliseconds.

use std::time::Instant;

use kerros_core::{DType, Result};
use kerros_graph::ops::LinearActivation;
use kerros_graph::{Graph, Node, NodeData, Op, StateId, grad};
use kerros_plan::{CompileOptions, compile};

/// Rows of a batch, and units of every layer.
const BATCH: usize = 32;
const UNITS: usize = 64;

fn main() -> Result<()> {
    println!("network                       nodes  steps  regions  buffers   build ms  compile ms");
    measure("perceptron, 3 layers", |net| {
        let x = net.input();
        (0..3).fold(x, |x, _| net.dense(x, LinearActivation::Relu))
    })?;
    for layers in [20, 100, 400] {
        measure(&format!("residual, {layers} blocks"), |net| {
            let x = net.input();
            (0..layers).fold(x, |x, _| net.block(x))
        })?;
    }
    for steps in [30, 100, 400] {
        measure(&format!("LSTM unrolled, {steps} steps"), |net| net.lstm(steps))?;
    }
    measure("elementwise chain of 5000", |net| {
        (0..5000).fold(net.input(), |x, at| x.tanh() + at as f32)
    })?;
    measure("a sum of 3000 branches", |net| {
        let x = net.input();
        (0..3000).fold(x, |sum, at| sum + (x * at as f32).exp())
    })
}

fn measure(name: &str, build: impl for<'g> Fn(&mut Net<'g>) -> Node<'g>) -> Result<()> {
    let (mut best_build, mut best_compile) = (f64::INFINITY, f64::INFINITY);
    let mut sizes = [0; 4];
    for _ in 0..3 {
        let graph = Graph::new();
        let begun = Instant::now();
        let mut net = Net { graph: &graph, weights: Vec::new(), states: 0 };
        let y = build(&mut net);
        net.train(y)?;
        best_build = best_build.min(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let plan = compile(&graph, &[], &CompileOptions::default(), has_kernel)?;
        best_compile = best_compile.min(begun.elapsed().as_secs_f64());
        sizes = [graph.nodes().len(), plan.steps.len(), plan.regions.len(), plan.buffers.len()];
    }
    let [nodes, steps, regions, buffers] = sizes;
    println!(
        "{name:28} {nodes:6} {steps:6} {regions:8} {buffers:8} {:10.2} {:11.2}",
        best_build * 1e3,
        best_compile * 1e3
    );
    Ok(())
}

/// The composites that a device computes as a whole.
fn has_kernel(node: &NodeData) -> bool {
    matches!(node.op, Op::Linear(_) | Op::Softmax(_) | Op::SoftmaxCrossEntropy(_))
}

/// A network under construction.
struct Net<'g> {
    graph: &'g Graph,
    weights: Vec<Node<'g>>,
    states: u32,
}

impl<'g> Net<'g> {
    fn input(&self) -> Node<'g> {
        self.graph.input("x", [BATCH, UNITS], DType::F32)
    }

    fn state(&mut self, shape: &[usize]) -> Node<'g> {
        self.states += 1;
        self.graph.state(StateId(self.states - 1), "state", shape, DType::F32)
    }

    fn weight(&mut self, shape: &[usize]) -> Node<'g> {
        let weight = self.state(shape);
        self.weights.push(weight);
        weight
    }

    fn dense(&mut self, x: Node<'g>, activation: LinearActivation) -> Node<'g> {
        let (kernel, bias) = (self.weight(&[UNITS, UNITS]), self.weight(&[UNITS]));
        x.linear(kernel, Some(bias), activation)
    }

    /// `x + dense(relu(normalized(dense(x))))`, with statistics that move.
    fn block(&mut self, x: Node<'g>) -> Node<'g> {
        let y = self.dense(x, LinearActivation::Identity);
        let mean = y.mean(&[0]);
        let variance = (y - mean).square().mean(&[0]);
        let moving = self.state(&[UNITS]);
        self.graph.assign(moving, moving * 0.99 + mean.stop_gradient() * 0.01);
        let (scale, shift) = (self.weight(&[UNITS]), self.weight(&[UNITS]));
        let y = ((y - mean) * (variance + 1e-3).rsqrt() * scale + shift).relu();
        x + self.dense(y, LinearActivation::Identity)
    }

    fn lstm(&mut self, steps: usize) -> Node<'g> {
        let x = self.graph.input("x", [steps, BATCH, UNITS], DType::F32);
        let kernel = self.weight(&[UNITS, 4 * UNITS]);
        let recurrent = self.weight(&[UNITS, 4 * UNITS]);
        let bias = self.weight(&[4 * UNITS]);
        let zeros = self.graph.full([BATCH, UNITS], 0.0);
        let (mut h, mut c) = (zeros, zeros);
        for step in 0..steps {
            let x = x.slice(0, step, step + 1).reshape([BATCH, UNITS]);
            let z = x.matmul(kernel) + h.matmul(recurrent) + bias;
            let gate = |at: usize| z.slice(1, at * UNITS, (at + 1) * UNITS);
            c = gate(1).sigmoid() * c + gate(0).sigmoid() * gate(2).tanh();
            h = gate(3).sigmoid() * c.tanh();
        }
        h
    }

    /// A loss, its gradients, and Adam.
    fn train(&mut self, y: Node<'g>) -> Result<()> {
        let labels = self.graph.input("labels", [BATCH], DType::I32);
        let loss = y.softmax_cross_entropy(labels).mean_all();
        if self.weights.is_empty() {
            let total = self.state(&[]);
            self.graph.assign(total, total + loss);
            return Ok(());
        }
        let gradients = grad(loss, &self.weights)?;
        let rate = self.state(&[]);
        for (at, g) in gradients.into_iter().enumerate() {
            let w = self.weights[at];
            let [m, v] = [0, 1].map(|_| self.state(&w.shape()));
            let (next_m, next_v) = (m + (g - m) * 0.1, v + (g.square() - v) * 0.001);
            self.graph.assign(w, w - next_m * rate / (next_v.sqrt() + 1e-7));
            self.graph.assign(m, next_m);
            self.graph.assign(v, next_v);
        }
        Ok(())
    }
}
