//! File names with Python's placeholders: `{epoch:02d}-{val_loss:.2f}.keras`.

use kerros_core::{Error, ErrorKind, Result};

use crate::saving::python_json;

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Whole(i64),
    Float(f64),
}

/// The template with every placeholder filled, by the rules of Python's `str.format`.
///
/// # Errors
/// [`ErrorKind::Argument`] for a brace without its other half, a name that there is no value of,
/// or a format that the value cannot have.
pub(super) fn fill(template: &str, value: impl Fn(&str) -> Option<Value>) -> Result<String> {
    let wrong = |message: String| Error::new(ErrorKind::Argument, message);
    let mut filled = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        filled += &rest[..at];
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            filled += brace;
            rest = after;
            continue;
        }
        let inside = rest.split_once('}').filter(|_| brace == "{");
        let Some((field, after)) = inside else {
            return Err(wrong(format!("a single `{brace}` in `{template}`"))
                .expected("placeholders such as {epoch:02d}; {{ and }} for braces"));
        };
        rest = after;
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let value = value(name)
            .ok_or_else(|| wrong(format!("`{{{field}}}`: there is no number `{name}`")))?;
        filled += &Spec::parse(spec)
            .and_then(|spec| spec.format(value))
            .map_err(|problem| wrong(format!("`{{{field}}}`: {problem}")))?;
    }
    Ok(filled + rest)
}

/// A number as Python's `repr` writes it: `0.001`, `1e-07`, `100.0`, `nan`.
pub(super) fn python_float(value: f64) -> String {
    if value.is_finite() { python_json::float(value) } else { special(value) }
}

fn special(value: f64) -> String {
    match value {
        value if value.is_nan() => "nan".into(),
        value if value > 0.0 => "inf".into(),
        _ => "-inf".into(),
    }
}

/// Rust's `1.5e-7` as digits and exponent.
fn split_exponent(scientific: &str) -> (&str, i32) {
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    (digits, exponent.parse().unwrap_or(0))
}

/// Digits and exponent as Python and C write them: `1.5e-07`.
fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
#[derive(Clone, Debug, Default, PartialEq)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// Wider than any file name may be.
const WIDEST: usize = 1000;

impl Spec {
    fn parse(text: &str) -> Result<Self, String> {
        let mut spec = Spec::default();
        let mut chars: Vec<char> = text.chars().collect();
        let is_align = |c: Option<&char>| matches!(c, Some('<' | '>' | '^' | '='));
        if is_align(chars.get(1)) {
            spec.fill = Some(chars.remove(0));
        }
        if is_align(chars.first()) {
            spec.align = Some(chars.remove(0));
        }
        if matches!(chars.first(), Some('+' | '-' | ' ')) {
            spec.sign = Some(chars.remove(0));
        }
        if chars.first() == Some(&'#') {
            spec.alternate = true;
            chars.remove(0);
        }
        if chars.first() == Some(&'0') {
            spec.fill = spec.fill.or(Some('0'));
            spec.align = spec.align.or(Some('='));
            chars.remove(0);
        }
        spec.width = take_number(&mut chars)?.unwrap_or(0);
        if matches!(chars.first(), Some(',' | '_')) {
            spec.grouping = Some(chars.remove(0));
        }
        if chars.first() == Some(&'.') {
            chars.remove(0);
            let precision = take_number(&mut chars)?;
            spec.precision = Some(precision.ok_or("a precision is missing after the dot")?);
        }
        if !chars.is_empty() {
            spec.kind = Some(chars.remove(0));
        }
        match chars.is_empty() {
            true => Ok(spec),
            false => Err(format!("`{text}` is no format")),
        }
    }

    fn format(&self, value: Value) -> Result<String, String> {
        let (is_negative, digits) = match (value, self.kind) {
            (Value::Whole(number), None | Some('d' | 'n' | 'x' | 'X' | 'o' | 'b')) => {
                (number < 0, self.whole(number.unsigned_abs())?)
            }
            (Value::Whole(number), _) => (number < 0, self.float((number as f64).abs())?),
            (Value::Float(number), _) => {
                (number.is_sign_negative() && !number.is_nan(), self.float(number.abs())?)
            }
        };
        let sign = match (is_negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            (false, _) => "",
        };
        let digits = match self.grouping {
            Some(between) => self.grouped(&digits, between, sign.len())?,
            None => digits,
        };
        Ok(self.padded(sign, &digits))
    }

    fn whole(&self, number: u64) -> Result<String, String> {
        if self.precision.is_some() {
            return Err("a whole number takes no precision".into());
        }
        let prefix = |prefix: &'static str| if self.alternate { prefix } else { "" };
        Ok(match self.kind {
            Some('x') => format!("{}{number:x}", prefix("0x")),
            Some('X') => format!("{}{number:X}", prefix("0X")),
            Some('o') => format!("{}{number:o}", prefix("0o")),
            Some('b') => format!("{}{number:b}", prefix("0b")),
            _ => number.to_string(),
        })
    }

    /// A number without its sign.
    fn float(&self, value: f64) -> Result<String, String> {
        let is_upper = matches!(self.kind, Some('E' | 'F' | 'G'));
        let precision = self.precision.unwrap_or(6);
        let text = match self.kind {
            Some(kind) if !"eEfFgGn%".contains(kind) => {
                return Err(format!("`{kind}` is no format of a number with decimals"));
            }
            Some('%') if !value.is_finite() => special(value) + "%",
            _ if !value.is_finite() => special(value),
            None if self.precision.is_none() => python_float(value),
            None => general(value, precision, self.alternate, true),
            Some('e' | 'E') => {
                let scientific = format!("{value:.precision$e}");
                let (digits, exponent) = split_exponent(&scientific);
                with_exponent(&self.dotted(digits), exponent)
            }
            Some('f' | 'F') => self.dotted(&format!("{value:.precision$}")),
            Some('%') => self.dotted(&format!("{:.precision$}", value * 100.0)) + "%",
            Some(_) => general(value, precision, self.alternate, false),
        };
        Ok(if is_upper { text.to_uppercase() } else { text })
    }

