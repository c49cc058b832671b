//! The files as they are in the directory, committed or not.

use super::refusals;
use crate::output::no_workflow;
use anyhow::{Context as _, bail};
use checkmill_core::policy::{AllowedActions, Policy};
use checkmill_phases::dirs::{self, ACTIONS_DIR, POLICY_PATH};
use checkmill_workflow::uses::LocalAction;
use checkmill_workflow::{Called, Diagnostic, Diagnostics, Linker, Severity, WorkflowReference};
use std::collections::BTreeSet;
use std::path::Path;

/// The names of an action's file; the first one that is there counts.
const MANIFESTS: [&str; 2] = ["action.yml", "action.yaml"];

pub(super) struct Files {
    pub(super) policy: Option<File>,
    /// What the policy says, or the default where it says nothing that can be read.
    pub(super) rules: Policy,
    /// By path, those that are called among them; at least one.
    pub(super) workflows: Vec<File>,
    /// The files of the repository's own actions that the workflows use, directly and through each other; by path.
    pub(super) actions: Vec<File>,
}

pub(super) struct File {
    /// In the repository, with `/`.
    pub(super) path: String,
    /// None where it is not UTF-8.
    text: Option<String>,
    /// What is said where it is not.
    not_text: Option<Diagnostic>,
}

impl File {
    fn read(root: &Path, path: &str) -> anyhow::Result<Self> {
        let at = root.join(path);
        // What a commit holds of a link is the name that it gives, and that is all that GitHub has to show.
        let read = match std::fs::read_link(&at) {
            Ok(target) => Ok(target.into_os_string().into_encoded_bytes()),
            Err(_) => std::fs::read(&at),
        };
        let bytes = read.with_context(|| format!("{path} can't be read."))?;
        let (text, not_text) = match String::from_utf8(bytes) {
            Ok(text) => (Some(text), None),
            Err(error) => {
                let found = Diagnostic::not_utf8(path, error.as_bytes(), error.utf8_error());
                (None, Some(found))
            }
        };
        Ok(Self {
            path: path.to_owned(),
            text,
            not_text,
        })
    }

    fn actions(&self) -> Vec<LocalAction> {
        let text = self.text.as_deref().unwrap_or_default();
        checkmill_workflow::local_actions(&self.path, text)
    }

    /// The files of the repository that its jobs call; none where it can't be read.
    fn calls(&self) -> Vec<String> {
        let text = self.text.as_deref().unwrap_or_default();
        let Ok(workflow) = checkmill_workflow::parse(&self.path, text) else {
            return Vec::new();
        };
        let local = |call: &WorkflowReference| match call {
            WorkflowReference::Local(path) => Some(path.clone()),
            WorkflowReference::Remote(_) => None,
        };
        workflow.calls().into_iter().filter_map(local).collect()
    }

    /// What is wrong between it and the files that it calls, at the lines of all of them; what is wrong with one of them by itself
    /// is among it. Those of other repositories are not looked at.
    pub(super) fn calling(&self, workflows: &[Self], rule: &AllowedActions) -> Vec<Diagnostic> {
        let text = self.text.as_deref().unwrap_or_default();
        let Ok(workflow) = checkmill_workflow::parse(&self.path, text) else {
            return Vec::new();
        };
        let mut linker = Linker::new(workflow, rule);
        loop {
            let wanted = linker.wanted();
            if wanted.is_empty() {
                break;
            }
            for uses in wanted {
                let called = match &uses {
                    WorkflowReference::Remote(_) => Called::Elsewhere,
                    WorkflowReference::Local(path) => {
                        match workflows.iter().find(|file| file.path == *path) {
                            Some(Self { text: Some(text), .. }) => Called::Text(text.clone()),
                            Some(_) => Called::Unreadable("it is not UTF-8 text".to_owned()),
                            None => Called::Unreadable("there is no such file".to_owned()),
                        }
                    }
                };
                linker.give(uses, called);
            }
        }
        match linker.link() {
            Ok(linked) => linked.unknown_outputs(),
            Err(found) => found.as_slice().to_vec(),
        }
    }

    /// Adds what is refused once it runs; what has an error at its place already is wrong enough.
    pub(super) fn refused(
        &self,
        told: Option<Diagnostics>,
        rules: &Policy,
        has_policy: bool,
    ) -> Option<Diagnostics> {
        let text = self.text.as_deref().unwrap_or_default();
        let mut refused = refusals::of_steps(&self.path, text);
        if let Ok(workflow) = checkmill_workflow::parse(&self.path, text) {
            refused.extend(workflow.timeouts_beyond(rules.run_timeout_max));
            // Without a policy here nobody knows that of the default branch.
            if has_policy {
                refused.extend(workflow.unknown_environments(&rules.environments));
            }
        }
        let told_before = told.as_ref().map_or(&[][..], Diagnostics::as_slice);
        let mut new: Vec<Diagnostic> = Vec::new();
        // Errors first: what several steps share (`defaults`) may be an error of one and a warning of another.
        refused.sort_by_key(|one| one.severity() != Severity::Error);
        for one in refused {
            let mut errors = told_before
                .iter()
                .filter(|other| other.severity() == Severity::Error);
            let mut others = new.iter().map(|other| (other.line, other.column));
            if !errors.any(|error| meet(error, &one)) && !others.any(|place| place == (one.line, one.column))
            {
                new.push(one);
            }
        }
        Diagnostics::joined(told, new)
    }

