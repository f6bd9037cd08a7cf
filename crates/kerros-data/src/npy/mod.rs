//! NumPy's `.npy` files: one array each.
//!
//! # Source
//! NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays", and
//! `numpy.lib.format` for versions 2.0 and 3.0.

mod element;
mod header;

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};

use self::element::FileType;

/// Bytes converted at a time: small enough to stay in the first-level caches.
const CHUNK_BYTES: usize = 16 * 1024;

/// The array of an `.npy` file.
///
/// `bool`, `uint8`, `int32`, `int64`, `float32` and `float64` keep their type; `float16` becomes
/// `float32`; `int8`, `int16` and `uint16` become `int32`; `uint32` and `uint64` become `int64`.
/// Fortran order and big-endian bytes are converted.
///
/// Nothing in a file is run, and no more memory is taken than about twice the file's size: a
/// header that declares more elements than there are bytes is refused before anything is
/// allocated.
///
/// # Errors
/// [`ErrorKind::Io`] when the file cannot be read; [`ErrorKind::Format`] when it is no `.npy`
/// file, is cut short or has bytes left over; [`ErrorKind::Unsupported`] for elements that are
/// not numbers (text, Python objects, records); [`ErrorKind::Data`] for a `uint64` beyond
/// `int64`.
///
/// # Example
/// ```
/// use kerros_core::Tensor;
/// use kerros_data::npy;
///
/// let path = std::env::temp_dir().join(format!("kerros-npy-{}.npy", std::process::id()));
/// npy::write(&path, &Tensor::new([2, 2], [1.0f32, 2.0, 3.0, 4.0])?)?;
/// assert_eq!(npy::read(&path)?.to_vec_f64(), [1.0, 2.0, 3.0, 4.0]);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn read(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    let open = || {
        let mut file = File::open(path).map_err(|error| io_error("it cannot be opened", error))?;
        let metadata = file.metadata().map_err(|error| io_error("it cannot be read", error))?;
        if metadata.is_dir() {
            return Err(Error::new(ErrorKind::Io, "it is a folder").expected("an .npy file"));
        }
        // Pipes have no length to check against; they are read as far as they go.
        let len_bytes = metadata.is_file().then_some(metadata.len());
        read_from(&mut file, len_bytes)
    };
    open().map_err(|error| error.context(format!("reading `{}`", path.display())))
}

/// The array in these bytes: the contents of an `.npy` file, as in an `.npz` archive.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: &[u8]) -> Result<Tensor> {
    read_from(&mut &bytes[..], Some(bytes.len() as u64))
}

fn read_from(file: &mut impl Read, file_bytes: Option<u64>) -> Result<Tensor> {
    let header = header::read(file)?;
    let file_type = FileType::parse(&header.descr)?;
    let shape = &header.shape;
    let sizes = shape.checked_num_elements().and_then(|num_elements| {
        let data_bytes = num_elements.checked_mul(file_type.size_bytes())?;
        num_elements.checked_mul(file_type.dtype().size_bytes())?;
        Some((num_elements, data_bytes))
    });
    let Some((num_elements, data_bytes)) = sizes else {
        return Err(Error::new(
            ErrorKind::Format,
            format!("the header declares the shape {shape}, more than memory can address"),
        ));
    };
    let declared = || format!("{data_bytes} bytes for the shape {shape} of `{}`", header.descr);
    if let Some(file_bytes) = file_bytes {
        let present = file_bytes.saturating_sub(header.len_bytes as u64);
        if present < data_bytes as u64 {
            return Err(cut_short(present, &declared()));
        }
        if present > data_bytes as u64 {
            return Err(left_over(&declared(), Some(present)));
        }
        let mut tensor = Tensor::zeros(shape, file_type.dtype());
        let mut chunk = vec![0u8; CHUNK_BYTES.min(data_bytes)];
        let mut first = 0;
        while first < num_elements {
            let num_now = (CHUNK_BYTES / file_type.size_bytes()).min(num_elements - first);
            let bytes = &mut chunk[..num_now * file_type.size_bytes()];
            read_exact(file, bytes)?;
            file_type.convert(bytes, &mut tensor, first)?;
            first += num_now;
        }
        return Ok(in_row_major_order(tensor, header.fortran_order));
    }
    // Without a length, memory grows with the bytes that come, not with what was declared.
    let mut bytes = Vec::new();
    file.take(data_bytes as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| io_error("it cannot be read", error))?;
    if bytes.len() < data_bytes {
        return Err(cut_short(bytes.len() as u64, &declared()));
    }
    let more = file.read(&mut [0]).map_err(|error| io_error("it cannot be read", error))?;
    if more > 0 {
        return Err(left_over(&declared(), None));
    }
    let mut tensor = Tensor::zeros(shape, file_type.dtype());
    file_type.convert(&bytes, &mut tensor, 0)?;
    Ok(in_row_major_order(tensor, header.fortran_order))
}

