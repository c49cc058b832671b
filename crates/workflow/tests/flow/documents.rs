//! The documentation says what the code does.

use crate::support::{LIGHTNING, PATH, World};
use checkmill_core::event::{Activities, RepositoryEventName};
use checkmill_core::policy::{AllowedActions, Policy};
use checkmill_workflow::{
    Called, Keys, Linker, POLICY_KEYS, Severity, Support, lightning_keys, parse, parse_policy, workflow_keys,
};

const SYNTAX: &str = include_str!("../../../../docs/workflow-syntax.md");
const LIGHTNING_SYNTAX: &str = include_str!("../../../../docs/lightning-workflows.md");
const POLICY: &str = include_str!("../../../../docs/policy.md");

/// The table of keys of a page, from the code's tables.
fn table(tables: &[&Keys]) -> String {
    let mut table = "| key | | |\n| --- | --- | --- |\n".to_owned();
    for (keys, key) in tables
        .iter()
        .flat_map(|keys| keys.keys.iter().map(move |key| (keys, key)))
    {
        let (state, text) = match key.support {
            Support::Full => ("supported", String::new()),
            Support::Partly(how) => ("partly", how.to_owned()),
            Support::NoEffect(why) => ("no effect", why.to_owned()),
            Support::Refused(instead) => ("refused", instead.to_owned()),
        };
        table.push_str(&format!("| `{}` | {state} | {text} |\n", keys.path_of(key)));
    }
    table
}

#[test]
fn the_tables_of_keys_are_those_of_the_code() {
    for (page, text, tables) in [
        ("workflow-syntax", SYNTAX, workflow_keys()),
        ("lightning-workflows", LIGHTNING_SYNTAX, lightning_keys()),
    ] {
        let shown = text
            .split_once("<!-- keys -->\n")
            .and_then(|(_, rest)| rest.split_once("<!-- /keys -->"));
        let shown = shown.map(|(table, _)| table).unwrap_or_default();
        let table = table(tables);
        assert!(
            shown == table,
            "docs/{page}.md, between the marks `keys`, must be:\n{table}"
        );
    }
}

#[test]
fn the_example_of_lightning_files_is_one() {
    let examples = examples(LIGHTNING_SYNTAX);
    assert_eq!(examples.len(), 1);
    let names = World::lightning(examples[0]).names("run");
    assert_eq!(
        names,
        [
            "ci.yml / Tests (3.10)",
            "ci.yml / Tests (3.12)",
            "ci.yml / Tests (3.13, L4)"
        ]
    );
}

/// The one of the section about containers.
#[test]
fn the_example_of_containers_is_a_workflow() {
    let (_, section) = SYNTAX.split_once("\n## Containers\n").unwrap();
    let example = examples(section)[0];
    assert!(
        example.contains("container:") && example.contains("services:"),
        "{example}"
    );
    parse(PATH, example).unwrap_or_else(|wrong| panic!("{wrong}"));
}

/// Both files of the section about reusable workflows, as the one calls the other.
#[test]
fn the_example_of_reusable_workflows_fits_together() {
    let (_, section) = SYNTAX.split_once("\n## Reusable workflows\n").unwrap();
    let [caller, called, ..] = examples(section)[..] else {
        panic!("there are two examples")
    };
    let rule = AllowedActions::All;
    let mut linker = Linker::new(parse(PATH, caller).unwrap(), &rule);
    let wanted = linker.wanted();
    let [uses] = wanted.as_slice() else {
        panic!("{wanted:?}")
    };
    assert!(called.starts_with(&format!("# {}\n", uses.path())), "{called}");
    linker.give(uses.clone(), Called::Text(called.to_owned()));
    let linked = linker.link().unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(linked.unknown_outputs(), []);
}

#[test]
fn the_examples_of_the_syntax_are_files_without_mistakes() {
    for text in examples(SYNTAX) {
        let found = checkmill_workflow::lint(PATH, text);
        let errors = found.iter().flat_map(|found| found.as_slice());
        assert!(
            errors.filter(|one| one.severity() == Severity::Error).count() == 0,
            "{found:?}"
        );
    }
}

/// The table of events has each with its activity types, in their order.
#[test]
fn the_table_of_events_is_that_of_the_code() {
    let row = |name: &RepositoryEventName| {
        let types = match name.activities() {
            Activities::None => "none".to_owned(),
            Activities::Types(types) => types
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", "),
            Activities::Custom => "whatever its sender says".to_owned(),
        };
        format!("| `{}` | {types} |", name.as_str())
    };
    let (_, rest) = SYNTAX.split_once("<!-- events -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /events -->").unwrap();
    let shown: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(shown.len(), RepositoryEventName::ALL.len());
    for (shown, name) in shown.iter().zip(RepositoryEventName::ALL) {
        assert!(
            shown.starts_with(&row(name)),
            "docs/workflow-syntax.md must say: {}",
            row(name)
        );
    }
}

