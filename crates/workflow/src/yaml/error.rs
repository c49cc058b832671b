//! The library's errors in words for people.

use super::{DEPTH, NODES, cause, span_of};
use crate::diagnostic::{Diagnostic, quoted};
use crate::rule::Rule;
use crate::source::{Source, Span};
use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;

pub(super) fn diagnostic(source: &Source, error: &Error) -> Diagnostic {
    let error = innermost(error);
    let span = error
        .location()
        .map_or_else(Span::default, |location| span_of(source, location));
    if let Some(found) = cause::find(source, &error.to_string(), span.start) {
        return found.of_rule(Rule::Yaml);
    }
    let (message, hint) = explain(error);
    let diagnostic = Diagnostic::new(source, span, message).of_rule(Rule::Yaml);
    match hint {
        Some(hint) => diagnostic.with_hint(hint),
        None => diagnostic,
    }
}

fn innermost(error: &Error) -> &Error {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => innermost(error),
        other => other,
    }
}

fn explain(error: &Error) -> (String, Option<&'static str>) {
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key
                .as_deref()
                .map_or_else(|| "a key".to_owned(), |key| format!("the key `{}`", quoted(key)));
            (
                format!("{key} is there twice"),
                Some("keep one of the two, or merge their contents"),
            )
        }
        Error::MultipleDocuments { .. } => (
            "there is a second YAML document in the file".to_owned(),
            Some("remove the line `---`; one file holds one document"),
        ),
        Error::MergeKeyNotAllowed { .. } => (
            "merge keys (`<<`) are not supported".to_owned(),
            Some("GitHub does not support them either; repeat the keys, or use an alias for a whole value"),
        ),
        Error::UnknownAnchor { .. } => (
            "the alias names an anchor that is not defined above".to_owned(),
            Some("a text that begins with `*` must be quoted"),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("the alias stands inside the value that it names".to_owned(), None)
        }
        Error::Budget {
            breach: BudgetBreach::Depth { .. },
            ..
        } => (format!("the file nests deeper than {DEPTH} levels"), None),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            format!("the file has too many values, anchors or aliases; at most {NODES} values are read"),
            Some("split the workflow into several files"),
        ),
        Error::Message { msg, .. } => (quoted(msg), None),
        // The scanner's own limit for `[` and `{`.
        other if other.to_string().contains("recursion limit exceeded") => {
            (format!("the file nests deeper than {DEPTH} levels"), None)
        }
        other => (format!("not valid YAML: {}", words(other)), syntax_hint(other)),
    }
}

/// The library's own words without the place, which is said elsewhere.
fn words(error: &Error) -> String {
    let text = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let first = text.lines().next().unwrap_or("");
    let end = first.rfind(" at line ").unwrap_or(first.len());
    quoted(&first[..end])
}

