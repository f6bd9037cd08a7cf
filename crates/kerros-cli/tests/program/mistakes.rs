//! The commonest mistakes: each gets a message of its own and a status that is not 0, and harms
//! no file.

use kerros::losses::CustomLoss;
use kerros::{Sequential, Tensor, layers::Dense};

use crate::workshop::{Ran, Workshop, labels, numbers};

/// A job for 4 inputs and 3 classes.
const JOB: &str = r#"
[data]
inputs = "x.npy"
targets = "y.npy"

[[layers]]
type = "Dense"
units = 3
activation = "softmax"

[compile]
optimizer = "adam"
loss = "sparse_categorical_crossentropy"
metrics = ["accuracy"]

[fit]
epochs = 2

[output]
model = "out.keras"
"#;

/// A folder with a model, good data for it, and a file where results would go.
fn prepared() -> Workshop {
    let shop = Workshop::new();
    let mut model = Sequential::new().input([4]).seed(1).add(Dense::new(3).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"]).unwrap();
    model.save(shop.path("m.keras")).unwrap();
    shop.write_array("x.npy", &numbers(12, 4));
    shop.write_array("y.npy", &labels(12, 3));
    shop.write("out.keras", "precious");
    shop.write("job.toml", JOB);
    shop
}

/// Runs the program, expects it to fail and to leave every file as it was, and compares its
/// words with the snapshot of this name.
#[track_caller]
fn refused(shop: &Workshop, name: &str, args: &[&str]) -> Ran {
    let before = shop.files();
    let ran = shop.run(args);
    assert_ne!(ran.status, 0, "{name} was accepted");
    assert!(ran.complaint().contains("error:"), "{name}: {}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{name}: {}", ran.stderr);
    assert!(!ran.stderr.contains(".rs:"), "{name} names a source line: {}", ran.stderr);
    assert!(shop.files() == before, "{name} changed a file");
    insta::assert_snapshot!(name, ran.complaint());
    ran
}

/// As [`refused`], with the job changed.
#[track_caller]
fn job_refused(name: &str, from: &str, to: &str) {
    let shop = prepared();
    let text = JOB.replacen(from, to, 1);
    assert_ne!(text, JOB, "{name} changes nothing");
    shop.write("job.toml", text);
    refused(&shop, name, &["train", "job.toml"]);
}

/// As [`refused`], with other arrays for the job.
#[track_caller]
fn data_refused(name: &str, x: &Tensor, y: &Tensor) {
    let shop = prepared();
    shop.write_array("x.npy", x);
    shop.write_array("y.npy", y);
    refused(&shop, name, &["train", "job.toml"]);
}

#[test]
fn the_job_they_are_made_of_is_good() {
    let shop = prepared();
    shop.run(&["train", "job.toml"]).ok();
    assert_ne!(shop.files()[&shop.path("out.keras")], b"precious");
}

#[test]
fn arrays_that_do_not_fit() {
    data_refused("labels_out_of_range", &numbers(12, 4), &labels(12, 4));
    data_refused("labels_from_one", &numbers(12, 4), &{
        let ids: Vec<i32> = (0..12).map(|row| row % 3 + 1).collect();
        Tensor::new([12], ids).unwrap()
    });
    data_refused(
        "labels_with_fractions",
        &numbers(12, 4),
        &Tensor::new([12], [0.5f32; 12]).unwrap(),
    );
    data_refused("one_hot_for_a_sparse_loss", &numbers(12, 4), &numbers(12, 3));
    data_refused("empty_data", &numbers(0, 4), &labels(0, 3));
    data_refused("different_lengths", &numbers(12, 4), &labels(11, 3));
    let mut x = numbers(12, 4);
    x.as_mut_slice::<f32>().unwrap()[9] = f32::NAN;
    data_refused("nan_in_the_data", &x, &labels(12, 3));
}

#[test]
fn inputs_of_another_width() {
    let shop = prepared();
    shop.write_array("x.npy", &numbers(12, 5));
    let data = ["--input", "x.npy", "--target", "y.npy"];
    refused(&shop, "wrong_width_in_evaluate", &[&["evaluate", "m.keras"][..], &data].concat());
    refused(&shop, "wrong_width_in_train", &[&["train", "m.keras"][..], &data].concat());
    let line = ["predict", "m.keras", "--input", "x.npy", "--output", "p.npy"];
    refused(&shop, "wrong_width_in_predict", &line);
}

#[test]
fn labels_for_a_one_hot_loss() {
    job_refused("labels_for_a_one_hot_loss", "sparse_categorical", "categorical");
}

#[test]
fn probabilities_where_logits_are_expected() {
    job_refused(
        "softmax_with_from_logits",
        "loss = \"sparse_categorical_crossentropy\"",
        "loss = { type = \"SparseCategoricalCrossentropy\", from_logits = true }",
    );
}

#[test]
fn names_that_nobody_has() {
    job_refused("unknown_optimizer", "\"adam\"", "\"adma\"");
    job_refused("unknown_loss", "sparse_categorical_crossentropy", "sparse_crossentropy");
    job_refused("unknown_metric", "[\"accuracy\"]", "[\"acuracy\"]");
    job_refused("unknown_activation", "\"softmax\"", "\"sotfmax\"");
    job_refused("unknown_layer", "\"Dense\"", "\"Densse\"");
    job_refused("unknown_layer_argument", "units = 3", "units = 3\nuse_biass = true");
    job_refused(
        "unknown_optimizer_argument",
        "\"adam\"",
        "{ type = \"Adam\", learning_rat = 0.1 }",
    );
    job_refused(
        "unknown_dataset",
        "inputs = \"x.npy\"\ntargets = \"y.npy\"",
        "dataset = \"digit\"",
    );
    job_refused("unknown_key", "epochs = 2", "epochs = 2\nbatchsize = 3");
    job_refused("unknown_table", "[fit]", "[training]");
    job_refused(
        "unknown_callback",
        "[output]",
        "[[fit.callbacks]]\ntype = \"EarlyStop\"\n[output]",
    );
    let shop = prepared();
    let line = ["predict", "m.keras", "--data", "digit", "--output", "p.npy"];
    refused(&shop, "unknown_dataset_option", &line);
    refused(&shop, "unknown_verb", &["trian", "digits"]);
    refused(&shop, "unknown_option", &["train", "digits", "--epoch", "3"]);
    refused(&shop, "unknown_source", &["train", "digit"]);
}

#[test]
fn jobs_that_are_wrong() {
    job_refused("not_toml", "epochs = 2", "epochs = = 2");
    job_refused("wrong_type", "epochs = 2", "epochs = \"two\"");
    job_refused("batch_size_zero_in_the_job", "epochs = 2", "epochs = 2\nbatch_size = 0");
    job_refused("fraction_out_of_range", "[[layers]]", "test_fraction = 20\n\n[[layers]]");
    job_refused("no_units", "units = 3\n", "");
    job_refused("no_loss", "loss = \"sparse_categorical_crossentropy\"\n", "");
    job_refused("no_targets", "targets = \"y.npy\"\n", "");
    job_refused("no_data", "[data]\ninputs = \"x.npy\"\ntargets = \"y.npy\"\n", "");
    job_refused(
        "text_for_a_rate",
        "optimizer = \"adam\"",
        "optimizer = { type = \"Adam\", learning_rate = \"fast\" }",
    );
    job_refused("wrong_input_width_in_the_job", "[[layers]]", "[model]\ninput = [5]\n\n[[layers]]");
}

#[test]
fn numbers_out_of_range() {
    let shop = prepared();
    refused(&shop, "batch_size_zero", &["train", "job.toml", "--batch-size", "0"]);
    refused(
        &shop,
        "validation_split_too_large",
        &["train", "job.toml", "--validation-split", "20"],
    );
    refused(
        &shop,
        "validation_split_negative",
        &["train", "job.toml", "--validation-split", "-0.2"],
    );
    refused(
        &shop,
        "validation_split_leaves_nothing",
        &["train", "job.toml", "--validation-split", "0.99"],
    );
    refused(&shop, "no_threads", &["train", "job.toml", "--threads", "0"]);
    refused(&shop, "unknown_isa", &["train", "job.toml", "--isa", "mmx"]);
    refused(&shop, "class_weight_without_class", &["train", "job.toml", "--class-weight", "3.0"]);
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let shop = prepared();
    let data = ["--input", "x.npy", "--target", "y.npy"];
    let evaluate = |model: &'static str| [&["evaluate", model][..], &data].concat();
    shop.write("text.keras", "I am no model");
    refused(&shop, "not_a_model", &evaluate("text.keras"));
    let whole = std::fs::read(shop.path("m.keras")).unwrap();
    shop.write("half.keras", &whole[..whole.len() / 2]);
    refused(&shop, "a_truncated_model", &evaluate("half.keras"));
    refused(&shop, "a_truncated_model_in_train", &[&["train", "half.keras"][..], &data].concat());
    refused(&shop, "a_missing_model", &evaluate("missing.keras"));
    shop.write("notes.txt", "hello");
    refused(&shop, "neither_job_nor_model", &["train", "notes.txt"]);
    refused(&shop, "a_missing_job", &["train", "missing.toml"]);
    shop.write("x.npy", "1,2,3");
    refused(&shop, "not_an_npy", &evaluate("m.keras"));
    std::fs::remove_file(shop.path("x.npy")).unwrap();
    refused(&shop, "a_missing_array", &evaluate("m.keras"));
    refused(&shop, "a_missing_array_in_the_job", &["train", "job.toml"]);
}

#[test]
fn a_truncated_array() {
    let shop = prepared();
    let whole = std::fs::read(shop.path("x.npy")).unwrap();
    shop.write("x.npy", &whole[..whole.len() - 5]);
    refused(&shop, "a_truncated_array", &["train", "job.toml"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let shop = prepared();
    std::fs::create_dir(shop.path("folder.keras")).unwrap();
    refused(&shop, "output_in_a_missing_folder", &["train", "job.toml", "--output", "no/m.keras"]);
    refused(&shop, "output_is_a_folder", &["train", "job.toml", "--output", "folder.keras"]);
    refused(&shop, "output_is_no_model_name", &["train", "job.toml", "--output", "model.npy"]);
    refused(&shop, "history_in_a_missing_folder", &["train", "job.toml", "--history", "no/h.json"]);
    refused(
        &shop,
        "one_file_for_two_outputs",
        &["train", "job.toml", "--history", "a.svg", "--plot", "a.svg"],
    );
    let line = ["predict", "m.keras", "--input", "x.npy", "--output", "no/p.npy"];
    refused(&shop, "predictions_in_a_missing_folder", &line);
}

#[test]
fn data_that_are_not_named() {
    let shop = prepared();
    refused(&shop, "no_data_named", &["train", "m.keras"]);
    refused(&shop, "no_target_named", &["train", "m.keras", "--input", "x.npy"]);
    refused(&shop, "no_target_to_judge_by", &["evaluate", "m.keras", "--input", "x.npy"]);
    refused(&shop, "no_output_named", &["predict", "m.keras", "--input", "x.npy"]);
    let two = ["evaluate", "m.keras", "--input", "x.npy", "--target", "y.npy", "--target", "y.npy"];
    refused(&shop, "a_target_too_many", &two);
    let both = ["evaluate", "m.keras", "--input", "x.npy", "--data", "digits"];
    refused(&shop, "two_sources_of_data", &both);
}

#[test]
fn a_model_that_was_never_compiled() {
    let shop = prepared();
    Sequential::new().input([4]).add(Dense::new(3)).save(shop.path("bare.keras")).unwrap();
    let data = ["--input", "x.npy", "--target", "y.npy"];
    refused(&shop, "train_without_compile", &[&["train", "bare.keras"][..], &data].concat());
    refused(&shop, "evaluate_without_compile", &[&["evaluate", "bare.keras"][..], &data].concat());
}

/// What is only needed for training does not keep a file from being used.
#[test]
fn a_model_with_a_loss_of_ones_own_still_predicts() {
    let shop = prepared();
    let mut model = Sequential::new().input([4]).add(Dense::new(1));
    model.on_warning(|_| {});
    let cubic = CustomLoss::new("cubic", |y_true, y_pred| (y_true - y_pred).abs().mean(&[-1]));
    model.compile("sgd", cubic, ()).unwrap();
    model.save(shop.path("own.keras")).unwrap();
    let data = ["--input", "x.npy", "--target", "y.npy"];
    refused(&shop, "a_loss_of_ones_own", &[&["train", "own.keras"][..], &data].concat());
    let ran = shop.run(&["predict", "own.keras", "--input", "x.npy", "--output", "p.npy"]).ok();
    assert!(ran.stderr.contains("unknown loss `cubic`"), "{}", ran.stderr);
    assert!(shop.path("p.npy").exists());
    assert!(shop.run(&["summary", "own.keras"]).ok().stdout.contains("dense"));
}

#[test]
fn a_loss_that_becomes_nan_saves_nothing() {
    let shop = prepared();
    shop.write(
        "job.toml",
        JOB.replace("\"adam\"", "{ type = \"SGD\", learning_rate = 1e30 }")
            .replace("activation = \"softmax\"", "")
            .replace("sparse_categorical_crossentropy", "mse")
            .replace("metrics = [\"accuracy\"]", "")
            .replace("units = 3", "units = 1"),
    );
    let ran =
        refused(&shop, "a_loss_that_becomes_nan", &["train", "job.toml", "--history", "h.json"]);
    assert!(ran.stdout.contains("Diagnosis: not a number"), "{}", ran.stdout);
}
