//! `.checkmill/config.yml`: the repository's policy.

use crate::diagnostic::{Diagnostics, quoted};
use crate::dialect::actions;
use crate::filter::PatternList;
use crate::keys::{Keys, full};
use crate::read::{Fields, Reader};
use crate::source::Source;
use crate::yaml::{self, Entry, Node, Value};
use checkmill_core::policy::{
    AllowedActions, CommentPolicy, ContainerPolicy, EnvironmentRule, ForkPolicy, ModelPolicy, Policy,
    TargetForks, TargetPolicy, TranslatePolicy,
};
use checkmill_core::retry::RetryCounts;
use checkmill_core::{Millis, limits};
use std::collections::BTreeMap;

/// The version of the file's format.
const VERSION: f64 = 1.0;
/// Bytes of one variable. GitHub docs: 48 KB.
const VAR_BYTES: usize = 48 * 1024;
/// Variables. GitHub docs: 500 of a repository.
const VARS: usize = 500;

/// Items of `actions`: they are part of every run's row.
const ACTIONS: usize = 200;

/// The file's keys.
pub const KEYS: Keys = Keys {
    path: "",
    noun: "key",
    keys: &[
        full("version"),
        full("permissions"),
        full("forks"),
        full("pull_request_target"),
        full("comment"),
        full("actions"),
        full("containers"),
        full("retry"),
        full("model"),
        full("environments"),
        full("vars"),
        full("actions_workflows"),
        full("queue-timeout-minutes"),
        full("timeout-minutes-max"),
    ],
};

/// The keys of `pull_request_target`.
const TARGET_KEYS: Keys = Keys {
    path: "pull_request_target",
    noun: "key of `pull_request_target`",
    keys: &[full("forks"), full("permissions"), full("secrets")],
};

/// The keys of `retry`.
const RETRY_KEYS: Keys = Keys {
    path: "retry",
    noun: "key of `retry`",
    keys: &[full("infrastructure"), full("flaky")],
};

/// The keys of `model`.
const MODEL_KEYS: Keys = Keys {
    path: "model",
    noun: "key of `model`",
    keys: &[full("translate"), full("containers"), full("run-steps")],
};

