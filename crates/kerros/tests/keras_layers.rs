//! Layers give what real Keras gives: shapes, outputs, masks, derivatives, and weights after a few
//! training steps with a batch of another size; their configs are Keras's.
//!
//! The numbers come from `fixtures/make.py layers_merge ...`; inputs, weights and targets are
//! made here by the same formula as there.

#[path = "keras_layers/case.rs"]
mod case;
mod keras;
#[path = "keras_layers/models.rs"]
mod models;
#[path = "keras_layers/prepared.rs"]
mod prepared;

#[test]
fn merge_layers_agree() {
    case::check_family("layers_merge.json");
}

#[test]
fn shape_layers_agree() {
    case::check_family("layers_shape.json");
}

#[test]
fn image_layers_agree() {
    case::check_family("layers_image.json");
}

#[test]
fn layers_that_prepare_data_agree() {
    prepared::check_family("layers_preprocess.json");
}

#[test]
fn vocabularies_agree() {
    prepared::check_family("layers_lookup.json");
}

#[test]
fn bins_are_found_as_in_keras() {
    prepared::check_adapted("layers_preprocess.json");
}

#[test]
fn spectrograms_agree() {
    case::check_family("layers_audio.json");
}

#[test]
fn normalization_layers_agree() {
    case::check_family("layers_norm.json");
}

#[test]
fn convolutions_agree() {
    case::check_family("layers_conv.json");
}

#[test]
fn pooling_layers_agree() {
    case::check_family("layers_pool.json");
}
