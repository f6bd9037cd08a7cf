//! What each verb does with good input.

use kerros::{Sequential, Tensor, layers::Dense, load_model};
use kerros_data::npy;
use serde_json::Value;

use crate::workshop::{Workshop, labels, numbers};

/// A folder with a compiled model of 3 inputs and 2 classes, and arrays for it.
fn prepared() -> Workshop {
    let shop = Workshop::new();
    let mut model = Sequential::new().input([3]).seed(1).add(Dense::new(2).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"]).unwrap();
    model.save(shop.path("m.keras")).unwrap();
    shop.write_array("x.npy", &numbers(40, 3));
    shop.write_array("y.npy", &labels(40, 2));
    shop
}

const DATA: [&str; 4] = ["--input", "x.npy", "--target", "y.npy"];

#[test]
fn training_goes_on_from_the_file_and_back_into_it() {
    let shop = prepared();
    let before = load_model(shop.path("m.keras")).unwrap().get_weights().unwrap();
    let line = ["train", "m.keras", "--epochs", "2", "--output", "n.keras"];
    shop.run(&[&line[..], &DATA].concat()).ok();
    assert_eq!(load_model(shop.path("m.keras")).unwrap().get_weights().unwrap(), before);
    let after = load_model(shop.path("n.keras")).unwrap().get_weights().unwrap();
    assert_ne!(after, before);

    // Two runs of one epoch in order are one run of two, as the optimizer's state is kept.
    for _ in 0..2 {
        shop.run(&[&["train", "m.keras", "--no-shuffle"][..], &DATA].concat()).ok();
    }
    shop.run(&[&["train", "n.keras", "--output", "n.keras"][..], &DATA].concat()).ok();
    let twice = load_model(shop.path("m.keras")).unwrap().get_weights().unwrap();
    let again = prepared();
    let line = ["train", "m.keras", "--no-shuffle", "--epochs", "2"];
    again.run(&[&line[..], &DATA].concat()).ok();
    assert_eq!(load_model(again.path("m.keras")).unwrap().get_weights().unwrap(), twice);
}

#[test]
fn evaluate_prints_words_or_json() {
    let shop = prepared();
    let text = shop.run(&[&["evaluate", "m.keras"][..], &DATA].concat()).ok().stdout;
    let json = shop.run(&[&["evaluate", "m.keras", "--json"][..], &DATA].concat()).ok().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(names, ["accuracy", "loss"]);
    for line in text.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        let value: f64 = value.parse().unwrap();
        assert!((json[name].as_f64().unwrap() - value).abs() < 1e-6, "{line} {json}");
    }
    // A weight of 0 takes a row out of the loss.
    shop.write_array("w.npy", &Tensor::zeros([40], kerros::DType::F32));
    let line = ["evaluate", "m.keras", "--json", "--sample-weight", "w.npy"];
    let weighted = shop.run(&[&line[..], &DATA].concat()).ok().stdout;
    assert_eq!(serde_json::from_str::<Value>(&weighted).unwrap()["loss"], 0.0);
}

#[test]
fn predict_writes_what_the_library_predicts() {
    let shop = prepared();
    shop.run(&["predict", "m.keras", "--input", "x.npy", "--output", "p.npy"]).ok();
    let written = npy::read(shop.path("p.npy")).unwrap();
    let mut model = load_model(shop.path("m.keras")).unwrap();
    assert_eq!(written, model.predict(numbers(40, 3)).unwrap());
    let ran = shop.run(&[&["predict", "m.keras", "--output", "q.npy"][..], &DATA].concat()).ok();
    assert!(ran.stderr.contains("note: --target changes nothing here"), "{}", ran.stderr);
}

#[test]
fn targets_may_have_any_number_of_axes() {
    let shop = Workshop::new();
    let mut model = Sequential::new().input([3, 4]).seed(1).add(Dense::new(2));
    model.compile("sgd", "mean_squared_error", ["mae"]).unwrap();
    model.save(shop.path("m.keras")).unwrap();
    shop.write_array("x.npy", &numbers(12, 12).reshape([12, 3, 4]).unwrap());
    shop.write_array("y.npy", &numbers(12, 6).reshape([12, 3, 2]).unwrap());
    let data = ["--input", "x.npy", "--target", "y.npy"];
    shop.run(&[&["train", "m.keras"][..], &data].concat()).ok();
    shop.run(&[&["evaluate", "m.keras"][..], &data].concat()).ok();
}

