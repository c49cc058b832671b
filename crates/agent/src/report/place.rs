//! Places in files as tools write them: `src/lib.rs:22:9`, `File "x.py", line 12`, `Foo.java:12`.

use super::PLACES;

/// A longer name of a file is none.
const FILE_BYTES: usize = 1000;
/// Lines of a failure's text that are searched for places.
const SEARCHED_LINES: usize = 400;

/// A line of a file that a tool has named in its own way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Absolute, or relative to wherever the tool was run.
    pub file: String,
    /// From 1; none where the file alone is known.
    pub line: Option<u32>,
    /// Directories in which the file may lie, where the tool leaves them out; tried in order.
    pub folders: Vec<String>,
}

impl Place {
    #[must_use]
    pub fn new(file: &str, line: Option<u32>) -> Self {
        Self {
            file: file.to_owned(),
            line: line.filter(|line| *line > 0),
            folders: Vec::new(),
        }
    }
}

/// `file:line` or `file:line:column` at the beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located<'a> {
    pub file: &'a str,
    pub line: u32,
    pub column: Option<u32>,
    /// What follows the last number.
    pub rest: &'a str,
}

impl Located<'_> {
    #[must_use]
    pub fn place(&self) -> Place {
        Place::new(self.file, Some(self.line))
    }
}

/// Reads a place at the beginning of a text. The file's name is all before the first colon that a number follows.
#[must_use]
pub fn leading(text: &str) -> Option<Located<'_>> {
    let (file, line, after) = text
        .match_indices(':')
        .take_while(|(at, _)| *at <= FILE_BYTES)
        .find_map(|(at, _)| {
            let (line, after) = number(&text[at + 1..])?;
            Some((&text[..at], line, after))
        })?;
    // A time of day is no file.
    if !file.contains(char::is_alphabetic) || file.trim() != file || line == 0 {
        return None;
    }
    let column = after.strip_prefix(':').and_then(number);
    let (column, rest) = match column {
        Some((column, rest)) => (Some(column).filter(|column| *column > 0), rest),
        None => (None, after),
    };
    Some(Located {
        file,
        line,
        column,
        rest,
    })
}

/// The number at the beginning, and what follows it.
fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// All places that the text of a failure names, in the order of the text: stack traces of most languages.
#[must_use]
pub fn in_text(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for line in text.lines().take(SEARCHED_LINES) {
        let found = python(line).or_else(|| java(line));
        places.extend(found.or_else(|| anywhere(line)));
        if places.len() >= PLACES {
            break;
        }
    }
    places
}

/// `  File "tests/x.py", line 12, in test_x`
fn python(line: &str) -> Option<Place> {
    let (file, rest) = line
        .trim_start()
        .strip_prefix("File \"")?
        .split_once("\", line ")?;
    let (line, _) = number(rest)?;
    Some(Place::new(file, Some(line)))
}

/// `at org.example.FooTest.adds(FooTest.java:12)`: the file is in the package's directory below a source root.
fn java(line: &str) -> Option<Place> {
    const ROOTS: [&str; 6] = [
        "src/test/java",
        "src/test/kotlin",
        "src/main/java",
        "src/main/kotlin",
        "src",
        "test",
    ];
    let (method, place) = line
        .trim()
        .strip_prefix("at ")?
        .strip_suffix(')')?
        .split_once('(')?;
    let (file, line) = place.split_once(':')?;
    if ![".java", ".kt", ".scala", ".groovy"]
        .iter()
        .any(|end| file.ends_with(end))
    {
        return None;
    }
    // A module may stand in front: `java.base/java.lang.Thread.run`.
    let method = method.rsplit('/').next().unwrap_or(method);
    let package: Vec<_> = method
        .split('.')
        .take_while(|name| name.starts_with(|c: char| c.is_lowercase() || c == '_'))
        .collect();
    let package = package.join("/");
    let folders = ROOTS.iter().map(|root| format!("{root}/{package}")).collect();
    Some(Place {
        folders,
        ..Place::new(file, Some(number(line)?.0))
    })
}

/// `file.ext:12` somewhere in a line, as in `at f (/w/src/a.ts:5:11)` and `panicked at src/lib.rs:22:9:`.
fn anywhere(line: &str) -> Option<Place> {
    let line = &line[..line.floor_char_boundary(FILE_BYTES)];
    let ends = |c: char| c.is_whitespace() || "()[]<>\"'`,;=".contains(c);
    line.split(ends).find_map(|word| {
        let located = leading(word)?;
        let name = located.file.rsplit('/').next().unwrap_or_default();
        name.contains('.').then(|| located.place())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_at_the_beginning() {
        let at = |file, line, column, rest| {
            Some(Located {
                file,
                line,
                column,
                rest,
            })
        };
        let table = [
            (
                "src/lib.rs:22:9: message: x",
                at("src/lib.rs", 22, Some(9), ": message: x"),
            ),
            ("a.c:1: error: x", at("a.c", 1, None, ": error: x")),
            ("a b.c:1", at("a b.c", 1, None, "")),
            ("C:/a.c:1:0", at("C:/a.c", 1, None, "")),
            ("a.c:0: x", None),
            ("a.c: x", None),
            ("12:30:01: x", None),
            (":1:2", None),
            (" a.c:1", None),
            ("a.c:99999999999999: x", None),
        ];
        for (text, expected) in table {
            assert_eq!(leading(text), expected, "{text}");
        }
    }

    #[test]
    fn places_in_stack_traces() {
        let table = [
            ("  File \"tests/x.py\", line 12, in test_x", "tests/x.py", 12),
            ("tests/x.py:14: AssertionError", "tests/x.py", 14),
            ("    calc_test.go:14: got 4", "calc_test.go", 14),
            ("\t/w/calc/calc_test.go:5 +0x25", "/w/calc/calc_test.go", 5),
            ("thread 't' (1) panicked at src/lib.rs:22:9:", "src/lib.rs", 22),
            (
                "    at f (file:///w/node.test.mjs:5:45)",
                "file:///w/node.test.mjs",
                5,
            ),
            ("    at src/a.test.ts:7:3", "src/a.test.ts", 7),
            ("# ./spec/sum_spec.rb:4:in `block'", "./spec/sum_spec.rb", 4),
        ];
        for (line, file, number) in table {
            assert_eq!(in_text(line), [Place::new(file, Some(number))], "{line}");
        }
        for line in [
            "no place: 12",
            "http://localhost:8080/",
            "at java.base/x.Y.z(Native Method)",
            "12:30:01 started",
        ] {
            assert_eq!(in_text(line), [], "{line}");
        }
    }

    #[test]
    fn a_java_frame_names_a_file_below_a_source_root() {
        let [place] = in_text("\tat app//org.example.sums.FooTest$In.adds(FooTest.java:12)")
            .try_into()
            .unwrap();
        assert_eq!((place.file.as_str(), place.line), ("FooTest.java", Some(12)));
        assert_eq!(place.folders[0], "src/test/java/org/example/sums");
    }
}
