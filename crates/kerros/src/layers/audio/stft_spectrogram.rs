use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::ConvSpec;
use serde_json::json;

use super::setters;
use crate::initializers::{Initializer, STFT, Scaling, Side, Window};
use crate::layers::options::layer_methods;
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Options, Padding, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};
use crate::operations::arctan2;
use crate::optimizers::setting::Setting;

/// `y[t, f] = log |sum over n of window[n] · x[t · frame_step + n] · e^(-2 pi i f n / fft_length)|`:
/// the strength of each frequency in each frame of a sound, by the short-time Fourier transform.
///
/// The transform is a convolution with two kernels, which are trained unless the layer is frozen.
///
/// # Shape
/// `x: [batch, steps, channels] -> [batch, frames, channels * bands]` with `fft_length / 2 + 1`
/// bands, or with `expand_dims` `[batch, frames, bands, channels]`; with channels first `[batch,
/// channels, steps] -> [batch, channels * bands, frames]` or `[batch, channels, frames, bands]`.
/// The mode `stft` has twice as many bands. `real_kernel`, `imag_kernel`: `[frame_length, 1,
/// bands]`.
///
/// # Parameters
/// - `mode`: `log` (the default), `magnitude` (without the logarithm), `psd` (the power, doubled
///   but for the first and the last band), `real`, `imag`, `angle` or `stft` (real and imaginary
///   part).
/// - `frame_length`: how many steps a frame has. Default: 256.
/// - `frame_step`: how far frames are apart, at most `frame_length`. Default: half of it.
/// - `fft_length`: the period of the lowest frequency, at least `frame_length`. Default: the next
///   power of two.
/// - `window`: what each step of a frame counts: a name of SciPy's, numbers, or none. Default:
///   `hann`.
/// - `periodic`: whether the window goes on after its end as it began. Default: `false`.
/// - `scaling`: `density`, `spectrum` or none. Default: `density`.
/// - `padding`: `valid` (frames lie inside) or `same`. Default: `valid`.
/// - `expand_dims`: whether channels have an axis of their own. Default: `false`.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::initializers::Window;
/// use kerros::prelude::*;
/// let layer = STFTSpectrogram::new().mode("magnitude").frame_length(2).window(Window::None);
/// let mut model = Sequential::new().input([2, 1]).add(layer);
/// let y = model.predict(Tensor::new([1, 2, 1], [3.0f32, 1.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [4.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Allen, Rabiner: "A unified approach to short-time Fourier analysis and synthesis", Proceedings
/// of the IEEE 65, 1977.
#[derive(Clone, Debug)]
pub struct STFTSpectrogram {
    options: Options,
    settings: Settings,
}

/// All arguments, by Keras's names.
#[derive(Clone, Debug)]
struct Settings {
    mode: String,
    frame_length: usize,
    frame_step: Option<usize>,
    fft_length: Option<usize>,
    window: Window,
    periodic: bool,
    scaling: Option<Scaling>,
    padding: Padding,
    expand_dims: bool,
    data_format: DataFormat,
}

layer_methods!(STFTSpectrogram);

const MODES: [&str; 7] = ["log", "magnitude", "psd", "real", "imag", "angle", "stft"];

/// Longer frames are taken for a mistake: a kernel has the square of that many elements.
const MAX_LENGTH: usize = 1 << 15;

setters! {
    STFTSpectrogram;
    /// Sets what is computed: `log`, `magnitude`, `psd`, `real`, `imag`, `angle` or `stft`.
    mode: impl Into<String>,
    /// Sets how many steps a frame has.
    frame_length: usize,
    /// Sets how far frames are apart.
    frame_step: usize,
    /// Sets the period of the lowest frequency, in steps.
    fft_length: usize,
    /// Sets what each step of a frame counts.
    window: impl Into<Window>,
    /// Sets whether the window goes on after its end as it began.
    periodic: bool,
    /// Sets by what the windowed transform is divided; `None` for nothing.
    scaling: impl Into<Option<Scaling>>,
    /// Sets how the ends are treated.
    padding: impl Into<Padding>,
    /// Sets whether channels have an axis of their own.
    expand_dims: bool,
    /// Sets where the channels are.
    data_format: impl Into<DataFormat>,
}

/// The least power and magnitude, as in Keras (its `epsilon()`).
const EPSILON: f32 = 1e-7;

impl STFTSpectrogram {
    /// Logarithms of frames of 256 steps.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let settings = Settings {
            mode: "log".into(),
            frame_length: 256,
            frame_step: None,
            fft_length: None,
            window: "hann".into(),
            periodic: false,
            scaling: Some(Scaling::Density),
            padding: Padding::Valid,
            expand_dims: false,
            data_format: DataFormat::default(),
        };
        STFTSpectrogram { options: Options::here(), settings }
    }
}

impl Settings {
    fn step(&self) -> usize {
        self.frame_step.unwrap_or(self.frame_length / 2)
    }

    fn bands(&self) -> usize {
        self.fft_length.unwrap_or_else(|| self.frame_length.next_power_of_two()) / 2 + 1
    }

    fn kernel(&self, name: &'static str, side: Side) -> Weight {
        let start = STFT::new()
            .side(side)
            .window(self.window.clone())
            .scaling(self.scaling)
            .periodic(self.periodic);
        let start: Arc<dyn Initializer> = Arc::new(start);
        Weight::new(name, [self.frame_length, 1, self.bands()], start)
    }

