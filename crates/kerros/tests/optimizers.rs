//! Ten steps of every optimizer and option, against numbers from real Keras
//! (`fixtures/optimizers.json`), on the reference evaluator.

use std::sync::Arc;

use kerros::graph::{Graph, Node, StateId, eval::evaluate};
use kerros::optimizers::{self, *};
use kerros::schedules::{CosineDecay, LearningRate};
use kerros::{DType, ErrorKind, Tensor};
use serde_json::{Value, json};

fn fixture() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/optimizers.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn shape(array: &Value) -> Vec<usize> {
    array["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

fn tensor(array: &Value) -> Tensor {
    let data = array["data"].as_array().unwrap();
    let data: Vec<f64> = data.iter().map(|number| number.as_f64().unwrap()).collect();
    let tensor = Tensor::new(shape(array), data).unwrap();
    if array["dtype"] == "int32" { tensor.to_i32().unwrap() } else { tensor.to_f32() }
}

fn tensors(arrays: &Value) -> Vec<Tensor> {
    arrays.as_array().unwrap().iter().map(tensor).collect()
}

/// One step compiled once, and the values that go through it.
struct Run {
    updater: Updater,
    variables: Vec<Tensor>,
    states: Vec<Tensor>,
}

impl Run {
    fn new(optimizer: Arc<dyn Optimizer>, names: &[&str], start: &[Tensor]) -> Self {
        let variables = names.iter().zip(start);
        let variables = variables.map(|(name, start)| Variable::new(*name, start.shape()));
        let updater = Updater::new(optimizer, variables.collect()).unwrap();
        let states = updater.states().iter().map(|state| match (state.start, state.dtype) {
            (Start::Variable, _) => start[state.variable.unwrap()].clone(),
            (Start::Filled(value), DType::I32) => Tensor::full(&state.shape, value as i32),
            (Start::Filled(value), _) => Tensor::full(&state.shape, value),
        });
        let states = states.collect();
        Run { updater, variables: start.to_vec(), states }
    }

    /// One step; a gradient may be missing.
    fn step(&mut self, gradients: &[Option<Tensor>]) {
        let graph = Graph::new();
        let state = |id: usize, tensor: &Tensor| -> (Node<'_>, (StateId, Tensor)) {
            let id = StateId(id as u32);
            (graph.state(id, "state", tensor.shape(), tensor.dtype()), (id, tensor.clone()))
        };
        let all = self.states.iter().chain(&self.variables).enumerate();
        let (nodes, values): (Vec<_>, Vec<_>) = all.map(|(id, tensor)| state(id, tensor)).unzip();
        let (states, variables) = nodes.split_at(self.states.len());
        let given: Vec<_> = gradients
            .iter()
            .map(|gradient| gradient.as_ref().map(|g| graph.input("g", g.shape(), DType::F32)))
            .collect();
        let inputs: Vec<Tensor> = gradients.iter().flatten().cloned().collect();
        let updates = self.updater.apply(states, variables, &given);
        for (before, after) in nodes.iter().zip(updates.states.iter().chain(&updates.variables)) {
            assert_eq!(before.ty(), after.ty());
        }
        let evaluated = |nodes: &[Node<'_>]| evaluate::<f32>(&graph, nodes, &inputs, &values);
        self.variables = evaluated(&updates.variables).unwrap();
        self.states = evaluated(&updates.states).unwrap();
    }
}

/// The optimizer of a case.
fn optimizer(case: &Value) -> Arc<dyn Optimizer> {
    let config = &case["config"];
    let excluded = case["excluded"].as_array().into_iter().flatten();
    let excluded: Vec<&str> = excluded.map(|pattern| pattern.as_str().unwrap()).collect();
    // What is excluded is no part of a config.
    match case["name"].as_str().unwrap() {
        _ if excluded.is_empty() => {}
        "SGD" => {
            let sgd = SGD::new(0.1).weight_decay(0.1);
            return Arc::new(sgd.exclude_from_weight_decay(excluded));
        }
        _ => return Arc::new(AdamW::new(0.1).exclude_from_weight_decay(excluded)),
    }
    let serialized = json!({"class_name": case["name"], "config": config});
    optimizers::REGISTRY.deserialize(&serialized).unwrap()
}

/// Whether a case is computed by the same roundings as in Keras. The others contain a sum or
/// a power, whose roundings differ, or (accumulation, loss scaling) pass through Keras's
/// compiler, which joins products and sums.
fn same_roundings(case: &Value) -> bool {
    let rule = !["Ftrl", "Nadam", "Adafactor", "Lamb", "Muon", "ScheduleFreeAdamW"]
        .contains(&case["name"].as_str().unwrap());
    let given = |name: &str| case["config"].to_string().contains(&format!("\"{name}\""));
    let sums = given("clipnorm") || given("global_clipnorm");
    let other_powers = case["name"] == "Adam" && given("beta_1");
    let is_compiled = case["name"] == "LossScaleOptimizer" || given("gradient_accumulation_steps");
    rule && !sums && !other_powers && !is_compiled
}

/// Checks ours against theirs: each element within `tolerance` times its scale, or the same
/// bits for a tolerance of 0.
fn assert_close(ours: &Tensor, theirs: &Tensor, scale: &[f64], tolerance: f64, what: &str) {
    assert_eq!(ours.shape(), theirs.shape(), "{what}");
    let pairs = ours.to_vec_f64().into_iter().zip(theirs.to_vec_f64()).zip(scale);
    for (at, ((a, b), scale)) in pairs.enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}: element {at} is {a}, in Keras {b}");
    }
}

fn magnitudes(tensor: &Tensor) -> Vec<f64> {
    tensor.to_vec_f64().into_iter().map(f64::abs).collect()
}

#[test]
fn ten_steps_agree_with_keras() {
    let fixture = fixture();
    let start = tensors(&fixture["start"]);
    for case in fixture["cases"].as_array().unwrap() {
        let name = format!("{} {}", case["name"], case["config"]);
        let tolerance = if same_roundings(case) { 0.0 } else { 1e-5 };
        let mut run = Run::new(optimizer(case), &["kernel", "bias"], &start);
        // A weight near 0 keeps the roundings of the time when it was large: what an element
        // is measured by is the largest it has been.
        let mut largest: Vec<Vec<f64>> = start.iter().map(magnitudes).collect();
        // So does a momentum, which is a sum over steps.
        let mut largest_states: Vec<Vec<f64>> = run.states.iter().map(magnitudes).collect();
        let is_in = |list: &str, step: usize| {
            case[list].as_array().is_some_and(|steps| steps.contains(&json!(step)))
        };
        let mut recorded = case["steps"].as_array().unwrap().iter();
        for (step, pair) in fixture["gradients"].as_array().unwrap().iter().enumerate() {
            let mut pair = tensors(pair);
            if is_in("infinite", step) {
                pair[0] = Tensor::full(pair[0].shape(), f32::INFINITY);
            }
            run.step(&pair.into_iter().map(Some).collect::<Vec<_>>());
            for (largest, ours) in largest.iter_mut().zip(&run.variables) {
                for (largest, new) in largest.iter_mut().zip(magnitudes(ours)) {
                    *largest = largest.max(new);
                }
            }
            for (largest, ours) in largest_states.iter_mut().zip(&run.states) {
                for (largest, new) in largest.iter_mut().zip(magnitudes(ours)) {
                    *largest = largest.max(new);
                }
            }
            if !is_in("recorded", step) {
                continue;
            }
            let expected = recorded.next().unwrap();
            for ((ours, theirs), largest) in
                run.variables.iter().zip(tensors(expected)).zip(&largest)
            {
                assert_close(ours, &theirs, largest, tolerance, &format!("{name} step {step}"));
            }
        }
        let variables = case["optimizer_variables"].as_array().unwrap();
        assert_eq!(run.states.len(), variables.len(), "{name}");
        let found = run.updater.states().iter().zip(&run.states).zip(&largest_states);
        for (((spec, ours), largest_state), theirs) in found.zip(variables) {
            assert_eq!(spec.path, theirs["path"].as_str().unwrap(), "{name}");
            let theirs = tensor(&theirs["value"]);
            assert_eq!(ours.dtype(), theirs.dtype(), "{name} {}", spec.path);
            let what = format!("{name} {}", spec.path);
            // What this rule calls momentum is a second sequence of weights.
            let is_weight = case["name"] == "ScheduleFreeAdamW" && spec.path.ends_with("_momentum");
            let of = ["kernel", "bias"].iter().position(|of| spec.path.contains(of));
            let scale = match of.filter(|_| is_weight) {
                Some(of) => largest[of].clone(),
                None if spec.path.ends_with("_momentum") => largest_state.clone(),
                None => magnitudes(&theirs),
            };
            assert_close(ours, &theirs, &scale, tolerance, &what);
        }
        for (at, theirs) in case["finalized"].as_array().into_iter().flatten().enumerate() {
            let average = &run.states[run.updater.average_state(at).unwrap()];
            let theirs = tensor(theirs);
            assert_close(average, &theirs, &largest[at], tolerance, &format!("{name} average"));
        }
    }
}

/// Whether two configs say the same in the same order; 1 and 1.0 are the same.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.keys().eq(theirs.keys())
                && ours.values().zip(theirs.values()).all(|(a, b)| same(a, b))
        }
        _ => ours == theirs || ours.as_f64().zip(theirs.as_f64()).is_some_and(|(a, b)| a == b),
    }
}

