//! The first command of every newcomer.

use kerros::load_model;
use serde_json::Value;

use crate::workshop::Workshop;

#[test]
fn train_digits_from_nothing_to_a_good_model() {
    let shop = Workshop::new();
    let ran = shop.run(&["train", "digits", "--history", "h.json"]).ok();

    let line = ran.stdout.lines().find(|line| line.starts_with("test accuracy")).unwrap();
    let said: f64 = line.split([' ', ',']).nth(2).unwrap().parse().unwrap();
    assert!(said >= 0.97, "{line}");
    for words in ["Trained 30 epochs", "hardest classes", "loss", "Diagnosis:", "digits.keras"] {
        assert!(ran.stdout.contains(words), "{words} is not in\n{}", ran.stdout);
    }
    for words in ["1,797 rows", "kept for the test", "dropout (Dropout)", "val_accuracy", "Next:"] {
        assert!(ran.stderr.contains(words), "{words} is not in\n{}", ran.stderr);
    }
    // One line per epoch where stderr is no terminal.
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("Epoch ")).count(), 30);

    // The files are there, and the model in them is as good as was said.
    let curves = std::fs::read_to_string(shop.path("digits.svg")).unwrap();
    assert!(curves.starts_with("<svg") && curves.contains("val") && curves.contains("accuracy"));
    let json = shop.run(&["evaluate", "digits.keras", "--data", "digits", "--json"]).ok().stdout;
    let judged: Value = serde_json::from_str(&json).unwrap();
    assert!((judged["accuracy"].as_f64().unwrap() - said).abs() < 5e-5, "{json} {line}");

    // Keras's form of a history: each name with a number per epoch.
    let history = std::fs::read_to_string(shop.path("h.json")).unwrap();
    let history: Value = serde_json::from_str(&history).unwrap();
    for name in ["accuracy", "loss", "val_accuracy", "val_loss"] {
        assert_eq!(history[name].as_array().unwrap().len(), 30, "{name}");
    }
    let losses = history["loss"].as_array().unwrap();
    assert!(losses[29].as_f64().unwrap() < 0.2 * losses[0].as_f64().unwrap());
}

#[test]
#[cfg(target_os = "linux")]
fn a_stdout_that_fails_is_a_failure_but_costs_no_model() {
    let shop = Workshop::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_kerros"))
        .args(["train", "digits", "--epochs", "1", "--verbose", "silent"])
        .current_dir(shop.path(""))
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    load_model(shop.path("digits.keras")).unwrap();
}

#[test]
fn the_same_seed_gives_the_same_model_and_another_another() {
    let shop = Workshop::new();
    let weights = |output: &str, seed: &str| {
        let line = ["train", "digits", "--epochs", "2", "--no-plot", "--output", output];
        shop.run(&[&line[..], &["--seed", seed]].concat()).ok();
        load_model(shop.path(output)).unwrap().get_weights().unwrap()
    };
    let first = weights("a.keras", "3");
    assert!(first == weights("b.keras", "3"));
    assert!(first != weights("c.keras", "4"));
    assert!(!shop.path("digits.svg").exists() && !shop.path("digits.keras").exists());
}

#[test]
fn the_job_that_runs_can_be_had_and_changed() {
    let shop = Workshop::new();
    let text = shop.run(&["train", "digits", "--print-job"]).ok().stdout;
    let brief = text.replace("epochs = 30", "epochs = 1").replace("digits.keras", "mine.keras");
    assert_ne!(text, brief);
    shop.write("mine.toml", &brief);
    let ran = shop.run(&["train", "mine.toml", "--no-plot"]).ok();
    assert!(ran.stdout.contains("Trained 1 epoch in"), "{}", ran.stdout);
    assert!(shop.path("mine.keras").exists());
    assert_eq!(shop.run(&["train", "mine.toml", "--print-job"]).ok().stdout, brief);
}
