//! Whole models: sequences, attention, operations.

use kerros::layers::REGISTRY;
use kerros::object::{Config, ConfigReader};
use kerros::optimizers::SGD;
use kerros::trainer::Predict;
use kerros::{Fit, Model, Tensor, Verbose};
use serde_json::Value;

use crate::keras::{check_cases, difference, fill, fixture, numbers, shape, tensor};

/// Salts of `fixtures/families/layer_case.py`.
const SALT_TARGET: usize = 50;
const SALT_WEIGHTS: usize = 70;

/// The weights that both sides begin with.
fn start(case: &Value) -> Vec<Tensor> {
    let weights = case["weights"].as_array().unwrap().iter().enumerate();
    let weight = |(at, weight): (usize, &Value)| {
        let shape = shape(&weight["shape"]);
        let values = fill(&shape, SALT_WEIGHTS + at);
        // Variances are around 1.
        let middle = weight["name"].as_str().unwrap().contains("variance") as u8 as f32;
        let values = values.as_slice::<f32>().unwrap().iter().map(|value| value / 4.0 + middle);
        Tensor::new(shape, values.collect::<Vec<f32>>()).unwrap()
    };
    weights.map(weight).collect()
}

fn check(case: &Value, content: &Value) -> kerros::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut model = Model::from_json(case["model"].as_str().unwrap())?;
    let expected: Vec<(String, Vec<usize>)> = case["weights"]
        .as_array()
        .unwrap()
        .iter()
        .map(|weight| (weight["name"].as_str().unwrap().to_string(), shape(&weight["shape"])))
        .collect();
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_string();
    let found: Vec<(String, Vec<usize>)> =
        model.weights()?.iter().map(|(path, value)| (last(path), value.shape().to_vec())).collect();
    if found != expected {
        return Ok(vec![format!("weights {found:?} instead of {expected:?}")]);
    }
    model.set_weights(&start(case))?;
    let x: Vec<Tensor> = case["x"].as_array().unwrap().iter().map(tensor).collect();
    let mut outputs = Vec::new();
    for _ in 0..case["calls"].as_u64().unwrap() {
        outputs = model.predict_all(x.clone())?;
    }
    let expected = case["outputs"].as_array().unwrap();
    if outputs.len() != expected.len() {
        problems.push(format!("{} outputs instead of {}", outputs.len(), expected.len()));
    }
    for (at, (found, expected)) in outputs.iter().zip(expected).enumerate() {
        if found.shape().to_vec() != shape(&expected["shape"]) {
            problems.push(format!("output {at}: {} and {}", found.shape(), expected["shape"]));
        }
        let what = format!("output {at}");
        problems.extend(difference(&what, &found.to_vec_f64(), &numbers(expected)));
    }
    let Some(trained) = case["trained_weights"].as_array() else { return Ok(problems) };
    // What stateful layers remember must not reach the training.
    let mut model = Model::from_json(case["model"].as_str().unwrap())?;
    model.set_weights(&start(case))?;
    let rate = content["learning_rate"].as_f64().unwrap() as f32;
    model.compile(SGD::new(rate), "mse", ())?;
    let y: Vec<Tensor> = outputs
        .iter()
        .enumerate()
        .map(|(at, output)| fill(output.shape(), SALT_TARGET + at))
        .collect();
    let fixed = model.network().inputs.iter().find_map(|input| input.batch);
    let told = case["batch_size"].as_u64().or(content["batch_size"].as_u64()).unwrap();
    let batch_size = fixed.unwrap_or(told as usize);
    let fit = Fit::epochs(content["epochs"].as_u64().unwrap() as usize)
        .batch_size(batch_size)
        .shuffle(false)
        .verbose(Verbose::Silent);
    let history = model.fit((x, y), fit)?;
    let losses: Vec<f64> =
        case["losses"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect();
    problems.extend(difference("loss", history.get("loss").unwrap_or_default(), &losses));
    for (at, (found, expected)) in model.get_weights()?.iter().zip(trained).enumerate() {
        let what = format!("trained {}", case["weights"][at]["name"]);
        problems.extend(difference(&what, &found.to_vec_f64(), &numbers(expected)));
    }
    Ok(problems)
}

