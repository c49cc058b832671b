//! Terraform and its AWS provider, from a directory on this machine where there is one.

use crate::settings::{self, Workspace};
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest provider that the module is written for; what it is tested with.
const PROVIDER: &str = "hashicorp/aws/5.100.0";

/// Terraform with a command line configuration of its own: the user's may point to a file that is not there.
#[derive(Debug, Clone)]
pub(crate) struct Terraform {
    pub(crate) program: PathBuf,
    pub(crate) cli_config: PathBuf,
}

impl Terraform {
    pub(crate) fn find(workspace: &Workspace) -> anyhow::Result<Self> {
        let program = settings::program("terraform").context("there is no terraform in PATH")?;
        let dir = workspace.target.join("xtask");
        fs::create_dir_all(&dir).with_context(|| format!("{} can't be made", dir.display()))?;
        let cli_config = dir.join("terraform.rc");
        let text = match provider_mirror() {
            Some(mirror) => {
                println!("Terraform providers from {}", mirror.display());
                format!("provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n")
            }
            // The registry, where this machine may reach it.
            None => String::new(),
        };
        fs::write(&cli_config, text).with_context(|| format!("{} can't be written", cli_config.display()))?;
        Ok(Self { program, cli_config })
    }

    pub(crate) fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(format!("-chdir={}", dir.display()))
            .env("TF_CLI_CONFIG_FILE", &self.cli_config)
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1");
        command
    }
}

/// A directory in Terraform's mirror layout (`HOST/NAMESPACE/TYPE/VERSION/PLATFORM`) that holds [`PROVIDER`].
fn provider_mirror() -> Option<PathBuf> {
    let platform = match std::env::consts::ARCH {
        "aarch64" => "linux_arm64",
        _ => "linux_amd64",
    };
    let wanted = Path::new(PROVIDER).join(platform);
    let named = settings::terraform_plugins();
    let usual = [
        settings::home().map(|home| home.join(".terraform.d/plugins")),
        Some(PathBuf::from("/usr/share/terraform/plugins")),
        Some(PathBuf::from("/usr/local/share/terraform/plugins")),
    ];
    let below_opt = entries(Path::new("/opt"));
    let deeper = below_opt.iter().flat_map(|dir| entries(dir)).collect::<Vec<_>>();
    named
        .into_iter()
        .chain(usual.into_iter().flatten())
        .chain(below_opt.clone())
        .chain(deeper)
        .find(|mirror| entries(mirror).iter().any(|host| host.join(&wanted).is_dir()))
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}
