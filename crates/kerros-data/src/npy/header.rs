//! The header of an `.npy` file: a magic word, a version, and a Python dictionary literal.

use std::io::Read;

use kerros_core::{Error, ErrorKind, Result, Shape};

/// The first bytes of every `.npy` file.
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The longest header read. NumPy refuses longer ones too (`max_header_size` of
/// `numpy.lib.format`); a plain array's header is about 100 bytes.
const MAX_HEADER_BYTES: usize = 10_000;

/// The most axes NumPy itself allows (`NPY_MAXDIMS` since NumPy 2).
const MAX_NDIM: usize = 64;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The element type as NumPy spells it, such as `<f4`.
    pub descr: String,
    /// Whether the first axis is the fastest.
    pub fortran_order: bool,
    /// The lengths of the axes.
    pub shape: Shape,
    /// Bytes from the start of the file to the first element.
    pub len_bytes: usize,
}

/// Reads the header and leaves `file` at the first element.
///
/// # Errors
/// [`ErrorKind::Format`] when the bytes are no such header; [`ErrorKind::Unsupported`] for
/// structured element types; [`ErrorKind::Io`] when reading fails.
pub(super) fn read(file: &mut impl Read) -> Result<Header> {
    let mut start = [0u8; 8];
    super::read_exact(file, &mut start)
        .map_err(|error| error.hint("write the array again with `numpy.save`"))?;
    if &start[..6] != MAGIC {
        return Err(format_error("the file does not begin as an .npy file does")
            .expected("the bytes \\x93NUMPY")
            .hint("write the array with `numpy.save`; for text use a .csv file"));
    }
    let (num_length_bytes, version) = match (start[6], start[7]) {
        (1, 0) => (2, 1),
        (2, 0) => (4, 2),
        (3, 0) => (4, 3),
        (major, minor) => {
            return Err(format_error(format!("the .npy version is {major}.{minor}"))
                .expected("version 1.0, 2.0 or 3.0"));
        }
    };
    let mut length = [0u8; 4];
    super::read_exact(file, &mut length[..num_length_bytes])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEADER_BYTES {
        return Err(format_error(format!("the header claims to be {length} bytes long"))
            .expected(format!("at most {MAX_HEADER_BYTES} bytes, NumPy's own limit")));
    }
    let mut text = vec![0u8; length];
    super::read_exact(file, &mut text)?;
    let len_bytes = start.len() + num_length_bytes + length;
    parse(&text, len_bytes).map_err(|error| error.context(format!("header of version {version}.0")))
}

/// Reads the dictionary `{'descr': .., 'fortran_order': .., 'shape': ..}`.
fn parse(text: &[u8], len_bytes: usize) -> Result<Header> {
    let mut reader = Reader { text, at: 0 };
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    reader.take(b'{')?;
    while !reader.next_is(b'}') {
        let key = reader.string()?;
        reader.take(b':')?;
        let is_new = match key.as_str() {
            "descr" => descr.replace(reader.descr()?).is_none(),
            "fortran_order" => fortran_order.replace(reader.truth()?).is_none(),
            "shape" => shape.replace(reader.shape()?).is_none(),
            _ => return Err(format_error(format!("the header has an unknown key `{key}`"))),
        };
        if !is_new {
            return Err(format_error(format!("the header has the key `{key}` twice")));
        }
        if !reader.next_is(b',') && reader.peek() != Some(b'}') {
            return Err(reader.unexpected("`,` or `}`"));
        }
    }
    if reader.peek().is_some() {
        return Err(reader.unexpected("the end of the header"));
    }
    match (descr, fortran_order, shape) {
        (Some(descr), Some(fortran_order), Some(shape)) => {
            Ok(Header { descr, fortran_order, shape, len_bytes })
        }
        _ => Err(format_error("the header lacks a key")
            .expected("the keys `descr`, `fortran_order` and `shape`")),
    }
}

