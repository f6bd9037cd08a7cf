//! Layers: one file each, families in folders of their own, and the list below.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;

use crate::model::{InputSpec, Masked, Network, pipeline, submodel};
use crate::object::{Described, Entry, Registry, family};

mod activation;
mod activity_regularization;
mod aliases;
mod attention;
mod audio;
mod axes;
pub mod call;
mod categories;
mod conv;
mod dense;
pub mod dtype_policy;
mod einsum_dense;
mod elu;
mod embedding;
mod flatten;
mod identity;
mod image;
mod input_layer;
mod layer_scale;
mod leaky_relu;
pub(crate) mod low_rank;
mod masking;
mod merge;
mod noise;
mod norm;
mod normalization;
pub mod options;
pub(crate) mod part;
mod pooling;
mod prelu;
pub(crate) mod quantized;
pub mod recurrent;
mod relu;
mod rescaling;
mod reshape;
mod reshaping;
mod reversible_embedding;
mod softmax;
mod spatial;
mod time_distributed;
mod trained;
mod weight;
mod wrapper;

pub use crate::model::Pipeline;
pub use activation::Activation;
pub use activity_regularization::ActivityRegularization;
pub use aliases::*;
pub(crate) use attention::LEAVES_MASKS;
pub use attention::{AdditiveAttention, Attention, GroupQueryAttention, MultiHeadAttention};
pub use audio::mel_spectrogram::MelSpectrogram;
pub use audio::stft_spectrogram::STFTSpectrogram;
pub use axes::Axes;
pub use call::Call;
pub use categories::OutputMode;
pub use categories::category_encoding::CategoryEncoding;
pub use categories::discretization::Discretization;
pub use categories::integer_lookup::IntegerLookup;
pub(crate) use conv::around_spread;
pub use conv::conv1d::Conv1D;
pub use conv::conv1d_transpose::Conv1DTranspose;
pub use conv::conv2d::Conv2D;
pub use conv::conv2d_transpose::Conv2DTranspose;
pub use conv::conv3d::Conv3D;
pub use conv::conv3d_transpose::Conv3DTranspose;
pub use conv::depthwise_conv1d::DepthwiseConv1D;
pub use conv::depthwise_conv2d::DepthwiseConv2D;
pub use conv::locally_connected1d::LocallyConnected1D;
pub use conv::locally_connected2d::LocallyConnected2D;
pub use conv::separable_conv1d::SeparableConv1D;
pub use conv::separable_conv2d::SeparableConv2D;
pub use dense::Dense;
pub use dtype_policy::DTypePolicy;
pub use einsum_dense::EinsumDense;
pub use elu::ELU;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use identity::Identity;
pub use image::Factor;
pub use image::affine::FillMode;
pub use image::aug_mix::AugMix;
pub use image::auto_contrast::AutoContrast;
pub use image::center_crop::CenterCrop;
pub use image::contrast_limited_equalization::ContrastLimitedAdaptiveHistogramEqualization;
pub use image::cut_mix::CutMix;
pub use image::equalization::Equalization;
pub use image::mix_up::MixUp;
pub use image::rand_augment::RandAugment;
pub use image::random_brightness::RandomBrightness;
pub use image::random_color_degeneration::RandomColorDegeneration;
pub use image::random_color_jitter::RandomColorJitter;
pub use image::random_contrast::RandomContrast;
pub use image::random_crop::RandomCrop;
pub use image::random_elastic_transform::RandomElasticTransform;
pub use image::random_erasing::RandomErasing;
pub use image::random_flip::RandomFlip;
pub use image::random_gaussian_blur::RandomGaussianBlur;
pub use image::random_grayscale::RandomGrayscale;
pub use image::random_hue::RandomHue;
pub use image::random_invert::RandomInvert;
pub use image::random_perspective::RandomPerspective;
pub use image::random_posterization::RandomPosterization;
pub use image::random_rotation::RandomRotation;
pub use image::random_saturation::RandomSaturation;
pub use image::random_sharpness::RandomSharpness;
pub use image::random_shear::RandomShear;
pub use image::random_translation::RandomTranslation;
pub use image::random_zoom::RandomZoom;
pub use image::resizing::Resizing;
pub use image::solarization::Solarization;
pub use input_layer::InputLayer;
pub use layer_scale::LayerScale;
pub use leaky_relu::LeakyReLU;
pub use masking::Masking;
pub use merge::add::Add;
pub use merge::average::Average;
pub use merge::concatenate::Concatenate;
pub use merge::custom_scale_layer::CustomScaleLayer;
pub use merge::dot::{Dot, DotAxes};
pub use merge::maximum::Maximum;
pub use merge::minimum::Minimum;
pub use merge::multiply::Multiply;
pub use merge::subtract::Subtract;
pub use noise::alpha_dropout::AlphaDropout;
pub use noise::dropout::Dropout;
pub use noise::gaussian_dropout::GaussianDropout;
pub use noise::gaussian_noise::GaussianNoise;
pub use noise::spatial_dropout1d::SpatialDropout1D;
pub use noise::spatial_dropout2d::SpatialDropout2D;
pub use noise::spatial_dropout3d::SpatialDropout3D;
pub use norm::batch_normalization::BatchNormalization;
pub use norm::group_normalization::GroupNormalization;
pub use norm::layer_normalization::LayerNormalization;
pub use norm::rms_normalization::RMSNormalization;
pub use norm::spectral_normalization::SpectralNormalization;
pub use norm::unit_normalization::UnitNormalization;
pub use normalization::Normalization;
pub use options::Options;
pub use pooling::adaptive_average_pooling1d::AdaptiveAveragePooling1D;
pub use pooling::adaptive_average_pooling2d::AdaptiveAveragePooling2D;
pub use pooling::adaptive_average_pooling3d::AdaptiveAveragePooling3D;
pub use pooling::adaptive_max_pooling1d::AdaptiveMaxPooling1D;
pub use pooling::adaptive_max_pooling2d::AdaptiveMaxPooling2D;
pub use pooling::adaptive_max_pooling3d::AdaptiveMaxPooling3D;
pub use pooling::average_pooling1d::AveragePooling1D;
pub use pooling::average_pooling2d::AveragePooling2D;
pub use pooling::average_pooling3d::AveragePooling3D;
pub use pooling::global_average_pooling1d::GlobalAveragePooling1D;
pub use pooling::global_average_pooling2d::GlobalAveragePooling2D;
pub use pooling::global_average_pooling3d::GlobalAveragePooling3D;
pub use pooling::global_max_pooling1d::GlobalMaxPooling1D;
pub use pooling::global_max_pooling2d::GlobalMaxPooling2D;
pub use pooling::global_max_pooling3d::GlobalMaxPooling3D;
pub use pooling::max_pooling1d::MaxPooling1D;
pub use pooling::max_pooling2d::MaxPooling2D;
pub use pooling::max_pooling3d::MaxPooling3D;
pub use prelu::PReLU;
pub use recurrent::{
    Bidirectional, Cell, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, GRU, GRUCell, LSTM, LSTMCell,
    MergeMode, RNN, Recurrence, Recurrent, SimpleRNN, SimpleRNNCell, StackedRNNCells,
};
pub use relu::ReLU;
pub use rescaling::{Numbers, Rescaling};
pub use reshape::Reshape;
pub use reshaping::cropping1d::Cropping1D;
pub use reshaping::cropping2d::Cropping2D;
pub use reshaping::cropping3d::Cropping3D;
pub use reshaping::permute::Permute;
pub use reshaping::repeat_vector::RepeatVector;
pub use reshaping::resize::Interpolation;
pub use reshaping::up_sampling1d::UpSampling1D;
pub use reshaping::up_sampling2d::UpSampling2D;
pub use reshaping::up_sampling3d::UpSampling3D;
pub use reshaping::zero_padding1d::ZeroPadding1D;
pub use reshaping::zero_padding2d::ZeroPadding2D;
pub use reshaping::zero_padding3d::ZeroPadding3D;
pub use reversible_embedding::ReversibleEmbedding;
pub use softmax::Softmax;
pub use spatial::{DataFormat, Edges, Lengths, Padding};
pub use time_distributed::TimeDistributed;
pub use weight::{Start, Weight};
pub use wrapper::Wrapper;

