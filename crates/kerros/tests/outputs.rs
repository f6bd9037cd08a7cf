//! Models of several outputs, and layers that files freeze: through files and back, with what
//! Kerros computes from them compared bit for bit. Keras's numbers are in `saving.rs`.

use kerros::data::Samples;
use kerros::layers::{ConvLSTM1D, Dense, LSTM};
use kerros::model::{Input, IntoLayer};
use kerros::saving::archive::Archive;
use kerros::trainer::{Losses, MetricLists};
use kerros::{Load, Model, Result, Sequential, Tensor, load_model};
use serde_json::json;

fn rows(count: usize, width: usize) -> Tensor {
    let data: Vec<f32> =
        (0..count * width).map(|at| ((at * 37 % 101) as f32 - 50.0) / 50.0).collect();
    Tensor::new([count, width], data).unwrap()
}

/// All that the last layer of a chain gives is an output, also of the chain as a layer.
#[test]
fn a_chain_gives_all_results_of_its_last_layer() -> Result<()> {
    let lstm = LSTM::new(3).return_sequences(true).return_state(true);
    let inner = Sequential::new().input([4, 2]).add(lstm);
    let mut model = Sequential::new().input([4, 2]).add(inner);
    let x = Tensor::full([5, 4, 2], 0.25f32);
    let y = model.predict_all(&x)?;
    let shapes: Vec<&[usize]> = y.iter().map(|y| y.shape().dims()).collect();
    assert_eq!(shapes, [&[5, 4, 3][..], &[5, 3], &[5, 3]]);
    assert!(model.predict(&x).unwrap_err().to_string().contains("3 outputs"));
    assert!(model.predict_on_batch(&x).unwrap_err().to_string().contains("3 outputs"));
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.keras", "x.h5"] {
        let path = folder.path().join(name);
        model.save(&path)?;
        assert_eq!(load_model(&path)?.predict_all(&x)?, y, "{name}");
    }
    Ok(())
}

/// Losses and targets go by the keys, which files keep.
#[test]
fn outputs_are_a_dictionary() -> Result<()> {
    let x = Input::new([3]).tensor();
    let (p, q) = (Dense::new(2).name("p").on(&x), Dense::new(1).name("q").on(&x));
    let mut model = Model::functional([&x], [&p, &q])?.output_keys(["width", "age"])?;
    assert_eq!(model.network().output_names(), ["age", "width"]);
    let losses = Losses::named([("width", "mse"), ("age", "mae")]);
    model.compile("sgd", losses, MetricLists::named([("age", kerros::metrics!["mse"])]))?;
    let data = Samples::new(vec![rows(5, 3)], vec![rows(5, 1), rows(5, 2)]);
    let found = model.evaluate(&data)?;
    let names: Vec<&str> = found.names().collect();
    assert_eq!(names, ["age_loss", "age_mse", "loss", "width_loss"]);
    let config = &model.to_archive()?.config["config"];
    assert_eq!(config["output_layers"], json!({"age": ["q", 0, 0], "width": ["p", 0, 0]}));
    let mut again = Load::new().archive(&model.to_archive()?)?;
    assert_eq!(again.evaluate(&data)?, found);
    let wrong = Model::functional([&x], [&p, &q])?.output_keys(["age"]).unwrap_err();
    assert!(wrong.to_string().contains("1 keys for 2 outputs"), "{wrong}");
    let wrong = Model::functional([&x], [&p, &q])?.output_keys(["a", "a"]).unwrap_err();
    assert!(wrong.to_string().contains("the key `a` is given twice"), "{wrong}");
    Ok(())
}

/// Keras forgets that such layers are frozen when it loads them; Kerros does not forget its own.
#[test]
fn layers_that_keras_thaws_learn() -> Result<()> {
    let layer = ConvLSTM1D::new(2, 2).trainable(false);
    let mut model = Sequential::new().input([3, 4, 2]).add(layer);
    let mut archive = model.to_archive()?;
    let trained = |archive: &Archive| -> Result<usize> {
        let model = Load::new().archive(archive)?;
        let network = model.network();
        Ok((0..network.weights.len()).filter(|&place| network.is_trained(place)).count())
    };
    assert_eq!(trained(&archive)?, 0);
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("x.h5");
    model.save(&old)?;
    assert_eq!(trained(&load_model(&old)?.to_archive()?)?, 0);
    archive.metadata.as_object_mut().unwrap().shift_remove("kerros");
    assert_eq!(trained(&archive)?, 3);
    Ok(())
}