#[test]
fn configs_are_those_of_keras_and_are_read_back() {
    for case in fixture()["cases"].as_array().unwrap() {
        let (built, theirs) = (optimizer(case), &case["get_config"]);
        let ours = Value::Object(built.config());
        assert!(same(&ours, theirs), "{} is {ours}, in Keras {theirs}", case["name"]);
        let serialized = optimizers::REGISTRY.serialize(&*built);
        let again = optimizers::REGISTRY.deserialize(&serialized).unwrap();
        assert_eq!(Value::Object(again.config()), ours);
        if built.wraps().is_some() {
            continue;
        }
        let by_name = optimizers::REGISTRY.named(case["name"].as_str().unwrap()).unwrap();
        assert_eq!(by_name.class_name(), case["name"].as_str().unwrap());
    }
}

#[test]
fn legacy_decay_is_inverse_time_decay() {
    let fixture = fixture();
    let config = json!({"momentum": 0.9, "nesterov": true, "learning_rate": 0.1, "decay": 0.05});
    let read = optimizers::REGISTRY.deserialize(&json!({"class_name": "sgd", "config": config}));
    let built = SGD::new(0.1).momentum(0.9).nesterov(true).decay(0.05);
    let case = &fixture["cases"][4];
    assert!(case["config"]["learning_rate"].is_object() && case["config"]["nesterov"] == true);
    for optimizer in [read.unwrap(), Arc::new(built)] {
        let mut run = Run::new(optimizer, &["kernel", "bias"], &tensors(&fixture["start"]));
        for (pair, expected) in
            fixture["gradients"].as_array().unwrap().iter().zip(case["steps"].as_array().unwrap())
        {
            run.step(&tensors(pair).into_iter().map(Some).collect::<Vec<_>>());
            assert_eq!(run.variables, tensors(expected));
        }
        assert!(run.updater.learning_rate_state().is_none());
    }
}

