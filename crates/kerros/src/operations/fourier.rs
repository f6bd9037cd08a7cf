//! `keras.ops.fft` and its like: waves in place of values, and back.
//!
//! Each is a product with the matrix of the transform, so that its length is bounded.

use std::f64::consts::TAU;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::Value;

use super::constants;
use super::kind::{Operands, kinds};

/// How long a transform may be: its matrices have as many rows and columns.
const MAX_LENGTH: usize = 4096;

/// `[rows, columns]` of what a function gives for `row * column` within a turn of `length` steps,
/// of which each is that part of a circle; `scale` counts how much for each row.
fn waves<'g>(
    x: Node<'g>,
    [rows, columns, length]: [usize; 3],
    wave: fn(f64) -> f64,
    scale: impl Fn(usize) -> f64,
) -> Result<Node<'g>> {
    if rows.max(columns).max(length) > MAX_LENGTH || length == 0 {
        let lengths = format!("a transform of {length} values to {}", rows.max(columns));
        return Err(
            Error::new(ErrorKind::Shape, lengths).expected(format!("1 to {MAX_LENGTH} values"))
        );
    }
    let value = |at: usize| {
        let (row, column) = (at / columns, at % columns);
        (wave((row * column % length) as f64 / length as f64 * TAU) * scale(row)) as f32
    };
    let values: Vec<f32> = (0..rows * columns).map(value).collect();
    Ok(x.graph().literal(Tensor::new([rows, columns], values)?))
}

/// The product of the last axis with a matrix.
fn times<'g>(x: Node<'g>, matrix: Node<'g>) -> Node<'g> {
    let shape = x.shape();
    let (rows, columns) = (matrix.shape()[0], matrix.shape()[1]);
    let flat = x.reshape([shape.num_elements() / rows.max(1), rows]);
    let dims: Shape = shape[..shape.ndim() - 1].iter().copied().chain([columns]).collect();
    flat.matmul(matrix).reshape(dims)
}

/// Real and imaginary parts.
type Complex<'g> = [Node<'g>; 2];

fn complex<'g>(operands: &Operands<'_, 'g>, ndim: usize) -> Result<Complex<'g>> {
    let parts = operands.nodes("x")?;
    match parts[..] {
        [real, imaginary] if real.shape() == imaginary.shape() && real.ndim() >= ndim => {
            Ok([real.cast(DType::F32), imaginary.cast(DType::F32)])
        }
        _ => {
            let shapes: Vec<String> = parts.iter().map(|part| part.shape().to_string()).collect();
            let parts = format!("parts of shapes {}", shapes.join(", "));
            Err(Error::new(ErrorKind::Shape, parts)
                .expected(format!("real and imaginary parts of one shape, {ndim} axes or more")))
        }
    }
}

/// `sum_t x_t e^(-i tau t k / n)` along the last axis; with `+i`, and divided by `n`, on the way
/// back.
fn transformed<'g>([real, imaginary]: Complex<'g>, is_back: bool) -> Result<Complex<'g>> {
    let n = real.shape().last();
    let scale = if is_back { 1.0 / n as f64 } else { 1.0 };
    let cosines = waves(real, [n, n, n], f64::cos, |_| scale)?;
    let sines = waves(real, [n, n, n], f64::sin, |_| if is_back { -scale } else { scale })?;
    Ok([
        times(real, cosines) + times(imaginary, sines),
        times(imaginary, cosines) - times(real, sines),
    ])
}

/// Along the last two axes.
fn transformed_twice<'g>(x: Complex<'g>, is_back: bool) -> Result<Vec<Node<'g>>> {
    let swapped = |x: Node<'g>| {
        let mut order: Vec<usize> = (0..x.ndim()).collect();
        order.swap(x.ndim() - 2, x.ndim() - 1);
        x.transpose(&order)
    };
    let first = transformed(x, is_back)?.map(swapped);
    Ok(transformed(first, is_back)?.map(swapped).to_vec())
}

