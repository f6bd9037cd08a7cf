use std::f64::consts::PI;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use serde_json::{Value, json};

use super::{Draw, Initializer};
use crate::object::{Config, ConfigReader, Described, Entry};
use crate::optimizers::setting::Setting;

/// `w[t, 0, f] = cos(2 pi t f / F) * window[t] / scale` with `F = 2 * (bands - 1)`, or `-sin`
/// for the imaginary part: a convolution kernel that takes the short-time Fourier transform.
///
/// # Shape
/// `[frame, 1, bands]`, at least 2 bands.
///
/// # Parameters
/// - `side`: default [`Side::Real`].
/// - `window`: a name, numbers (one per step of the frame), or none. Default: `"hann"`.
/// - `scaling`: [`Scaling::Density`] divides by the root of the window's sum of squares,
///   [`Scaling::Spectrum`] by its sum of sizes. Default: density; without window nothing is
///   scaled.
/// - `periodic`: whether the window goes on after its end as it began. Default: `false`.
///
/// # Source
/// Allen, Rabiner: "A unified approach to short-time Fourier analysis and synthesis",
/// Proceedings of the IEEE 65, 1977; the windows are those of SciPy.
#[derive(Clone, Debug, PartialEq)]
pub struct STFT {
    side: Side,
    window: Window,
    scaling: Option<Scaling>,
    periodic: bool,
}

/// The part of the complex transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The cosines.
    Real,
    /// The negative sines.
    Imaginary,
}

/// By what a windowed transform is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// The root of the window's sum of squares.
    Density,
    /// The window's sum of sizes.
    Spectrum,
}

/// What each step of a frame counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// All the same.
    None,
    /// SciPy's window of this name.
    Named(String),
    /// These numbers.
    Values(Vec<f64>),
}

impl From<&str> for Window {
    fn from(name: &str) -> Self {
        Window::Named(name.into())
    }
}

impl From<Vec<f64>> for Window {
    fn from(values: Vec<f64>) -> Self {
        Window::Values(values)
    }
}

impl Setting for Side {
    const EXPECTED: &'static str = "real or imag";
    fn from_json(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "real" => Some(Side::Real),
            "imag" => Some(Side::Imaginary),
            _ => None,
        }
    }
    fn to_json(&self) -> Value {
        match self {
            Side::Real => json!("real"),
            Side::Imaginary => json!("imag"),
        }
    }
}

impl Setting for Scaling {
    const EXPECTED: &'static str = "density, spectrum or null";
    fn from_json(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "density" => Some(Scaling::Density),
            "spectrum" => Some(Scaling::Spectrum),
            _ => None,
        }
    }
    fn to_json(&self) -> Value {
        match self {
            Scaling::Density => json!("density"),
            Scaling::Spectrum => json!("spectrum"),
        }
    }
}

impl Setting for Window {
    const EXPECTED: &'static str = "the name of a window, numbers or null";
    fn from_json(value: &Value) -> Option<Self> {
        match value.as_str() {
            Some(name) => Some(Window::Named(name.into())),
            None => Vec::from_json(value).map(Window::Values),
        }
    }
    fn to_json(&self) -> Value {
        match self {
            Window::None => Value::Null,
            Window::Named(name) => json!(name),
            Window::Values(values) => json!(values),
        }
    }
    fn of_null() -> Option<Self> {
        Some(Window::None)
    }
}

impl STFT {
    /// The real part, by a Hann window of unit energy.
    pub fn new() -> Self {
        STFT {
            side: Side::Real,
            window: "hann".into(),
            scaling: Some(Scaling::Density),
            periodic: false,
        }
    }

    /// The part of the complex transform.
    pub fn side(mut self, side: Side) -> Self {
        self.side = side;
        self
    }

    /// What each step of a frame counts.
    pub fn window(mut self, window: impl Into<Window>) -> Self {
        self.window = window.into();
        self
    }

    /// By what the windowed transform is divided; `None` for nothing.
    pub fn scaling(mut self, scaling: impl Into<Option<Scaling>>) -> Self {
        self.scaling = scaling.into();
        self
    }

    /// Whether the window goes on after its end as it began.
    pub fn periodic(mut self, periodic: bool) -> Self {
        self.periodic = periodic;
        self
    }

    fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Initializer>> {
        let start = STFT::new();
        let read = STFT {
            side: Setting::read(reader, "side", start.side),
            window: Setting::read(reader, "window", start.window),
            scaling: Setting::read(reader, "scaling", start.scaling),
            periodic: Setting::read(reader, "periodic", start.periodic),
        };
        read.check()?;
        Ok(Arc::new(read))
    }

    pub(super) const ENTRY: Entry<dyn Initializer> = Entry {
        class_name: "STFT",
        names: &["STFTInitializer"],
        summary: "kernels of the short-time Fourier transform",
        from_config: STFT::from_config,
    };

    /// The window of a frame, as `f32`; none where all steps count the same.
    fn values(&self, frame: usize) -> Result<Option<Vec<f32>>> {
        let values = self.window.values(frame, self.periodic)?;
        Ok(values.map(|values| values.into_iter().map(|value| value as f32).collect()))
    }
}

impl Window {
    /// What each step of a frame counts; none where all count the same.
    pub(crate) fn values(&self, frame: usize, periodic: bool) -> Result<Option<Vec<f64>>> {
        match self {
            Window::None => Ok(None),
            Window::Named(name) => named_window(name, frame, periodic).map(Some),
            Window::Values(values) if values.len() == frame => Ok(Some(values.clone())),
            Window::Values(values) => {
                let message = format!("a window of {} numbers for frames of {frame}", values.len());
                Err(Error::new(ErrorKind::Shape, message).expected("one per step"))
            }
        }
    }
}

