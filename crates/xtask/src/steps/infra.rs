//! The Terraform module: formatted, valid with the oldest provider it is written for, and its own tests.

use crate::command;
use crate::outcome::Counts;
use crate::settings::Workspace;
use crate::terraform::Terraform;
use std::fs;
use std::path::Path;

const MODULE: &str = "infra/modules/checkmill";
const EXAMPLE: &str = "infra/examples/complete";

pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Counts> {
    let terraform = match Terraform::find(workspace) {
        Ok(terraform) => terraform,
        Err(error) => return Ok(Counts::skipped("the Terraform module", &format!("{error:#}"))),
    };
    let mut fmt = terraform.command(&workspace.root);
    let mut counts =
        Counts::one(command::follow(fmt.args(["fmt", "-check", "-recursive", "-diff", "infra"]))?.success);

    // Terraform writes beside what it reads. It gets a copy, so that the working tree stays as it is.
    let copy = workspace.fresh_dir("infra")?;
    copy_stack(workspace, &copy)?;
    for dir in [MODULE, EXAMPLE] {
        let dir = copy.join(dir);
        let init = command::follow(
            terraform
                .command(&dir)
                .args(["init", "-input=false", "-no-color"]),
        )?;
        if !init.success {
            let why =
                "no AWS provider can be had: see above, or name a mirror in CHECKMILL_TERRAFORM_PLUGINS";
            return Ok(counts + Counts::skipped("terraform validate and terraform test", why));
        }
        counts = counts
            + Counts::one(command::follow(terraform.command(&dir).args(["validate", "-no-color"]))?.success);
    }
    let tests = command::follow(terraform.command(&copy.join(MODULE)).args(["test", "-no-color"]))?;
    Ok(counts + Counts::of_tests(tests.success, &tests.lines))
}

/// The module, its example and the state machines, with the same paths between them as in the repository.
fn copy_stack(workspace: &Workspace, to: &Path) -> anyhow::Result<()> {
    for part in ["infra", "statemachine"] {
        copy_tree(&workspace.root.join(part), &to.join(part))?;
    }
    Ok(())
}

/// Copies files, but not what Terraform left behind.
fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(".terraform") || name.to_string_lossy().contains(".tfstate") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to.join(&name))?;
        } else {
            fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}
