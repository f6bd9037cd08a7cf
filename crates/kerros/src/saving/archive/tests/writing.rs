//! What is written is read again, always in the same bytes, and never half.

use std::fs;

use kerros_core::{Error, ErrorKind, Tensor};

use super::super::{Archive, Attribute, WeightTree, write_atomically};
use super::{SMALL, sample};

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    let archive = sample();
    archive.write(&path).unwrap();
    assert_eq!(Archive::read(&path).unwrap(), archive);
    let path = folder.path().join("model.weights.h5");
    archive.weights.write_h5(&path).unwrap();
    assert_eq!(WeightTree::read_h5(&path).unwrap(), archive.weights);
}

#[test]
fn a_model_of_keras_survives_the_way_through() {
    let archive = Archive::from_bytes(SMALL).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.keras");
    archive.write(&path).unwrap();
    assert_eq!(Archive::read(&path).unwrap(), archive);
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = ["a.keras", "b.keras"].map(|name| {
        let path = folder.path().join(name);
        sample().write(&path).unwrap();
        fs::read(&path).unwrap()
    });
    assert_eq!(bytes[0], bytes[1]);
    // Stored entries of 1980-01-01 (DOS date 0x0021, time 0), in Keras's order.
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&bytes[0])).unwrap();
    let names = ["metadata.json", "config.json", "model.weights.h5"];
    assert_eq!(zip.len(), names.len());
    for (index, name) in names.into_iter().enumerate() {
        let entry = zip.by_index(index).unwrap();
        assert_eq!(entry.name().unwrap(), name);
        assert_eq!(entry.compression(), zip::CompressionMethod::Stored);
        let date = entry.last_modified().unwrap();
        assert_eq!((date.datepart(), date.timepart()), (0x0021, 0));
    }
}

#[test]
fn many_groups_and_long_attributes_are_written_and_read() {
    let mut weights = WeightTree::default();
    weights.group_mut("").set_text("model_config", "x".repeat(300_000));
    let names = (0..5000).map(|number| format!("dense_{number}")).collect();
    weights.group_mut("").set_attribute("layer_names", Attribute::Texts(names));
    for number in 0..1500 {
        let vars = weights.group_mut(&format!("layers/dense_{number}/vars"));
        vars.set_text("name", format!("dense_{number}"));
        vars.push(Tensor::full([2, 2], number as f32));
        weights.group_mut("optimizer/vars").push(Tensor::scalar(number));
    }
    let bytes = weights.to_h5_bytes().unwrap();
    assert_eq!(WeightTree::from_h5_bytes(bytes).unwrap(), weights);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    fs::write(&path, "the old model").unwrap();
    let names = || -> Vec<_> {
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };

    let error = write_atomically(&path, |file| {
        std::io::Write::write_all(file, b"half").unwrap();
        // While it is written, the new file is beside the old one.
        assert_eq!(names().len(), 2);
        Err(Error::new(ErrorKind::Io, "the disk is full"))
    })
    .unwrap_err();
    assert_eq!(error.message(), "the disk is full");
    assert_eq!(fs::read(&path).unwrap(), b"the old model");
    assert_eq!(names(), ["model.keras"]);

    // A panic in the middle cleans up too.
    let panicked = std::panic::catch_unwind(|| {
        write_atomically(&path, |_| panic!("a bug in the caller")).unwrap();
    });
    assert!(panicked.is_err());
    assert_eq!(names(), ["model.keras"]);

    // A tree that cannot be written is refused before anything is made.
    let mut archive = sample();
    archive.weights.group_mut("a//b");
    assert_eq!(archive.write(&path).unwrap_err().kind(), ErrorKind::Argument);
    assert_eq!(fs::read(&path).unwrap(), b"the old model");
    assert_eq!(names(), ["model.keras"]);

    // The place is taken by a folder: the rename fails.
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    assert_eq!(sample().write(&taken).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(names().len(), 2);

    sample().write(&path).unwrap();
    assert_eq!(Archive::read(&path).unwrap(), sample());
    assert_eq!(names().len(), 2);
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/model.keras");
    let error = sample().write(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("missing/model.keras"), "{error}");
    assert_eq!(Archive::read(&path).unwrap_err().kind(), ErrorKind::Io);
    let error = Archive::read(folder.path()).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Format, "it is a folder"));
}

#[test]
fn trees_that_could_not_be_read_again_are_refused() {
    let refused = |change: &dyn Fn(&mut WeightTree)| {
        let mut tree = WeightTree::default();
        change(&mut tree);
        let kind = tree.to_h5_bytes().map_or_else(|error| Some(error.kind()), |_| None);
        assert_eq!(kind, Some(ErrorKind::Argument));
    };
    let zero = || Tensor::scalar(0.0f32);
    refused(&|tree| _ = tree.group_mut("/absolute"));
    refused(&|tree| _ = tree.group_mut("layers/../up"));
    refused(&|tree| _ = tree.group_mut(&"x".repeat(1025)));
    refused(&|tree| _ = tree.group_mut(&["x"; 65].join("/")));
    refused(&|tree| _ = tree.group_mut("vars").set_dataset("a/b", zero()));
    refused(&|tree| _ = tree.group_mut("vars").set_dataset("", zero()));
    refused(&|tree| {
        tree.group_mut("a/b");
        tree.group_mut("a").set_dataset("b", zero());
    });

    let mut deepest = WeightTree::default();
    deepest.group_mut(&["x"; 64].join("/")).push(zero());
    let bytes = deepest.to_h5_bytes().unwrap();
    assert_eq!(WeightTree::from_h5_bytes(bytes).unwrap(), deepest);
}

#[test]
fn keys_are_in_order_of_number_then_name() {
    let mut tree = WeightTree::default();
    let group = tree.group_mut("vars");
    for key in ["b", "10", "a", "2", "007", "0", "+1"] {
        assert!(group.set_dataset(key, Tensor::scalar(0.0f32)).is_none());
    }
    let keys: Vec<&str> = group.datasets().map(|(key, _)| key).collect();
    assert_eq!(keys, ["0", "2", "10", "+1", "007", "a", "b"]);
    group.push(Tensor::scalar(1.0f32));
    assert_eq!(group.dataset("7"), Some(&Tensor::scalar(1.0f32)));
    assert!(group.set_dataset("007", Tensor::scalar(2.0f32)).is_some());

    tree.group_mut("layers/a/vars");
    tree.group_mut("layers/a-b/vars");
    assert_eq!(tree.children("layers").collect::<Vec<_>>(), ["a", "a-b"]);
    assert_eq!(tree.children("").collect::<Vec<_>>(), ["layers", "vars"]);
    assert_eq!(tree.children("vars").count(), 0);
}
