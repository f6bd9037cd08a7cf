//! JSON as Python's `json` writes and reads it, so that a config compares character by character
//! with one that Keras wrote.

use serde_json::{Number, Value};

use crate::object::NOT_FINITE;

/// Reads a JSON text, infinities and NaN as Python writes them included.
pub(super) fn from_bytes(json: &[u8]) -> serde_json::Result<Value> {
    let read = serde_json::from_slice(json);
    match (&read, std::str::from_utf8(json)) {
        (Err(_), Ok(text)) if NOT_FINITE.iter().any(|(word, _)| text.contains(word)) => {
            serde_json::from_str(&quoted(text))
        }
        _ => read,
    }
}

/// The text with quotes around what Python writes for infinities and NaN.
fn quoted(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 64);
    let mut rest = json;
    while let Some(at) = rest.find(['"', '-', 'I', 'N']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match NOT_FINITE.iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, _)) => {
                text.push_str(&format!("\"{word}\""));
                rest = &rest[word.len()..];
                continue;
            }
            None if rest.starts_with('"') => string_length(rest),
            None => 1,
        };
        text.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    text.push_str(rest);
    text
}

/// The bytes of the string that a text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The value on one line: `", "` and `": "` between, ASCII with `\u` escapes, floats as
/// Python's `repr`.
pub(super) fn to_string(value: &Value) -> String {
    let mut json = String::new();
    write(value, &mut json);
    json
}

fn write(value: &Value, json: &mut String) {
    match value {
        Value::Null => json.push_str("null"),
        Value::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => json.push_str(&number_text(number)),
        // What stands for a number that JSON has no word for, as Python writes it.
        Value::String(text) if NOT_FINITE.iter().any(|(word, _)| text == word) => {
            json.push_str(text);
        }
        Value::String(text) => write_text(text, json),
        Value::Array(values) => {
            json.push('[');
            for (at, value) in values.iter().enumerate() {
                json.push_str(if at > 0 { ", " } else { "" });
                write(value, json);
            }
            json.push(']');
        }
        Value::Object(entries) => {
            json.push('{');
            for (at, (key, value)) in entries.iter().enumerate() {
                json.push_str(if at > 0 { ", " } else { "" });
                write_text(key, json);
                json.push_str(": ");
                write(value, json);
            }
            json.push('}');
        }
    }
}

fn write_text(text: &str, json: &mut String) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            ' '..='\u{7f}' => json.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    json.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    json.push('"');
}

fn number_text(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(value) => float(value),
        None => number.to_string(),
    }
}

/// The shortest decimal that reads back as the same number, laid out as Python's `repr`:
/// `0.001`, `1e-07`, `100.0`, `1e+16`.
pub(crate) fn float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        // Python: [repr(x) for x in (...)]
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.001f32.into(), "0.0010000000474974513"),
            (1e-7, "1e-07"),
            (0.0001, "0.0001"),
            (0.000012345, "1.2345e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (-2.5e300, "-2.5e+300"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value), text);
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }

    #[test]
    fn infinities_and_nan_are_texts_in_between() {
        let json = br#"{"a": [NaN, -Infinity, Infinity, -1.5, "NaN\\\" NaN"], "NaN": null}"#;
        let value = from_bytes(json).unwrap();
        let expected =
            json!({"a": ["NaN", "-Infinity", "Infinity", -1.5, "NaN\\\" NaN"], "NaN": null});
        assert_eq!(value, expected);
        assert_eq!(to_string(&value).as_bytes(), json);
        assert!(from_bytes(b"[NaN").is_err());
        assert!(from_bytes(b"[Nan]").is_err());
    }

    #[test]
    fn a_value_is_written_as_json_dumps_writes_it() {
        let value = json!({"a": [null, 1, 1.5, true], "b\n": "ä\u{1F600}\"\\\u{7f}\u{1}", "c": {}});
        assert_eq!(
            to_string(&value),
            "{\"a\": [null, 1, 1.5, true], \
             \"b\\n\": \"\\u00e4\\ud83d\\ude00\\\"\\\\\u{7f}\\u0001\", \"c\": {}}"
        );
        assert_eq!(serde_json::from_str::<Value>(&to_string(&value)).unwrap(), value);
    }
}