#[test]
fn a_variable_without_a_gradient_stays() {
    let start = [Tensor::full([2], 1.0f32), Tensor::full([2], 1.0f32)];
    let gradient = Tensor::full([2], 0.5f32);
    let optimizer = AdamW::new(0.1).weight_decay(0.5).use_ema(true);
    let mut run = Run::new(Arc::new(optimizer), &["a/kernel", "b/kernel"], &start);
    run.step(&[None, Some(gradient)]);
    assert_eq!(run.variables[0], start[0]);
    assert_ne!(run.variables[1], start[1]);
    for (spec, state) in run.updater.states().iter().zip(&run.states) {
        let still = spec.path.contains("a_kernel") && !spec.path.ends_with("average");
        assert_eq!(still, state.to_vec_f64() == [0.0, 0.0], "{}", spec.path);
    }
}

#[test]
fn weight_decay_has_exceptions() {
    let start = [Tensor::full([2], 1.0f32), Tensor::full([2], 1.0f32)];
    let zero = || Some(Tensor::full([2], 0.0f32));
    let optimizer = SGD::new(0.5).weight_decay(0.5).exclude_from_weight_decay(["bias"]);
    let mut run = Run::new(Arc::new(optimizer), &["bias_like/kernel", "dense/bias"], &start);
    run.step(&[zero(), zero()]);
    assert_eq!(run.variables[0].to_vec_f64(), [0.75, 0.75]);
    assert_eq!(run.variables[1].to_vec_f64(), [1.0, 1.0]);
}

