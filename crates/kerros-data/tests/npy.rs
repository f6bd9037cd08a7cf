//! `.npy` files that NumPy wrote, files written here, and files that no honest program writes.

use std::path::PathBuf;

use kerros_core::{DType, ErrorKind, Tensor};
use kerros_data::npy;
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/npy").join(name)
}

/// A file of version 1.0 with this header text and these bytes after it.
fn file(text: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn every_element_type_and_order_of_numpy_is_read() {
    let counting: Vec<f64> = (0..12).map(f64::from).collect();
    for (name, dtype) in [
        ("f2", DType::F32),
        ("f4", DType::F32),
        ("f8", DType::F64),
        ("i1", DType::I32),
        ("i2", DType::I32),
        ("i4", DType::I32),
        ("i8", DType::I64),
        ("u1", DType::U8),
        ("u2", DType::I32),
        ("u4", DType::I64),
        ("u8", DType::I64),
    ] {
        for order in ["le", "be"] {
            let tensor = npy::read(fixture(&format!("{name}_{order}.npy"))).unwrap();
            assert_eq!(tensor.dtype(), dtype, "{name} {order}");
            assert_eq!(tensor.shape().dims(), [2, 3, 2]);
            assert_eq!(tensor.to_vec_f64(), counting, "{name} {order}");
        }
    }
    for name in ["f4_fortran", "i8_be_fortran", "version_2", "version_3"] {
        let tensor = npy::read(fixture(&format!("{name}.npy"))).unwrap();
        assert_eq!(tensor.to_vec_f64(), counting, "{name}");
    }
    let truths = npy::read(fixture("b1_le.npy")).unwrap();
    assert_eq!(truths.dtype(), DType::Bool);
    assert_eq!(truths.bytes(), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let scalar = npy::read(fixture("scalar.npy")).unwrap();
    assert_eq!((scalar.shape().ndim(), scalar.to_vec_f64()), (0, vec![2.5]));
    assert_eq!(npy::read(fixture("empty.npy")).unwrap().shape().dims(), [0, 4]);
}

#[test]
fn what_is_no_plain_array_is_refused() {
    for (name, part) in [("objects", "pickle"), ("text", "text"), ("records", "structured")] {
        let error = npy::read(fixture(&format!("{name}.npy"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(part), "{error}");
        assert!(error.to_string().starts_with("reading `"), "{error}");
    }
    let folder = npy::read(fixture("")).unwrap_err();
    assert_eq!((folder.kind(), folder.message()), (ErrorKind::Io, "it is a folder"));
    assert_eq!(npy::read(fixture("missing.npy")).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    for tensor in [
        Tensor::new([2, 3], [0.5f32, -0.0, f32::INFINITY, 1e-45, 3.0, -4.0]).unwrap(),
        Tensor::new([2], [1e300f64, -1.0]).unwrap(),
        Tensor::new([1, 1, 2], [i32::MIN, i32::MAX]).unwrap(),
        Tensor::new([2], [i64::MIN, i64::MAX]).unwrap(),
        Tensor::new([3], [0u8, 128, 255]).unwrap(),
        Tensor::from_bools([2], &[true, false]).unwrap(),
        Tensor::scalar(7.0f32),
        Tensor::zeros([3, 0], DType::F32),
    ] {
        npy::write(&path, &tensor).unwrap();
        assert_eq!(npy::read(&path).unwrap(), tensor);
        let len = std::fs::metadata(&path).unwrap().len() as usize;
        assert_eq!((len - tensor.bytes().len()) % 64, 0, "the elements begin at 64 bytes");
    }
}

#[cfg(target_endian = "little")]
#[test]
fn the_header_is_the_one_numpy_documents() {
    let mut bytes = Vec::new();
    npy::write_to(&mut bytes, &Tensor::full([3, 4], 1.0f32)).unwrap();
    assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
    let text = std::str::from_utf8(&bytes[10..128]).unwrap();
    assert!(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (3,4,), }"));
    assert!(text.ends_with(" \n"));
    assert_eq!(bytes.len(), 128 + 48);
}

#[test]
fn declarations_beyond_the_bytes_are_refused_before_memory_is_taken() {
    let header = |shape: &str| {
        file(&format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"), &[0; 16])
    };
    assert_eq!(npy::from_bytes(&header("(2,)")).unwrap().num_elements(), 2);
    for (shape, part) in [
        // 8 TiB and 2^61 bytes: would end the process if they were allocated.
        ("(1099511627776,)", "16 bytes follow the header"),
        ("(288230376151711744,)", "16 bytes follow the header"),
        ("(2305843009213693952,)", "more than memory can address"),
        ("(4294967296, 4294967296)", "more than memory can address"),
        ("(18446744073709551615,)", "more than memory can address"),
        ("(3,)", "16 bytes follow the header"),
        ("(1,)", "16 bytes follow the header"),
        ("()", "16 bytes follow the header"),
        ("(0, 99)", "16 bytes follow the header"),
    ] {
        let error = npy::from_bytes(&header(shape)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{shape}");
        assert!(error.message().contains(part), "{shape}: {error}");
    }
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    let error = npy::from_bytes(&long).unwrap_err();
    assert_eq!(error.message(), "the header claims to be 4294967295 bytes long");
    let error = npy::from_bytes(b"\x93NUMPY\x07\x01......").unwrap_err();
    assert_eq!(error.message(), "the .npy version is 7.1");
    let error = npy::from_bytes(b"PK\x03\x04 a zip archive").unwrap_err();
    assert_eq!(error.message(), "the file does not begin as an .npy file does");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = std::fs::read(fixture("i4_le.npy")).unwrap();
    for len in 0..whole.len() {
        let error = npy::from_bytes(&whole[..len]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "cut at {len}");
    }
    npy::from_bytes(&whole).unwrap();
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for (bytes, ok) in [
        (std::fs::read(fixture("f4_fortran.npy")).unwrap(), true),
        (
            file("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}", &[0; 8]),
            false,
        ),
        (file("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", &[0; 8]), false),
    ] {
        let writer = {
            let pipe = pipe.clone();
            std::thread::spawn(move || std::fs::write(pipe, bytes))
        };
        match npy::read(&pipe) {
            Ok(tensor) => {
                assert!(ok);
                assert_eq!(tensor.to_vec_f64()[..3], [0.0, 1.0, 2.0]);
            }
            Err(error) => {
                assert!(!ok, "{error}");
                assert_eq!(error.kind(), ErrorKind::Format);
            }
        }
        // The reader may have closed the pipe first; only its own result counts here.
        let _ = writer.join().unwrap();
    }
}

proptest! {
    /// Any change of any byte gives an array or an error, never a panic or an endless wait.
    #[test]
    fn changed_bytes_never_panic(at in 0usize..176, byte: u8, cut in 0usize..176) {
        let mut bytes = std::fs::read(fixture("i4_le.npy")).unwrap();
        bytes[at] = byte;
        let _ = npy::from_bytes(&bytes);
        let _ = npy::from_bytes(&bytes[..cut]);
    }

    /// Texts made of the header's own words reach deep into the parser.
    #[test]
    fn shuffled_headers_never_panic(words in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "(", ")", "[", ",", ":", "'descr'", "'shape'", "'fortran_order'", "'<f4'",
        "'|O'", "True", "False", "3", "0", "18446744073709551615", "L", " ", "'", "-", "\u{e9}",
    ]), 0..24)) {
        let _ = npy::from_bytes(&file(&words.concat(), &[0; 12]));
    }

    #[test]
    fn fortran_order_is_undone(dims in prop::collection::vec(1usize..5, 0..5)) {
        let num_elements: usize = dims.iter().product();
        // The element at (i, j, ..) of the file in Fortran order is numbered i + dims[0] * (j + ..).
        let data: Vec<u8> = (0..num_elements).flat_map(|n| (n as i32).to_le_bytes()).collect();
        let shape: String = dims.iter().map(|dim| format!("{dim},")).collect();
        let text = format!("{{'descr': '<i4', 'fortran_order': True, 'shape': ({shape})}}");
        let tensor = npy::from_bytes(&file(&text, &data)).unwrap();
        let strides = tensor.shape().strides();
        for (at, &number) in tensor.as_slice::<i32>().unwrap().iter().enumerate() {
            let index = dims.iter().zip(&strides).map(|(dim, stride)| at / stride % dim);
            let expected = index.zip(&dims).collect::<Vec<_>>().into_iter().rev()
                .fold(0, |total, (index, dim)| total * dim + index);
            prop_assert_eq!(number as usize, expected);
        }
    }
}
