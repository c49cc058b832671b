//! The variables of a step: GitHub's own (GitHub docs: "Default environment variables") and how they lie over the
//! workflow's.

use crate::command_files::CommandFiles;
use crate::layout::Layout;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// From the `github` context, by the variable's name.
const FROM_GITHUB: [(&str, &str); 31] = [
    ("GITHUB_ACTOR", "actor"),
    ("GITHUB_ACTOR_ID", "actor_id"),
    ("GITHUB_API_URL", "api_url"),
    ("GITHUB_BASE_REF", "base_ref"),
    ("GITHUB_EVENT_NAME", "event_name"),
    ("GITHUB_EVENT_PATH", "event_path"),
    ("GITHUB_GRAPHQL_URL", "graphql_url"),
    ("GITHUB_HEAD_REF", "head_ref"),
    ("GITHUB_JOB", "job"),
    ("GITHUB_REF", "ref"),
    ("GITHUB_REF_NAME", "ref_name"),
    ("GITHUB_REF_PROTECTED", "ref_protected"),
    ("GITHUB_REF_TYPE", "ref_type"),
    ("GITHUB_REPOSITORY", "repository"),
    ("GITHUB_REPOSITORY_ID", "repository_id"),
    ("GITHUB_REPOSITORY_OWNER", "repository_owner"),
    ("GITHUB_REPOSITORY_OWNER_ID", "repository_owner_id"),
    ("GITHUB_RETENTION_DAYS", "retention_days"),
    ("GITHUB_RUN_ATTEMPT", "run_attempt"),
    ("GITHUB_RUN_ID", "run_id"),
    ("GITHUB_RUN_NUMBER", "run_number"),
    ("GITHUB_SERVER_URL", "server_url"),
    ("GITHUB_SHA", "sha"),
    ("GITHUB_TRIGGERING_ACTOR", "triggering_actor"),
    ("GITHUB_WORKFLOW", "workflow"),
    ("GITHUB_WORKFLOW_REF", "workflow_ref"),
    ("GITHUB_WORKFLOW_SHA", "workflow_sha"),
    ("GITHUB_WORKSPACE", "workspace"),
    ("GITHUB_ACTION", "action"),
    ("GITHUB_ACTION_REF", "action_ref"),
    ("GITHUB_ACTION_REPOSITORY", "action_repository"),
];

/// GitHub's variables for a step. They win over the workflow's of the same name.
#[must_use]
pub fn defaults(contexts: &Map<String, Value>, layout: &Layout, files: &CommandFiles) -> Variables {
    let mut variables = Variables::new();
    let github = contexts.get("github").and_then(Value::as_object);
    for (name, key) in FROM_GITHUB {
        // GitHub sets a variable to nothing where the event has no such value, as for GITHUB_HEAD_REF of a push.
        let value = github
            .and_then(|github| github.get(key))
            .map(text)
            .unwrap_or_default();
        variables.insert(name.to_owned(), value);
    }
    let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
    // Only inside an action.
    if let Some(path) = github.and_then(|github| github.get("action_path")) {
        set("GITHUB_ACTION_PATH", text(path));
    }
    set("GITHUB_ACTIONS", "true".to_owned());
    for (name, path) in [
        ("GITHUB_ENV", &files.env),
        ("GITHUB_OUTPUT", &files.output),
        ("GITHUB_PATH", &files.path),
        ("GITHUB_STATE", &files.state),
        ("GITHUB_STEP_SUMMARY", &files.summary),
        ("RUNNER_TEMP", &layout.temp),
        ("RUNNER_TOOL_CACHE", &layout.tool_cache),
        (
            "RUNNER_WORKSPACE",
            &layout.workspace.parent().unwrap_or(Path::new("/")).to_owned(),
        ),
    ] {
        set(name, path.to_string_lossy().into_owned());
    }
    for (name, key) in [
        ("RUNNER_NAME", "name"),
        ("RUNNER_OS", "os"),
        ("RUNNER_ARCH", "arch"),
        ("RUNNER_ENVIRONMENT", "environment"),
        ("RUNNER_DEBUG", "debug"),
    ] {
        if let Some(value) = contexts.get("runner").and_then(|runner| runner.get(key)) {
            set(name, text(value));
        }
    }
    variables
}

