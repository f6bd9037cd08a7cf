//! The job files that come with Kerros: each runs, and learns what it should.

use std::path::Path;

use kerros::load_model;

use crate::workshop::Workshop;

/// Runs a job of `examples/jobs` in a folder of its own.
fn run(name: &str) -> (Workshop, String) {
    let shop = Workshop::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/jobs").join(name);
    let ran = shop.run(&["train", path.to_str().unwrap(), "--verbose", "silent"]).ok();
    (shop, ran.stdout)
}

fn test_accuracy(stdout: &str) -> f64 {
    let line = stdout.lines().find(|line| line.starts_with("test accuracy")).unwrap();
    line.split([' ', ',']).nth(2).unwrap().parse().unwrap()
}

#[test]
fn two_hidden_layers_in_five_epochs() {
    let (_, stdout) = run("digits_two_layers.toml");
    assert!(test_accuracy(&stdout) > 0.93, "{stdout}");
}

#[test]
fn a_convolutional_network() {
    let (_, stdout) = run("digits_convnet.toml");
    assert!(test_accuracy(&stdout) > 0.96, "{stdout}");
}

#[test]
fn the_line_is_found() {
    let (shop, _) = run("line.toml");
    let weights = load_model(shop.path("line.keras")).unwrap().get_weights().unwrap();
    // The points lie about y = 2 x + 1 with a deviation of 0.1: a hundred of them give the
    // weight within 0.02 and the bias within 0.03, three standard errors.
    let (weight, bias) = (weights[0].to_vec_f64()[0], weights[1].to_vec_f64()[0]);
    assert!((weight - 2.0).abs() < 0.02 && (bias - 1.0).abs() < 0.03, "{weight} {bias}");
}

#[test]
fn momentum_on_one_hot_rows() {
    let (_, stdout) = run("digits_momentum.toml");
    assert!(test_accuracy(&stdout) > 0.92, "{stdout}");
}

#[test]
fn one_sigmoid_for_two_answers() {
    let (_, stdout) = run("tumours.toml");
    assert!(test_accuracy(&stdout) > 0.9, "{stdout}");
    assert!(stdout.contains("malignant"), "{stdout}");
}

#[test]
fn layers_that_are_no_chain() {
    let (shop, stdout) = run("tumours_wide_and_deep.toml");
    assert!(test_accuracy(&stdout) > 0.93, "{stdout}");
    let model = load_model(shop.path("tumours_wide_and_deep.keras")).unwrap();
    assert_eq!(model.name(), "tumours_wide_and_deep");
    assert_eq!(model.layers().len(), 5);
}

#[test]
fn a_long_run_leaves_its_best_its_numbers_and_no_backup() {
    let (shop, stdout) = run("digits_long.toml");
    assert!(test_accuracy(&stdout) > 0.96, "{stdout}");
    assert!(!shop.path("digits_backup").exists());
    assert!(shop.path("digits_logs/train").is_dir());
    assert!(shop.path("digits_logs/validation").is_dir());
    load_model(shop.path("digits_best.keras")).unwrap();
    let log = std::fs::read_to_string(shop.path("digits_log.csv")).unwrap();
    let rows: Vec<&str> = log.lines().collect();
    assert_eq!(rows.len(), 61);
    assert_eq!(
        rows[0],
        "epoch,accuracy,learning_rate,loss,val_accuracy,val_learning_rate,val_loss"
    );
    // No validation after the first epoch, one after the second.
    assert!(rows[1].ends_with(",NA,NA,NA") && !rows[2].ends_with(",NA"), "{log}");
}