/// A cursor over the header's text that skips spaces.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// The next byte that is not a space, without taking it.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// Takes `byte` if it comes next.
    fn next_is(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn take(&mut self, byte: u8) -> Result<()> {
        if self.next_is(byte) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{}`", byte as char)))
    }

    fn string(&mut self) -> Result<String> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.unexpected("a quoted string"));
        };
        let rest = &self.text[self.at + 1..];
        let Some(len) = rest.iter().position(|&byte| byte == quote) else {
            return Err(self.unexpected("a string that ends"));
        };
        let string = &rest[..len];
        // None of the three keys and no plain element type needs an escape or a letter beyond ASCII.
        if !string.iter().all(|&byte| (b' '..=b'~').contains(&byte) && byte != b'\\') {
            return Err(self.unexpected("a string of plain ASCII characters"));
        }
        self.at += len + 2;
        Ok(string.iter().map(|&byte| byte as char).collect())
    }

    fn descr(&mut self) -> Result<String> {
        if self.peek() == Some(b'[') {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the file holds a structured array (named fields in each element)",
            )
            .expected("one number per element")
            .hint("save each field as an array of its own"));
        }
        self.string()
    }

    fn truth(&mut self) -> Result<bool> {
        self.peek();
        for (word, value) in [(&b"True"[..], true), (&b"False"[..], false)] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.unexpected("True or False"))
    }

    fn shape(&mut self) -> Result<Shape> {
        self.take(b'(')?;
        let mut dims = Vec::new();
        while !self.next_is(b')') {
            if dims.len() == MAX_NDIM {
                return Err(format_error(format!("the shape has more than {MAX_NDIM} axes")));
            }
            dims.push(self.whole_number()?);
            if !self.next_is(b',') && self.peek() != Some(b')') {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
        Ok(Shape::from(dims))
    }

    fn whole_number(&mut self) -> Result<usize> {
        self.peek();
        let start = self.at;
        let mut number = 0usize;
        while let Some(digit) = self.text.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            number = number
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(usize::from(digit - b'0')))
                .ok_or_else(|| format_error("an axis of the shape does not fit 64 bits"))?;
            self.at += 1;
        }
        if self.at == start {
            return Err(self.unexpected("the length of an axis"));
        }
        // Python 2 wrote long integers as `3L`.
        if self.text.get(self.at) == Some(&b'L') {
            self.at += 1;
        }
        Ok(number)
    }

    fn unexpected(&mut self, expected: &str) -> Error {
        const SHOWN: usize = 24;
        let rest = &self.text[self.at.min(self.text.len())..];
        let shown = String::from_utf8_lossy(&rest[..rest.len().min(SHOWN)]).into_owned();
        format_error(format!("byte {} of the header's text begins {shown:?}", self.at))
            .expected(expected)
    }
}

fn format_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Format, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Header> {
        parse(text.as_bytes(), 0)
    }

    #[test]
    fn every_spelling_of_numpy_is_read() {
        let header = parsed("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n");
        let header = header.unwrap();
        assert_eq!(header.descr, "<f4");
        assert_eq!(header.shape.dims(), [3, 4]);
        assert!(!header.fortran_order);
        let header = parsed("{\"shape\":(5L,),\"fortran_order\":True,\"descr\":\"|b1\"}").unwrap();
        assert_eq!(header.shape.dims(), [5]);
        assert!(header.fortran_order);
        let scalar = parsed("{'descr': '>i8', 'fortran_order': False, 'shape': ()}").unwrap();
        assert_eq!(scalar.shape.ndim(), 0);
    }

    #[test]
    fn hostile_texts_are_refused() {
        let axes = "1,".repeat(65);
        for (text, part) in [
            ("", "byte 0"),
            ("{", "begins \"\""),
            ("{'descr': '<f4'}", "lacks a key"),
            ("{'descr': '<f4', 'descr': '<f4'}", "twice"),
            ("{'descr': '<f4', 'evil': 1}", "unknown key `evil`"),
            ("{'descr': __import__('os')}", "__import__"),
            ("{'descr': '<f4\\x00'}", "begins"),
            ("{'shape': (-1,)}", "-1"),
            ("{'shape': (99999999999999999999,)}", "64 bits"),
            ("{'shape': (3 4)}", "begins \"4"),
            ("{'shape': 3}", "begins \"3"),
            ("{'fortran_order': 1}", "begins \"1"),
            ("{'descr': [('a', '<f4')]}", "structured"),
            ("{'descr': 'abc", "begins"),
            (&format!("{{'shape': ({axes})}}"), "64 axes"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} x", "begins \"x\""),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
        }
        let deep = format!("{{'shape': {}", "(".repeat(9000));
        assert_eq!(parsed(&deep).unwrap_err().kind(), ErrorKind::Format);
    }
}