/// A step of a model.
///
/// Shapes have the batch axis first; its length means nothing to a layer, unless the model's
/// input fixes it. Most layers take one tensor and give one; the slices hold one then.
///
/// A layer of your own is a struct with [`Layer::weights`] and [`Layer::call`]:
/// ```
/// use kerros::layers::{Call, Layer, Options, Weight};
/// use kerros::object::{Config, Described};
/// use kerros::graph::Node;
/// use kerros::{Result, Sequential, Shape, Tensor};
///
/// /// `y = scale * x`, one learned number for everything.
/// #[derive(Debug)]
/// struct Scale(Options);
///
/// impl Described for Scale {
///     fn class_name(&self) -> &'static str { "Scale" }
///     fn config(&self) -> Config { self.0.config() }
/// }
///
/// impl Layer for Scale {
///     fn options(&self) -> &Options { &self.0 }
///     fn weights(&self, _inputs: &[Shape]) -> Result<Vec<Weight>> {
///         Ok(vec![Weight::new("scale", [], kerros::Choice::from("ones").resolve()?)])
///     }
///     fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
///         Ok(vec![inputs[0] * call.weights[0]])
///     }
/// }
///
/// let mut model = Sequential::new().input([2]).add(Scale(Options::here()));
/// let y = model.predict(&Tensor::new([1, 2], [3.0f32, 4.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [3.0, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
pub trait Layer: Described {
    /// Name, trainability and origin.
    fn options(&self) -> &Options;

