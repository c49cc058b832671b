//! The files by which a step sets outputs and variables: `name=value` lines, and `name<<DELIMITER` with the value on the
//! lines up to the delimiter (GitHub docs: "Multiline strings").

/// A file that can't be understood. The rest of it is not used either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct EnvFileError {
    /// From 1.
    pub line: usize,
    pub problem: String,
}

/// The names and values of a file, in order; a later one of the same name wins.
///
/// # Errors
/// A line that is neither form, an empty name or delimiter, a delimiter that does not come.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, EnvFileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .enumerate();
    let mut entries = Vec::new();
    while let Some((index, line)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let error = |problem: String| EnvFileError {
            line: index + 1,
            problem,
        };
        let (name, delimiter) = match (line.find('='), line.find("<<")) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                let (name, value) = (&line[..equals], &line[equals + 1..]);
                check_name(name).map_err(error)?;
                entries.push((name.to_owned(), value.to_owned()));
                continue;
            }
            (_, Some(heredoc)) => (&line[..heredoc], &line[heredoc + 2..]),
            _ => {
                return Err(error(format!(
                    "expected NAME=VALUE or NAME<<DELIMITER, found {:?}",
                    shown(line)
                )));
            }
        };
        check_name(name).map_err(error)?;
        if delimiter.is_empty() {
            return Err(error(format!("{name}<< has no delimiter after it")));
        }
        let mut value = Vec::new();
        loop {
            match lines.next() {
                Some((_, line)) if line == delimiter => break,
                Some((_, line)) => value.push(line),
                None => {
                    return Err(error(format!(
                        "the delimiter {:?} of {name} does not come",
                        shown(delimiter)
                    )));
                }
            }
        }
        entries.push((name.to_owned(), value.join("\n")));
    }
    Ok(entries)
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        Err("the name before = or << is empty".to_owned())
    } else {
        Ok(())
    }
}

/// Enough of a line to find it: values may be long.
fn shown(line: &str) -> String {
    line.chars().take(60).collect()
}

/// The lines of a `GITHUB_PATH` file.
#[must_use]
pub fn paths(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn both_forms() {
        let table: [(&str, &[(&str, &str)]); 8] = [
            ("", &[]),
            (
                "a=1\n\nb=\nc=x=y<<z\r\n",
                &[("a", "1"), ("b", ""), ("c", "x=y<<z")],
            ),
            ("\u{feff}a=1", &[("a", "1")]),
            (
                "a<<EOF\none\n\ntwo=2\nEOF\nb=3\n",
                &[("a", "one\n\ntwo=2"), ("b", "3")],
            ),
            ("a<<EOF\nEOF", &[("a", "")]),
            ("a<<x=y\nv\nx=y\n", &[("a", "v")]),
            ("a<<E\nE \n E\nE\n", &[("a", "E \n E")]),
            ("a=1\na=2\n", &[("a", "1"), ("a", "2")]),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), Ok(entries(expected)), "{text:?}");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let table = [
            (
                "ok=1\nnonsense",
                "line 2: expected NAME=VALUE or NAME<<DELIMITER, found \"nonsense\"",
            ),
            ("=1", "line 1: the name before = or << is empty"),
            ("<<E\nE", "line 1: the name before = or << is empty"),
            ("a<<", "line 1: a<< has no delimiter after it"),
            ("\n\na<<E\nE2\n", "line 3: the delimiter \"E\" of a does not come"),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text:?}");
        }
    }

    #[test]
    fn path_files() {
        assert_eq!(paths("/a\r\n\n /b c \n"), ["/a", "/b c"]);
    }

    proptest! {
        #[test]
        fn any_value_survives_between_delimiters(value in "[^\r]{0,80}") {
            prop_assume!(!value.split('\n').any(|line| line == "ghadelimiter"));
            let text = format!("name<<ghadelimiter\n{value}\nghadelimiter\n");
            prop_assert_eq!(parse(&text), Ok(entries(&[("name", &value)])));
        }

        #[test]
        fn no_text_is_a_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
