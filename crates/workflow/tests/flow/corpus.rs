//! Workflow files as they are: those that the crates in `Cargo.lock` are published with, which a build has put on this machine.
//! Each has a verdict: it is read, and its jobs are expanded, or it is refused with reasons that name a key this version lacks.

use crate::support::{World, comment, pull_request, push, release, schedule};
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::policy::AllowedActions;
use checkmill_workflow::{
    Called, Changed, Diagnostics, Linker, Match, Rule, Workflow, WorkflowReference, matches, parse,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files that are wrong on GitHub, too: the file's end and what it gets wrong.
const WRONG: [(&str, &str); 2] = [
    // `secrets` belongs to `workflow_call`.
    (
        "cargo_metadata-0.23.1/.github/workflows/release.yml",
        "unknown key `secrets` in `workflow_dispatch`",
    ),
    (
        "bs58-0.5.1/.github/workflows/staging.yml",
        "unknown key `type` in `merge_group`",
    ),
];
/// Fewer would be no corpus: most crates come with none.
const AT_LEAST: usize = 100;

/// The directories that cargo unpacks the lock file's packages to.
fn packages() -> Vec<PathBuf> {
    let lock = include_str!("../../../../Cargo.lock");
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let sources = std::fs::read_dir(home.unwrap().join("registry/src")).unwrap();
    let sources: Vec<PathBuf> = sources.map(|entry| entry.unwrap().path()).collect();
    let field = |package: &str, name: &str| {
        let line = package
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name} = \"")));
        line.and_then(|line| line.strip_suffix('"')).map(str::to_owned)
    };
    let named = lock.split("[[package]]").filter_map(|package| {
        field(package, "source")?;
        Some(format!(
            "{}-{}",
            field(package, "name")?,
            field(package, "version")?
        ))
    });
    let everywhere = named.flat_map(|name| sources.iter().map(move |source| source.join(&name)));
    everywhere.filter(|path| path.is_dir()).collect()
}

fn files() -> Vec<PathBuf> {
    let in_package = |package: &PathBuf| {
        let entries = std::fs::read_dir(package.join(".github/workflows"))
            .into_iter()
            .flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|end| end == "yml" || end == "yaml"))
            .collect::<Vec<_>>()
    };
    packages().iter().flat_map(in_package).collect()
}

/// The workflow with the files that it calls: those beside it. Those of other repositories are not on this machine.
pub(crate) fn linked(path: &Path, workflow: Workflow) -> Result<Workflow, Diagnostics> {
    let mut linker = Linker::new(workflow, &AllowedActions::All);
    loop {
        let wanted = linker.wanted();
        if wanted.is_empty() {
            return linker.link();
        }
        for uses in wanted {
            let called = match &uses {
                WorkflowReference::Remote(_) => Called::Elsewhere,
                WorkflowReference::Local(called) => {
                    let name = called.rsplit('/').next().unwrap();
                    match std::fs::read_to_string(path.with_file_name(name)) {
                        Ok(text) => Called::Text(text),
                        Err(_) => Called::Unreadable("the package has no such file".to_owned()),
                    }
                }
            };
            linker.give(uses, called);
        }
    }
}

/// Starts the workflow by each event and expands what does not wait for other jobs; whether all of it went well.
fn plan(path: &Path, workflow: &Workflow) -> Result<(), String> {
    let mut events = vec![
        push("refs/heads/main"),
        push("refs/tags/v1.2.3"),
        pull_request("opened", "main"),
        release("published"),
        comment("created", true),
    ];
    let timings = workflow.schedule().iter();
    events.extend(timings.map(|timing| schedule(&timing.cron, timing.timezone.as_deref())));
    for event in events {
        let mut world = World::of(workflow.clone(), &event);
        let changed = ["src/lib.rs".to_owned()];
        let changed = Changed::Files {
            paths: &changed,
            truncated: false,
        };
        if matches(&world.workflow, &event, Some(changed)) != Match::Yes {
            continue;
        }
        let keys: Vec<_> = world.workflow.keys().cloned().collect();
        for key in &keys {
            world = world.ended(key.as_str(), NeedsResult::Success, &[]);
        }
        for key in &keys {
            let expanded = world.expand(key.as_str());
            // What a job before it puts out is not known here.
            let waits = !world.workflow.decided_later(key).is_empty()
                || world.workflow.calls_elsewhere(key).is_some();
            if let (Err(wrong), false) = (expanded, waits) {
                return Err(format!("{}: {}", path.display(), wrong.summary()));
            }
        }
    }
    Ok(())
}

#[test]
fn every_file_has_a_verdict() {
    let files = files();
    assert!(files.len() >= AT_LEAST, "only {} files", files.len());
    let mut refused = BTreeMap::<String, usize>::new();
    let mut run = 0;
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let name = format!(".github/workflows/{}", path.file_name().unwrap().display());
        match parse(&name, &text).and_then(|workflow| linked(path, workflow)) {
            Ok(workflow) => {
                plan(path, &workflow).unwrap();
                run += 1;
            }
            Err(wrong) => {
                for reason in wrong.as_slice() {
                    let is_known = WRONG
                        .iter()
                        .any(|(end, message)| path.ends_with(end) && reason.message == *message);
                    assert!(
                        is_known || (reason.rule == Rule::Unsupported && reason.hint.is_some()),
                        "{}: {reason}",
                        path.display()
                    );
                    *refused.entry(reason.message.clone()).or_default() += 1;
                }
            }
        }
    }
    eprintln!(
        "{run} of {} files run; the others are refused for: {refused:#?}",
        files.len()
    );
    assert!(
        run * 3 > files.len() * 2,
        "only {run} of {} run: {refused:#?}",
        files.len()
    );
}
