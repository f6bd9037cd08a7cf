//! The families of layers that rules of files speak of, by Keras's class names.

/// Convolutions with a kernel of their own.
pub(super) const PLAIN_CONV: &[&str] = &["Conv1D", "Conv2D", "Conv3D"];

/// Their transposes.
pub(super) const TRANSPOSED: &[&str] = &["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"];

/// Convolutions of each channel by itself.
pub(super) const DEPTHWISE: &[&str] = &["DepthwiseConv1D", "DepthwiseConv2D"];

/// Convolutions of each channel by itself, mixed afterwards.
pub(super) const SEPARABLE: &[&str] = &["SeparableConv1D", "SeparableConv2D"];

/// Recurrent layers of vectors.
pub(super) const RECURRENT: &[&str] = &["SimpleRNN", "GRU", "LSTM"];

/// One step of them.
pub(super) const RECURRENT_CELLS: &[&str] = &["SimpleRNNCell", "GRUCell", "LSTMCell"];

/// Recurrent layers of images.
pub(super) const CONV_LSTM: &[&str] = &["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"];

/// Pooling by windows.
pub(super) const POOLING: &[&str] = &[
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
];

/// Pooling of all positions.
pub(super) const GLOBAL_POOLING: &[&str] = &[
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
];

/// Dropout of whole channels.
pub(super) const SPATIAL_DROPOUT: &[&str] =
    &["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"];

/// The classes of several families as one list.
macro_rules! all_of {
    ($($family:expr),+ $(,)?) => {{
        const FAMILIES: &[&[&str]] = &[$($family),+];
        const NUM_CLASSES: usize = $crate::saving::families::num_classes(FAMILIES);
        &$crate::saving::families::joined::<NUM_CLASSES>(FAMILIES)
    }};
}
pub(super) use all_of;

/// How many classes families have together.
pub(super) const fn num_classes(families: &[&[&str]]) -> usize {
    let (mut num_classes, mut at) = (0, 0);
    while at < families.len() {
        num_classes += families[at].len();
        at += 1;
    }
    num_classes
}

/// The classes of families, one after the other. Constant functions have no `for`.
pub(super) const fn joined<const N: usize>(families: &[&[&'static str]]) -> [&'static str; N] {
    let mut classes = [""; N];
    let (mut found, mut family) = (0, 0);
    while family < families.len() {
        let mut at = 0;
        while at < families[family].len() {
            classes[found] = families[family][at];
            found += 1;
            at += 1;
        }
        family += 1;
    }
    classes
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::layers;
    use crate::saving::{describe, split_activations, thaw};

    /// Fails for a class that is no layer: its rule would never hold.
    pub(in crate::saving) fn expect_layers<'a>(classes: impl IntoIterator<Item = &'a str>) {
        for class in classes {
            let is_layer = layers::REGISTRY.entries.iter().any(|entry| entry.class_name == class);
            assert!(is_layer, "`{class}` is no layer");
        }
    }

    #[test]
    fn every_class_is_a_layer() {
        let families = [
            PLAIN_CONV,
            TRANSPOSED,
            DEPTHWISE,
            SEPARABLE,
            RECURRENT,
            RECURRENT_CELLS,
            CONV_LSTM,
            POOLING,
            GLOBAL_POOLING,
            SPATIAL_DROPOUT,
        ];
        expect_layers(families.concat());
        expect_layers(describe::BUILT_WHEN_MADE.iter().copied());
        expect_layers([split_activations::OUTER, split_activations::INNER].concat());
        expect_layers([thaw::FORGETFUL, thaw::WRAPPERS, &[thaw::ASKS_INSIDE]].concat());
    }

    #[test]
    fn families_are_joined_in_order() {
        const ALL: &[&str] = all_of![RECURRENT, &["RNN"], DEPTHWISE];
        assert_eq!(ALL, ["SimpleRNN", "GRU", "LSTM", "RNN", "DepthwiseConv1D", "DepthwiseConv2D"]);
    }
}
