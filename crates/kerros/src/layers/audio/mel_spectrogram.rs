use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::ConvSpec;
use serde_json::json;

use super::{frames, mel, setters};
use crate::initializers::Window;
use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};
use crate::optimizers::setting::Setting;

/// `y[m, t] = 10 log10(sum over f of mel[f, m] · |STFT(x)[t, f]|^mag_exp)`: the strength of each
/// band that the ear tells apart, at each time, in decibels.
///
/// The sound is mirrored at its ends, so that a frame lies around each `sequence_stride`-th step.
/// Decibels are those above `ref_power`; what is more than `top_db` below the loudest of the whole
/// batch is raised to that.
///
/// # Shape
/// `x: [batch, .., steps] -> [batch, .., num_mel_bins, frames]` with `frames = 1 + steps /
/// sequence_stride` (for an even `fft_length`)
///
/// # Parameters
/// - `fft_length`: the period of the lowest frequency, in steps. Default: 2048.
/// - `sequence_stride`: how far frames are apart. Default: 512.
/// - `sequence_length`: how many steps a frame has, at most `fft_length`. Default: that.
/// - `window`: `hann` (the default), `hamming`, numbers, or none.
/// - `sampling_rate`: how many steps a second has. Default: 16000.
/// - `num_mel_bins`: how many bands there are. Default: 128.
/// - `min_freq`, `max_freq`: the ends of the bands, in hertz. Default: 20, and half of
///   `sampling_rate`.
/// - `power_to_db`: whether to give decibels. Default: `true`.
/// - `top_db`: how far below the loudest the softest is, at most. Default: 80.
/// - `mag_exp`: the power to which magnitudes are raised. Default: 2.
/// - `min_power`: smaller strengths count as this. Default: 1e-10.
/// - `ref_power`: the strength of 0 decibels. Default: 1.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = MelSpectrogram::new().fft_length(16).sequence_stride(8).num_mel_bins(2);
/// let mut model = Sequential::new().input([32]).add(layer);
/// let y = model.predict(Tensor::full([1, 32], 0.0f32))?;
/// assert_eq!(y.shape().to_vec(), [1, 2, 5]);
/// assert!(y.as_slice::<f32>()?.iter().all(|&silence| (silence + 100.0).abs() < 1e-4));
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Stevens, Volkmann, Newman: "A scale for the measurement of the psychological magnitude pitch",
/// 1937; the formula of O'Shaughnessy (1987) with natural logarithms.
#[derive(Clone, Debug)]
pub struct MelSpectrogram {
    options: Options,
    settings: Settings,
}

/// All arguments, by Keras's names.
#[derive(Clone, Debug)]
struct Settings {
    fft_length: usize,
    sequence_stride: usize,
    sequence_length: Option<usize>,
    window: Window,
    sampling_rate: f64,
    num_mel_bins: usize,
    min_freq: f64,
    max_freq: Option<f64>,
    power_to_db: bool,
    top_db: f64,
    mag_exp: f64,
    min_power: f64,
    ref_power: f64,
}

layer_methods!(MelSpectrogram);

/// Longer transforms are taken for a mistake: their matrix has the square of that many elements.
const MAX_LENGTH: usize = 1 << 14;

setters! {
    MelSpectrogram;
    /// Sets the period of the lowest frequency, in steps.
    fft_length: usize,
    /// Sets how far frames are apart.
    sequence_stride: usize,
    /// Sets how many steps a frame has.
    sequence_length: usize,
    /// Sets what each step of a frame counts.
    window: impl Into<Window>,
    /// Sets how many steps a second has.
    sampling_rate: f64,
    /// Sets how many bands there are.
    num_mel_bins: usize,
    /// Sets the lower end of the lowest band, in hertz.
    min_freq: f64,
    /// Sets the upper end of the highest band, in hertz.
    max_freq: f64,
    /// Sets whether to give decibels.
    power_to_db: bool,
    /// Sets how far below the loudest the softest is, at most, in decibels.
    top_db: f64,
    /// Sets the power to which magnitudes are raised.
    mag_exp: f64,
    /// Sets what smaller strengths count as.
    min_power: f64,
    /// Sets the strength of 0 decibels.
    ref_power: f64,
}

impl MelSpectrogram {
    /// 128 bands of sounds of 16,000 steps a second.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let settings = Settings {
            fft_length: 2048,
            sequence_stride: 512,
            sequence_length: None,
            window: "hann".into(),
            sampling_rate: 16_000.0,
            num_mel_bins: 128,
            min_freq: 20.0,
            max_freq: None,
            power_to_db: true,
            top_db: 80.0,
            mag_exp: 2.0,
            min_power: 1e-10,
            ref_power: 1.0,
        };
        MelSpectrogram { options: Options::here(), settings }
    }
}

impl Settings {
    fn length(&self) -> usize {
        self.sequence_length.unwrap_or(self.fft_length)
    }

    fn max_freq(&self) -> f64 {
        self.max_freq.unwrap_or((self.sampling_rate / 2.0).floor())
    }