/// The `runner` context.
#[must_use]
pub fn runner(layout: &Layout, debug: bool) -> Value {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "X64",
        "x86" => "X86",
        "aarch64" => "ARM64",
        "arm" => "ARM",
        other => other,
    };
    let os = match std::env::consts::OS {
        "macos" => "macOS",
        "linux" => "Linux",
        other => other,
    };
    let mut runner = serde_json::json!({
        "name": "checkmill",
        "os": os,
        "arch": arch,
        "environment": "self-hosted",
        "temp": layout.temp.to_string_lossy(),
        "tool_cache": layout.tool_cache.to_string_lossy(),
    });
    if debug {
        runner["debug"] = "1".into();
    }
    runner
}

/// Whether a step may not change this variable through `GITHUB_ENV`.
#[must_use]
pub fn is_protected(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    ["GITHUB_", "RUNNER_", "CHECKMILL_"]
        .iter()
        .any(|prefix| upper.starts_with(prefix))
}

/// Whether an environment can hold these variables.
///
/// # Errors
/// A name or a value that can't be in one.
pub fn check(variables: &Variables) -> Result<(), String> {
    for (name, value) in variables {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!("`env` has a name that no variable can have: {name:?}"));
        }
        if value.contains('\0') {
            return Err(format!(
                "`env` gives {name} a value with a NUL, which no variable can have"
            ));
        }
    }
    Ok(())
}

/// A value of a context as a variable has it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `PATH` with what steps have added, the last first.
#[must_use]
pub fn path(added: &[String], path: &str) -> String {
    let all = added.iter().rev().map(String::as_str).chain([path]);
    all.filter(|entry| !entry.is_empty())
        .collect::<Vec<_>>()
        .join(":")
}

/// The program of this name, looked up in `PATH` as a shell would; one with a `/` is taken as it is.
#[must_use]
pub fn find_program(name: &str, path: &str, directory: &Path) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let is_program = |file: &Path| {
        file.metadata()
            .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        let file = directory.join(name);
        return is_program(&file).then_some(file);
    }
    path.split(':')
        .filter(|entry| !entry.is_empty())
        .map(|entry| directory.join(entry).join(name))
        .find(|file| is_program(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn githubs_variables() {
        let temp = tempfile::tempdir().unwrap();
        let layout = Layout::new(temp.path(), "octo/hello");
        layout.create().unwrap();
        let files = CommandFiles::create(&layout, "1").unwrap();
        let contexts = json!({
            "github": {"sha": "abc", "run_number": 7, "ref_protected": true, "workspace": layout.workspace, "head_ref": null},
            "runner": runner(&layout, true),
        });
        let variables = defaults(contexts.as_object().unwrap(), &layout, &files);
        let table = [
            ("GITHUB_SHA", "abc"),
            ("GITHUB_RUN_NUMBER", "7"),
            ("GITHUB_REF_PROTECTED", "true"),
            ("GITHUB_HEAD_REF", ""),
            ("GITHUB_ACTIONS", "true"),
            ("RUNNER_DEBUG", "1"),
            ("RUNNER_ENVIRONMENT", "self-hosted"),
        ];
        for (name, value) in table {
            assert_eq!(variables[name], value, "{name}");
        }
        assert!(variables["GITHUB_OUTPUT"].starts_with(&variables["RUNNER_TEMP"]));
        assert!(variables["GITHUB_WORKSPACE"].starts_with(&variables["RUNNER_WORKSPACE"]));
    }

    #[test]
    fn paths_and_programs() {
        assert_eq!(
            path(&["/a".into(), "/b".into()], "/usr/bin:/bin"),
            "/b:/a:/usr/bin:/bin"
        );
        assert_eq!(path(&[], ""), "");
        let root = Path::new("/");
        assert!(find_program("sh", "/nowhere:/bin", root).is_some());
        assert_eq!(find_program("sh", "/nowhere", root), None);
        assert_eq!(find_program("bin/sh", "", root), Some("/bin/sh".into()));
        assert_eq!(find_program("etc", "/", root), None, "a directory is no program");
        assert!(is_protected("GitHub_Sha") && is_protected("RUNNER_X") && !is_protected("CI"));
    }
}
