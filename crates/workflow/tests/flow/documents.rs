//! The documentation says what the code does.

use crate::support::PATH;
use checkmill_core::policy::Policy;
use checkmill_workflow::{Keys, POLICY_KEYS, Support, parse, parse_policy, workflow_keys};

const SYNTAX: &str = include_str!("../../../../docs/workflow-syntax.md");
const POLICY: &str = include_str!("../../../../docs/policy.md");

/// The table of `docs/workflow-syntax.md`, from the code's tables.
fn table() -> String {
    let mut table = "| key | | |\n| --- | --- | --- |\n".to_owned();
    for (keys, key) in workflow_keys()
        .iter()
        .flat_map(|keys| keys.keys.iter().map(move |key| (keys, key)))
    {
        let (state, text) = match key.support {
            Support::Full => ("supported", String::new()),
            Support::NoEffect(why) => ("no effect", why.to_owned()),
            Support::Refused(instead) => ("refused", instead.to_owned()),
        };
        table.push_str(&format!("| `{}` | {state} | {text} |\n", keys.path_of(key)));
    }
    table
}

#[test]
fn the_table_of_keys_is_that_of_the_code() {
    let shown = SYNTAX
        .split_once("<!-- keys -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- /keys -->"));
    let shown = shown.map(|(table, _)| table).unwrap_or_default();
    let table = table();
    assert!(
        shown == table,
        "docs/workflow-syntax.md, between the marks `keys`, must be:\n{table}"
    );
}

/// A workflow in which the key stands at its place, without a value.
fn file_with(keys: &Keys, key: &str) -> String {
    let (before, rest) = match keys.path {
        "" => ("", ""),
        "on" => ("on:\n  ", ""),
        "on.push" => ("on:\n  push:\n    ", ""),
        "on.pull_request" => ("on:\n  pull_request:\n    ", ""),
        "on.workflow_dispatch" => ("on:\n  workflow_dispatch:\n    ", ""),
        "on.workflow_dispatch.inputs.<input_id>" => (
            "on:\n  workflow_dispatch:\n    inputs:\n      level:\n        ",
            "",
        ),
        "permissions" => ("permissions:\n  ", ""),
        "defaults" => ("defaults:\n  ", ""),
        "defaults.run" => ("defaults:\n  run:\n    ", ""),
        "jobs.<job_id>" => ("jobs:\n  build:\n    ", ""),
        "jobs.<job_id>.strategy" => ("jobs:\n  build:\n    strategy:\n      ", ""),
        "jobs.<job_id>.runs-on" => ("jobs:\n  build:\n    runs-on:\n      ", ""),
        "jobs.<job_id>.steps[*]" => ("jobs:\n  build:\n    steps:\n      - ", ""),
        other => panic!("say where {other} stands"),
    };
    format!("{before}{key}:{rest}\n")
}

#[test]
fn every_key_is_treated_as_its_table_says() {
    for keys in workflow_keys() {
        for key in keys.keys {
            let wrong = parse(PATH, &file_with(keys, key.name))
                .expect_err("the file is not whole")
                .to_string();
            let path = keys.path_of(key);
            assert!(
                !wrong.contains(&format!("unknown {} `{}`", keys.noun, key.name)),
                "{path}: {wrong}"
            );
            let refused = wrong.contains(&format!("`{}` is not supported yet in this version", key.name));
            assert_eq!(
                refused,
                matches!(key.support, Support::Refused(_)),
                "{path}: {wrong}"
            );
        }
        let wrong = parse(PATH, &file_with(keys, "no-such-key"))
            .expect_err("the file is not whole")
            .to_string();
        assert!(
            wrong.contains(&format!("unknown {} `no-such-key`", keys.noun)),
            "{}: {wrong}",
            keys.path
        );
    }
}

/// The fenced YAML of a document.
fn examples(document: &str) -> Vec<&str> {
    let parts = document.split("```yaml\n").skip(1);
    parts
        .map(|part| part.split_once("```").expect("the fence is closed").0)
        .collect()
}

#[test]
fn every_key_of_the_policy_has_a_section_with_an_example() {
    let sections: Vec<&str> = POLICY
        .lines()
        .filter_map(|line| line.strip_prefix("## `"))
        .filter_map(|line| line.strip_suffix('`'))
        .collect();
    let keys: Vec<&str> = POLICY_KEYS.keys.iter().map(|key| key.name).collect();
    assert_eq!(sections, keys);
    for key in keys {
        let shown = examples(POLICY)
            .iter()
            .any(|example| example.starts_with(&format!("{key}:")));
        assert!(shown, "an example begins with {key}");
    }
}

#[test]
fn the_examples_of_the_policy_are_policies() {
    let examples = examples(POLICY);
    assert!(examples.len() > 5);
    for example in examples {
        parse_policy(".checkmill/config.yml", example).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}

/// The defaults that the page names.
#[test]
fn the_defaults_are_those_of_the_code() {
    let default = parse_policy(
        ".checkmill/config.yml",
        "permissions: {contents: read}\nforks: approval\ncomment: on-failure\nactions_workflows: false\nqueue-timeout-minutes: 60\n\
         timeout-minutes-max: 7200\n",
    );
    assert_eq!(default, Ok(Policy::default()));
}
