//! Rust text with the parts told apart that the checks must not confuse: code, comments,
//! strings, and what is compiled for tests only.

use std::ops::Range;

/// A text, read.
#[derive(Debug)]
pub struct Code {
    /// The text with comments, strings and character literals blanked out, byte for byte.
    pub bare: String,
    /// Where in it items stand that are compiled for tests only.
    pub test_items: Vec<Range<usize>>,
    /// The modules in files of their own that are declared for tests only.
    pub test_modules: Vec<String>,
}

impl Code {
    /// Each place of `word` in the code, as whole words, with whether it is for tests only.
    pub fn places<'a>(&'a self, word: &'a str) -> impl Iterator<Item = (usize, bool)> + 'a {
        let part_of_word = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        let bytes = self.bare.as_bytes();
        self.bare.match_indices(word).filter_map(move |(at, _)| {
            let end = at + word.len();
            let starts_word = part_of_word(word.as_bytes().first());
            let ends_word = part_of_word(word.as_bytes().last());
            let inside = (starts_word && at > 0 && part_of_word(bytes.get(at - 1)))
                || (ends_word && part_of_word(bytes.get(end)));
            let test = self.test_items.iter().any(|range| range.contains(&at));
            (!inside).then_some((at, test))
        })
    }

    /// The line of a place, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        1 + self.bare.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count()
    }
}

/// Reads a text.
pub fn read(text: &str) -> Code {
    let bare = blank(text);
    let mut test_items = Vec::new();
    let mut test_modules = Vec::new();
    for (start, _) in bare.match_indices("#[cfg(") {
        let Some(len) = bare[start..].find(")]") else { continue };
        let condition = &bare[start + 6..start + len];
        let for_tests =
            condition.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "test");
        if !for_tests || condition.contains("not(") {
            continue;
        }
        let item = start + len + 2;
        let end = item_end(&bare, item);
        test_items.push(start..end);
        if bare.as_bytes().get(end.saturating_sub(1)) == Some(&b';') {
            let words: Vec<&str> =
                bare[item..end - 1].split_whitespace().filter(|word| *word != "pub").collect();
            if let ["mod", name] = words[..] {
                test_modules.push(name.to_string());
            }
        }
    }
    Code { bare, test_items, test_modules }
}

/// Where the item that starts at `from` ends: behind its `;` or its closing brace.
fn item_end(bare: &str, from: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in bare.bytes().enumerate().skip(from) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && byte == b'}' {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    bare.len()
}

/// The text with comments, strings and character literals replaced by spaces.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut bare = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                text[at..].find('\n').map_or(bytes.len(), |len| at + len)
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' | b'b' | b'c' if !in_word(bytes, at) => literal_end(bytes, at),
            b'\'' => char_end(bytes, at),
            _ => at,
        };
        for byte in bare[at..end].iter_mut().filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
        at = end.max(at + 1);
    }
    String::from_utf8(bare).expect("whole literals are replaced, never parts of a character")
}

fn in_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn block_comment_end(bytes: &[u8], from: usize) -> usize {
    let (mut depth, mut at) = (0usize, from);
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'/', b'*') => (depth, at) = (depth + 1, at + 2),
            (b'*', b'/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// Behind the string whose opening quote stands at `from`.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Behind the literal that a prefix such as `r`, `b` or `br` at `from` opens; `from` itself
/// when it opens none.
fn literal_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < from + 2 && matches!(bytes.get(at), Some(b'r' | b'b' | b'c')) {
        at += 1;
    }
    let raw = bytes[from..at].contains(&b'r');
    let hashes = bytes[at..].iter().take_while(|byte| **byte == b'#').count();
    match bytes.get(at + hashes) {
        Some(b'"') if raw => {
            let close: Vec<u8> = [&b"\""[..], &vec![b'#'; hashes][..]].concat();
            let from = at + hashes + 1;
            let found = bytes[from..].windows(close.len()).position(|window| window == close);
            found.map_or(bytes.len(), |len| from + len + close.len())
        }
        Some(b'"') if hashes == 0 => string_end(bytes, at),
        Some(b'\'') if hashes == 0 && bytes[from..at] == [b'b'] => char_end(bytes, at),
        _ => from,
    }
}

/// Behind the character literal at `from`; `from` itself for a lifetime.
fn char_end(bytes: &[u8], from: usize) -> usize {
    if bytes.get(from + 1) == Some(&b'\\') {
        let close = bytes[from + 3..].iter().position(|byte| *byte == b'\'');
        return close.map_or(bytes.len(), |len| from + 3 + len + 1);
    }
    // One character of up to four bytes, then the closing quote.
    let close = (from + 2..=from + 5).find(|&at| bytes.get(at) == Some(&b'\''));
    let one = |close: usize| {
        std::str::from_utf8(&bytes[from + 1..close]).is_ok_and(|text| text.chars().count() == 1)
    };
    close.filter(|&close| one(close)).map_or(from, |close| close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank() {
        let text = "a // x\nb /* y /* z */ */ c \"s\\\"t\" d r#\"u\"v\"# e 'w' f<'g> '\\'' b'x' h";
        let bare = blank(text);
        assert_eq!(bare.len(), text.len());
        let words: Vec<&str> = bare.split_whitespace().collect();
        assert_eq!(words, ["a", "b", "c", "d", "e", "f<'g>", "h"]);
    }

    #[test]
    fn items_for_tests_are_found() {
        let text = "fn a() { x(); }\n#[cfg(test)]\nmod tests { fn b() { x(); } }\nfn c() { x(); }";
        let code = read(text);
        let places: Vec<bool> = code.places("x").map(|(_, test)| test).collect();
        assert_eq!(places, [false, true, false]);
        assert!(code.test_modules.is_empty());
        assert_eq!(read("#[cfg(test)]\npub mod deep;").test_modules, ["deep"]);
        assert!(read("#[cfg(not(test))] mod real;").test_modules.is_empty());
    }

    #[test]
    fn words_are_whole() {
        let code = read("unwrap unwrap_or my_unwrap .unwrap()");
        assert_eq!(code.places("unwrap").count(), 2);
        assert_eq!(code.places(".unwrap()").count(), 1);
    }
}