fn syntax_hint(error: &Error) -> Option<&'static str> {
    let text = error.to_string();
    let hints = [
        (
            "tabs disallowed",
            "indent with spaces; YAML does not allow tabs there",
        ),
        (
            "mapping values are not allowed",
            "check the indentation; a text with `: ` in it must be quoted",
        ),
        ("did not find expected key", "check the indentation of this line"),
        (
            "unexpected character",
            "a text that begins with this character must be quoted",
        ),
        (
            "unsupported tag",
            "remove the tag; quote a text that begins with `!`",
        ),
        (
            "unknown escape",
            "inside double quotes `\\` begins an escape; use single quotes, or write `\\\\`",
        ),
    ];
    hints
        .iter()
        .find(|(part, _)| text.contains(part))
        .map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use crate::source::Source;
    use crate::yaml::parse;

    fn error(text: &str) -> String {
        parse(&Source::new("ci.yml", text))
            .expect_err("not YAML")
            .to_string()
    }

    #[test]
    fn a_key_that_is_there_twice() {
        insta::assert_snapshot!(error("on: push\njobs:\n  a: 1\n  b: 2\n  a: 3\n"), @r"
        ci.yml:5:3: the key `a` is there twice
        5 |   a: 3
          |   ^
          = help: keep one of the two, or merge their contents
        ");
    }

    #[test]
    fn a_tab() {
        insta::assert_snapshot!(error("on: push\njobs:\n\ta: 1\n"), @r"
        ci.yml:3:2: not valid YAML: tabs disallowed within this context (block indentation)
        3 |  a: 1
          |  ^
          = help: indent with spaces; YAML does not allow tabs there
        ");
    }

    #[test]
    fn a_wrong_indentation() {
        insta::assert_snapshot!(error("on:\n  push:\n branches: x"), @r"
        ci.yml:3:2: not valid YAML: while parsing a block mapping, did not find expected key
        3 |  branches: x
          |  ^
          = help: check the indentation of this line
        ");
    }

    #[test]
    fn a_colon_in_a_text() {
        insta::assert_snapshot!(error("name: Build: all"), @r"
        ci.yml:1:12: not valid YAML: mapping values are not allowed in this context
        1 | name: Build: all
          |            ^
          = help: check the indentation; a text with `: ` in it must be quoted
        ");
    }

    #[test]
    fn an_unclosed_bracket() {
        insta::assert_snapshot!(error("on: [push, pull_request"), @r"
        ci.yml:1:5: not valid YAML: unclosed bracket '['
        1 | on: [push, pull_request
          |     ^
        ");
    }

    #[test]
    fn an_unclosed_quote() {
        insta::assert_snapshot!(error("name: 'x"), @r"
        ci.yml:1:7: the text that begins here with `'` does not end: there is no second `'` on its line
        1 | name: 'x
          |       ^^
          = help: close it on this line; a script of several lines is written below `run: |`
        ");
    }

    #[test]
    fn an_unknown_alias() {
        insta::assert_snapshot!(error("on: push\nbranches: *.x"), @r"
        ci.yml:2:11: the alias names an anchor that is not defined above
        2 | branches: *.x
          |           ^
          = help: a text that begins with `*` must be quoted
        ");
    }

    #[test]
    fn a_merge_key() {
        insta::assert_snapshot!(error("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n"), @r"
        ci.yml:3:3: merge keys (`<<`) are not supported
        3 |   <<: *a
          |   ^^
          = help: GitHub does not support them either; repeat the keys, or use an alias for a whole value
        ");
    }

    #[test]
    fn a_second_document() {
        insta::assert_snapshot!(error("on: push\n---\non: push\n"), @r"
        ci.yml:3:1: there is a second YAML document in the file
        3 | on: push
          | ^
          = help: remove the line `---`; one file holds one document
        ");
    }

    #[test]
    fn a_value_in_itself() {
        insta::assert_snapshot!(error("a: &a [*a]"), @r"
        ci.yml:1:8: the alias stands inside the value that it names
        1 | a: &a [*a]
          |        ^^
        ");
    }

    #[test]
    fn an_unknown_escape() {
        insta::assert_snapshot!(error(r#"run: "\w""#), @r#"
        ci.yml:1:6: not valid YAML: while parsing a quoted scalar, found unknown escape character
        1 | run: "\w"
          |      ^
          = help: inside double quotes `\` begins an escape; use single quotes, or write `\\`
        "#);
    }

    #[test]
    fn a_character_that_must_be_quoted() {
        insta::assert_snapshot!(error("on: push\nname: @x"), @r"
        ci.yml:2:7: not valid YAML: unexpected character: `@'
        2 | name: @x
          |       ^
          = help: a text that begins with this character must be quoted
        ");
    }

    #[test]
    fn a_key_that_is_no_text() {
        insta::assert_snapshot!(error("[a]: 1"), @r"
        ci.yml:1:1: a key must be a text, not a list or a mapping
        1 | [a]: 1
          | ^
        ");
    }

    #[test]
    fn an_unknown_tag() {
        insta::assert_snapshot!(error("name: !secret x"), @r"
        ci.yml:1:15: not valid YAML: unsupported tag `!secret`
        1 | name: !secret x
          |               ^
          = help: remove the tag; quote a text that begins with `!`
        ");
    }

    #[test]
    fn limits_are_said() {
        let bomb = format!(
            "a: &a [{}]\n{}",
            "1, ".repeat(999),
            (0..60).map(|n| format!("k{n}: *a\n")).collect::<String>()
        );
        assert!(
            error(&bomb).contains("too many values, anchors or aliases"),
            "{}",
            error(&bomb)
        );
        let deep = format!("a: {}1{}", "[".repeat(20), "]".repeat(20));
        assert!(error(&deep).contains("deeper than 20 levels"), "{}", error(&deep));
        let block: String = (0..100).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
        assert!(
            error(&block).contains("deeper than 20 levels"),
            "{}",
            error(&block)
        );
        let large = format!("a: {}", "x".repeat(1024 * 1024));
        assert!(
            error(&large).contains("the file has 1048579 bytes"),
            "{}",
            error(&large)
        );
        let nodes = format!("a: [{}]", "1, ".repeat(60_000));
        assert!(error(&nodes).contains("too many values"), "{}", error(&nodes));
    }

    #[test]
    fn many_comments_are_no_attack() {
        let text = format!("on:\n{}  push:\n", "  # off\n".repeat(5_000));
        assert!(parse(&Source::new("ci.yml", &text)).is_ok());
    }
}
