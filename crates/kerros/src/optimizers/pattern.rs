//! Patterns of variable paths: the part of Python's regular expressions that paths need.

use std::fmt;

use kerros_core::{Error, ErrorKind, Result};

/// A pattern that a whole path matches, or that is found in it, in time proportional to both
/// lengths.
///
/// Letters stand for themselves, `.` for any character, `[abc]`, `[a-z]` and `[^a]` for sets,
/// `\d`, `\w`, `\s` and their capitals for the usual ones, `\` takes the meaning from others;
/// `|` separates choices, `(..)` groups, and `*`, `+` and `?` repeat what stands before; `^` at
/// the very start and `$` at the very end are those of the text.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    steps: Vec<Step>,
    at_start: bool,
    at_end: bool,
}

/// One step of the machine that a pattern is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Takes one character of a set.
    Take(Set),
    /// Goes on at one place or another.
    Either(usize, usize),
    /// The end.
    End,
}

/// Characters: ranges, or all but these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Set {
    is_not: bool,
    ranges: Vec<(char, char)>,
}

impl Set {
    fn one(letter: char) -> Self {
        Set { is_not: false, ranges: vec![(letter, letter)] }
    }

    fn contains(&self, letter: char) -> bool {
        self.ranges.iter().any(|&(low, high)| (low..=high).contains(&letter)) != self.is_not
    }

    /// The set that `\` and this letter stand for, where it has a meaning.
    fn of_class(letter: char) -> Option<Self> {
        let ranges = match letter.to_ascii_lowercase() {
            'd' => vec![('0', '9')],
            'w' => vec![('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_')],
            's' => vec![(' ', ' '), ('\t', '\r')],
            _ => return None,
        };
        Some(Set { is_not: letter.is_ascii_uppercase(), ranges })
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for what these patterns cannot say.
    pub(super) fn new(text: &str) -> Result<Self> {
        let at_start = text.starts_with('^');
        let bare = text.strip_prefix('^').unwrap_or(text);
        let at_end = bare.ends_with('$') && !bare.ends_with("\\$");
        let bare = if at_end { &bare[..bare.len() - 1] } else { bare };
        let mut reader = Reader {
            rest: bare.chars().collect(),
            at: 0,
            depth: 0,
            is_anchored: at_start || at_end,
        };
        let steps = reader.choices().and_then(|mut steps| {
            steps.push(Step::End);
            if reader.at == reader.rest.len() { Ok(steps) } else { Err("a `)` too many") }
        });
        match steps {
            Ok(steps) => Ok(Pattern { text: text.into(), steps, at_start, at_end }),
            Err(why) => {
                Err(Error::new(ErrorKind::Unsupported, format!("the pattern `{text}` has {why}"))
                    .expected("letters, `.`, sets, groups, `|`, `*`, `+` and `?`"))
            }
        }
    }

    /// Whether the whole text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.run(text, true, true)
    }

    /// Whether a part of the text matches.
    pub(super) fn is_found_in(&self, text: &str) -> bool {
        self.run(text, self.at_start, self.at_end)
    }

    fn run(&self, text: &str, from_start: bool, to_end: bool) -> bool {
        let mut places = vec![false; self.steps.len()];
        self.reach(0, &mut places);
        for letter in text.chars() {
            if !to_end && self.is_done(&places) {
                return true;
            }
            let mut next = vec![false; self.steps.len()];
            if !from_start {
                self.reach(0, &mut next);
            }
            for (at, step) in self.steps.iter().enumerate().filter(|(at, _)| places[*at]) {
                if let Step::Take(set) = step
                    && set.contains(letter)
                {
                    self.reach(at + 1, &mut next);
                }
            }
            places = next;
        }
        self.is_done(&places)
    }

    fn is_done(&self, places: &[bool]) -> bool {
        self.steps.iter().zip(places).any(|(step, is_here)| *is_here && *step == Step::End)
    }

    /// Marks a place and all that is reached from it without taking a character.
    fn reach(&self, at: usize, places: &mut [bool]) {
        let mut open = vec![at];
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut places[at], true) {
                continue;
            }
            if let Step::Either(one, other) = self.steps[at] {
                open.extend([one, other]);
            }
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How deep groups may stand in groups.
const MAX_DEPTH: usize = 50;

type Steps = std::result::Result<Vec<Step>, &'static str>;

/// A pattern being read. Steps are made with places from 0; joining moves them.
struct Reader {
    rest: Vec<char>,
    at: usize,
    depth: usize,
    is_anchored: bool,
}

impl Reader {
    fn next(&mut self) -> Option<char> {
        let letter = self.rest.get(self.at).copied();
        self.at += usize::from(letter.is_some());
        letter
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    /// `a|b|c`, up to the end or a closing parenthesis.
    fn choices(&mut self) -> Steps {
        let mut steps = self.sequence()?;
        while self.peek() == Some('|') {
            // `^a|b$` would mean `(^a)|(b$)`.
            if self.is_anchored && self.depth == 0 {
                return Err("a `|` beside `^` or `$`");
            }
            self.at += 1;
            let other = self.sequence()?;
            // either -> (first, jump behind other) | other
            let (first, second) = (steps.len(), other.len());
            let behind = first + 2 + second;
            let mut joined = vec![Step::Either(1, first + 2)];
            join(&mut joined, steps);
            joined.push(Step::Either(behind, behind));
            join(&mut joined, other);
            steps = joined;
        }
        Ok(steps)
    }

    fn sequence(&mut self) -> Steps {
        let mut steps = Vec::new();
        while let Some(letter) = self.peek().filter(|letter| !matches!(letter, '|' | ')')) {
            self.at += 1;
            let mut one = self.one(letter)?;
            while let Some(times) = self.peek().filter(|letter| matches!(letter, '*' | '+' | '?')) {
                self.at += 1;
                one = repeated(one, times);
            }
            join(&mut steps, one);
        }
        Ok(steps)
    }

    fn one(&mut self, letter: char) -> Steps {
        let set = match letter {
            '(' => return self.group(),
            '.' => Set { is_not: true, ranges: vec![('\n', '\n')] },
            '[' => self.set()?,
            '\\' => self.escaped()?,
            '*' | '+' | '?' => return Err("a repetition of nothing"),
            '{' | '^' | '$' => return Err("a `{`, or a `^` or `$` inside"),
            letter => Set::one(letter),
        };
        Ok(vec![Step::Take(set)])
    }

    fn group(&mut self) -> Steps {
        if self.peek() == Some('?') {
            return Err("a group with `?`");
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("groups too deep in each other");
        }
        let steps = self.choices()?;
        self.depth -= 1;
        match self.next() {
            Some(')') => Ok(steps),
            _ => Err("a `(` without `)`"),
        }
    }

    fn escaped(&mut self) -> std::result::Result<Set, &'static str> {
        match self.next() {
            Some(letter) if Set::of_class(letter).is_some() => {
                Set::of_class(letter).ok_or("an unknown class")
            }
            Some(letter) if !letter.is_ascii_alphanumeric() => Ok(Set::one(letter)),
            _ => Err("an unknown `\\`"),
        }
    }