#[test]
fn accumulation_keeps_count_beyond_the_whole_numbers_of_f32() {
    let start = [Tensor::full([1], 0.0f32)];
    for first in [0i32, 7, 16_777_215, 16_777_217, 33_554_435, i32::MAX - 40] {
        let optimizer = SGD::new(1.0).gradient_accumulation_steps(7);
        let mut run = Run::new(Arc::new(optimizer), &["w"], &start);
        run.states[0] = Tensor::scalar(first);
        for count in first..first + 30 {
            let before = run.variables[0].clone();
            run.step(&[Some(Tensor::full([1], 1.0f32))]);
            assert_eq!(run.variables[0] != before, (count + 1) % 7 == 0, "at {count}");
            assert_eq!(run.states[0].as_slice::<i32>().unwrap(), [count + 1]);
        }
    }
}

#[test]
fn a_norm_that_is_not_finite_spoils_all_gradients() {
    let start = [Tensor::full([1], 0.0f32), Tensor::full([1], 0.0f32)];
    let mut run = Run::new(Arc::new(SGD::new(1.0).global_clipnorm(1.0)), &["a", "b"], &start);
    run.step(&[Some(Tensor::full([1], f32::INFINITY)), Some(Tensor::full([1], 1.0f32))]);
    assert!(run.variables.iter().all(|variable| variable.to_vec_f64()[0].is_nan()));
}

#[test]
fn a_gradient_of_zeros_is_clipped_to_zeros() {
    let start = [Tensor::full([2], 3.0f32)];
    let mut run = Run::new(Arc::new(SGD::new(1.0).clipnorm(1.0)), &["a"], &start);
    run.step(&[Some(Tensor::full([2], 0.0f32))]);
    assert_eq!(run.variables[0], start[0]);
}

#[test]
fn muon_gives_embeddings_vectors_and_exceptions_to_adam() {
    let muon = Muon::default().exclude_layers(vec!["head".into()]);
    let num_slots = |path: &str, shape: &[usize]| muon.slots(&Variable::new(path, shape)).len();
    assert_eq!(num_slots("hidden/kernel", &[3, 4]), 1);
    assert_eq!(num_slots("hidden/bias", &[4]), 2);
    assert_eq!(num_slots("token_embedding/embeddings", &[3, 4]), 2);
    assert_eq!(num_slots("head/kernel", &[3, 4]), 2);
    assert_eq!(
        muon.clone().exclude_embeddings(false).slots(&Variable::new("Embedding", [3, 4])).len(),
        1
    );
}

#[test]
fn the_loss_is_scaled() {
    let graph = Graph::new();
    let updater = Updater::new(Arc::new(SGD::new(1.0).loss_scale_factor(8.0)), Vec::new()).unwrap();
    let loss = [updater.scale_loss(&[], graph.constant(0.5))];
    assert_eq!(evaluate::<f32>(&graph, &loss, &[], &[]).unwrap()[0], Tensor::scalar(4.0f32));
}

