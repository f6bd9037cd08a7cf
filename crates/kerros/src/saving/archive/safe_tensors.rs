//! Named tensors in one file, `.safetensors`: a header that says where each lies, then their
//! bytes. The `safetensors` crate is known to this file alone.
//!
//! # Source
//! The format's description at <https://github.com/huggingface/safetensors>.

use std::io::{Read, Write};
use std::path::Path;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::element::{Encoding, Stored};
use super::{open, write_atomically};

/// The tensors of a `.safetensors` file by name, in the order of the names.
///
/// `float16` and `bfloat16` become `float32`, and whole numbers that a [`Tensor`] lacks the next
/// wider type it has.
///
/// # Errors
/// [`ErrorKind::Io`] when the file cannot be read; [`ErrorKind::Format`] for a file that is
/// damaged or cut short, or whose header claims what is not there;
/// [`ErrorKind::Unsupported`] for an element type that Keras's variables do not have.
pub fn read_safetensors(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
    let path = path.as_ref();
    let context = |error: Error| error.context(format!("reading `{}`", path.display()));
    let mut bytes = Vec::new();
    open(path)
        .and_then(|mut file| {
            file.read_to_end(&mut bytes)
                .map_err(|error| Error::new(ErrorKind::Io, "reading failed").caused_by(error))
        })
        .map_err(context)?;
    tensors(&bytes).map_err(context)
}

/// Writes tensors under their names, atomically: either the whole file appears or what was there
/// before stays.
///
/// # Errors
/// [`ErrorKind::Argument`] for a name that is there twice; [`ErrorKind::Io`] when writing fails.
pub fn write_safetensors(path: impl AsRef<Path>, named: &[(String, Tensor)]) -> Result<()> {
    let path = path.as_ref();
    let context = |error: Error| error.context(format!("writing `{}`", path.display()));
    let bytes = bytes(named).map_err(context)?;
    write_atomically(path, |file| {
        file.write_all(&bytes)
            .map_err(|error| Error::new(ErrorKind::Io, "writing failed").caused_by(error))
    })
    .map_err(context)
}

fn tensors(bytes: &[u8]) -> Result<Vec<(String, Tensor)>> {
    let damaged = |error: safetensors::SafeTensorError| {
        Error::new(ErrorKind::Format, "it is not a whole safetensors file")
            .caused_by(error)
            .hint("the file is cut short or altered: copy or save it again")
    };
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut named = Vec::new();
    for (name, view) in file.iter() {
        let tensor = tensor(&view).map_err(|error| error.context(format!("tensor `{name}`")))?;
        named.push((name.to_owned(), tensor));
    }
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(named)
}

fn tensor(view: &TensorView<'_>) -> Result<Tensor> {
    let stored = match view.dtype() {
        Dtype::F16 => Stored::F16,
        Dtype::BF16 => Stored::BF16,
        Dtype::F32 => Stored::F32,
        Dtype::F64 => Stored::F64,
        Dtype::I8 => Stored::I8,
        Dtype::I16 => Stored::I16,
        Dtype::I32 => Stored::I32,
        Dtype::I64 => Stored::I64,
        Dtype::U8 => Stored::U8,
        Dtype::U16 => Stored::U16,
        Dtype::U32 => Stored::U32,
        Dtype::BOOL => Stored::Bool,
        other => {
            return Err(Error::new(ErrorKind::Unsupported, format!("the elements are {other:?}"))
                .expected("floating point of 16 to 64 bits, truth values or whole numbers")
                .hint("cast it and save it again"));
        }
    };
    let shape: Shape = view.shape().iter().copied().collect();
    Encoding::little_endian(stored).decode(shape, view.data().to_vec())
}

fn bytes(named: &[(String, Tensor)]) -> Result<Vec<u8>> {
    let mut views = Vec::with_capacity(named.len());
    let mut seen = std::collections::HashSet::new();
    for (name, tensor) in named {
        if !seen.insert(name) {
            return Err(Error::new(ErrorKind::Argument, format!("two weights are named `{name}`"))
                .expected("a name for each weight")
                .hint("give the layers names of their own, or save as `.weights.h5`"));
        }
        let dtype = match tensor.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::I32 => Dtype::I32,
            DType::I64 => Dtype::I64,
            DType::I8 => Dtype::I8,
            DType::U8 => Dtype::U8,
            DType::Bool => Dtype::BOOL,
        };
        let shape = tensor.shape().iter().copied().collect();
        let view = TensorView::new(dtype, shape, tensor.bytes()).map_err(|error| {
            Error::new(ErrorKind::Internal, "a tensor does not fit its shape").caused_by(error)
        })?;
        views.push((name.as_str(), view));
    }
    safetensors::serialize(views, None).map_err(|error| {
        Error::new(ErrorKind::Argument, "the names do not fit the format").caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_go_through() {
        let named = vec![
            ("b/kernel".to_owned(), Tensor::new([2, 2], [1.0f32, -2.5, 0.0, 1e-30]).unwrap()),
            ("a/count".to_owned(), Tensor::scalar(7i32)),
            ("c/mask".to_owned(), Tensor::from_bools([3], &[true, false, true]).unwrap()),
            ("d/none".to_owned(), Tensor::zeros([0, 4], DType::F64)),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        write_safetensors(&path, &named).unwrap();
        let mut sorted = named.clone();
        sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
        assert_eq!(read_safetensors(&path).unwrap(), sorted);
        let whole = bytes(&named).unwrap();
        assert_eq!(whole, bytes(&named).unwrap());
        for length in 0..whole.len() {
            let error = tensors(&whole[..length]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Format, "{length}");
        }
        let twice = [named[0].clone(), named[0].clone()];
        assert_eq!(bytes(&twice).unwrap_err().kind(), ErrorKind::Argument);
    }

    #[test]
    fn headers_claim_no_more_than_is_there() {
        let file = |header: &str, data: &[u8]| {
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(data);
            bytes
        };
        let claim = |shape: &str, end: u64| {
            format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
        };
        assert!(tensors(&file(&claim("[2]", 8), &[0; 8])).is_ok());
        let huge = (1u64 << 62).to_le_bytes();
        for bytes in [
            file(&claim("[1048576,1048576]", 8), &[0; 8]),
            file(&claim("[2]", 1 << 40), &[0; 8]),
            file(&claim("[18446744073709551615,18446744073709551615]", 8), &[0; 8]),
            huge.to_vec(),
            file("{", &[]),
        ] {
            assert_eq!(tensors(&bytes).unwrap_err().kind(), ErrorKind::Format);
        }
        let complex = r#"{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}"#;
        assert_eq!(tensors(&file(complex, &[0; 2])).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
