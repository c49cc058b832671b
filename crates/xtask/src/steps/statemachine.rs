//! The state machines, held against a validator that we did not write.

use crate::command;
use crate::outcome::Counts;
use crate::settings::Workspace;
use crate::tools::Node;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) fn validate(workspace: &Workspace) -> anyhow::Result<Counts> {
    let files = definitions(&workspace.root.join("statemachine"))?;
    let node = match Node::install(workspace) {
        Ok(node) => node,
        Err(error) => {
            return Ok(Counts::skipped(
                "the state machines' validator",
                &format!("{error:#}"),
            ));
        }
    };
    let dir = workspace.fresh_dir("statemachine")?;
    let validator = node.package("asl-validator").join("dist/bin/asl-validator.js");
    let mut counts = Counts::default();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("{} can't be read", file.display()))?;
        let name = file.file_name().context("a file has a name")?;
        let rendered = dir.join(name);
        fs::write(&rendered, with_arns(&text))?;
        let finished = command::follow(
            Command::new(&node.program)
                .arg(&validator)
                .arg("--json-path")
                .arg(&rendered),
        )?;
        counts = counts + Counts::one(finished.success);
    }
    Ok(counts)
}

/// Files named `*.asl.json`.
fn definitions(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir)
        .with_context(|| format!("{} can't be read", dir.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".asl.json"))
        .collect();
    anyhow::ensure!(
        !found.is_empty(),
        "there is no state machine in {}",
        dir.display()
    );
    found.sort();
    Ok(found)
}

/// The definition as Terraform renders it: `${partition}` is a part of ARNs, `${start}` and its like are functions' ARNs.
fn with_arns(text: &str) -> String {
    let mut rendered = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        rendered.push_str(before);
        if name == "partition" {
            rendered.push_str("aws");
        } else {
            rendered.push_str("arn:aws:lambda:us-east-1:123456789012:function:checkmill-");
            rendered.push_str(name);
        }
        rest = after;
    }
    rendered + rest
}

#[cfg(test)]
mod tests {
    use super::with_arns;

    #[test]
    fn placeholders_become_arns() {
        let text = r#"{"Resource": "${start}", "token.$": "$$.Task.Token", "f": "${poll}", "g": "arn:${partition}:states"}"#;
        assert_eq!(
            with_arns(text),
            r#"{"Resource": "arn:aws:lambda:us-east-1:123456789012:function:checkmill-start", "token.$": "$$.Task.Token", "f": "arn:aws:lambda:us-east-1:123456789012:function:checkmill-poll", "g": "arn:aws:states"}"#
        );
    }
}