#[test]
fn a_wrong_number_of_gradients_is_reported() {
    let graph = Graph::new();
    let updater = Updater::new(Arc::new(SGD::default()), vec![Variable::new("w", [])]).unwrap();
    let states = [graph.constant_i32(0), graph.constant(0.1)];
    updater.apply(&states, &[graph.constant(1.0)], &[]);
    assert_eq!(graph.check().unwrap_err().kind(), ErrorKind::Internal);
}

fn refusal(optimizer: impl Optimizer + 'static) -> String {
    let error = Updater::new(Arc::new(optimizer), Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument);
    error.to_string()
}

#[test]
fn contradictions_and_bad_arguments_are_refused() {
    let cosine = CosineDecay::new(0.1, 0);
    let cases = [
        (
            refusal(Adam::default().clipnorm(1.0).clipvalue(0.5)),
            "optimizer Adam: clipnorm=1.0, global_clipnorm=null and clipvalue=0.5\n  \
             expected: at most one of `clipnorm`, `global_clipnorm` and `clipvalue`",
        ),
        (
            refusal(Adam::default().gradient_accumulation_steps(1)),
            "optimizer Adam: gradient_accumulation_steps=1\n  expected: 2 or more",
        ),
        (
            refusal(Adam::default().use_ema(true).ema_momentum(1.5)),
            "optimizer Adam: ema_momentum=1.5\n  expected: a number from 0 to 1",
        ),
        (
            refusal(Adam::default().use_ema(true).ema_overwrite_frequency(0)),
            "optimizer Adam: ema_overwrite_frequency=0\n  expected: 1 or more",
        ),
        (
            refusal(AdamW::default().weight_decay(None)),
            "optimizer AdamW: AdamW without a weight decay\n  expected: a number\n  try: use Adam",
        ),
        (
            refusal(SGD::default().momentum(1.1)),
            "optimizer SGD: momentum=1.1\n  expected: a number from 0 to 1",
        ),
        (
            refusal(SGD::new(CosineDecay::new(0.1, 10)).decay(0.1)),
            "optimizer SGD: both a learning rate schedule and `decay` were given\n  \
             expected: one of the two",
        ),
        (
            refusal(SGD::new(cosine)),
            "optimizer SGD: schedule CosineDecay: decay_steps=0\n  expected: 1 or more",
        ),
        (
            refusal(SGD::new(f32::NAN)),
            "optimizer SGD: the learning rate is NaN\n  expected: a number",
        ),
        (
            refusal(Ftrl::default().learning_rate_power(0.5)),
            "optimizer Ftrl: -learning_rate_power=-0.5\n  expected: 0 or more",
        ),
        (
            refusal(Lion::default().beta_1(0.0)),
            "optimizer Lion: beta_1=0\n  expected: a number above 0, at most 1",
        ),
    ];
    for (ours, expected) in cases {
        assert_eq!(ours, expected);
    }
}

#[test]
fn wrong_configs_are_refused() {
    let read = |config: Value| {
        let serialized = json!({"class_name": "Adam", "config": config});
        optimizers::REGISTRY.deserialize(&serialized).unwrap_err().to_string()
    };
    assert_eq!(
        read(json!({"beta_1": "much", "gamma": 2})),
        "optimizer Adam: `beta_1` is \"much\", expected a number; unknown argument `gamma`"
    );
    let error = read(json!({"learning_rate": {"class_name": "CosineDecai"}}));
    assert!(error.contains("unknown learning rate schedule `CosineDecai`"), "{error}");
    let error = optimizers::REGISTRY.named("adamm").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownName);
}

#[test]
fn learning_rates_are_numbers_or_schedules() {
    let rate = |optimizer: Adam| optimizer.options().learning_rate.clone();
    assert!(matches!(rate(Adam::new(0.5)), LearningRate::Constant(0.5)));
    assert!(matches!(rate(Adam::new(0.5f32)), LearningRate::Constant(0.5)));
    assert!(matches!(rate(Adam::new(CosineDecay::new(0.1, 10))), LearningRate::Schedule(_)));
}

