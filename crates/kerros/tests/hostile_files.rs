//! Files that were made to do harm: each is refused by name; none makes a file, runs code, or
//! brings a panic. So is every beginning of an honest file. How much memory they take is in
//! `tests/hostile_memory.rs`.
//!
//! The files come from `fixtures/hostile.py`; those of HDF5 itself are in `tests/archive`.

mod hostile;

use std::path::Path;

use kerros::{ErrorKind, Load, Model};
use serde_json::{Value, json};

use hostile::{fixtures, refusal, small_model};

#[test]
fn hostile_files_are_refused_by_name() {
    let expected = std::fs::read_to_string(fixtures("hostile/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    for (name, words) in expected.as_object().unwrap() {
        let error = refusal(&fixtures("hostile").join(name));
        let text = error.to_string();
        for word in words.as_array().unwrap() {
            assert!(text.contains(word.as_str().unwrap()), "{name}: {text}");
        }
        assert!(error.kind() != ErrorKind::Internal, "{name}: {text}");
    }
    assert!(!Path::new("kerros_was_here").exists(), "code from a file ran");
}

#[test]
fn everything_unknown_is_told_at_once() {
    let layer = |class: &str, config: Value| json!({"module": "keras.layers", "class_name": class, "config": config, "registered_name": null});
    let model = json!({
        "module": "keras", "class_name": "Sequential", "registered_name": null,
        "config": {"name": "m", "layers": [
            layer("InputLayer", json!({"batch_shape": [null, 2], "name": "start"})),
            layer("Mystery", json!({"name": "a"})),
            layer("Dense", json!({"name": "b", "units": 2, "fancy": true, "activation": "strange"})),
            layer("Lambda", json!({"name": "c", "function": {"class_name": "__lambda__", "config": {}}})),
            layer("Dense", json!({"name": "d", "units": "two", "kernel_initializer":
                {"module": "my", "class_name": "Own", "config": {}, "registered_name": "my>Own"}})),
        ]},
        "compile_config": {"optimizer": {"module": "keras.optimizers", "class_name": "Wild", "config": {}},
                           "loss": "sadness", "metrics": ["joy"]},
    });
    let text = Model::from_json(&model.to_string()).map(|_| ()).unwrap_err().to_string();
    for word in [
        "`Mystery`",
        "`fancy`",
        "`strange`",
        "code is in the file",
        "`my>Own`",
        "`Wild`",
        "`sadness`",
        "`joy`",
    ] {
        assert!(text.contains(word), "{word} is not told: {text}");
    }
}

#[test]
fn too_many_layers_are_refused() {
    let layer = json!({"module": "keras.layers", "class_name": "Flatten", "config": {}});
    let model = json!({"module": "keras", "class_name": "Sequential",
                       "config": {"name": "m", "layers": vec![layer; 10_001]}});
    let text = Model::from_json(&model.to_string()).map(|_| ()).unwrap_err().to_string();
    assert!(text.contains("10001 layers"), "{text}");
}

/// Every beginning of a file, in fiftieths of its length, is an error and nothing else.
#[test]
fn files_cut_short_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = vec![
        fixtures("models/adam_digits.keras"),
        fixtures("models/adam_digits.h5"),
        fixtures("models/adam_digits.weights.h5"),
        fixtures("legacy/adam_v2.h5"),
    ];
    let mut model = small_model();
    for name in ["w.safetensors", "w.weights.json", "m.json"] {
        let path = folder.path().join(name);
        match name {
            "m.json" => std::fs::write(&path, model.to_json().unwrap()).unwrap(),
            _ => model.save_weights(&path).unwrap(),
        }
        files.push(path);
    }
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let name = file.file_name().unwrap();
        let cut = folder.path().join("cut");
        std::fs::create_dir_all(&cut).unwrap();
        let path = cut.join(name);
        for part in 0..50 {
            std::fs::write(&path, &bytes[..bytes.len() * part / 50]).unwrap();
            let error = refusal(&path);
            let is_expected = matches!(error.kind(), ErrorKind::Format | ErrorKind::Io);
            assert!(is_expected, "{} at {part}/50: {error}", name.display());
        }
    }
}

/// Bytes that changed, one in each fiftieth, never bring a panic: an error, or a model.
#[test]
fn altered_files_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["models/adam_digits.keras", "models/adam_digits.h5", "legacy/adam_v2.h5"] {
        let file = fixtures(file);
        let bytes = std::fs::read(&file).unwrap();
        let path = folder.path().join(file.file_name().unwrap());
        for part in 0..50 {
            let mut altered = bytes.clone();
            altered[bytes.len() * part / 50 + part] ^= 0x55;
            std::fs::write(&path, altered).unwrap();
            drop(Load::new().model(&path));
        }
    }
}