/// The first so many entries of the last axis, with zeros where there are fewer.
fn of_length(x: Node<'_>, length: usize) -> Node<'_> {
    let (axis, own) = (x.ndim() - 1, x.shape().last());
    match own >= length {
        true => x.slice(axis, 0, length),
        false => x.pad(axis, 0, length - own, 1),
    }
}

/// A length that a setting names, from 1 on.
fn length(operands: &Operands<'_, '_>, name: &str) -> Result<Option<usize>> {
    let Value::Null = operands.value(name) else {
        let length = usize::try_from(operands.whole(name)?).ok();
        let length = length.filter(|length| (1..=MAX_LENGTH).contains(length));
        let wrong = || operands.wrong(name, &format!("1 to {MAX_LENGTH}"));
        return length.map(Some).ok_or_else(wrong);
    };
    Ok(None)
}

fn required(operands: &Operands<'_, '_>, name: &str) -> Result<usize> {
    length(operands, name)?.ok_or_else(|| operands.wrong(name, "a length"))
}

fn signal<'g>(operands: &Operands<'_, 'g>) -> Result<Node<'g>> {
    let x = operands.float("x")?;
    match x.shape().last() > 0 && x.ndim() > 0 {
        true => Ok(x),
        false => Err(Error::new(ErrorKind::Shape, format!("a signal of shape {}", x.shape()))
            .expected("at least one axis, of at least one value")),
    }
}

/// Waves of a real signal: those of up to half the rate, as the others mirror them.
fn of_real(x: Node<'_>) -> Result<Complex<'_>> {
    let n = x.shape().last();
    let sizes = [n, n / 2 + 1, n];
    let sines = waves(x, sizes, f64::sin, |_| -1.0)?;
    Ok([times(x, waves(x, sizes, f64::cos, |_| 1.0)?), times(x, sines)])
}

/// A real signal of its waves: each but the first and that of half the rate counts twice.
fn to_real<'g>([real, imaginary]: Complex<'g>, n: usize) -> Result<Node<'g>> {
    let half = n / 2 + 1;
    let [real, imaginary] = [of_length(real, half), of_length(imaginary, half)];
    let scale = |row: usize| if row == 0 || 2 * row == n { 1.0 } else { 2.0 } / n as f64;
    let sizes = [half, n, n];
    let sines =
        waves(
            real,
            sizes,
            f64::sin,
            |row| {
                if row == 0 || 2 * row == n { 0.0 } else { -scale(row) }
            },
        )?;
    Ok(times(real, waves(real, sizes, f64::cos, scale)?) + times(imaginary, sines))
}

fn rfft<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = signal(operands)?;
    let n = length(operands, "fft_length")?.unwrap_or(x.shape().last());
    Ok(of_real(of_length(x, n))?.to_vec())
}

fn irfft<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = complex(operands, 1)?;
    let own = 2 * x[0].shape().last().saturating_sub(1);
    Ok(vec![to_real(x, length(operands, "fft_length")?.unwrap_or(own))?])
}

/// How a signal is cut into parts that overlap.
struct Frames {
    length: usize,
    stride: usize,
    /// As long as a transform: the window in the middle, zeros around.
    window: Vec<f32>,
    is_centred: bool,
}

impl Frames {
    fn new(operands: &Operands<'_, '_>) -> Result<Self> {
        let part = required(operands, "sequence_length")?;
        let stride = required(operands, "sequence_stride")?;
        let length = required(operands, "fft_length")?;
        if length < part {
            return Err(operands.wrong("fft_length", "no less than `sequence_length`"));
        }
        let before = (length - part) / 2;
        let raised = |middle: f64| -> Vec<f32> {
            let at = |place: usize| (place as f64 / part as f64 * TAU).cos() * (1.0 - middle);
            (0..part).map(|place| (middle - at(place)) as f32).collect()
        };
        let window = match operands.value("window") {
            Value::Null => vec![1.0; length],
            name if name == "hann" => raised(0.5),
            name if name == "hamming" => raised(0.54),
            Value::String(_) => return Err(operands.wrong("window", "\"hann\" or \"hamming\"")),
            numbers => {
                let numbers = constants::tensor(numbers)?;
                numbers.to_vec_f64().into_iter().map(|number| number as f32).collect()
            }
        };
        let window = match window.len() {
            own if own == length => window,
            own if own == part => {
                let after = length - part - before;
                [vec![0.0; before], window, vec![0.0; after]].concat()
            }
            _ => return Err(operands.wrong("window", "`sequence_length` numbers")),
        };
        Ok(Frames { length, stride, window, is_centred: operands.flag("center") })
    }

    fn literal<'g>(&self, x: Node<'g>) -> Result<Node<'g>> {
        Ok(x.graph().literal(Tensor::new([self.length], self.window.clone())?))
    }

    /// Where each value of so many frames lies, one frame after the other.
    fn places(&self, count: usize) -> Result<Tensor> {
        let place = |at: usize| (at / self.length * self.stride + at % self.length) as i32;
        Tensor::new([count * self.length], (0..count * self.length).map(place).collect::<Vec<_>>())
    }
}