    /// What there is to say about it.
    pub(super) fn judged(&self, judge: impl Fn(&str, &str) -> Option<Diagnostics>) -> Option<Diagnostics> {
        match &self.text {
            Some(text) => judge(&self.path, text),
            None => self.not_text.clone().map(Into::into),
        }
    }
}

impl Files {
    /// Whether there is a policy that can be read.
    pub(super) fn has_policy(&self) -> bool {
        let text = self.policy.as_ref().and_then(|file| file.text.as_deref());
        text.is_some_and(|text| checkmill_workflow::parse_policy(POLICY_PATH, text).is_ok())
    }

    /// Reads the policy, and the workflow files that count under it; those of `.github/workflows` too where `all` are asked
    /// for.
    pub(super) fn read(root: &Path, all: bool) -> anyhow::Result<Self> {
        if !root.is_dir() {
            bail!(
                "{} is not a directory. Name the directory of a repository.",
                root.display()
            );
        }
        let policy = root
            .join(POLICY_PATH)
            .is_file()
            .then(|| File::read(root, POLICY_PATH))
            .transpose()?;
        let text = policy.as_ref().and_then(|file| file.text.as_deref());
        // What a broken one says is not known.
        let rules = text.and_then(|text| checkmill_workflow::parse_policy(POLICY_PATH, text).ok());
        let rules = rules.unwrap_or_default();
        let dirs = match all {
            true => dirs::all(),
            false => dirs::under(&rules),
        };
        let mut workflows = Vec::new();
        for dir in &dirs {
            for path in listed(root, dir)? {
                workflows.push(File::read(root, &path)?);
            }
        }
        if workflows.is_empty() {
            bail!("{}", nothing(root, &dirs)?);
        }
        called(root, &mut workflows)?;
        workflows.sort_by(|one, other| one.path.cmp(&other.path));
        let actions = actions(root, &workflows)?;
        Ok(Self {
            policy,
            rules,
            workflows,
            actions,
        })
    }
}

/// Adds the workflow files that the others call, in whichever directory they are.
fn called(root: &Path, workflows: &mut Vec<File>) -> anyhow::Result<()> {
    let mut next = 0;
    while next < workflows.len() {
        for path in workflows[next].calls() {
            let is_known = workflows.iter().any(|file| file.path == path);
            if !is_known && root.join(&path).is_file() {
                workflows.push(File::read(root, &path)?);
            }
        }
        next += 1;
    }
    Ok(())
}

/// The files of actions that are there. One that is not may be made, or checked out, before its step runs.
fn actions(root: &Path, workflows: &[File]) -> anyhow::Result<Vec<File>> {
    let mut next: Vec<LocalAction> = workflows.iter().flat_map(File::actions).collect();
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    while let Some(action) = next.pop() {
        let Some(path) = manifest(root, &action).filter(|path| seen.insert(path.clone())) else {
            continue;
        };
        let file = File::read(root, &path)?;
        next.extend(file.actions());
        files.push(file);
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The path of the file that a job would read.
fn manifest(root: &Path, action: &LocalAction) -> Option<String> {
    let path = |name: &&str| match action.path() {
        "" => (*name).to_owned(),
        dir => format!("{dir}/{name}"),
    };
    let mut paths = MANIFESTS.iter().map(path);
    paths.find(|path| root.join(path).is_file())
}

/// The workflow files directly in a directory; none where it is not there.
fn listed(root: &Path, dir: &str) -> anyhow::Result<Vec<String>> {
    let at = root.join(dir);
    if !at.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&at).with_context(|| format!("{dir} can't be read."))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if (name.ends_with(".yml") || name.ends_with(".yaml")) && at.join(&name).is_file() {
            paths.push(format!("{dir}/{name}"));
        }
    }
    Ok(paths)
}

fn nothing(root: &Path, dirs: &[&str]) -> anyhow::Result<String> {
    let mut text = no_workflow(root, dirs);
    if !dirs.contains(&ACTIONS_DIR) && !listed(root, ACTIONS_DIR)?.is_empty() {
        text.push_str(&format!(
            " There are some in {ACTIONS_DIR}: add --all, or `actions_workflows: true` to {POLICY_PATH}."
        ));
    }
    Ok(text)
}

/// Whether their places have a character in common.
fn meet(one: &Diagnostic, other: &Diagnostic) -> bool {
    one.line == other.line && one.column < other.end_column && other.column < one.end_column
}
