//! What real Keras and h5py wrote is read exactly.

use kerros_core::{DType, Tensor};

use super::super::{Archive, Attribute, WeightTree};
use super::{SMALL, TYPES};

/// `start + index / 8`, the formula of the fixture's numbers.
fn eighths(start: usize, dims: &[usize]) -> Tensor {
    let num_elements = dims.iter().product::<usize>();
    let elements: Vec<f32> =
        (0..num_elements).map(|index| start as f32 + index as f32 / 8.0).collect();
    Tensor::new(dims.to_vec(), elements).unwrap()
}

#[test]
fn a_model_saved_by_keras_is_read_to_the_last_bit() {
    let archive = Archive::from_bytes(SMALL).unwrap();
    assert_eq!(archive.config["class_name"], "Sequential");
    assert_eq!(archive.config["compile_config"]["optimizer"]["class_name"], "Adam");
    assert_eq!(archive.metadata["keras_version"], "3.15.1");

    let weights = &archive.weights;
    let paths: Vec<&str> = weights.groups().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        [
            "",
            "layers",
            "layers/batch_normalization",
            "layers/batch_normalization/vars",
            "layers/dense",
            "layers/dense/vars",
            "layers/dense_1",
            "layers/dense_1/vars",
            "optimizer",
            "optimizer/vars",
            "vars",
        ]
    );
    for (path, name) in [
        ("layers/dense/vars", "first"),
        ("layers/batch_normalization/vars", "norm"),
        ("layers/dense_1/vars", "second"),
        ("optimizer/vars", "adam"),
        ("vars", "small"),
    ] {
        assert_eq!(weights.group(path).unwrap().text("name"), Some(name));
    }

    // In the order of Keras's `model.variables` and `optimizer.variables`.
    let layers: [(&str, &str, &[usize]); 8] = [
        ("layers/dense/vars", "0", &[4, 3]),
        ("layers/dense/vars", "1", &[3]),
        ("layers/batch_normalization/vars", "0", &[3]),
        ("layers/batch_normalization/vars", "1", &[3]),
        ("layers/batch_normalization/vars", "2", &[3]),
        ("layers/batch_normalization/vars", "3", &[3]),
        ("layers/dense_1/vars", "0", &[3, 2]),
        ("layers/dense_1/vars", "1", &[2]),
    ];
    for (index, (path, key, dims)) in layers.into_iter().enumerate() {
        assert_eq!(weights.tensor(path, key), Some(&eighths(index, dims)), "{path}/{key}");
    }
    let slots: Vec<(&str, &Tensor)> = weights.group("optimizer/vars").unwrap().datasets().collect();
    assert_eq!(slots[0], ("0", &Tensor::scalar(7i32)));
    assert_eq!(slots[1], ("1", &Tensor::scalar(0.25f32)));
    let trainable: [&[usize]; 6] = [&[4, 3], &[3], &[3], &[3], &[3, 2], &[2]];
    assert_eq!(slots.len(), 2 + 2 * trainable.len());
    for (index, &(key, slot)) in slots[2..].iter().enumerate() {
        // Numbers in order of value: "10" comes after "9".
        assert_eq!(key, (index + 2).to_string());
        assert_eq!(slot, &eighths(100 + index, trainable[index / 2]), "slot {key}");
    }
}

