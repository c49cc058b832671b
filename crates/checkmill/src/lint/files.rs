//! The files as they are in the directory, committed or not.

use anyhow::{Context as _, bail};
use checkmill_core::policy::Policy;
use checkmill_phases::dirs::{self, ACTIONS_DIR, POLICY_PATH};
use checkmill_workflow::{Diagnostic, Diagnostics};
use std::path::Path;

pub(super) struct Files {
    pub(super) policy: Option<File>,
    /// By path; at least one.
    pub(super) workflows: Vec<File>,
}

pub(super) struct File {
    /// In the repository, with `/`.
    pub(super) path: String,
    /// None where it is not UTF-8.
    text: Option<String>,
}

impl File {
    fn read(root: &Path, path: &str) -> anyhow::Result<Self> {
        let bytes = std::fs::read(root.join(path)).with_context(|| format!("{path} can't be read."))?;
        Ok(Self {
            path: path.to_owned(),
            text: String::from_utf8(bytes).ok(),
        })
    }

    /// What there is to say about it.
    pub(super) fn judged(&self, judge: impl Fn(&str, &str) -> Option<Diagnostics>) -> Option<Diagnostics> {
        match &self.text {
            Some(text) => judge(&self.path, text),
            None => {
                let message = "the file is not UTF-8 text";
                Some(Diagnostic::of_file(&self.path, message, "save it as UTF-8").into())
            }
        }
    }
}

impl Files {
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
        let dirs = match all {
            true => dirs::all(),
            false => dirs::under(&rules.unwrap_or_else(Policy::default)),
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
        workflows.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { policy, workflows })
    }
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
    let mut text = format!(
        "{} has no workflow file. Looked for *.yml and *.yaml in {}.",
        root.display(),
        dirs.join(" and ")
    );
    if !dirs.contains(&ACTIONS_DIR) && !listed(root, ACTIONS_DIR)?.is_empty() {
        text.push_str(&format!(
            " There are some in {ACTIONS_DIR}: add --all, or `actions_workflows: true` to {POLICY_PATH}."
        ));
    }
    Ok(text)
}
