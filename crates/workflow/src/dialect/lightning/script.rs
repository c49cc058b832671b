//! What the script sees: its environment, and the repository around it.

use super::parametrize::Parameters;
use super::scalar::{parameter, written};
use crate::diagnostic::quoted;
use crate::model::{Action, EnvEntry, Step};
use crate::read::{Fields, Reader};
use crate::source::Span;
use crate::text::Text;
use crate::uses::{ActionReference, Builtin};
use crate::yaml::{Entry, Value};
use std::collections::BTreeMap;

/// What Borda/GH-app-bot gives every job beside the file's own variables. Its `GITHUB_TOKEN` is left out: a script that
/// prints its environment must not print a token.
pub(super) fn environment_of_every_job() -> Vec<EnvEntry> {
    [
        ("LIGHTNING_DEBUG", "1"),
        ("GITHUB_REPOSITORY_OWNER", "${{ github.repository_owner }}"),
        ("GITHUB_REPOSITORY_NAME", "${{ github.event.repository.name }}"),
        ("GITHUB_REPOSITORY_REF", "${{ github.sha }}"),
        ("PATH_REPO_FOLDER", "temp_repo"),
    ]
    .map(|(name, value)| EnvEntry {
        name: name.to_owned(),
        value: Text {
            value: value.to_owned(),
            span: Span::default(),
        },
    })
    .to_vec()
}

/// `env`.
pub(super) fn env(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<EnvEntry> {
    let node = fields.get("env").filter(|node| node.value != Value::Null);
    let entries = node.and_then(|node| reader.map(node, "`env`")).unwrap_or(&[]);
    let mut read = |entry: &Entry| {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            let message = format!(
                "`{}` can't be the name of an environment variable",
                quoted(&entry.key)
            );
            reader.report(entry.key_span, message);
            return None;
        }
        let value = match entry.value.value {
            Value::Null => String::new(),
            _ => written(reader, &entry.value, &format!("`{}`", quoted(&entry.key)))?.value,
        };
        Some(variable(&entry.key, &value, entry.value.span))
    };
    entries.iter().filter_map(&mut read).collect()
}

/// The parameters as variables.
pub(super) fn parameters(reader: &mut Reader<'_>, parameters: &Parameters<'_>) -> Vec<EnvEntry> {
    parameters
        .iter()
        .map(|(key, node)| variable(&sanitized(key), &parameter(reader, node), node.span))
        .collect()
}

pub(super) fn variable(name: &str, value: &str, span: Span) -> EnvEntry {
    EnvEntry {
        name: name.to_owned(),
        value: Text::verbatim(value, span),
    }
}

/// What is no letter, digit or `_` becomes one.
fn sanitized(key: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '_' };
    match key {
        "" => "_".to_owned(),
        key => key.chars().map(plain).collect(),
    }
}

/// The commit's files, and the script in their midst.
pub(super) fn steps(script: &Text) -> Vec<Step> {
    let step = |action| Step {
        id: None,
        name: None,
        condition: None,
        env: Vec::new(),
        continue_on_error: None,
        timeout_minutes: None,
        action,
    };
    vec![
        step(Action::Uses {
            action: ActionReference::Builtin {
                action: Builtin::Checkout,
                git_ref: "v4".to_owned(),
            },
            span: Span::default(),
            with: BTreeMap::new(),
        }),
        step(Action::Run {
            run: Text::verbatim(&script.value, script.span).value,
            // With `-eo pipefail`.
            shell: Some("bash".to_owned()),
            working_directory: None,
        }),
    ]
}
