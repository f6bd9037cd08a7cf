//! Moments of units that stay dead end at exactly 0, and are never denormal on the way: on denormals
//! a step of Adam takes ten times as long and more.

use std::sync::Arc;

use kerros::device::{CompileOptions, Device, Executable, Feed, StateStore};
use kerros::graph::{Graph, Node, StateId, Type};
use kerros::optimizers::{self, *};
use kerros::{DType, Tensor};
use kerros_cpu::{Cpu, CpuOptions};

/// One step of an optimizer on one variable, compiled.
struct Run {
    executable: Box<dyn Executable>,
    store: Box<dyn StateStore>,
    /// The slots among the states, with their names.
    slots: Vec<(String, StateId)>,
    gradient: Tensor,
}

impl Run {
    fn new(optimizer: Arc<dyn Optimizer>, shape: [usize; 2]) -> Self {
        let updater = Updater::new(optimizer, vec![Variable::new("w", shape)]).unwrap();
        let options = CpuOptions { threads: Some(1), ..CpuOptions::default() };
        let cpu = Cpu::with(&options).unwrap();
        let mut store = cpu.new_store();
        let graph = Graph::new();
        let mut slots = Vec::new();
        let mut declare = |ty: Type, start: f32, name: &str| -> Node<'_> {
            let id = store.declare(&ty);
            let value = Tensor::full(&ty.shape, start);
            let value = if ty.dtype == DType::I32 { value.to_i32().unwrap() } else { value };
            store.write(id, &value).unwrap();
            if ty.shape.ndim() > 0 && name != "w" {
                slots.push((name.to_string(), id));
            }
            graph.state(id, name, &ty.shape, ty.dtype)
        };
        let variable = declare(Type::f32(shape), 0.5, "w");
        let states: Vec<Node<'_>> = updater
            .states()
            .iter()
            .map(|state| {
                let start = match state.start {
                    Start::Filled(value) => value,
                    Start::Variable => 0.5,
                };
                declare(Type::new(state.dtype, &state.shape), start, &state.path)
            })
            .collect();
        let gradient = graph.input("gradient", shape, DType::F32);
        let next = updater.apply(&states, &[variable], &[Some(gradient)]);
        graph.assign(variable, next.variables[0]);
        for (state, value) in states.iter().zip(&next.states) {
            graph.assign(*state, *value);
        }
        let executable = cpu.compile(&graph, &[], &CompileOptions::default()).unwrap();
        Run { executable, store, slots, gradient: Tensor::full(shape, 1e-3f32) }
    }

    fn steps(&mut self, count: usize) {
        for _ in 0..count {
            self.executable.run(self.store.as_mut(), &[Feed::Whole(&self.gradient)]).unwrap();
        }
    }

    fn slot(&self, id: StateId) -> Vec<f64> {
        self.store.read(id).unwrap().to_vec_f64()
    }

    fn die(&mut self) {
        self.gradient = Tensor::zeros(self.gradient.shape(), DType::F32);
    }
}

/// Those that keep decaying moments, with rates that let them vanish within a test.
fn decaying() -> Vec<Arc<dyn Optimizer>> {
    vec![
        Arc::new(SGD::new(0.01).momentum(0.9)),
        Arc::new(SGD::new(0.01).momentum(0.9).nesterov(true)),
        Arc::new(RMSprop::new(0.01).momentum(0.9).centered(true)),
        Arc::new(Adam::new(0.01).beta_2(0.95)),
        Arc::new(AdamW::new(0.01).beta_2(0.95)),
        Arc::new(Adamax::new(0.01).beta_2(0.95)),
        Arc::new(Nadam::new(0.01).beta_2(0.95)),
        Arc::new(Lamb::new(0.01).beta_2(0.95)),
        Arc::new(Lion::new(0.01).beta_2(0.95)),
        Arc::new(Adadelta::new(0.01).rho(0.9)),
        Arc::new(Muon::new(0.01).momentum(0.9)),
    ]
}

#[test]
fn moments_of_dead_units_end_at_zero() {
    for optimizer in decaying() {
        let name = optimizers::REGISTRY.serialize(&*optimizer)["class_name"].clone();
        let mut run = Run::new(optimizer, [3, 5]);
        run.steps(3);
        assert!(run.slots.iter().any(|(_, id)| run.slot(*id).iter().any(|value| *value != 0.0)));
        run.die();
        for _ in 0..25 {
            run.steps(100);
            for (slot, id) in &run.slots {
                let denormal =
                    |value: &f64| *value != 0.0 && value.abs() < f64::from(f32::MIN_POSITIVE);
                assert!(!run.slot(*id).iter().any(denormal), "{name}: {slot}");
            }
        }
        for (slot, id) in &run.slots {
            let left = run.slot(*id);
            // What does not decay: the last update is among the squares of Adadelta.
            assert!(left.iter().all(|value| *value == 0.0), "{name}: {slot} is {left:?}");
        }
    }
}