/// Writes an `.npy` file (version 1.0, C order, the machine's byte order), atomically: a file
/// already there stays as it was until the whole new one is on the disk.
///
/// # Errors
/// [`ErrorKind::Io`] when writing fails.
pub fn write(path: impl AsRef<Path>, tensor: &Tensor) -> Result<()> {
    crate::atomic::write(path, |file| write_to(file, tensor))
}

/// Writes the contents of an `.npy` file, as [`write()`] does, into an archive or a stream.
///
/// # Errors
/// The writer's.
pub fn write_to(file: &mut impl Write, tensor: &Tensor) -> std::io::Result<()> {
    file.write_all(&header_of(tensor))?;
    file.write_all(tensor.bytes())
}

fn header_of(tensor: &Tensor) -> Vec<u8> {
    let order = if cfg!(target_endian = "big") { '>' } else { '<' };
    let descr = match tensor.dtype() {
        DType::F32 => format!("{order}f4"),
        DType::F64 => format!("{order}f8"),
        DType::I32 => format!("{order}i4"),
        DType::I64 => format!("{order}i8"),
        DType::I8 => "|i1".to_string(),
        DType::U8 => "|u1".to_string(),
        DType::Bool => "|b1".to_string(),
    };
    let dims: String = tensor.shape().iter().map(|dim| format!("{dim},")).collect();
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    // The elements begin at a multiple of 64 bytes, and the text ends in a line feed.
    let start = 10;
    let padded = (start + text.len() + 1).next_multiple_of(64) - start;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    let length = u16::try_from(padded).expect("64 axes of 20 digits fit 65,535 bytes");
    header.extend(length.to_le_bytes());
    header.extend(text.bytes());
    header.resize(start + padded - 1, b' ');
    header.push(b'\n');
    header
}

/// The same array with the last axis fastest, when `fortran_order` says the first one is.
fn in_row_major_order(tensor: Tensor, fortran_order: bool) -> Tensor {
    let dims = tensor.shape().dims();
    if !fortran_order || dims.iter().filter(|&&dim| dim > 1).count() < 2 || dims.contains(&0) {
        return tensor;
    }
    let size = tensor.dtype().size_bytes();
    let mut out = Tensor::zeros(tensor.shape(), tensor.dtype());
    // Elements to skip in the file when the index on an axis grows by one.
    let file_strides: Vec<usize> = dims
        .iter()
        .scan(1, |stride, &dim| Some(std::mem::replace(stride, *stride * dim)))
        .collect();
    let from = tensor.bytes();
    let mut index = vec![0usize; dims.len()];
    let mut at = 0;
    for to in out.bytes_mut().chunks_exact_mut(size) {
        to.copy_from_slice(&from[at * size..][..size]);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            at += file_strides[axis];
            if index[axis] < dims[axis] {
                break;
            }
            at -= file_strides[axis] * dims[axis];
            index[axis] = 0;
        }
    }
    out
}

/// Fills `bytes`, or says that the file ended early.
fn read_exact(file: &mut impl Read, bytes: &mut [u8]) -> Result<()> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            Error::new(ErrorKind::Format, "the file ends too early")
                .expected(format!("{} more bytes", bytes.len()))
        }
        _ => io_error("it cannot be read", error),
    })
}

fn cut_short(present: u64, declared: &str) -> Error {
    Error::new(ErrorKind::Format, format!("{present} bytes follow the header"))
        .expected(declared)
        .hint("the file is cut short or its header is wrong: write it again")
}

fn left_over(declared: &str, present: Option<u64>) -> Error {
    let message = match present {
        Some(present) => format!("{present} bytes follow the header"),
        None => "more bytes follow the header than it declares".to_string(),
    };
    Error::new(ErrorKind::Format, message)
        .expected(declared)
        .hint("save one array per file; `numpy.savez` archives hold several")
}

fn io_error(message: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, message).caused_by(error)
}