    fn dotted(&self, digits: &str) -> String {
        match self.alternate && !digits.contains('.') {
            true => format!("{digits}."),
            false => digits.into(),
        }
    }

    /// The digits before the point in threes; zeros that fill the width take part.
    fn grouped(&self, digits: &str, between: char, sign_len: usize) -> Result<String, String> {
        if matches!(self.kind, Some('x' | 'X' | 'o' | 'b' | 'n')) {
            return Err(format!("`{between}` between digits does not go with this format"));
        }
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if end == 0 {
            return Ok(digits.into()); // nan and inf
        }
        let (whole, rest) = digits.split_at(end);
        let zeros_fill = self.fill == Some('0') && self.align == Some('=');
        let room = self.width.saturating_sub(sign_len + rest.len());
        let mut whole = whole.to_string();
        while zeros_fill && in_threes(&whole, between).len() < room {
            whole.insert(0, '0');
        }
        Ok(in_threes(&whole, between) + rest)
    }

    fn padded(&self, sign: &str, digits: &str) -> String {
        let room = self.width.saturating_sub(sign.len() + digits.chars().count());
        let fill = |count: usize| self.fill.unwrap_or(' ').to_string().repeat(count);
        match self.align.unwrap_or('>') {
            '<' => format!("{sign}{digits}{}", fill(room)),
            '^' => format!("{}{sign}{digits}{}", fill(room / 2), fill(room - room / 2)),
            // A sign and a prefix such as 0x stand before what fills.
            '=' => {
                let (prefix, digits) = match digits.get(..2) {
                    Some("0x" | "0X" | "0o" | "0b") => digits.split_at(2),
                    _ => ("", digits),
                };
                format!("{sign}{prefix}{}{digits}", fill(room))
            }
            _ => format!("{}{sign}{digits}", fill(room)),
        }
    }
}

fn in_threes(digits: &str, between: char) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(between);
        }
        text.push(digit);
    }
    text
}

/// C's `%g`: so many significant digits, with an exponent where that is shorter. With `dot_zero`
/// as Python formats without a type: never without a decimal point.
fn general(value: f64, precision: usize, alternate: bool, dot_zero: bool) -> String {
    let significant = precision.max(1);
    let scientific = format!("{value:.*e}", significant - 1);
    let (digits, exponent) = split_exponent(&scientific);
    let most = significant as i32 - i32::from(dot_zero);
    let short = |text: &str| match text.contains('.') && !alternate {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if exponent < -4 || exponent >= most {
        return with_exponent(&short(digits), exponent);
    }
    let decimals = (significant as i32 - 1 - exponent).max(0) as usize;
    let text = short(&format!("{value:.decimals$}"));
    match !text.contains('.') && (dot_zero || alternate) {
        true if dot_zero => text + ".0",
        true => text + ".",
        false => text,
    }
}

fn take_number(chars: &mut Vec<char>) -> Result<Option<usize>, String> {
    let count = chars.iter().take_while(|c| c.is_ascii_digit()).count();
    if count == 0 {
        return Ok(None);
    }
    let digits: String = chars.drain(..count).collect();
    let number = digits.parse().ok().filter(|&number| number <= WIDEST);
    number.map(Some).ok_or_else(|| format!("{digits} is too wide"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, String> {
        let value = |name: &str| match name {
            "epoch" => Some(Value::Whole(7)),
            "loss" => Some(Value::Float(0.123456)),
            _ => None,
        };
        fill(template, value).map_err(|error| error.message().to_string())
    }

    #[test]
    fn names_are_filled() {
        assert_eq!(filled("{epoch:02d}-{loss:.2f}.keras").unwrap(), "07-0.12.keras");
        assert_eq!(filled("{{{epoch}}}").unwrap(), "{7}");
        assert_eq!(filled("plain.keras").unwrap(), "plain.keras");
        assert_eq!(filled("{mae}").unwrap_err(), "`{mae}`: there is no number `mae`");
        assert_eq!(filled("{epoch").unwrap_err(), "a single `{` in `{epoch`");
        assert_eq!(filled("epoch}").unwrap_err(), "a single `}` in `epoch}`");
        assert_eq!(
            filled("{loss:02d}").unwrap_err(),
            "`{loss:02d}`: `d` is no format of a number with decimals"
        );
        assert!(filled("{epoch:.2d}").is_err());
        assert!(filled("{epoch:99999d}").is_err());
        assert!(filled("{epoch:d3}").is_err());
    }

    /// `fixtures/callbacks.json`: what Python makes of templates, or nothing where it refuses.
    #[test]
    fn numbers_are_written_as_python_writes_them() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/callbacks.json");
        let file: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = file["placeholders"].as_array().unwrap();
        assert!(cases.len() > 300);
        for case in cases {
            let value = match (&case[1], case[1].as_i64(), case[1].as_f64()) {
                (number, Some(whole), _) if number.is_i64() || number.is_u64() => {
                    Value::Whole(whole)
                }
                (_, _, Some(number)) => Value::Float(number),
                (text, ..) => Value::Float(text.as_str().unwrap().parse().unwrap()),
            };
            let filled = fill(case[0].as_str().unwrap(), |_| Some(value));
            assert_eq!(filled.as_deref().ok(), case[2].as_str(), "{case}: {filled:?}");
        }
    }
}