    /// Checks what is known before any shape is: names of activations, ranges of numbers.
    ///
    /// # Errors
    /// The first setting that cannot be.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// The names of the parameters of Keras's `call` that are tensors, in order: by these the
    /// tensors of a call by keyword are found. One named `mask` is no input but the mask of the
    /// first; what stands before it is named too.
    fn parameters(&self) -> &'static [&'static str] {
        &["inputs"]
    }

    /// Those of the parameters whose shapes its weights depend on: [`Layer::weights`] is given
    /// these. Empty, the default, means all.
    fn built_from(&self) -> &'static [&'static str] {
        &[]
    }

    /// How many tensors it takes.
    fn num_inputs(&self) -> RangeInclusive<usize> {
        1..=1
    }

    /// The weights for inputs of these shapes (see [`Layer::built_from`]). Default: none.
    ///
    /// # Errors
    /// An input that the layer cannot take: what it got and what it expects.
    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let _ = inputs;
        Ok(Vec::new())
    }

    /// Applies the layer. `inputs: [batch, ..]` each; the results have the same batch axis.
    ///
    /// # Errors
    /// An input that the layer cannot take.
    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>>;

    /// Whether whole numbers and truth values come in as they are, as into layers that look
    /// things up or only move them. Into all other layers they come as floats.
    fn keeps_whole_numbers(&self) -> bool {
        self.is_operation() || self.is_model()
    }

    /// Whether masks go through it; without that a mask ends here.
    fn supports_masking(&self) -> bool {
        false
    }

    /// Whether its inputs have no masks any more for the layers that are called after it, as
    /// those of Keras's `MultiHeadAttention`.
    fn takes_masks_away(&self) -> bool {
        false
    }

    /// The masks of the results, given those of the inputs (in `call.masks`): asked only where
    /// [`Layer::supports_masking`]. By default the first input's mask stays.
    ///
    /// # Errors
    /// A mask that does not fit.
    fn compute_mask<'g>(
        &self,
        inputs: &[Node<'g>],
        call: &Call<'_, 'g>,
    ) -> Result<Vec<Option<Node<'g>>>> {
        let _ = inputs;
        Ok(call.masks.first().copied().into_iter().collect())
    }

    /// Applies the layer, with the masks of the results: [`Layer::call`] and
    /// [`Layer::compute_mask`] together. Layers made of whole models give both at once.
    ///
    /// # Errors
    /// As [`Layer::call`].
    fn call_masked<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Masked<'g>>> {
        let results = self.call(inputs, call)?;
        let mut masks = match self.supports_masking() {
            true => self.compute_mask(inputs, call)?,
            false => Vec::new(),
        };
        masks.resize(results.len(), None);
        Ok(results.into_iter().zip(masks).map(|(node, mask)| Masked { node, mask }).collect())
    }

    /// The input it stands for ([`InputLayer`]).
    fn input_spec(&self) -> Option<InputSpec> {
        None
    }

    /// The Keras module of the class.
    fn module(&self) -> &'static str {
        "keras.layers"
    }

    /// The layer as a recurrent cell, if it is one.
    fn as_cell(&self) -> Option<&dyn Cell> {
        None
    }

    /// The layer as one that walks along sequences, if it does.
    fn as_recurrent(&self) -> Option<&dyn Recurrent> {
        None
    }

    /// The layer with its table of weights quantized, for [`Model::quantize`]; none for one that has
    /// no such table, and no layer inside that has one.
    ///
    /// # Errors
    /// A layer that is quantized already.
    ///
    /// [`Model::quantize`]: crate::Model::quantize
    fn quantized(&self, mode: &quantized::Mode) -> Result<Option<Arc<dyn Layer>>> {
        let _ = mode;
        Ok(None)
    }

    /// Whether it is a whole model, used as a layer.
    fn is_model(&self) -> bool {
        false
    }

    /// The network inside, of a layer that is a whole model or around one.
    fn network(&self) -> Option<&Network> {
        None
    }

    /// Whether Keras 3 has this layer, or an older Keras alone: files with one that it has not are
    /// written with a warning.
    fn is_in_keras_3(&self) -> bool {
        true
    }

    /// Whether it is a bare operation (`keras.ops`), which Keras does not count as a layer.
    fn is_operation(&self) -> bool {
        self.module().starts_with("keras.src.ops")
    }
}