#[test]
fn every_element_type_is_read() {
    let tree = WeightTree::from_h5_bytes(TYPES.to_vec()).unwrap();
    let group = tree.group("layers/some_layer/vars").unwrap();
    for (key, dtype) in [
        ("0", DType::F32),
        ("1", DType::F32),
        ("2", DType::F64),
        ("3", DType::I8),
        ("4", DType::I32),
        ("5", DType::I32),
        ("6", DType::I64),
        ("7", DType::U8),
        ("8", DType::I32),
        ("9", DType::I64),
    ] {
        let tensor = group.dataset(key).unwrap();
        assert_eq!(tensor.dtype(), dtype, "dataset {key}");
        assert_eq!(tensor.shape().dims(), [2, 3]);
        assert_eq!(tensor.to_vec_f64(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "dataset {key}");
    }
    let expected = [
        ("10", Tensor::from_bools([2, 3], &[false, true, true, true, true, true])),
        ("11", Tensor::new([3], [1.5f32, -2.0, 3.140625])),
        ("12", Tensor::new([2], [1.5f32, -2.0])),
        ("13", Tensor::new([2], [1i64, -2])),
        ("scalar", Ok(Tensor::scalar(0.5f32))),
        ("empty", Tensor::new([0, 4], Vec::<f32>::new())),
        ("compact", Tensor::new([3], [1.0f32, 2.0, 3.0])),
    ];
    for (key, tensor) in expected {
        assert_eq!(group.dataset(key), Some(&tensor.unwrap()), "dataset {key}");
    }
}

#[test]
fn attributes_are_text_or_left_out() {
    let tree = WeightTree::from_h5_bytes(TYPES.to_vec()).unwrap();
    let group = tree.group("layers/some_layer/vars").unwrap();
    assert_eq!(group.text("name"), Some("naïve name"));
    let texts = |list: [&str; 2]| Attribute::Texts(list.map(str::to_owned).to_vec());
    assert_eq!(group.attribute("weight_names"), Some(&texts(["kernel:0", "bias:0"])));
    assert_eq!(group.attribute("fixed"), Some(&texts(["ab", "cde"])));
    assert_eq!(group.attribute("number"), None);
}

#[test]
fn an_entry_that_keras_does_not_write_is_ignored() {
    // The central directory comes last: an asset can be added by an ordinary writer.
    let mut zip = zip::ZipWriter::new_append(std::io::Cursor::new(SMALL.to_vec())).unwrap();
    zip.start_file("assets/words.txt", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, b"text").unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    assert_eq!(Archive::from_bytes(&bytes).unwrap(), Archive::from_bytes(SMALL).unwrap());
}

#[test]
fn a_recompressed_archive_is_read() {
    let mut from = zip::ZipArchive::new(std::io::Cursor::new(SMALL)).unwrap();
    let mut to = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut entry = from.by_index(index).unwrap();
        let deflated = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated);
        to.start_file(entry.name().unwrap(), deflated).unwrap();
        std::io::copy(&mut entry, &mut to).unwrap();
    }
    let bytes = to.finish().unwrap().into_inner();
    assert!(bytes.len() < SMALL.len() / 2);
    assert_eq!(Archive::from_bytes(&bytes).unwrap(), Archive::from_bytes(SMALL).unwrap());
}

#[test]
fn paths_joined_as_on_windows_are_paths() {
    let mut weights = WeightTree::default();
    weights.group_mut("layers\\dense/vars").push(eighths(0, &[3, 2]));
    weights.group_mut("layers\\inner\\layers\\dense/vars").push(eighths(1, &[2]));
    let read = WeightTree::from_h5_bytes(weights.to_h5_bytes().unwrap()).unwrap();
    assert_eq!(read.tensor("layers/dense/vars", "0"), Some(&eighths(0, &[3, 2])));
    assert_eq!(read.tensor("layers/inner/layers/dense/vars", "0"), Some(&eighths(1, &[2])));
    // The same group twice, and names that lead elsewhere.
    let mut twice = weights.clone();
    twice.group_mut("layers/dense/vars").push(eighths(2, &[3, 2]));
    for bad in ["layers\\..\\dense", "\\layers", "layers\\"] {
        let mut tree = WeightTree::default();
        tree.group_mut(bad);
        let read = WeightTree::from_h5_bytes(tree.to_h5_bytes().unwrap());
        assert!(read.is_err(), "{bad}");
    }
    let read = WeightTree::from_h5_bytes(twice.to_h5_bytes().unwrap());
    assert!(read.unwrap_err().to_string().contains("twice"));
}
