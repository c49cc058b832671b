//! One pattern: from GitHub's language to a regular expression.

use super::PATTERN_CHARS;
use regex_lite::Regex;

#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// As written.
    text: String,
    negative: bool,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    /// A pattern without any special character, as most are.
    Name(String),
    Regex(Regex),
}

/// Byte offset in the pattern, and what is wrong there.
pub(super) type Fault = (usize, String);

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        if text.chars().count() > PATTERN_CHARS {
            return Err((0, format!("a pattern may have {PATTERN_CHARS} characters")));
        }
        let positive = text.strip_prefix('!');
        let start = text.len() - positive.unwrap_or(text).len();
        if start == text.len() {
            return Err((start, "a pattern must not be empty".to_owned()));
        }
        let matcher = if text[start..].contains(['*', '?', '+', '[', '\\']) {
            let source = Translator::new(text, start).translate()?;
            // Every piece is well formed by itself, so only the size could be refused.
            let regex =
                Regex::new(&source).map_err(|_| (start, "the pattern is too complicated".to_owned()))?;
            Matcher::Regex(regex)
        } else {
            Matcher::Name(text[start..].to_owned())
        };
        Ok(Self {
            text: text.to_owned(),
            negative: positive.is_some(),
            matcher,
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_negative(&self) -> bool {
        self.negative
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        match &self.matcher {
            Matcher::Name(wanted) => wanted == name,
            Matcher::Regex(regex) => regex.is_match(name),
        }
    }
}

/// What the last piece of the expression was, for the quantifier that may follow it.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Nothing,
    Character,
    Wildcard,
    Quantifier(char),
}

struct Translator<'p> {
    text: &'p str,
    position: usize,
    /// Where the pattern proper begins, after `!`.
    start: usize,
    regex: String,
    last: Last,
}

impl<'p> Translator<'p> {
    fn new(text: &'p str, start: usize) -> Self {
        // `s`: a file's name may hold a line break, and `**` matches any character.
        Self {
            text,
            position: start,
            start,
            regex: "(?s)^".to_owned(),
            last: Last::Nothing,
        }
    }

    fn rest(&self) -> &'p str {
        &self.text[self.position..]
    }

    fn translate(mut self) -> Result<String, Fault> {
        while let Some(c) = self.rest().chars().next() {
            match c {
                '*' => self.wildcard(),
                '?' | '+' if self.last != Last::Nothing => self.quantifier(c)?,
                '[' => self.class()?,
                '\\' => {
                    let Some(escaped) = self.rest()[1..].chars().next() else {
                        return Err((self.position, "`\\` needs a character after it".to_owned()));
                    };
                    self.position += 1;
                    self.character(escaped);
                }
                _ => self.character(c),
            }
        }
        self.regex.push('$');
        Ok(self.regex)
    }

    fn character(&mut self, c: char) {
        self.regex
            .push_str(&regex_lite::escape(c.encode_utf8(&mut [0; 4])));
        self.position += c.len_utf8();
        self.last = Last::Character;
    }

    fn wildcard(&mut self) {
        let begins_part = self.position == self.start || self.text[..self.position].ends_with('/');
        let after = self.rest().strip_prefix("**/");
        // Before a quantifier the `/` is a character of its own.
        let directories = after.filter(|after| begins_part && !after.starts_with(['?', '+']));
        let (length, regex) = match directories {
            Some(_) => (3, "(?:.*/)?"),
            None if self.rest().starts_with("**") => (2, ".*"),
            None => (1, "[^/]*"),
        };
        self.position += length;
        self.regex.push_str(regex);
        self.last = Last::Wildcard;
    }

    fn quantifier(&mut self, c: char) -> Result<(), Fault> {
        match self.last {
            Last::Quantifier(before) if before != c => {
                let message = format!("`{before}{c}` could mean two things; write one of them");
                return Err((self.position, message));
            }
            Last::Quantifier(_) | Last::Wildcard | Last::Nothing => {}
            Last::Character => {
                self.regex.push(c);
                self.last = Last::Quantifier(c);
            }
        }
        self.position += 1;
        Ok(())
    }

    fn class(&mut self) -> Result<(), Fault> {
        let open = self.position;
        let Some(length) = self.rest().find(']') else {
            return Err((open, "`[` has no `]`".to_owned()));
        };
        let listed = &self.rest()[1..length];
        if listed.is_empty() {
            return Err((open, "`[]` lists no character".to_owned()));
        }
        self.regex.push('[');
        let mut characters = listed.char_indices().peekable();
        while let Some((index, c)) = characters.next() {
            let offset = open + 1 + index;
            if matches!(c, '[' | '\\') || index == 0 && matches!(c, '!' | '^') {
                let message = match c {
                    '!' | '^' => format!("`[{c}` doesn't negate; list the characters that are wanted"),
                    _ => format!("`{c}` can't stand between `[` and `]`"),
                };
                return Err((offset, message));
            }
            self.listed(c);
            // A range, unless the `-` is the last character, which stands for itself.
            let mut ahead = characters.clone();
            if let (Some((_, '-')), Some((_, end))) = (ahead.next(), ahead.next()) {
                let same = |test: fn(&char) -> bool| test(&c) && test(&end);
                if !(same(char::is_ascii_alphabetic) || same(char::is_ascii_digit)) || c > end {
                    let message = format!("`{c}-{end}` is no range within `a-z`, `A-Z` or `0-9`");
                    return Err((offset, message));
                }
                self.regex.push('-');
                self.listed(end);
                characters = ahead;
            }
        }
        self.regex.push(']');
        self.position += length + 1;
        self.last = Last::Character;
        Ok(())
    }

    /// A character of a class by its number, so that none has a meaning of its own there.
    fn listed(&mut self, c: char) {
        self.regex.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }
}