#[test]
fn optimizers_around_others_say_what_is_wrong() {
    let adam = || Adam::new(0.1);
    let map = || OptimizerMap::new(adam());
    let cases = [
        (
            refusal(LossScaleOptimizer::new(adam()).initial_scale(0.0)),
            "optimizer LossScaleOptimizer: initial_scale=0\n  expected: a number above 0",
        ),
        (
            refusal(LossScaleOptimizer::new(adam()).dynamic_growth_steps(0)),
            "optimizer LossScaleOptimizer: dynamic_growth_steps=0\n  expected: 1 or more",
        ),
        (
            refusal(LossScaleOptimizer::new(LossScaleOptimizer::new(adam()))),
            "optimizer LossScaleOptimizer: the inner optimizer is a LossScaleOptimizer\n  \
             expected: one that does not scale the loss itself",
        ),
        (
            refusal(MultiOptimizer::new(map().insert("a", LossScaleOptimizer::new(adam())))),
            "optimizer MultiOptimizer: one of the optimizers is a LossScaleOptimizer\n  \
             expected: optimizers that move variables themselves",
        ),
        (
            refusal(MultiOptimizer::new(map().insert("a", "sgd").insert("a", "sgd"))),
            "optimizer MultiOptimizer: the pattern `a` is given twice\n  \
             expected: an optimizer for each pattern",
        ),
    ];
    for (ours, expected) in cases {
        assert_eq!(ours, expected);
    }
    let map = map().insert("dense.*", "sgd").insert(".*kernel", "sgd");
    let variables = vec![Variable::new("dense/kernel", [2, 2])];
    let error = Updater::new(Arc::new(MultiOptimizer::new(map)), variables).unwrap_err();
    assert_eq!(
        error.to_string(),
        "optimizer MultiOptimizer: the variable `dense/kernel` matches the patterns `dense.*`, \
         `.*kernel`\n  expected: one optimizer for each variable"
    );
    let unreadable = json!({"class_name": "MultiOptimizer", "config": {"optimizer_map": "mine"}});
    let text = optimizers::REGISTRY.deserialize(&unreadable).unwrap_err().to_string();
    assert!(text.contains("`optimizer_map` is not an `OptimizerMap`"), "{text}");
    let old = json!({
        "class_name": "LossScaleOptimizer",
        "config": {
            "inner_optimizer": {"class_name": "SGD", "config": {}},
            "clipnorm": 1.0,
            "use_ema": false,
            "weight_decay": null,
        },
    });
    let text = optimizers::REGISTRY.deserialize(&old).unwrap_err().to_string();
    assert!(text.contains("`clipnorm` is 1.0: set it on the inner optimizer"), "{text}");
}

#[test]
fn one_optimizer_object_has_one_state() {
    let sgd: Arc<dyn Optimizer> = Arc::new(SGD::new(0.1).momentum(0.9));
    let map = OptimizerMap::new(sgd.clone()).insert("a", sgd).insert("b", SGD::new(0.5));
    let variables = ["a", "b", "c"].map(|path| Variable::new(path, [1])).to_vec();
    let updater = Updater::new(Arc::new(MultiOptimizer::new(map)), variables).unwrap();
    let paths: Vec<&str> = updater.states().iter().map(|state| state.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "multi_optimizer/iteration",
            "multi_optimizer/learning_rate",
            "sgd/iteration",
            "sgd/learning_rate",
            "sgd/a_momentum",
            "sgd/c_momentum",
            "sgd/iteration",
            "sgd/learning_rate",
        ]
    );
    let groups = updater.groups();
    assert_eq!(groups[0].path, "optimizers/sgd");
    assert_eq!((&*groups[1].path, groups[1].states.clone()), ("optimizers/sgd_1", 6..8));
    assert_eq!(updater.learning_rate_state(), None);
}
