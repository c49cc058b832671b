//! What workflow, job and step have in common.

use super::keys;
use crate::diagnostic::quoted;
use crate::expr::Place;
use crate::model::{Defaults, EnvEntry};
use crate::read::Reader;
use crate::rule::Rule;
use crate::source::Span;
use crate::text::Text;
use crate::yaml::{Entry, Node, Value};
use std::collections::BTreeMap;

/// The shells that have a name. GitHub docs: any other shell is a command with `{0}` for the script's path.
const SHELLS: [&str; 6] = ["bash", "sh", "pwsh", "python", "cmd", "powershell"];

/// `env`. A name without a value is an empty variable.
pub(super) fn env(reader: &mut Reader<'_>, node: &Node, place: Place) -> Vec<EnvEntry> {
    let Some(entries) = mapping(reader, node, "`env`") else {
        return Vec::new();
    };
    let read = |entry: &Entry| {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            let message = format!(
                "`{}` can't be the name of an environment variable",
                quoted(&entry.key)
            );
            reader.report(entry.key_span, message);
            return None;
        }
        let value = value(reader, entry, place)?;
        Some(EnvEntry {
            name: entry.key.clone(),
            value,
        })
    };
    entries.iter().filter_map(read).collect()
}

/// A mapping of texts that may hold expressions: `with`, `outputs`.
pub(super) fn texts(
    reader: &mut Reader<'_>,
    node: &Node,
    what: &str,
    place: Place,
) -> BTreeMap<String, String> {
    let Some(entries) = mapping(reader, node, what) else {
        return BTreeMap::new();
    };
    let read = |entry: &Entry| {
        if entry.key.is_empty() {
            reader.report(entry.key_span, format!("a name in {what} must not be empty"));
        }
        value(reader, entry, place).map(|text| (entry.key.clone(), text.value))
    };
    entries.iter().filter_map(read).collect()
}

/// The entries of a mapping; none where the key stands alone, without a value.
pub(super) fn mapping<'n>(reader: &mut Reader<'_>, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Null => Some(&[]),
        Value::Text(text) if crate::text::has_expression(text) => {
            reader.report_with(
                node.span,
                format!("{what} must be a mapping; an expression for all of it is not supported"),
                "write the names, and an expression for each value",
            );
            None
        }
        _ => reader.map(node, what),
    }
}

pub(super) fn value(reader: &mut Reader<'_>, entry: &Entry, place: Place) -> Option<Text> {
    match entry.value.value {
        Value::Null => Some(Text {
            value: String::new(),
            span: entry.value.span,
        }),
        _ => reader.template(&entry.value, &format!("`{}`", quoted(&entry.key)), place),
    }
}

/// `defaults`; `place` is none for those of the workflow, which hold no expressions.
pub(super) fn defaults(reader: &mut Reader<'_>, node: &Node, place: Option<Place>) -> Defaults {
    let run = reader
        .fields(node, &keys::DEFAULTS, "`defaults`")
        .and_then(|fields| fields.get("run"))
        .and_then(|node| reader.fields(node, &keys::DEFAULTS_RUN, "`defaults.run`"));
    let Some(fields) = run else {
        return Defaults::default();
    };
    let mut text = |key: &str| {
        let node = fields.get(key)?;
        let what = format!("`{key}`");
        let text = match place {
            Some(place) => reader.template(node, &what, place),
            None => reader.literal(node, &what),
        }?;
        if key == "shell" {
            shell(reader, &text);
        }
        Some(text)
    };
    Defaults {
        shell: text("shell"),
        working_directory: text("working-directory"),
    }
}

/// Reports a shell that can't be one; what an expression gives is seen when the step runs.
pub(super) fn shell(reader: &mut Reader<'_>, shell: &Text) {
    let known = SHELLS.contains(&shell.value.trim()) || shell.value.contains("{0}") || shell.has_expression();
    if !known {
        let message = format!("`{}` is not a shell", quoted(&shell.value));
        let hint =
            "use bash, sh, pwsh, python, cmd or powershell, or a command with {0} for the script's path";
        reader.report_with(shell.span, message, hint);
    }
}

/// The forms of an id: GitHub docs: letters, digits, `-` and `_`, beginning with a letter or `_`.
pub(super) fn is_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// The most characters of an id. GitHub's runner: `WorkflowConstants.MaxNodeNameLength`.
const ID_CHARS: usize = 100;

/// Reports an id that GitHub would not take, or that `taken` holds already (without regard to case); else takes it.
pub(super) fn id(reader: &mut Reader<'_>, id: &str, span: Span, what: &str, taken: &mut Vec<String>) -> bool {
    let folded = id.to_ascii_lowercase();
    let mut rule = Rule::Invalid;
    let problem = if !is_id(id) || id.len() > ID_CHARS {
        Some(
            "must begin with a letter or `_`, and have letters, digits, `-` and `_` only, at most 100"
                .to_owned(),
        )
    } else if id.starts_with("__") {
        Some("must not begin with two underscores".to_owned())
    } else if taken.contains(&folded) {
        rule = Rule::DuplicateId;
        Some("is there already; upper and lower case are the same here".to_owned())
    } else {
        None
    };
    match problem {
        Some(problem) => {
            reader.report_as(rule, span, format!("{what} `{}` {problem}", quoted(id)), None);
            false
        }
        None => {
            taken.push(folded);
            true
        }
    }
}
