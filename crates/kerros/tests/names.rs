//! Keras's public names and arguments (`fixtures/names.json`): which are here, and that all
//! arguments are taken with Keras's defaults.

mod keras;

#[allow(dead_code)]
#[path = "../examples/keras_table.rs"]
mod keras_table;

use keras::fixture;
use kerros::object::Registry;
use kerros::{Config, Described};
use kerros::{constraints, initializers, losses, metrics, optimizers, regularizers, schedules};
use serde_json::{Value, json};

#[test]
fn the_committed_table_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/KERAS.md");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let made = keras_table::table();
    assert!(
        committed == made,
        "docs/KERAS.md is stale: cargo run -p kerros --example keras_table > docs/KERAS.md"
    );
}

/// Every class of Keras's vocabulary of training is here.
#[test]
fn no_word_of_training_is_missing() {
    let table = keras_table::table();
    for module in [
        "keras.activations",
        "keras.losses",
        "keras.metrics",
        "keras.optimizers",
        "keras.optimizers.schedules",
        "keras.initializers",
        "keras.regularizers",
        "keras.constraints",
    ] {
        let section = table.split("\n## ").find(|s| s.starts_with(&format!("{module}:"))).unwrap();
        let missing: Vec<&str> = section.lines().filter(|l| l.ends_with("| not here |")).collect();
        assert!(missing.is_empty(), "{module}: {missing:?}");
    }
}

/// Arguments that Keras requires, as samples.
fn required(name: &str) -> Value {
    match name {
        "alpha" | "decay_rate" => json!(0.5),
        "boundaries" => json!([1]),
        "decay_steps" | "first_decay_steps" => json!(10),
        "fn" => json!("huber"),
        "initial_learning_rate" | "precision" | "recall" | "sensitivity" | "specificity" => {
            json!(0.25)
        }
        "inner_optimizer" => json!("sgd"),
        "num_classes" => json!(2),
        "optimizer_map" => json!({
            "class_name": "OptimizerMap",
            "config": {"default_optimizer": "sgd", "optimizer_map": {}},
        }),
        "target_class_ids" => json!([0]),
        "values" => json!([0.5, 0.25]),
        name => panic!("a sample of the argument `{name}`"),
    }
}

/// Checks the classes of a module but its base; adds what is wrong, and counts arguments.
fn check<T: Described + ?Sized>(
    registry: &'static Registry<T>,
    all_are: &str,
    problems: &mut Vec<String>,
) -> usize {
    let names = fixture("names.json");
    let mut checked = 0;
    for (class, entry) in names["modules"][registry.module].as_object().unwrap() {
        if entry["kind"] != "class" || class == all_are || class == "OptimizerMap" {
            continue;
        }
        let needed = entry["required"].as_array().unwrap().iter();
        let needed = needed.map(|name| name.as_str().unwrap());
        let needed: Config = needed.map(|name| (name.to_string(), required(name))).collect();
        let build =
            |config: &Config| registry.deserialize(&json!({"class_name": class, "config": config}));
        let default = match build(&needed) {
            Ok(built) => built.config(),
            Err(error) => {
                problems.push(format!("{class}: {error}"));
                continue;
            }
        };
        for (argument, value) in entry["defaults"].as_object().unwrap() {
            // Defaults that are objects, such as a data type or a seed generator.
            if value.is_object() {
                continue;
            }
            let mut config = needed.clone();
            config.insert(argument.clone(), value.clone());
            match build(&config) {
                Ok(built) if built.config() == default => {}
                Ok(built) => problems.push(format!(
                    "{class}: {argument}={value} gives {:?}, not {default:?}",
                    built.config()
                )),
                Err(error) => problems.push(format!("{class}: {argument}={value}: {error}")),
            }
            checked += 1;
        }
    }
    checked
}

#[test]
fn every_argument_is_taken_with_the_default_of_keras() {
    let mut problems = Vec::new();
    let all = &mut problems;
    let mut checked = check(&losses::REGISTRY, "Loss", all);
    checked += check(&metrics::REGISTRY, "Metric", all);
    checked += check(&optimizers::REGISTRY, "Optimizer", all);
    checked += check(&schedules::REGISTRY, "LearningRateSchedule", all);
    checked += check(&initializers::REGISTRY, "Initializer", all);
    checked += check(&regularizers::REGISTRY, "Regularizer", all);
    checked += check(&constraints::REGISTRY, "Constraint", all);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(checked > 500, "{checked} arguments");
}