/// The shape of one row: without the batch axis.
pub(crate) fn row(shape: &Shape) -> Shape {
    Shape::from(shape.get(1..).unwrap_or_default())
}

/// All layers.
pub static REGISTRY: Registry<dyn Layer> = Registry::new("layer", "keras.layers", ENTRIES);

static ENTRIES: &[Entry<dyn Layer>] = &[
    input_layer::ENTRY,
    dense::ENTRY,
    activation::ENTRY,
    relu::ENTRY,
    leaky_relu::ENTRY,
    elu::ENTRY,
    prelu::ENTRY,
    softmax::ENTRY,
    conv::conv1d::ENTRY,
    conv::conv2d::ENTRY,
    conv::conv3d::ENTRY,
    conv::conv1d_transpose::ENTRY,
    conv::conv2d_transpose::ENTRY,
    conv::conv3d_transpose::ENTRY,
    conv::depthwise_conv1d::ENTRY,
    conv::depthwise_conv2d::ENTRY,
    conv::separable_conv1d::ENTRY,
    conv::separable_conv2d::ENTRY,
    conv::locally_connected1d::ENTRY,
    conv::locally_connected2d::ENTRY,
    pooling::max_pooling1d::ENTRY,
    pooling::max_pooling2d::ENTRY,
    pooling::max_pooling3d::ENTRY,
    pooling::average_pooling1d::ENTRY,
    pooling::average_pooling2d::ENTRY,
    pooling::average_pooling3d::ENTRY,
    pooling::global_max_pooling1d::ENTRY,
    pooling::global_max_pooling2d::ENTRY,
    pooling::global_max_pooling3d::ENTRY,
    pooling::global_average_pooling1d::ENTRY,
    pooling::global_average_pooling2d::ENTRY,
    pooling::global_average_pooling3d::ENTRY,
    pooling::adaptive_max_pooling1d::ENTRY,
    pooling::adaptive_max_pooling2d::ENTRY,
    pooling::adaptive_max_pooling3d::ENTRY,
    pooling::adaptive_average_pooling1d::ENTRY,
    pooling::adaptive_average_pooling2d::ENTRY,
    pooling::adaptive_average_pooling3d::ENTRY,
    noise::dropout::ENTRY,
    noise::spatial_dropout1d::ENTRY,
    noise::spatial_dropout2d::ENTRY,
    noise::spatial_dropout3d::ENTRY,
    noise::alpha_dropout::ENTRY,
    noise::gaussian_dropout::ENTRY,
    noise::gaussian_noise::ENTRY,
    activity_regularization::ENTRY,
    flatten::ENTRY,
    reshape::ENTRY,
    reshaping::permute::ENTRY,
    reshaping::repeat_vector::ENTRY,
    reshaping::cropping1d::ENTRY,
    reshaping::cropping2d::ENTRY,
    reshaping::cropping3d::ENTRY,
    reshaping::zero_padding1d::ENTRY,
    reshaping::zero_padding2d::ENTRY,
    reshaping::zero_padding3d::ENTRY,
    reshaping::up_sampling1d::ENTRY,
    reshaping::up_sampling2d::ENTRY,
    reshaping::up_sampling3d::ENTRY,
    merge::add::ENTRY,
    merge::subtract::ENTRY,
    merge::multiply::ENTRY,
    merge::average::ENTRY,
    merge::maximum::ENTRY,
    merge::minimum::ENTRY,
    merge::concatenate::ENTRY,
    merge::dot::ENTRY,
    merge::custom_scale_layer::ENTRY,
    layer_scale::ENTRY,
    norm::batch_normalization::ENTRY,
    norm::layer_normalization::ENTRY,
    norm::rms_normalization::ENTRY,
    norm::group_normalization::ENTRY,
    norm::unit_normalization::ENTRY,
    norm::spectral_normalization::ENTRY,
    masking::ENTRY,
    rescaling::ENTRY,
    image::resizing::ENTRY,
    image::center_crop::ENTRY,
    image::random_flip::ENTRY,
    image::random_translation::ENTRY,
    image::random_rotation::ENTRY,
    image::random_zoom::ENTRY,
    image::random_contrast::ENTRY,
    image::random_brightness::ENTRY,
    image::random_crop::ENTRY,
    image::random_shear::ENTRY,
    image::random_perspective::ENTRY,
    image::random_elastic_transform::ENTRY,
    image::random_erasing::ENTRY,
    image::random_gaussian_blur::ENTRY,
    image::random_sharpness::ENTRY,
    image::random_grayscale::ENTRY,
    image::mix_up::ENTRY,
    image::cut_mix::ENTRY,
    image::rand_augment::ENTRY,
    image::aug_mix::ENTRY,
    image::random_color_degeneration::ENTRY,
    image::random_color_jitter::ENTRY,
    image::random_hue::ENTRY,
    image::random_saturation::ENTRY,
    image::random_invert::ENTRY,
    image::random_posterization::ENTRY,
    image::solarization::ENTRY,
    image::auto_contrast::ENTRY,
    image::equalization::ENTRY,
    image::contrast_limited_equalization::ENTRY,
    categories::category_encoding::ENTRY,
    categories::discretization::ENTRY,
    categories::integer_lookup::ENTRY,
    audio::stft_spectrogram::ENTRY,
    audio::mel_spectrogram::ENTRY,
    normalization::ENTRY,
    identity::ENTRY,
    embedding::ENTRY,
    reversible_embedding::ENTRY,
    einsum_dense::ENTRY,
    recurrent::simple_rnn::ENTRY,
    recurrent::gru::ENTRY,
    recurrent::lstm::ENTRY,
    recurrent::conv_lstm::conv_lstm1d::ENTRY,
    recurrent::conv_lstm::conv_lstm2d::ENTRY,
    recurrent::conv_lstm::conv_lstm3d::ENTRY,
    recurrent::simple_rnn_cell::ENTRY,
    recurrent::gru_cell::ENTRY,
    recurrent::lstm_cell::ENTRY,
    recurrent::stacked_rnn_cells::ENTRY,
    recurrent::rnn::ENTRY,
    recurrent::bidirectional::ENTRY,
    time_distributed::ENTRY,
    wrapper::ENTRY,
    attention::multi_head_attention::ENTRY,
    attention::group_query_attention::ENTRY,
    attention::luong_attention::ENTRY,
    attention::additive_attention::ENTRY,
    submodel::SEQUENTIAL,
    submodel::FUNCTIONAL,
    pipeline::ENTRY,
];

family!(Layer, REGISTRY);