    /// The magnitudes of all frames, raised to their power: `[rows, steps] -> [rows, frames,
    /// bands]`.
    fn spectrogram<'g>(&self, x: Node<'g>) -> Result<Node<'g>> {
        let (graph, steps) = (x.graph(), x.shape()[1]);
        let (half, bands) = (self.fft_length / 2, self.fft_length / 2 + 1);
        let x = x.gather(graph.literal(frames::mirrored(steps, half)?), 1);
        let num_frames = (steps + 2 * half - self.fft_length) / self.sequence_stride + 1;
        // The frame lies in the middle of the steps of the transform; that it begins at 0 in the
        // kernels changes no magnitude.
        let start = (self.fft_length - self.length()) / 2;
        let end = start + (num_frames - 1) * self.sequence_stride + self.length();
        let x = x.slice(1, start, end).expand_dims(2);
        let spec = ConvSpec::new(1).strides([self.sequence_stride]);
        let window = self.window.values(self.length(), true)?;
        let window = window.unwrap_or_else(|| vec![1.0; self.length()]);
        let kernels = frames::kernels(&window, self.fft_length)?;
        let both = x.conv(graph.literal(kernels), spec);
        let (real, imag) = (both.slice(2, 0, bands), both.slice(2, bands, 2 * bands));
        let power = real.square() + imag.square();
        Ok(match self.mag_exp {
            2.0 => power,
            1.0 => power.sqrt(),
            exponent => power.sqrt().pow(exponent as f32),
        })
    }

    fn decibels<'g>(&self, y: Node<'g>) -> Node<'g> {
        let per_log = 10.0 / std::f32::consts::LN_10;
        let reference = self.ref_power.abs().max(self.min_power).log10() * 10.0;
        let y = y.maximum(self.min_power as f32).log() * per_log - reference as f32;
        y.maximum(y.max_all() - self.top_db as f32)
    }
}

impl Described for MelSpectrogram {
    fn class_name(&self) -> &'static str {
        "MelSpectrogram"
    }

    fn config(&self) -> Config {
        let (mut config, own) = (self.options.config(), &self.settings);
        config.insert("fft_length".into(), json!(own.fft_length));
        config.insert("sequence_stride".into(), json!(own.sequence_stride));
        config.insert("sequence_length".into(), json!(own.length()));
        config.insert("window".into(), own.window.to_json());
        config.insert("sampling_rate".into(), json!(own.sampling_rate));
        config.insert("num_mel_bins".into(), json!(own.num_mel_bins));
        config.insert("min_freq".into(), json!(own.min_freq));
        config.insert("max_freq".into(), json!(own.max_freq()));
        config.insert("power_to_db".into(), json!(own.power_to_db));
        config.insert("top_db".into(), json!(own.top_db));
        config.insert("mag_exp".into(), json!(own.mag_exp));
        config.insert("min_power".into(), json!(own.min_power));
        config.insert("ref_power".into(), json!(own.ref_power));
        config
    }
}

impl Layer for MelSpectrogram {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let own = &self.settings;
        let counts = [
            ("fft_length", own.fft_length, 2..=MAX_LENGTH),
            ("sequence_length", own.length(), 1..=own.fft_length),
            ("sequence_stride", own.sequence_stride, 1..=own.fft_length),
            ("num_mel_bins", own.num_mel_bins, 1..=MAX_LENGTH),
        ];
        if let Some((name, found, range)) = counts.iter().find(|(_, at, range)| !range.contains(at))
        {
            return Err(Error::new(ErrorKind::Argument, format!("`{name}` is {found}"))
                .expected(format!("{} to {}", range.start(), range.end())));
        }
        if let Window::Named(name) = &own.window
            && !["hann", "hamming"].contains(&&**name)
        {
            return Err(Error::new(ErrorKind::UnknownName, format!("the window `{name}`"))
                .expected("hann, hamming or numbers"));
        }
        own.window.values(own.length(), true).map(|_| ())
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        match inputs[0].ndim() >= 2 && inputs[0].last() > 0 {
            true => Ok(Vec::new()),
            false => Err(Error::new(ErrorKind::Shape, format!("an input of shape {}", inputs[0]))
                .expected("[batch, .., steps]")),
        }
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let (x, own) = (inputs[0].cast(DType::F32), &self.settings);
        let shape = x.shape();
        let steps = shape.last();
        let rows = shape.num_elements() / steps;
        let spectrogram = own.spectrogram(x.reshape([rows, steps]))?;
        let [_, frames, bands] = spectrogram.shape()[..] else { unreachable!("three axes") };
        let edges = (own.min_freq, own.max_freq());
        let mel = mel::matrix(bands, own.num_mel_bins, own.sampling_rate, edges)?;
        let y = spectrogram.reshape([rows * frames, bands]).matmul(x.graph().literal(mel));
        let y = if own.power_to_db { own.decibels(y) } else { y };
        let y = y.reshape([rows, frames, own.num_mel_bins]).transpose(&[0, 2, 1]);
        let rest = &shape[..shape.ndim() - 1];
        Ok(vec![y.reshape([rest, &[own.num_mel_bins, frames]].concat())])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "MelSpectrogram",
    names: &[],
    summary: "how strong each band that the ear tells apart is at each time",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let start = MelSpectrogram::new().settings;
    let settings = Settings {
        fft_length: reader.maybe_usize("fft_length").unwrap_or(start.fft_length),
        sequence_stride: reader.maybe_usize("sequence_stride").unwrap_or(start.sequence_stride),
        sequence_length: reader.maybe_usize("sequence_length"),
        window: Setting::read(reader, "window", start.window),
        sampling_rate: reader.maybe_f64("sampling_rate").unwrap_or(start.sampling_rate),
        num_mel_bins: reader.maybe_usize("num_mel_bins").unwrap_or(start.num_mel_bins),
        min_freq: reader.maybe_f64("min_freq").unwrap_or(start.min_freq),
        max_freq: reader.maybe_f64("max_freq"),
        power_to_db: reader.bool("power_to_db", start.power_to_db),
        top_db: reader.maybe_f64("top_db").unwrap_or(start.top_db),
        mag_exp: reader.maybe_f64("mag_exp").unwrap_or(start.mag_exp),
        min_power: reader.maybe_f64("min_power").unwrap_or(start.min_power),
        ref_power: reader.maybe_f64("ref_power").unwrap_or(start.ref_power),
    };
    let layer = MelSpectrogram { options, settings };
    layer.check()?;
    Ok(Arc::new(layer))
}
