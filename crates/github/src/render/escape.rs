//! Makes text of others harmless in GitHub's Markdown: it shows as it was written, formats nothing, breaks no table, calls
//! nobody and links to no issue.

/// A zero-width space as an entity. Between `@` and a name, or `#` and a number, it keeps GitHub from seeing a mention or a
/// reference; an entity of the sign itself would not, since GitHub looks for mentions after it has decoded entities.
pub const ZERO_WIDTH: &str = "&#8203;";

/// The text on one line, every sign literal: for table cells, list items and running text, not at a line's start (where a
/// word of ours should stand).
#[must_use]
pub fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for sign in one_line(text).chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A backslash would do outside a table, and inside one too unless a code span is near.
            '|' => out.push_str("&#124;"),
            '@' | '#' => {
                out.push(sign);
                out.push_str(ZERO_WIDTH);
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' => {
                out.push('\\');
                out.push(sign);
            }
            _ => out.push(sign),
        }
    }
    out
}

/// The text as a code span, on one line. Not for table cells: a pipe in a code span still ends the cell.
#[must_use]
pub fn code(text: &str) -> String {
    let text = one_line(text);
    if text.is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    // CommonMark takes one space off each end when both have one; needed where the text begins or ends with a backtick.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// One line without control signs and without the signs that turn the direction of text, by which a name can pretend to be
/// another; spaces are folded.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().filter(|c| !turns_direction(*c)));
    }
    out
}

/// Unicode's embeddings, overrides and isolates.
pub(super) const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The length of the longest run of `sign`.
pub(super) fn longest_run(text: &str, sign: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == sign { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    #[test]
    fn inline_text_shows_as_it_was_written() {
        let table = [
            ("plain text, 100 %", "plain text, 100 %"),
            ("a|b", "a&#124;b"),
            (r"a\|b", r"a\\&#124;b"),
            ("two\r\nlines\tand  spaces", "two lines and spaces"),
            (
                "<img src=x onerror=alert(1)>",
                "&lt;img src=x onerror=alert(1)&gt;",
            ),
            ("&lt;", "&amp;lt;"),
            ("@octocat closes #12", "@&#8203;octocat closes #&#8203;12"),
            (
                "**bold** _it_ `code` ~~no~~ $x$",
                r"\*\*bold\*\* \_it\_ \`code\` \~\~no\~\~ \$x\$",
            ),
            ("[click](http://x)", r"\[click\](http://x)"),
            ("\u{202e}txt.exe\u{1b}[31m", "txt.exe \\[31m"),
        ];
        for (text, expected) in table {
            assert_eq!(inline(text), expected);
        }
    }

    #[test]
    fn code_spans_are_longer_than_what_they_hold() {
        let table = [
            ("ls", "`ls`"),
            ("a`b", "``a`b``"),
            ("`x`", "`` `x` ``"),
            ("a``b`c", "```a``b`c```"),
            ("a\nb", "`a b`"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(code(text), expected);
        }
    }

    /// What a Markdown parser that we didn't write shows for a table cell with this text; none where it is more than text.
    fn cell(escaped: &str) -> Option<String> {
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH;
        let table = format!("| a |\n|---|\n| x {escaped} |\n");
        let mut shown = String::new();
        for event in
            Parser::new_ext(&table, options).skip_while(|event| *event != Event::Start(Tag::TableRow))
        {
            match event {
                Event::Text(text) => shown.push_str(&text),
                Event::Start(Tag::TableRow | Tag::TableCell) => {}
                Event::End(TagEnd::TableRow | TagEnd::TableCell | TagEnd::Table) => {}
                _ => return None,
            }
        }
        Some(shown.trim_start_matches('x').trim().replace('\u{200b}', ""))
    }

    #[test]
    fn the_oracle_can_fail() {
        assert_eq!(cell("a|b").as_deref(), Some("a"), "a pipe ends the cell");
        assert_eq!(cell("*a*"), None);
        assert_eq!(cell("plain").as_deref(), Some("plain"));
    }

    proptest! {
        #[test]
        fn a_cell_shows_exactly_the_text(text in "[a-c1.!:()|`*_~$#@&;<>\\\\\\[\\] é-]{0,40}") {
            prop_assert_eq!(cell(&inline(&text)), Some(one_line(&text)), "{}", inline(&text));
        }

        #[test]
        fn an_escaped_text_has_no_line_pipe_or_tag(text in "\\PC{0,60}|[|\\\\`@<>#\n\r ]{0,40}") {
            let escaped = inline(&text);
            prop_assert!(!escaped.contains(['\n', '\r', '|', '<', '>']), "{}", escaped);
            // A mention needs a name right after the sign.
            prop_assert!(escaped.split('@').skip(1).all(|rest| rest.starts_with(ZERO_WIDTH)));
        }
    }
}