/// Checks all cases and configs of a family.
#[track_caller]
fn check_family(name: &str) {
    let content = fixture(&format!("{name}.json"));
    check_cases(&content, |case| check(case, &content));
    let mut problems = Vec::new();
    for expected in content["configs"].as_array().unwrap() {
        let class = expected["class_name"].as_str().unwrap();
        let config: Config = serde_json::from_str(expected["config"].as_str().unwrap()).unwrap();
        match built(class, &config) {
            // Texts, so that the order of the settings counts.
            Ok(found) if found == whole_numbers_as_floats(&config) => {}
            Ok(found) => problems
                .push(format!("config of {class}:\n    {found}\n    {}", Value::Object(config))),
            Err(error) => problems.push(format!("config of {class}: {error}")),
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// The config of the layer that a config makes.
fn built(class: &str, config: &Config) -> kerros::Result<String> {
    let mut reader = ConfigReader::new(config);
    let layer = (REGISTRY.find(class)?.from_config)(&mut reader)?;
    reader.finish()?;
    Ok(Value::Object(layer.config()).to_string())
}

/// Keras writes `2` where the user wrote `2`, here a setting that is no count is `2.0`.
fn whole_numbers_as_floats(config: &Config) -> String {
    let text = Value::Object(config.clone()).to_string();
    let text = text.replace("\"max_value\":2,", "\"max_value\":2.0,");
    let text = text.replace("\"value_range\":[0,255]", "\"value_range\":[0.0,255.0]");
    text.replace("\"value_range\":[0,1]", "\"value_range\":[0.0,1.0]")
}

#[test]
fn embeddings_and_equations() {
    check_family("layers_embedding");
}

#[test]
fn images_prepared_without_chance() {
    check_family("layers_prepared");
}

#[test]
fn products_in_place_of_kernels() {
    check_family("layers_lora");
}

#[test]
fn whole_numbers_into_layers_of_floats() {
    check_family("layers_whole");
}

#[test]
fn constants_masks_and_shared_layers() {
    check_family("wiring");
}

#[test]
fn rows_of_a_batch_that_are_tied_or_mixed() {
    check_family("batch_rows");
}

/// The model of a case of a family, with this text in place of that.
fn tied(family: &str, name: &str, from: &str, to: &str) -> kerros::Result<Model> {
    let content = fixture(&format!("{family}.json"));
    let case = content["cases"].as_array().unwrap().iter().find(|case| case["name"] == name);
    let json = case.unwrap()["model"].as_str().unwrap().replace(from, to);
    Model::from_json(&json)
}

/// A constant for 6 rows: batches of others are refused with the number that fits, when they come.
#[test]
fn a_batch_that_does_not_fit_the_constants_is_refused() {
    let mut model = tied("batch_rows", "sum_with_constant", "", "").unwrap();
    assert_eq!(model.network().rows, Some(6));
    let error = model.predict(fill(&[7, 3], 0)).unwrap_err().to_string();
    assert!(error.contains("give 6 rows at a time") && error.contains("instead of 7"), "{error}");
    let rows = fill(&[12, 3], 0);
    let error = model.predict(rows.clone()).unwrap_err().to_string();
    assert!(error.contains("give 6 rows at a time"), "{error}");
    let six = Predict::new().batch_size(6);
    let parts = model.predict_with(rows.clone(), six).unwrap().remove(0);
    let first = model.predict(rows.slice_rows(0..6).unwrap()).unwrap();
    assert_eq!(parts.slice_rows(0..6).unwrap().bytes(), first.bytes());
    model.compile(SGD::new(0.1), "mse", ()).unwrap();
    let fit = Fit::epochs(1).batch_size(4).verbose(Verbose::Silent);
    let error = model.fit((rows, fill(&[12, 2], 1)), fit).unwrap_err().to_string();
    assert!(error.contains("give 6 rows at a time"), "{error}");
}

/// A constant of 5 steps beside an input that leaves their number open: others are refused when
/// they come.
#[test]
fn steps_that_do_not_fit_the_constants_are_refused() {
    let mut model = tied("wiring", "constant_of_steps", "", "").unwrap();
    assert_eq!(model.predict(fill(&[2, 5, 4], 0)).unwrap().shape().to_vec(), [2, 5, 2]);
    let error = model.predict(fill(&[2, 7, 4], 0)).unwrap_err().to_string();
    assert!(error.contains("[2, 7, 4] and [5, 4] do not broadcast"), "{error}");
}

/// Where no number of rows fits, the mistake is told as of any model.
#[test]
fn a_constant_that_fits_no_rows_is_told_of_the_usual_trial() {
    let error =
        tied("batch_rows", "broadcast_to", "[6, 4, 3]", "[6, 5, 3]").unwrap_err().to_string();
    assert!(error.contains("[3, 4, 1] does not broadcast to [6, 5, 3]"), "{error}");
}

/// What optimizers for some variables and exceptions of weight decay go by.
#[test]
fn variables_of_a_model_that_is_read_have_the_paths_of_keras() {
    let content = fixture("paths.json");
    for case in content["cases"].as_array().unwrap() {
        let text = |list: &Value| -> Vec<String> {
            let all = list.as_array().unwrap().iter();
            all.map(|path| path.as_str().unwrap().to_string()).collect()
        };
        let mut model = Model::from_json(case["model"].as_str().unwrap()).unwrap();
        model.compile(SGD::new(0.01).momentum(0.5).name("sgd"), "mse", ()).unwrap();
        let states = model.optimizer_states().unwrap().into_iter();
        let found: Vec<String> = states.map(|(path, _)| path).collect();
        assert_eq!(found, text(&case["states"]), "{}", case["variables"]);
    }
}

#[test]
fn recurrent_layers() {
    check_family("layers_recurrent");
}

#[test]
fn convolutional_lstms() {
    check_family("layers_conv_lstm");
}

#[test]
fn attention_layers() {
    check_family("layers_attention");
}
