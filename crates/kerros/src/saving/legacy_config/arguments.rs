//! The tables: names that changed, and arguments that are no more.

use serde_json::{Value, json};

use crate::saving::families::{
    CONV_LSTM, DEPTHWISE, RECURRENT, RECURRENT_CELLS, SEPARABLE, SPATIAL_DROPOUT, TRANSPOSED,
    all_of,
};

/// Classes of layers by their old and their present name.
pub(super) const CLASSES: &[(&str, &str)] = &[
    ("Convolution1D", "Conv1D"),
    ("Convolution2D", "Conv2D"),
    ("Convolution3D", "Conv3D"),
    ("AtrousConvolution1D", "Conv1D"),
    ("AtrousConvolution2D", "Conv2D"),
    ("AtrousConv1D", "Conv1D"),
    ("AtrousConv2D", "Conv2D"),
    ("Deconvolution2D", "Conv2DTranspose"),
    ("Deconvolution3D", "Conv3DTranspose"),
    ("Deconv2D", "Conv2DTranspose"),
    ("Deconv3D", "Conv3DTranspose"),
    ("Convolution2DTranspose", "Conv2DTranspose"),
    ("Convolution3DTranspose", "Conv3DTranspose"),
    ("SeparableConvolution1D", "SeparableConv1D"),
    ("SeparableConvolution2D", "SeparableConv2D"),
    ("DepthwiseConvolution2D", "DepthwiseConv2D"),
    ("MaxPool1D", "MaxPooling1D"),
    ("MaxPool2D", "MaxPooling2D"),
    ("MaxPool3D", "MaxPooling3D"),
    ("AvgPool1D", "AveragePooling1D"),
    ("AvgPool2D", "AveragePooling2D"),
    ("AvgPool3D", "AveragePooling3D"),
    ("GlobalMaxPool1D", "GlobalMaxPooling1D"),
    ("GlobalMaxPool2D", "GlobalMaxPooling2D"),
    ("GlobalMaxPool3D", "GlobalMaxPooling3D"),
    ("GlobalAvgPool1D", "GlobalAveragePooling1D"),
    ("GlobalAvgPool2D", "GlobalAveragePooling2D"),
    ("GlobalAvgPool3D", "GlobalAveragePooling3D"),
    ("BatchNormalizationV1", "BatchNormalization"),
    ("BatchNormalizationV2", "BatchNormalization"),
    ("SyncBatchNormalization", "BatchNormalization"),
    ("LSTMV1", "LSTM"),
    ("LSTMV2", "LSTM"),
    ("GRUV1", "GRU"),
    ("GRUV2", "GRU"),
    ("CuDNNLSTM", "LSTM"),
    ("CuDNNGRU", "GRU"),
    ("DenseV2", "Dense"),
    ("ThresholdedReLU", "ReLU"),
    // In Keras 1 a dense layer took rows alone; it takes any number of axes since.
    ("TimeDistributedDense", "Dense"),
];

/// One old argument and what it is called today, for the layers of some classes.
type Renamed = (&'static [&'static str], &'static str, &'static str);

const ANY: &[&str] = &[];
const WITH_OWN_DROPOUT: &[&str] = all_of![RECURRENT, &["ConvLSTM2D"]];
const POOLING_1D: &[&str] = &["MaxPooling1D", "AveragePooling1D"];
const SIZED: &[&str] = all_of![&["Dense"], RECURRENT];
const DROPOUT: &[&str] = all_of![&["Dropout", "GaussianDropout", "AlphaDropout"], SPATIAL_DROPOUT];

/// Names of Keras 1, under the present name of the class.
pub(super) const RENAMED_IN_2: &[Renamed] = &[
    (SIZED, "output_dim", "units"),
    (&["Embedding"], "init", "embeddings_initializer"),
    (&["Embedding"], "W_regularizer", "embeddings_regularizer"),
    (&["Embedding"], "W_constraint", "embeddings_constraint"),
    (&["PReLU"], "init", "alpha_initializer"),
    (ANY, "init", "kernel_initializer"),
    (ANY, "inner_init", "recurrent_initializer"),
    (ANY, "inner_activation", "recurrent_activation"),
    (ANY, "W_regularizer", "kernel_regularizer"),
    (ANY, "U_regularizer", "recurrent_regularizer"),
    (ANY, "b_regularizer", "bias_regularizer"),
    (ANY, "W_constraint", "kernel_constraint"),
    (ANY, "b_constraint", "bias_constraint"),
    (ANY, "bias", "use_bias"),
    (ANY, "nb_filter", "filters"),
    (ANY, "border_mode", "padding"),
    (ANY, "dim_ordering", "data_format"),
    (ANY, "subsample", "strides"),
    (ANY, "subsample_length", "strides"),
    (ANY, "atrous_rate", "dilation_rate"),
    (ANY, "filter_length", "kernel_size"),
    (POOLING_1D, "pool_length", "pool_size"),
    (POOLING_1D, "stride", "strides"),
    (&["UpSampling1D"], "length", "size"),
    (WITH_OWN_DROPOUT, "dropout_W", "dropout"),
    (WITH_OWN_DROPOUT, "dropout_U", "recurrent_dropout"),
    (DROPOUT, "p", "rate"),
    (&["GaussianNoise"], "sigma", "stddev"),
    (&["BatchNormalization"], "beta_init", "beta_initializer"),
    (&["BatchNormalization"], "gamma_init", "gamma_initializer"),
];

