//! Patterns of `hashFiles`: those of `@actions/glob`. `*` and `?` stay within a name, `**` goes over directories, `[a-z]` is
//! one character; a pattern that names a directory means all that is in it; names that begin with a dot are like others.

use std::path::PathBuf;

/// One pattern, relative to the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Takes files out instead of in.
    pub exclude: bool,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `**`: any number of directories.
    Any,
    Name(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Reads a list of patterns; lines of one argument are patterns of their own, `#` begins a comment, `!` takes out again.
///
/// # Errors
/// A pattern that leads out of the workspace.
pub fn parse(patterns: &[String], workspace: &str) -> Result<Vec<Pattern>, String> {
    let lines = patterns.iter().flat_map(|pattern| pattern.lines()).map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| Pattern::parse(line, workspace)).collect()
}

impl Pattern {
    fn parse(line: &str, workspace: &str) -> Result<Self, String> {
        let bare = line.trim_start_matches('!');
        let exclude = (line.len() - bare.len()) % 2 == 1;
        let outside = || format!("the pattern {line:?} leads out of the workspace");
        let relative = match bare.trim().strip_prefix('/') {
            None => bare.trim(),
            Some(_) => bare.trim().strip_prefix(workspace).ok_or_else(outside)?,
        };
        let mut segments = Vec::new();
        for name in relative
            .split('/')
            .filter(|name| !name.is_empty() && *name != ".")
        {
            match name {
                ".." => return Err(outside()),
                "**" if segments.last() == Some(&Segment::Any) => {}
                "**" => segments.push(Segment::Any),
                _ => segments.push(Segment::Name(tokens(name))),
            }
        }
        Ok(Self { exclude, segments })
    }

    /// The path before the first wildcard, from the root.
    #[must_use]
    pub fn literal_beginning(&self) -> PathBuf {
        let mut path = PathBuf::from("/");
        for segment in &self.segments {
            let Segment::Name(tokens) = segment else { break };
            let literal = tokens.iter().map(|token| match token {
                Token::Char(c) => Some(*c),
                _ => None,
            });
            let Some(name) = literal.collect::<Option<String>>() else {
                break;
            };
            path.push(name);
        }
        path
    }

    /// Whether the path, its names given one by one, is matched or lies in a directory that is.
    #[must_use]
    pub fn matches(&self, names: &[&str]) -> bool {
        matches_path(&self.segments, names)
    }
}

fn matches_path(segments: &[Segment], names: &[&str]) -> bool {
    match (segments, names) {
        // The rest of the path lies in what is matched.
        ([], _) | ([Segment::Any], [_, ..]) => true,
        ([Segment::Any, rest @ ..], _) => {
            (0..=names.len()).any(|skipped| matches_path(rest, &names[skipped..]))
        }
        ([Segment::Name(tokens), rest @ ..], [name, names @ ..]) => {
            matches_name(tokens, &name.chars().collect::<Vec<_>>()) && matches_path(rest, names)
        }
        ([Segment::Name(_), ..], []) => false,
    }
}

/// Greedy with one place to come back to, so that its time grows with the product of the lengths and no faster.
fn matches_name(tokens: &[Token], name: &[char]) -> bool {
    let (mut token, mut at, mut back) = (0, 0, None);
    while at < name.len() {
        if tokens.get(token) == Some(&Token::Many) {
            back = Some((token, at));
            token += 1;
        } else if tokens.get(token).is_some_and(|token| token.takes(name[at])) {
            (token, at) = (token + 1, at + 1);
        } else if let Some((many, from)) = back {
            (token, at, back) = (many + 1, from + 1, Some((many, from + 1)));
        } else {
            return false;
        }
    }
    tokens[token..].iter().all(|token| *token == Token::Many)
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::One => true,
            Self::Many => false,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated
            }
        }
    }
}

fn tokens(name: &str) -> Vec<Token> {
    let chars: Vec<char> = name.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let (token, taken) = match chars[at] {
            '*' => (Token::Many, 1),
            '?' => (Token::One, 1),
            '[' => class(&chars[at..]).unwrap_or((Token::Char('['), 1)),
            '\\' if at + 1 < chars.len() => (Token::Char(chars[at + 1]), 2),
            c => (Token::Char(c), 1),
        };
        tokens.push(token);
        at += taken;
    }
    tokens
}

/// `[abc]`, `[a-z]`, `[!a]`, `[^a]`; none where it isn't closed.
fn class(chars: &[char]) -> Option<(Token, usize)> {
    let negated = matches!(chars.get(1), Some('!' | '^'));
    let start = if negated { 2 } else { 1 };
    // A `]` that comes first is one of the characters.
    let end = start + 1 + chars.get(start + 1..)?.iter().position(|c| *c == ']')?;
    let inner = &chars[start..end];
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < inner.len() {
        if at + 2 < inner.len() && inner[at + 1] == '-' {
            ranges.push((inner[at], inner[at + 2]));
            at += 3;
        } else {
            ranges.push((inner[at], inner[at]));
            at += 1;
        }
    }
    Some((Token::Class { negated, ranges }, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let pattern = Pattern::parse(pattern, "/w").unwrap();
        pattern.matches(&path.split('/').collect::<Vec<_>>())
    }

    #[test]
    fn patterns() {
        let table = [
            ("Cargo.lock", "Cargo.lock", true),
            ("Cargo.lock", "a/Cargo.lock", false),
            ("**/Cargo.lock", "Cargo.lock", true),
            ("**/Cargo.lock", "a/b/Cargo.lock", true),
            ("**/Cargo.lock", "a/b/Cargo.lock2", false),
            ("src/**", "src/a/b", true),
            ("src/**", "srcs/a", false),
            ("src", "src/a/b", true),
            ("src/", "src/a", true),
            ("./src//a", "src/a", true),
            ("/w/src", "src/a", true),
            ("*.rs", "a.rs", true),
            ("*.rs", "b/a.rs", false),
            ("*", ".hidden/x", true),
            ("**/*.r?", "x/y/a.rs", true),
            ("a*b*c", "axxbxxbc", true),
            ("a*b*c", "axxbxxb", false),
            ("[a-c]x[!0-9]", "bxz", true),
            ("[a-c]x[!0-9]", "bx5", false),
            ("[]x]", "]", true),
            ("[x", "[x", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/**/b/*", "a/x/y/b/z", true),
        ];
        for (pattern, path, expected) in table {
            assert_eq!(matches(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn lists_of_patterns() {
        let patterns = parse(&["a\n# comment\n!b\n\n".to_owned(), "!!c".to_owned()], "/w").unwrap();
        assert_eq!(
            patterns.iter().map(|pattern| pattern.exclude).collect::<Vec<_>>(),
            [false, true, false]
        );
        for outside in ["../x", "a/../../b", "/etc/passwd"] {
            let error = parse(&[outside.to_owned()], "/w").unwrap_err();
            assert!(error.contains(outside), "{error}");
        }
    }
}