impl Default for STFT {
    fn default() -> Self {
        STFT::new()
    }
}

impl Described for STFT {
    fn class_name(&self) -> &'static str {
        "STFT"
    }

    fn config(&self) -> Config {
        Config::from_iter([
            ("side".into(), self.side.to_json()),
            ("window".into(), self.window.to_json()),
            ("periodic".into(), json!(self.periodic)),
            ("scaling".into(), self.scaling.to_json()),
        ])
    }
}

impl Initializer for STFT {
    fn check(&self) -> Result<()> {
        match &self.window {
            Window::Named(name) => named_window(name, 1, self.periodic).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn initialize(&self, shape: &Shape, _draw: Draw) -> Result<Tensor> {
        let &[frame, 1, bands @ (2..)] = shape.dims() else {
            let message = format!("a Fourier kernel was asked for, of shape {shape}");
            return Err(Error::new(ErrorKind::Shape, message)
                .expected("[frame, 1, bands] with at least 2 bands"));
        };
        let window = self.values(frame)?;
        let scale = match (&window, self.scaling) {
            (None, _) | (_, None) => 1.0,
            (Some(window), Some(Scaling::Density)) => {
                window.iter().map(|value| value * value).sum::<f32>().sqrt()
            }
            (Some(window), Some(Scaling::Spectrum)) => {
                window.iter().map(|value| value.abs()).sum::<f32>()
            }
        };
        let length = 2.0 * (bands - 1) as f32;
        let mut elements = Vec::with_capacity(frame * bands);
        for step in 0..frame {
            for band in 0..bands {
                // The angle is rounded as in Keras: a late step of a high band has a large one.
                let angle = -2.0 * step as f32 * (band as f32 / length) * std::f32::consts::PI;
                let wave = match self.side {
                    Side::Real => f64::from(angle).cos() as f32,
                    Side::Imaginary => f64::from(angle).sin() as f32,
                };
                elements.push(match &window {
                    Some(window) => wave * window[step] / scale,
                    None => wave,
                });
            }
        }
        Tensor::new(shape, elements)
    }
}

/// SciPy's window of a name: so many numbers.
fn named_window(name: &str, len: usize, periodic: bool) -> Result<Vec<f64>> {
    const BLACKMAN_HARRIS: [f64; 4] = [0.35875, 0.48829, 0.14128, 0.01168];
    const NUTTALL: [f64; 4] = [0.3635819, 0.4891775, 0.1365995, 0.0106411];
    const FLAT_TOP: [f64; 5] = [0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368];
    // A periodic window is one longer, without its end.
    let whole = len + usize::from(periodic && len > 1);
    let mut values: Vec<f64> = match name {
        _ if whole <= 1 && is_known(name) => vec![1.0; whole],
        "boxcar" | "box" | "ones" | "rect" | "rectangular" => vec![1.0; whole],
        "hann" | "hanning" | "han" => cosines(whole, &[0.5, 0.5]),
        "hamming" | "hamm" | "ham" => cosines(whole, &[0.54, 0.46]),
        "blackman" | "black" | "blk" => cosines(whole, &[0.42, 0.5, 0.08]),
        "blackmanharris" | "blackharr" | "bkh" => cosines(whole, &BLACKMAN_HARRIS),
        "nuttall" | "nutl" | "nut" => cosines(whole, &NUTTALL),
        "flattop" | "flat" | "flt" => cosines(whole, &FLAT_TOP),
        "cosine" | "halfcosine" => {
            (0..whole).map(|n| (PI / whole as f64 * (n as f64 + 0.5)).sin()).collect()
        }
        "bartlett" | "bart" | "brt" => {
            let last = (whole - 1) as f64;
            (0..whole).map(|n| 1.0 - (2.0 * n as f64 / last - 1.0).abs()).collect()
        }
        "triangle" | "triang" | "tri" => {
            let width = if whole.is_multiple_of(2) { whole } else { whole + 1 } as f64;
            let from_middle = |n: usize| (2.0 * n as f64 - (whole - 1) as f64).abs();
            (0..whole).map(|n| 1.0 - from_middle(n) / width).collect()
        }
        _ => {
            return Err(Error::new(ErrorKind::Unsupported, format!("the window `{name}`"))
                .expected(format!("one of {}", WINDOWS.join(", ")))
                .hint("give the numbers of the window"));
        }
    };
    values.truncate(len);
    Ok(values)
}

/// The windows by their first names.
const WINDOWS: [&str; 10] = [
    "boxcar",
    "hann",
    "hamming",
    "blackman",
    "blackmanharris",
    "nuttall",
    "flattop",
    "cosine",
    "bartlett",
    "triang",
];

fn is_known(name: &str) -> bool {
    WINDOWS.contains(&name) || named_window(name, 2, false).is_ok()
}

/// `sum(factors[k] * cos(k * x))` for `x` from `-pi` to `pi`.
fn cosines(len: usize, factors: &[f64]) -> Vec<f64> {
    let value = |n: usize| {
        let x = -PI + 2.0 * PI * n as f64 / (len - 1) as f64;
        factors.iter().enumerate().map(|(k, factor)| factor * (k as f64 * x).cos()).sum()
    };
    (0..len).map(value).collect()
}
