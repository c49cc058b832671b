//! `.checkmill/config.yml`: the repository's policy.

use crate::diagnostic::{Diagnostics, quoted};
use crate::dialect::actions;
use crate::keys::{Keys, full};
use crate::read::{Fields, Reader};
use crate::source::Source;
use crate::yaml::{self, Entry, Node, Value};
use checkmill_core::policy::{CommentPolicy, ForkPolicy, Policy};
use checkmill_core::{Millis, limits};
use std::collections::BTreeMap;

/// The version of the file's format.
const VERSION: f64 = 1.0;
/// Bytes of one variable. GitHub docs: 48 KB.
const VAR_BYTES: usize = 48 * 1024;
/// Variables. GitHub docs: 500 of a repository.
const VARS: usize = 500;
/// Bytes of all variables together: they are part of every run's row, and a DynamoDB item has at most 400 KB.
const VARS_BYTES: usize = 128 * 1024;

/// The file's keys.
pub const KEYS: Keys = Keys {
    path: "",
    noun: "key",
    keys: &[
        full("version"),
        full("permissions"),
        full("forks"),
        full("comment"),
        full("vars"),
        full("actions_workflows"),
        full("queue-timeout-minutes"),
        full("timeout-minutes-max"),
    ],
};

/// Reads the policy file. What it doesn't say is as [`Policy::default`] has it; so is an empty file.
///
/// # Errors
/// Everything that is wrong with it. A broken policy must stop what it would govern, not be taken as the default.
pub fn parse_policy(path: &str, text: &str) -> Result<Policy, Diagnostics> {
    let source = Source::new(path, text);
    let node = yaml::parse(&source)?;
    if node.value == Value::Null {
        return Ok(Policy::default());
    }
    let mut reader = Reader::new(&source);
    let policy = policy(&mut reader, &node);
    reader.finish(policy)
}

fn policy(reader: &mut Reader<'_>, node: &Node) -> Option<Policy> {
    let fields = reader.fields(node, &KEYS, "the policy")?;
    let mut policy = Policy::default();
    if let Some(node) = fields.get("version")
        && node.value != Value::Number(VERSION)
    {
        reader.report_with(
            node.span,
            "this version of Checkmill reads policies of version 1",
            "write `version: 1`",
        );
    }
    if let Some(permissions) = fields
        .get("permissions")
        .and_then(|node| actions::permissions(reader, node))
    {
        policy.permissions = permissions;
    }
    let forks = [("approval", ForkPolicy::Approval), ("never", ForkPolicy::Never)];
    if let Some(forks) = choice(reader, &fields, "forks", &forks) {
        policy.forks = forks;
    }
    let comment = [
        ("always", CommentPolicy::Always),
        ("on-failure", CommentPolicy::OnFailure),
        ("never", CommentPolicy::Never),
    ];
    if let Some(comment) = choice(reader, &fields, "comment", &comment) {
        policy.comment = comment;
    }
    if let Some(node) = fields.get("vars") {
        policy.vars = vars(reader, node);
    }
    if let Some(included) = fields
        .get("actions_workflows")
        .and_then(|node| reader.boolean(node, "`actions_workflows`"))
    {
        policy.actions_workflows = included;
    }
    if let Some(minutes) = minutes(reader, &fields, "queue-timeout-minutes") {
        policy.queue_timeout = minutes;
    }
    if let Some(minutes) = minutes(reader, &fields, "timeout-minutes-max") {
        policy.run_timeout_max = minutes;
    }
    Some(policy)
}

fn choice<T: Copy>(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    key: &str,
    choices: &[(&str, T)],
) -> Option<T> {
    let text = reader.literal(fields.get(key)?, &format!("`{key}`"))?;
    let found = choices.iter().find(|(name, _)| *name == text.value);
    if found.is_none() {
        let names = crate::read::list_of(choices.iter().map(|(name, _)| *name));
        let message = format!("`{key}` can't be `{}`", quoted(&text.value));
        reader.report_with(text.span, message, format!("it is one of {names}"));
    }
    found.map(|(_, value)| *value)
}

fn vars(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    if node.value == Value::Null {
        return BTreeMap::new();
    }
    let Some(entries) = reader.map(node, "`vars`") else {
        return BTreeMap::new();
    };
    if let Some(entry) = entries.get(VARS) {
        reader.report(entry.key_span, format!("there can be at most {VARS} variables"));
    }
    let vars: BTreeMap<String, String> = entries.iter().filter_map(|entry| var(reader, entry)).collect();
    if vars
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum::<usize>()
        > VARS_BYTES
    {
        let message = format!("the variables have more than {} KiB together", VARS_BYTES / 1024);
        reader.report_with(node.span, message, "move long texts into files of the repository");
    }
    vars
}

/// GitHub docs, "Naming conventions for configuration variables".
fn var(reader: &mut Reader<'_>, entry: &Entry) -> Option<(String, String)> {
    let name = &entry.key;
    let letters = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let reserved = name
        .get(..7)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("GITHUB_"));
    if !letters || reserved {
        let message = format!("`{}` can't be the name of a variable", quoted(name));
        let hint = "use letters, digits and `_`; do not begin with a digit or `GITHUB_`";
        reader.report_with(entry.key_span, message, hint);
        return None;
    }
    let value = reader.text(&entry.value, &format!("`{name}`"))?;
    if value.value.len() > VAR_BYTES {
        reader.report(
            value.span,
            format!("the variable `{name}` has more than {} KiB", VAR_BYTES / 1024),
        );
    }
    Some((name.clone(), value.value))
}

fn minutes(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Option<Millis> {
    let node = fields.get(key)?;
    let most = limits::RUN_TIMEOUT_MAX.0 / 60_000;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let limit = most as f64;
    match node.value {
        Value::Number(minutes) if minutes > 0.0 && minutes <= limit => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and the limit"
            )]
            let millis = (minutes * 60_000.0).ceil() as u64;
            Some(Millis(millis))
        }
        Value::Number(_) => {
            reader.report(
                node.span,
                format!("`{key}` must be more than 0 and at most {most}"),
            );
            None
        }
        _ => {
            reader.wrong_type(node, &format!("`{key}`"), "a number");
            None
        }
    }
}