    /// One part of the transform: `[batch, channels, frames, bands]`.
    fn transform<'g>(&self, x: Node<'g>, kernel: Node<'g>) -> Node<'g> {
        let x = match self.data_format {
            DataFormat::ChannelsFirst => x,
            _ => x.transpose(&[0, 2, 1]),
        };
        let [batch, channels, steps] = x.shape()[..] else { unreachable!("three axes") };
        let padding = self.padding.around(steps, self.frame_length, self.step(), 1);
        let spec = ConvSpec::new(1).strides([self.step()]).padding([padding]);
        let bands = x.reshape([batch * channels, steps, 1]).conv(kernel, spec);
        let shape = bands.shape();
        bands.reshape([batch, channels, shape[1], shape[2]])
    }

    /// The axes as they are asked for; `y: [batch, channels, frames, bands]`.
    fn arranged<'g>(&self, y: Node<'g>) -> Node<'g> {
        let [batch, channels, frames, bands] = y.shape()[..] else { unreachable!("four axes") };
        match (&self.data_format, self.expand_dims) {
            (DataFormat::ChannelsFirst, true) => y,
            (DataFormat::ChannelsFirst, false) => {
                y.transpose(&[0, 1, 3, 2]).reshape([batch, channels * bands, frames])
            }
            (_, true) => y.transpose(&[0, 2, 3, 1]),
            (_, false) => y.transpose(&[0, 2, 1, 3]).reshape([batch, frames, channels * bands]),
        }
    }
}

impl Described for STFTSpectrogram {
    fn class_name(&self) -> &'static str {
        "STFTSpectrogram"
    }

    fn config(&self) -> Config {
        let (mut config, own) = (self.options.config(), &self.settings);
        config.insert("mode".into(), json!(own.mode));
        config.insert("frame_length".into(), json!(own.frame_length));
        config.insert("frame_step".into(), json!(own.frame_step));
        config.insert("fft_length".into(), json!(own.fft_length));
        config.insert("window".into(), own.window.to_json());
        config.insert("periodic".into(), json!(own.periodic));
        config.insert("scaling".into(), own.scaling.to_json());
        config.insert("padding".into(), own.padding.name().into());
        config.insert("data_format".into(), own.data_format.name().into());
        config.insert("expand_dims".into(), json!(own.expand_dims));
        config
    }
}

impl Layer for STFTSpectrogram {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let own = &self.settings;
        let wrong = |what: String, expected: String| {
            Err(Error::new(ErrorKind::Argument, what).expected(expected))
        };
        if !MODES.contains(&&*own.mode) {
            return Err(Error::new(ErrorKind::UnknownName, format!("the mode `{}`", own.mode))
                .expected(format!("one of {}", MODES.join(", "))));
        }
        let length = own.frame_length;
        if !(1..=MAX_LENGTH).contains(&length) {
            return wrong(format!("`frame_length` is {length}"), format!("1 to {MAX_LENGTH}"));
        }
        if !(1..=length).contains(&own.step()) {
            return wrong(format!("`frame_step` is {}", own.step()), format!("1 to {length}"));
        }
        match own.fft_length {
            Some(fft) if fft < length.max(2) || fft > MAX_LENGTH => {
                let expected = format!("`frame_length`, 2 at least, to {MAX_LENGTH}");
                return wrong(format!("`fft_length` is {fft}"), expected);
            }
            None if length < 2 => return wrong("frames of one step".into(), "2 at least".into()),
            _ => {}
        }
        own.padding.check(false)?;
        own.data_format.check()?;
        STFT::new().window(own.window.clone()).check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let own = &self.settings;
        expect_spatial::<1>(&inputs[0], &own.data_format)?;
        let real = (own.mode != "imag").then(|| own.kernel("real_kernel", Side::Real));
        let imag = (own.mode != "real").then(|| own.kernel("imag_kernel", Side::Imaginary));
        Ok(real.into_iter().chain(imag).collect())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let own = &self.settings;
        let first = own.transform(inputs[0], call.weights[0]);
        let Some(&kernel) = call.weights.get(1) else { return Ok(vec![own.arranged(first)]) };
        let (real, imag) = (first, own.transform(inputs[0], kernel));
        let power = || real.square() + imag.square();
        let strength = || power().maximum(EPSILON).sqrt();
        let y = match &*own.mode {
            "angle" => arctan2(imag, real),
            "stft" => Node::concat(&[real, imag], 3),
            "psd" => {
                let (power, last) = (power(), real.shape()[3] - 1);
                match last {
                    0 | 1 => power,
                    last => power + power.slice(3, 1, last).pad(3, 1, 1, 1),
                }
            }
            "magnitude" => strength(),
            _ => strength().maximum(EPSILON).log(),
        };
        Ok(vec![own.arranged(y)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "STFTSpectrogram",
    names: &[],
    summary: "how strong each frequency is in each frame of a sound",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let start = STFTSpectrogram::new().settings;
    let settings = Settings {
        mode: reader.maybe_string("mode").unwrap_or(start.mode),
        frame_length: reader.maybe_usize("frame_length").unwrap_or(start.frame_length),
        frame_step: reader.maybe_usize("frame_step"),
        fft_length: reader.maybe_usize("fft_length"),
        window: Setting::read(reader, "window", start.window),
        periodic: reader.bool("periodic", false),
        scaling: Setting::read(reader, "scaling", start.scaling),
        padding: Padding::read(reader),
        expand_dims: reader.bool("expand_dims", false),
        data_format: DataFormat::read(reader),
    };
    let layer = STFTSpectrogram { options, settings };
    layer.check()?;
    Ok(Arc::new(layer))
}
