//! What people did where the library says only how far it came.

use crate::diagnostic::{Diagnostic, quoted};
use crate::source::{Source, Span};

/// The mistake behind an error at `at` that the library words as `words`; none where those words are as good as any.
pub(super) fn find(source: &Source, words: &str, at: usize) -> Option<Diagnostic> {
    nul(source)
        .or_else(|| expression_in_flow(source, words, at))
        .or_else(|| unclosed_quote(source, words, at))
}

fn nul(source: &Source) -> Option<Diagnostic> {
    let at = source.text().find('\0')?;
    let message = "the file has a NUL byte here, which YAML does not allow";
    let hint = "remove it; where one is beside each letter, the file is UTF-16: save it as UTF-8";
    Some(Diagnostic::new(source, Span::new(at, at + 1), message).with_hint(hint))
}

/// `{a: ${{ b }}}`: in flow style the braces of an expression open mappings.
fn expression_in_flow(source: &Source, words: &str, at: usize) -> Option<Diagnostic> {
    if !words.contains("flow") {
        return None;
    }
    let text = source.text();
    let line = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    // The library stops at the second brace, or behind the expression.
    let before = (at + 2).min(text.len());
    let start = line + text.get(line..before)?.rfind("${{")?;
    let rest = text.get(start..)?.lines().next()?;
    let length = rest.find("}}").map_or(rest.len(), |end| end + 2);
    let expression = quoted(rest.get(..length)?);
    let message = "an expression between `{ }` or `[ ]` must be quoted: YAML takes its braces for a mapping";
    let hint = format!("write `\"{expression}\"`, or each entry on a line of its own");
    Some(Diagnostic::new(source, Span::new(start, start + length), message).with_hint(hint))
}

/// The quote that is still open where the library found that a text can't go on like this.
fn unclosed_quote(source: &Source, words: &str, at: usize) -> Option<Diagnostic> {
    if !words.contains("quoted scalar") && !words.contains("unclosed quote") {
        return None;
    }
    if words.contains("escape") {
        return None;
    }
    let text = source.text();
    let (line, _) = source.position(at);
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut start = 0;
    for of in text.split_inclusive('\n').take(line) {
        lines.push((start, of.trim_end()));
        start += of.len();
    }
    let (start, open) = lines
        .iter()
        .rev()
        .find_map(|(start, of)| Some((start, open_quote(of)?)))?;
    let end = lines.iter().find(|(other, _)| other == start)?.1.len();
    let quote = text.get(start + open..)?.chars().next()?;
    let message = format!(
        "the text that begins here with `{quote}` does not end: there is no second `{quote}` on its line"
    );
    let hint = "close it on this line; a script of several lines is written below `run: |`";
    Some(Diagnostic::new(source, Span::new(start + open, start + end), message).with_hint(hint))
}

/// Where in a line a quoted text begins that the line does not end.
fn open_quote(line: &str) -> Option<usize> {
    let mut chars = line.char_indices().peekable();
    let mut begins = true;
    while let Some((at, c)) = chars.next() {
        match c {
            '#' if begins => return None,
            '"' | '\'' if begins => {
                let mut closed = false;
                while let Some((_, inner)) = chars.next() {
                    if c == '"' && inner == '\\' {
                        chars.next();
                    } else if inner == c {
                        // Doubled, it is a single quote in the text.
                        if c == '\'' && chars.next_if(|(_, next)| *next == '\'').is_some() {
                            continue;
                        }
                        closed = true;
                        break;
                    }
                }
                if !closed {
                    return Some(at);
                }
                begins = false;
            }
            ' ' | '\t' | '[' | '{' | ',' => begins = true,
            _ => begins = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::open_quote;
    use crate::source::Source;
    use crate::yaml::parse;

    fn error(text: &str) -> String {
        parse(&Source::new("ci.yml", text))
            .expect_err("not YAML")
            .to_string()
    }

    #[test]
    fn a_nul_byte() {
        insta::assert_snapshot!(error("on: push\nname: a\0b\n").replace('\0', "NUL"), @r"
        ci.yml:2:8: the file has a NUL byte here, which YAML does not allow
        2 | name: a�b
          |        ^
          = help: remove it; where one is beside each letter, the file is UTF-16: save it as UTF-8
        ");
    }

    #[test]
    fn expressions_in_flow_style() {
        insta::assert_snapshot!(error("env: {a: ${{ github.sha }}, b: c}\n"), @r#"
        ci.yml:1:10: an expression between `{ }` or `[ ]` must be quoted: YAML takes its braces for a mapping
        1 | env: {a: ${{ github.sha }}, b: c}
          |          ^^^^^^^^^^^^^^^^^
          = help: write `"${{ github.sha }}"`, or each entry on a line of its own
        "#);
        insta::assert_snapshot!(error("runs-on: [self-hosted, ${{ matrix.os }}]\n"), @r#"
        ci.yml:1:24: an expression between `{ }` or `[ ]` must be quoted: YAML takes its braces for a mapping
        1 | runs-on: [self-hosted, ${{ matrix.os }}]
          |                        ^^^^^^^^^^^^^^^^
          = help: write `"${{ matrix.os }}"`, or each entry on a line of its own
        "#);
        assert!(!error("on: [push, pull_request").contains("expression"));
    }

    #[test]
    fn a_quote_that_is_not_closed() {
        insta::assert_snapshot!(error("on: push\nsteps:\n  - run: \"x\n  - run: y\n"), @r#"
        ci.yml:3:10: the text that begins here with `"` does not end: there is no second `"` on its line
        3 |   - run: "x
          |          ^^
          = help: close it on this line; a script of several lines is written below `run: |`
        "#);
        insta::assert_snapshot!(error("name: it's\nsteps:\n  - run: 'x\n  - run: y\n"), @r"
        ci.yml:3:10: the text that begins here with `'` does not end: there is no second `'` on its line
        3 |   - run: 'x
          |          ^^
          = help: close it on this line; a script of several lines is written below `run: |`
        ");
    }

    #[test]
    fn quotes_of_lines() {
        for (line, open) in [
            ("a: \"x", Some(3)),
            ("a: \"x\"", None),
            ("a: \"x\\\"", Some(3)),
            ("a: 'it''s", Some(3)),
            ("a: 'it''s'", None),
            ("a: it's", None),
            ("a: x # it's 'so", None),
            ("['a', 'b", Some(6)),
            ("- 'a", Some(2)),
        ] {
            assert_eq!(open_quote(line), open, "{line}");
        }
    }
}
