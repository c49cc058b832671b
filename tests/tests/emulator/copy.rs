//! A copy of the parts of the repository that make the stack: Terraform writes beside what it reads, and one thing has to be
//! said to this emulator in another way.

use anyhow::{Context, ensure};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) root: PathBuf,
}

impl Copy {
    pub(crate) fn make(root: PathBuf) -> anyhow::Result<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for part in ["infra", "statemachine"] {
            copy_tree(&repository.join(part), &root.join(part))?;
        }
        let this = Self { root };
        this.bound_the_await()?;
        Ok(this)
    }

    /// The stack that users apply.
    pub(crate) fn example(&self) -> PathBuf {
        self.root.join("infra/examples/complete")
    }

    /// The emulator does not know `TimeoutSecondsPath` where a task waits for its token, and would wait for ever; it does
    /// know `TimeoutSeconds`. That the path works is proven in `crates/asl`.
    fn bound_the_await(&self) -> anyhow::Result<()> {
        const PATH: &str = "\"TimeoutSecondsPath\": \"$.wait_seconds\"";
        let file = self.root.join("statemachine/job.asl.json");
        let text = fs::read_to_string(&file).with_context(|| format!("{} can't be read", file.display()))?;
        ensure!(
            text.matches(PATH).count() == 1,
            "the state machine's wait is not where it was"
        );
        fs::write(&file, text.replace(PATH, "\"TimeoutSeconds\": 5"))?;
        Ok(())
    }
}

/// Copies files, but not what Terraform left behind.
fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} can't be made", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("{} can't be read", from.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(".terraform") || name.contains(".tfstate") || name.ends_with(".tfvars") {
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