    fn set(&mut self) -> std::result::Result<Set, &'static str> {
        let mut set = Set { is_not: self.peek() == Some('^'), ranges: Vec::new() };
        self.at += usize::from(set.is_not);
        loop {
            let low = match self.next() {
                None => return Err("a `[` without `]`"),
                Some(']') if !set.ranges.is_empty() => return Ok(set),
                Some('\\') => {
                    let escaped = self.escaped()?;
                    if escaped.is_not {
                        return Err("a set in a set");
                    }
                    set.ranges.extend(escaped.ranges);
                    continue;
                }
                Some(letter) => letter,
            };
            let is_range = self.peek() == Some('-')
                && self.rest.get(self.at + 1).is_some_and(|&letter| letter != ']');
            let high = match is_range {
                true => {
                    self.at += 1;
                    self.next().unwrap_or(low)
                }
                false => low,
            };
            set.ranges.push((low, high));
        }
    }
}

/// Adds steps, whose places count from 0, behind others.
fn join(steps: &mut Vec<Step>, more: Vec<Step>) {
    let by = steps.len();
    steps.extend(more.into_iter().map(|step| match step {
        Step::Either(one, other) => Step::Either(one + by, other + by),
        step => step,
    }));
}

/// Steps any number of times (`*`), at least once (`+`) or at most once (`?`).
fn repeated(one: Vec<Step>, times: char) -> Vec<Step> {
    let len = one.len();
    match times {
        '+' => {
            let mut steps = one;
            steps.push(Step::Either(0, len + 1));
            steps
        }
        times => {
            let again = times == '*';
            let behind = len + 1 + usize::from(again);
            let mut steps = vec![Step::Either(1, behind)];
            join(&mut steps, one);
            if again {
                steps.push(Step::Either(0, 0));
            }
            steps
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's `re.fullmatch` says.
    #[test]
    fn whole_texts_match() {
        let path = "sequential/dense_12/kernel";
        for (pattern, matches) in [
            (path, true),
            (".*kernel", true),
            (".*bias", false),
            (".*kern", false),
            ("kernel", false),
            (".*(kernel|bias)", true),
            ("(sequential|model)/dense_[0-9]+/.*", true),
            (r"\w+/\w+/\w+", true),
            (r"\w+/\w+", false),
            (r".*dense_\d\d?/kernel", true),
            (r".*dense_\d\d\d+/kernel", false),
            (r".*dense_[^a-z]*/k.*", true),
            ("a*", false),
            ("(.*)*", true),
            ("(x|.*)+l|nothing", true),
            ("", false),
            (r"sequential.dense_12\/kernel", true),
            ("[s]equential/.*", true),
            ("()*.*", true),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().matches(path), matches, "{pattern}");
        }
        assert!(Pattern::new("").unwrap().matches(""));
        assert!(Pattern::new("a|b|").unwrap().matches(""));
        assert!(Pattern::new("[]-]+").unwrap().matches("-]"));
    }

    /// What Python's `re.search` says.
    #[test]
    fn parts_of_texts_match() {
        for (pattern, text, is_found) in [
            ("bias", "bias", true),
            ("ia", "bias", true),
            ("^ia", "bias", false),
            ("^b", "bias", true),
            ("s$", "bias", true),
            ("a$", "bias", false),
            ("^bias$", "bias", true),
            ("^bias$", "bias_1", false),
            ("gamma|bias", "dense_bias", true),
            ("^(gamma|beta)", "beta", true),
            ("", "kernel", true),
            ("k.*r", "my_kernel_r", true),
            ("k.r", "my_kernel_r", true),
            ("k.n", "my_kernel_r", false),
            (r"1\$", "a1$b", true),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().is_found_in(text), is_found, "{pattern}");
        }
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        for pattern in
            ["(", ")", "a)", "[a", "*", "a{2}", "a^", "$a", "^a|b", "(?i)a", r"\b", r"a\", "[\\D]"]
        {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
        let deep = "(".repeat(1000) + &")".repeat(1000);
        assert!(Pattern::new(&deep).is_err());
    }

    /// Nothing is tried twice: a pattern that a backtracking matcher would not finish.
    #[test]
    fn hostile_patterns_take_no_time() {
        let pattern = Pattern::new(&("(a*)*".repeat(30) + "b")).unwrap();
        assert!(!pattern.matches(&"a".repeat(2000)));
    }
}