/// The keys of one of `environments`.
const ENVIRONMENT_KEYS: Keys = Keys {
    path: "environments.<name>",
    noun: "key of an environment",
    keys: &[full("branches"), full("tags")],
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
    if let Some(node) = fields.get("pull_request_target") {
        policy.pull_request_target = target(reader, node);
    }
    let comment = [
        ("always", CommentPolicy::Always),
        ("on-failure", CommentPolicy::OnFailure),
        ("never", CommentPolicy::Never),
    ];
    if let Some(comment) = choice(reader, &fields, "comment", &comment) {
        policy.comment = comment;
    }
    if let Some(actions) = fields
        .get("actions")
        .and_then(|node| allowed_actions(reader, node))
    {
        policy.actions = actions;
    }
    let containers = [
        ("restricted", ContainerPolicy::Restricted),
        ("any", ContainerPolicy::Any),
    ];
    if let Some(containers) = choice(reader, &fields, "containers", &containers) {
        policy.containers = containers;
    }
    if let Some(node) = fields.get("retry") {
        policy.retry = retry(reader, node);
    }
    if let Some(node) = fields.get("model") {
        policy.model = model(reader, node);
    }
    if let Some(node) = fields.get("environments") {
        policy.environments = environments(reader, node);
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

/// `all`, `builtin`, or a list of what is allowed besides the built-in ones.
fn allowed_actions(reader: &mut Reader<'_>, node: &Node) -> Option<AllowedActions> {
    let Value::List(items) = &node.value else {
        let text = reader.literal(node, "`actions`")?;
        return match text.value.as_str() {
            "all" => Some(AllowedActions::All),
            "builtin" => Some(AllowedActions::Builtin),
            _ => {
                let message = format!("`actions` can't be `{}`", quoted(&text.value));
                let hint = "it is `all`, `builtin`, or a list such as `[owner/*, owner/repository@v1]`";
                reader.report_with(text.span, message, hint);
                None
            }
        };
    };
    if let Some(item) = items.get(ACTIONS) {
        reader.report(item.span, format!("`actions` can have at most {ACTIONS} items"));
    }
    let items = items.iter().take(ACTIONS);
    let patterns: Vec<String> = items.filter_map(|item| action_pattern(reader, item)).collect();
    Some(AllowedActions::Only(patterns))
}

fn action_pattern(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.literal(node, "an item of `actions`")?;
    let pattern = text.value.trim();
    let (name, git_ref) = pattern.split_once('@').unwrap_or((pattern, "*"));
    let one_star_at_the_end = |text: &str| !text.strip_suffix('*').unwrap_or(text).contains('*');
    let good = match pattern.strip_prefix("docker://") {
        Some(image) => !image.is_empty() && one_star_at_the_end(image),
        None => {
            name.contains('/')
                && !name.starts_with(['/', '.'])
                && one_star_at_the_end(name)
                && !git_ref.is_empty()
                && one_star_at_the_end(git_ref)
        }
    };
    if !good || pattern.contains(char::is_whitespace) {
        let message = format!("`{}` names no action", quoted(pattern));
        let hint = "write `owner/*`, `owner/repository`, `owner/repository@ref` or `docker://image*`; \
                    a `*` stands at an end";
        reader.report_with(text.span, message, hint);
        return None;
    }
    Some(pattern.to_owned())
}

/// What it doesn't say is as the default has it.
fn target(reader: &mut Reader<'_>, node: &Node) -> TargetPolicy {
    let mut target = TargetPolicy::default();
    let Some(fields) = reader.fields(node, &TARGET_KEYS, "`pull_request_target`") else {
        return target;
    };
    let forks = [
        ("run", TargetForks::Run),
        ("approval", TargetForks::Approval),
        ("never", TargetForks::Never),
    ];
    if let Some(forks) = choice(reader, &fields, "forks", &forks) {
        target.forks = forks;
    }
    if let Some(permissions) = fields
        .get("permissions")
        .and_then(|node| actions::permissions(reader, node))
    {
        target.permissions = permissions;
    }
    if let Some(secrets) = fields
        .get("secrets")
        .and_then(|node| reader.boolean(node, "`secrets`"))
    {
        target.secrets = secrets;
    }
    target
}

/// What it doesn't say is as the default has it.
fn retry(reader: &mut Reader<'_>, node: &Node) -> RetryCounts {
    let mut counts = RetryCounts::POLICY_DEFAULT;
    let Some(fields) = reader.fields(node, &RETRY_KEYS, "`retry`") else {
        return counts;
    };
    for (key, count) in [
        ("infrastructure", &mut counts.infrastructure),
        ("flaky", &mut counts.flaky),
    ] {
        let Some(node) = fields.get(key) else { continue };
        let whole = (0..=limits::RETRIES_MAX).find(|n| node.value == Value::Number(f64::from(*n)));
        match whole {
            Some(whole) => *count = whole,
            None => {
                let message = format!("`{key}` must be a whole number from 0 to {}", limits::RETRIES_MAX);
                reader.report(node.span, message);
            }
        }
    }
    counts
}

/// What it doesn't say is as the default has it: no translations, and none of containers.
fn model(reader: &mut Reader<'_>, node: &Node) -> ModelPolicy {
    let mut model = ModelPolicy::NEVER;
    let Some(fields) = reader.fields(node, &MODEL_KEYS, "`model`") else {
        return model;
    };
    let translate = [
        ("never", TranslatePolicy::Never),
        ("review", TranslatePolicy::Review),
        ("always", TranslatePolicy::Always),
    ];
    if let Some(translate) = choice(reader, &fields, "translate", &translate) {
        model.translate = translate;
    }
    for (key, switch) in [
        ("containers", &mut model.containers),
        ("run-steps", &mut model.run_steps),
    ] {
        let node = fields.get(key);
        if let Some(on) = node.and_then(|node| reader.boolean(node, &format!("`{key}`"))) {
            *switch = on;
        }
    }
    model
}

fn environments(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, EnvironmentRule> {
    let Some(entries) = reader.map(node, "`environments`") else {
        return BTreeMap::new();
    };
    if let Some(entry) = entries.get(limits::ENVIRONMENTS) {
        let message = format!("there can be at most {} environments", limits::ENVIRONMENTS);
        reader.report(entry.key_span, message);
    }
    let mut rules: BTreeMap<String, EnvironmentRule> = BTreeMap::new();
    for entry in entries.iter().take(limits::ENVIRONMENTS) {
        let Some(rule) = environment(reader, entry) else {
            continue;
        };
        let name = entry.key.trim();
        // Which of the two rules would count?
        if let Some(same) = rules.keys().find(|known| known.eq_ignore_ascii_case(name)) {
            let message = format!("`{}` and `{}` are one environment", quoted(same), quoted(name));
            reader.report_with(
                entry.key_span,
                message,
                "the names of environments know no case; remove one",
            );
        }
        rules.insert(name.to_owned(), rule);
    }
    let patterns = |rule: &EnvironmentRule| -> usize {
        let patterns = rule.branches.iter().chain(&rule.tags).flatten();
        patterns.map(String::len).sum()
    };
    let bytes: usize = rules.iter().map(|(name, rule)| name.len() + patterns(rule)).sum();
    if bytes > limits::ENVIRONMENTS_BYTES {
        let limit = limits::ENVIRONMENTS_BYTES / 1024;
        reader.report(node.span, format!("`environments` has more than {limit} KiB"));
    }
    rules
}

fn environment(reader: &mut Reader<'_>, entry: &Entry) -> Option<EnvironmentRule> {
    let what = format!("the environment `{}`", quoted(&entry.key));
    if entry.key.trim().is_empty() || entry.key.chars().count() > limits::ENVIRONMENT_NAME_CHARS {
        let most = limits::ENVIRONMENT_NAME_CHARS;
        reader.report(
            entry.key_span,
            format!("the name of an environment has 1 to {most} characters"),
        );
    }
    if entry.value.value == Value::Null {
        return Some(EnvironmentRule::default());
    }
    let fields = reader.fields(&entry.value, &ENVIRONMENT_KEYS, &what)?;
    let mut patterns = |key: &str| {
        let node = fields.get(key)?;
        let texts = reader.literals(node, &format!("`{key}`"));
        let texts: Vec<String> = texts.into_iter().map(|text| text.value).collect();
        if let Err(error) = PatternList::parse(&texts) {
            reader.report(node.span, format!("{what}: {error}"));
        }
        Some(texts)
    };
    Some(EnvironmentRule {
        branches: patterns("branches"),
        tags: patterns("tags"),
    })
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
        > limits::VARS_BYTES
    {
        let message = format!(
            "the variables have more than {} KiB together",
            limits::VARS_BYTES / 1024
        );
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