/// The waves of each part of a signal: `[.., time] -> [.., frames, waves]`.
fn stft<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, frames) = (signal(operands)?, Frames::new(operands)?);
    let (axis, graph) = (x.ndim() - 1, x.graph());
    let half = frames.length / 2;
    let x = match frames.is_centred {
        true if x.shape().last() <= half => {
            return Err(Error::new(ErrorKind::Shape, format!("a signal of shape {}", x.shape()))
                .expected(format!("more than {half} values, of which the ends are mirrored")));
        }
        true => {
            let (first, last) = (1, x.shape().last() - 1);
            let before = x.slice(axis, first, first + half).reverse(axis);
            let after = x.slice(axis, last - half, last).reverse(axis);
            let parts = [before, x, after].into_iter().filter(|part| part.shape().last() > 0);
            Node::concat(&parts.collect::<Vec<_>>(), axis)
        }
        false => x,
    };
    let total = x.shape().last();
    if total < frames.length {
        return Err(Error::new(ErrorKind::Shape, format!("a signal of {total} values"))
            .expected(format!("at least the {} of a transform", frames.length)));
    }
    let count = (total - frames.length) / frames.stride + 1;
    let cut = x.gather(graph.literal(frames.places(count)?), axis);
    let dims: Shape = x.shape()[..axis].iter().copied().chain([count, frames.length]).collect();
    Ok(of_real(cut.reshape(dims) * frames.literal(x)?)?.to_vec())
}

/// A signal of the waves of its parts: they are added up where they overlap, and divided by how
/// much their windows, squared, count there.
fn istft<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, frames) = (complex(operands, 2)?, Frames::new(operands)?);
    let (ndim, graph) = (x[0].ndim(), x[0].graph());
    let count = x[0].shape()[ndim - 2];
    let outer: Vec<usize> = x[0].shape()[..ndim - 2].to_vec();
    let batch: usize = outer.iter().product();
    let total = frames.stride * count.saturating_sub(1) + frames.length;
    let places = frames.places(count)?;
    let mut weights = vec![0.0f32; total];
    let squares = frames.window.iter().cycle().map(|weight| weight * weight);
    places.as_slice::<i32>()?.iter().zip(squares).for_each(|(&at, square)| {
        weights[at as usize] += square;
    });
    // Without a window Keras divides by the stride what JAX has multiplied by the length.
    let scale = match operands.value("window") {
        Value::Null => frames.length as f32 / frames.stride as f32,
        _ => 1.0,
    };
    let weights = weights.into_iter().map(|sum| scale / if sum > 1e-10 { sum } else { 1.0 });
    let weights = graph.literal(Tensor::new([total], weights.collect::<Vec<f32>>())?);
    let parts = to_real(x, frames.length)? * frames.literal(x[0])?;
    let rows = parts.reshape([batch, count * frames.length]).transpose(&[1, 0]);
    let sums = graph.full([total, batch], 0.0).scatter_add(graph.literal(places), rows, 0);
    let signal = sums.transpose(&[1, 0]) * weights;
    let start = if frames.is_centred { frames.length / 2 } else { 0 };
    let end = match (length(operands, "length")?, frames.is_centred) {
        (Some(length), _) => (start + length).min(total),
        (None, true) => total.saturating_sub(frames.length / 2),
        (None, false) => total,
    };
    if end <= start {
        return Err(operands.wrong("fft_length", "less than the frames hold"));
    }
    let dims: Shape = outer.into_iter().chain([end - start]).collect();
    Ok(vec![signal.slice(1, start, end).reshape(dims)])
}

kinds! { "ops.math";
    FFT(x) => |o| Ok(transformed(complex(o, 1)?, false)?.to_vec());
    FFT2(x) => |o| transformed_twice(complex(o, 2)?, false);
    IFFT2(x) => |o| transformed_twice(complex(o, 2)?, true);
    RFFT(x) [fft_length = "null"] => rfft;
    IRFFT(x) [fft_length = "null"] => irfft;
    STFT(x) [
        sequence_length = "!", sequence_stride = "!", fft_length = "!", window = "\"hann\"",
        center = "true"
    ] => stft;
    ISTFT(x) [
        sequence_length = "!", sequence_stride = "!", fft_length = "!", length = "null",
        window = "\"hann\"", center = "true"
    ] => istft;
}