#[test]
fn class_weights_change_the_result() {
    let shop = prepared();
    let train = |output: &str, more: &[&str]| {
        let line = ["train", "m.keras", "--no-shuffle", "--output", output];
        shop.run(&[&line[..], &DATA, more].concat()).ok();
        load_model(shop.path(output)).unwrap().get_weights().unwrap()
    };
    let plain = train("a.keras", &[]);
    assert_eq!(plain, train("b.keras", &["--class-weight", "0=1.0,1=1.0"]));
    assert_ne!(plain, train("c.keras", &["--class-weight", "0=1.0,1=3.0"]));
}

#[test]
fn a_validation_split_takes_the_tail_and_warns_when_it_differs() {
    let shop = prepared();
    let split = ["train", "m.keras", "--validation-split", "0.25", "--history", "h.json"];
    let ran = shop.run(&[&split[..], &DATA].concat()).ok();
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let history = std::fs::read_to_string(shop.path("h.json")).unwrap();
    assert!(history.contains("val_loss"), "{history}");
    let sorted: Vec<i32> = (0..200).map(|row| row / 100).collect();
    shop.write_array("x.npy", &numbers(200, 3));
    shop.write_array("y.npy", &Tensor::new([200], sorted).unwrap());
    let ran = shop.run(&[&split[..], &DATA].concat()).ok();
    assert!(ran.stderr.contains("warning: the last 50 of 200 rows"), "{}", ran.stderr);
}

#[test]
fn summary_and_datasets_are_printed() {
    let shop = prepared();
    let text = shop.run(&["summary", "m.keras"]).ok().stdout;
    assert!(text.contains("dense (Dense)") && text.contains("Total params"), "{text}");
    let text = shop.run(&["datasets"]).ok().stdout;
    assert!(text.contains("digits") && text.contains("breast_cancer"), "{text}");
    let text = shop.run(&["--version"]).ok().stdout;
    assert_eq!(text, concat!("kerros ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn parts_of_the_data_can_be_picked() {
    let shop = Workshop::new();
    shop.run(&["train", "digits", "--epochs", "1", "--no-plot"]).ok();
    let line = ["train", "digits", "--print-job"];
    shop.write("job.toml", shop.run(&line).ok().stdout);
    let rows = |data: &str| {
        let line = ["predict", "digits.keras", "--output", "p.npy", "--data", data];
        shop.run(&line).ok();
        npy::read(shop.path("p.npy")).unwrap().shape()[0]
    };
    assert_eq!(rows("digits"), 360);
    assert_eq!(rows("digits:train"), 1437);
    assert_eq!(rows("digits:all"), 1797);
    assert_eq!(rows("job.toml"), 360);
    assert_eq!(rows("job.toml:validation"), 144);
    assert_eq!(rows("job.toml:train"), 1293);
}

#[test]
fn the_environment_counts_unless_an_option_does() {
    let shop = prepared();
    let line = [&["evaluate", "m.keras"][..], &DATA].concat();
    assert_eq!(shop.run_with(&line, &[("KERROS_THREADS", "none")]).status, 2);
    assert_ne!(shop.run_with(&line, &[("KERROS_ISA", "mmx")]).status, 0);
    let line = [&line[..], &["--threads", "1", "--isa", "scalar"]].concat();
    shop.run_with(&line, &[("KERROS_THREADS", "none"), ("KERROS_ISA", "mmx")]).ok();
}

#[test]
fn models_and_weights_go_through_every_format() {
    let shop = prepared();
    let predict = |model: &str, more: &[&str]| {
        let line = ["predict", model, "--input", "x.npy", "--output", "p.npy"];
        shop.run(&[&line[..], more].concat()).ok();
        npy::read(shop.path("p.npy")).unwrap()
    };
    let expected = predict("m.keras", &[]);
    for out in ["m.h5", "m.json", "w.weights.h5", "w.weights.json", "w.safetensors", "w.h5"] {
        shop.run(&["convert", "m.keras", out]).ok();
        match out {
            "m.h5" => assert_eq!(predict(out, &[]), expected),
            "m.json" => assert_ne!(predict(out, &[]), expected),
            weights => {
                assert_eq!(predict("m.json", &["--weights", weights]), expected, "{weights}")
            }
        }
    }
    shop.run(&["convert", "m.json", "again.keras", "--weights", "w.safetensors"]).ok();
    assert_eq!(predict("again.keras", &[]), expected);
    shop.run(&["convert", "m.keras", "s.weights.json", "--max-shard-bytes", "24"]).ok();
    assert!(shop.path("s_00001.weights.h5").exists());
    assert_eq!(predict("m.json", &["--weights", "s.weights.json"]), expected);
    // Training goes on from the old format, and back into it.
    shop.run(&[&["train", "m.h5"][..], &DATA].concat()).ok();
    assert_ne!(predict("m.h5", &[]), expected);
}