/// Names of Keras 2.
pub(super) const RENAMED_IN_3: &[Renamed] = &[
    (&["InputLayer"], "batch_input_shape", "batch_shape"),
    (&["InputLayer"], "input_dtype", "dtype"),
    (&["LeakyReLU"], "alpha", "negative_slope"),
];

/// When an argument that is no more may be dropped.
#[derive(Clone, Copy)]
pub(super) enum Drop {
    /// Always: it said how something ran, or again what is said elsewhere.
    Always,
    /// When it has the value it must have for Keras 3 to do the same.
    When(fn(&Value) -> bool),
}

const NOTHING: Drop = Drop::When(is_nothing);
const ONE: Drop = Drop::When(|value| value.is_null() || value == &json!(1));

/// Null, false, 0 or an empty list.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

const GROUPLESS: &[&str] = all_of![TRANSPOSED, DEPTHWISE, SEPARABLE];
const KERNELLESS: &[&str] = all_of![SEPARABLE, DEPTHWISE];
const CELLS: &[&str] = all_of![RECURRENT, RECURRENT_CELLS, CONV_LSTM, &["RNN", "StackedRNNCells"]];
const FED_BY_LENGTH: &[&str] = all_of![&["Dense", "Conv1D"], RECURRENT];

/// Arguments that Keras 3 does not have.
pub(super) const DROPPED: &[(&[&str], &str, Drop)] = &[
    (ANY, "batch_input_shape", Drop::Always),
    (ANY, "input_dtype", Drop::Always),
    (ANY, "input_shape", Drop::Always),
    (ANY, "activity_regularizer", Drop::When(Value::is_null)),
    (ANY, "autocast", Drop::Always),
    (FED_BY_LENGTH, "input_dim", Drop::Always),
    (FED_BY_LENGTH, "input_length", Drop::Always),
    (&["Embedding"], "input_length", Drop::Always),
    (&["Embedding"], "dropout", NOTHING),
    (&["Embedding", "PReLU"], "weights", Drop::When(Value::is_null)),
    (&["BatchNormalization"], "mode", NOTHING),
    (&["BatchNormalization"], "fused", Drop::Always),
    (&["BatchNormalization"], "virtual_batch_size", Drop::When(Value::is_null)),
    (&["BatchNormalization"], "adjustment", Drop::When(Value::is_null)),
    (&["Conv2DTranspose", "Conv3DTranspose"], "output_shape", Drop::Always),
    (GROUPLESS, "groups", ONE),
    (KERNELLESS, "kernel_initializer", Drop::Always),
    (KERNELLESS, "kernel_regularizer", Drop::Always),
    (KERNELLESS, "kernel_constraint", Drop::Always),
    (SEPARABLE, "W_regularizer", Drop::Always),
    (CELLS, "implementation", Drop::Always),
    (ANY, "rng_type", Drop::Always),
    (CELLS, "consume_less", Drop::Always),
    (CELLS, "time_major", NOTHING),
    (CELLS, "ragged", NOTHING),
    (SPATIAL_DROPOUT, "noise_shape", Drop::When(Value::is_null)),
    (&["MultiHeadAttention"], "softmax_robust_masking", NOTHING),
    (&["MultiHeadAttention"], "query_shape", Drop::Always),
    (&["MultiHeadAttention"], "key_shape", Drop::Always),
    (&["MultiHeadAttention"], "value_shape", Drop::Always),
    (&["Attention", "AdditiveAttention"], "causal", Drop::Always),
    (&["CategoryEncoding"], "sparse", NOTHING),
    (&["InputLayer"], "type_spec", Drop::When(Value::is_null)),
    (&["InputLayer"], "sparse", NOTHING),
    (&["InputLayer"], "ragged", NOTHING),
    (RECURRENT, "num_constants", Drop::When(Value::is_null)),
];

/// Whether a table's line is for this class.
pub(super) fn is_for(classes: &[&str], class: &str) -> bool {
    classes.is_empty() || classes.contains(&class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saving::families::tests::expect_layers;

    #[test]
    fn every_rule_is_for_layers() {
        expect_layers(CLASSES.iter().map(|(_, class)| *class));
        for (classes, ..) in RENAMED_IN_2.iter().chain(RENAMED_IN_3) {
            expect_layers(classes.iter().copied());
        }
        for (classes, ..) in DROPPED {
            expect_layers(classes.iter().copied());
        }
    }
}
