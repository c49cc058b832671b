//! Where the tools are, as `cargo xtask` tells.

use std::path::PathBuf;

#[derive(Debug)]
pub(crate) struct Settings {
    /// The emulator's program.
    pub(crate) ministack: PathBuf,
    pub(crate) cargo_lambda: PathBuf,
    /// A directory with `checkmill-NAME/bootstrap.zip` for each function.
    pub(crate) packages: PathBuf,
    /// A directory with our other programs: the agent.
    pub(crate) programs: PathBuf,
    /// A directory for this run alone.
    pub(crate) scratch: PathBuf,
    /// None where Terraform is not installed.
    pub(crate) terraform: Option<TerraformSettings>,
}

#[derive(Debug)]
pub(crate) struct TerraformSettings {
    pub(crate) program: PathBuf,
    /// A CLI configuration that finds the provider on this machine.
    pub(crate) cli_config: PathBuf,
}

impl Settings {
    /// The name of the first thing that is missing otherwise.
    pub(crate) fn from_environment() -> Result<Self, String> {
        let path = |name: &str| {
            std::env::var_os(format!("CHECKMILL_EMULATOR_{name}"))
                .map(PathBuf::from)
                .ok_or_else(|| format!("CHECKMILL_EMULATOR_{name} is not set"))
        };
        Ok(Self {
            ministack: path("MINISTACK")?,
            cargo_lambda: path("CARGO_LAMBDA")?,
            packages: path("PACKAGES")?,
            programs: path("PROGRAMS")?,
            scratch: path("SCRATCH")?,
            terraform: path("TERRAFORM")
                .ok()
                .zip(path("TERRAFORM_CONFIG").ok())
                .map(|(program, cli_config)| TerraformSettings { program, cli_config }),
        })
    }
}
