//! A command line in one text, as a shell would take it apart: `--health-cmd "redis-cli ping"`.

/// Words between blanks. Quotes of both kinds hold a word together; a backslash takes the meaning from what follows it, in
/// double quotes of `"` and `\\` only.
///
/// # Errors
/// A quote that is not closed.
pub(crate) fn words(text: &str) -> Result<Vec<String>, Unclosed> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('"'), '\\') if chars.peek().is_some_and(|next| "\"\\".contains(*next)) => {
                word.get_or_insert_default().extend(chars.next());
            }
            (None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.map_or(Ok(words), |quote| Err(Unclosed(quote)))
}

/// The quote that is not closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unclosed(pub(crate) char);

#[cfg(test)]
mod tests {
    use super::{Unclosed, words};

    #[test]
    fn as_a_shell_has_them() {
        let table: [(&str, &[&str]); 6] = [
            ("", &[]),
            (" a  b\nc ", &["a", "b", "c"]),
            (
                r#"--health-cmd "redis-cli ping" -x"#,
                &["--health-cmd", "redis-cli ping", "-x"],
            ),
            (
                r#"--health-cmd="a 'b' \"c\" \d""#,
                &[r#"--health-cmd=a 'b' "c" \d"#],
            ),
            (r"'a \ b' c\ d", &[r"a \ b", "c d"]),
            ("'' \"\"", &["", ""]),
        ];
        for (text, expected) in table {
            assert_eq!(words(text).unwrap(), expected, "{text}");
        }
        assert_eq!(words("a 'b"), Err(Unclosed('\'')));
    }
}