/// A workflow in which the key stands at its place, without a value.
fn file_with(keys: &Keys, key: &str) -> String {
    let event = keys.path.strip_prefix("on.").and_then(RepositoryEventName::parse);
    if let Some(event) = event {
        return format!("on:\n  {}:\n    {key}:\n", event.as_str());
    }
    let (before, rest) = match keys.path {
        "" => ("", ""),
        "trigger" => ("trigger:\n  ", ""),
        "trigger.<event>" => ("trigger:\n  push:\n    ", ""),
        "parametrize" => ("parametrize:\n  ", ""),
        "on" => ("on:\n  ", ""),
        "on.push" => ("on:\n  push:\n    ", ""),
        "on.pull_request" => ("on:\n  pull_request:\n    ", ""),
        "on.pull_request_target" => ("on:\n  pull_request_target:\n    ", ""),
        "on.merge_group" => ("on:\n  merge_group:\n    ", ""),
        "on.schedule[*]" => ("on:\n  schedule:\n    - ", ""),
        "on.release" => ("on:\n  release:\n    ", ""),
        "on.issue_comment" => ("on:\n  issue_comment:\n    ", ""),
        "on.workflow_run" => ("on:\n  workflow_run:\n    ", ""),
        "on.workflow_dispatch" => ("on:\n  workflow_dispatch:\n    ", ""),
        "on.workflow_dispatch.inputs.<input_id>" => (
            "on:\n  workflow_dispatch:\n    inputs:\n      level:\n        ",
            "",
        ),
        "on.workflow_call" => ("on:\n  workflow_call:\n    ", ""),
        "on.workflow_call.inputs.<input_id>" => {
            ("on:\n  workflow_call:\n    inputs:\n      level:\n        ", "")
        }
        "on.workflow_call.secrets.<secret_id>" => {
            ("on:\n  workflow_call:\n    secrets:\n      level:\n        ", "")
        }
        "on.workflow_call.outputs.<output_id>" => {
            ("on:\n  workflow_call:\n    outputs:\n      level:\n        ", "")
        }
        "permissions" => ("permissions:\n  ", ""),
        "defaults" => ("defaults:\n  ", ""),
        "defaults.run" => ("defaults:\n  run:\n    ", ""),
        "jobs.<job_id>" => ("jobs:\n  build:\n    ", ""),
        "concurrency" => ("concurrency:\n  ", ""),
        "jobs.<job_id>.concurrency" => ("jobs:\n  build:\n    concurrency:\n      ", ""),
        "jobs.<job_id>.strategy" => ("jobs:\n  build:\n    strategy:\n      ", ""),
        "jobs.<job_id>.runs-on" => ("jobs:\n  build:\n    runs-on:\n      ", ""),
        "jobs.<job_id>.environment" => ("jobs:\n  build:\n    environment:\n      ", ""),
        "jobs.<job_id>.container" => ("jobs:\n  build:\n    container:\n      ", ""),
        "jobs.<job_id>.container.credentials" => (
            "jobs:\n  build:\n    container:\n      credentials:\n        ",
            "",
        ),
        "jobs.<job_id>.services.<service_id>" => ("jobs:\n  build:\n    services:\n      db:\n        ", ""),
        "jobs.<job_id>.services.<service_id>.credentials" => (
            "jobs:\n  build:\n    services:\n      db:\n        credentials:\n          ",
            "",
        ),
        "jobs.<job_id>.steps[*]" => ("jobs:\n  build:\n    steps:\n      - ", ""),
        other => panic!("say where {other} stands"),
    };
    format!("{before}{key}:{rest}\n")
}

#[test]
fn every_key_is_treated_as_its_table_says() {
    let tables = |path, tables: &'static [&'static Keys]| tables.iter().map(move |keys| (path, keys));
    for (path_of_file, keys) in tables(PATH, workflow_keys()).chain(tables(LIGHTNING, lightning_keys())) {
        for key in keys.keys {
            let wrong = parse(path_of_file, &file_with(keys, key.name))
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
        let wrong = parse(path_of_file, &file_with(keys, "no-such-key"))
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
        "permissions: {contents: read}\nforks: approval\ncomment: on-failure\nactions: all\ncontainers: restricted\nactions_workflows: false\nretry: {infrastructure: 1, flaky: 1}\nmodel: {translate: never, containers: false, run-steps: false}\nqueue-timeout-minutes: 60\n\
         timeout-minutes-max: 7200\n",
    );
    assert_eq!(default, Ok(Policy::default()));
}
