//! The dependencies of a repository, by the lock files of package managers, and the caches that go with them.

use super::known::known;
use checkmill_workflow::JobOutline;
use checkmill_workflow::job::{StepAction, StepDescription};
use checkmill_workflow::uses::{ActionReference, Builtin};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// A package manager.
struct Manager {
    name: &'static str,
    /// Its lock files, or what comes nearest.
    files: &'static [&'static str],
    /// The programs by which scripts use it.
    programs: &'static [&'static str],
    /// What it downloads, for `path` of a cache.
    paths: &'static [&'static str],
    /// The setup action's own cache is enough.
    setup: &'static str,
}

const MANAGERS: [Manager; 13] = [
    Manager {
        name: "cargo",
        files: &["Cargo.lock", "Cargo.toml"],
        programs: &["cargo"],
        paths: &["~/.cargo/registry", "~/.cargo/git", "target"],
        setup: "Rust",
    },
    Manager {
        name: "npm",
        files: &["package-lock.json"],
        programs: &["npm", "npx"],
        paths: &["~/.npm"],
        setup: "Node.js",
    },
    Manager {
        name: "yarn",
        files: &["yarn.lock"],
        programs: &["yarn"],
        paths: &["~/.cache/yarn"],
        setup: "Node.js",
    },
    Manager {
        name: "pnpm",
        files: &["pnpm-lock.yaml"],
        programs: &["pnpm"],
        paths: &["~/.local/share/pnpm/store"],
        setup: "Node.js",
    },
    Manager {
        name: "uv",
        files: &["uv.lock"],
        programs: &["uv", "uvx"],
        paths: &["~/.cache/uv"],
        setup: "uv",
    },
    Manager {
        name: "poetry",
        files: &["poetry.lock"],
        programs: &["poetry"],
        paths: &["~/.cache/pypoetry"],
        setup: "Python",
    },
    Manager {
        name: "pip",
        files: &["requirements.txt", "pyproject.toml"],
        programs: &["pip", "pip3", "tox", "nox"],
        paths: &["~/.cache/pip"],
        setup: "Python",
    },
    Manager {
        name: "go",
        files: &["go.sum", "go.mod"],
        programs: &["go"],
        paths: &["~/go/pkg/mod", "~/.cache/go-build"],
        setup: "Go",
    },
    Manager {
        name: "bundler",
        files: &["Gemfile.lock"],
        programs: &["bundle", "rake"],
        paths: &["vendor/bundle"],
        setup: "Ruby",
    },
    Manager {
        name: "maven",
        files: &["pom.xml"],
        programs: &["mvn", "./mvnw"],
        paths: &["~/.m2/repository"],
        setup: "Java",
    },
    Manager {
        name: "gradle",
        files: &["build.gradle", "build.gradle.kts"],
        programs: &["gradle", "./gradlew"],
        paths: &["~/.gradle/caches"],
        setup: "Java",
    },
    Manager {
        name: "composer",
        files: &["composer.lock"],
        programs: &["composer"],
        paths: &["~/.cache/composer"],
        setup: "PHP",
    },
    Manager {
        name: "nuget",
        files: &["packages.lock.json"],
        programs: &["dotnet"],
        paths: &["~/.nuget/packages"],
        setup: ".NET",
    },
];

/// Entries that the search looks at, and how deep it goes: what a repository keeps near its top.
const ENTRIES: usize = 5000;
const DEPTH: usize = 2;

/// Package managers whose files a repository has, each with the first of them.
pub(super) type Files = Vec<(usize, String)>;

/// Looks for the files of package managers near the root.
pub(super) fn files(root: &Path) -> Files {
    let mut paths = BTreeSet::new();
    let mut left = ENTRIES;
    walk(root, "", DEPTH, &mut left, &mut paths);
    let managers = MANAGERS.iter().enumerate();
    let found = managers.filter_map(|(index, manager)| {
        manager.files.iter().find_map(|file| {
            // The nearest to the root.
            let mut with = paths.iter().filter(|path| path.rsplit('/').next() == Some(file));
            let first = with.by_ref().min_by_key(|path| path.matches('/').count())?;
            Some((index, first.clone()))
        })
    });
    found.collect()
}

fn walk(root: &Path, below: &str, depth: usize, left: &mut usize, paths: &mut BTreeSet<String>) {
    let Ok(entries) = std::fs::read_dir(root.join(below)) else {
        return;
    };
    for entry in entries.flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name.clone()
        } else {
            format!("{below}/{name}")
        };
        let Ok(kind) = entry.file_type() else { continue };
        let is_made = name.starts_with('.')
            || ["node_modules", "target", "vendor", "dist", "build"].contains(&name.as_str());
        if kind.is_dir() && depth > 0 && !is_made {
            walk(root, &path, depth - 1, left, paths);
        } else if kind.is_file() {
            paths.insert(path);
        }
    }
}

/// What a job downloads, and whether that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Dependencies {
    pub(super) manager: &'static str,
    /// The file that says so.
    pub(super) file: String,
    /// The step that keeps them; none where each run downloads them anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cached_by: Option<String>,
    /// What `path` and `key` of an `actions/cache` step would be.
    pub(super) cache_path: &'static [&'static str],
    pub(super) cache_key: String,
}

/// Those of the package managers that the job's scripts call.
pub(super) fn dependencies(job: &JobOutline<'_>, files: &Files) -> Vec<Dependencies> {
    let managers = files.iter().map(|(index, file)| (&MANAGERS[*index], file));
    let used = managers.filter(|(manager, _)| job.steps.iter().any(|step| calls(step, manager)));
    let all = used.map(|(manager, file)| {
        let name = file.rsplit('/').next().unwrap_or(file);
        Dependencies {
            manager: manager.name,
            file: file.clone(),
            cached_by: job.steps.iter().find_map(|step| keeps(step, manager)),
            cache_path: manager.paths,
            cache_key: format!(
                "{}-${{{{ runner.os }}}}-${{{{ hashFiles('**/{name}') }}}}",
                manager.name
            ),
        }
    });
    all.collect()
}

fn calls(step: &StepDescription, manager: &Manager) -> bool {
    let StepAction::Run { run, .. } = &step.action else {
        return false;
    };
    let separator = |c: char| c.is_whitespace() || ";&|()`\"'$".contains(c);
    run.split(separator).any(|word| manager.programs.contains(&word))
}

/// The step's action where it keeps what the manager downloads.
fn keeps(step: &StepDescription, manager: &Manager) -> Option<String> {
    let StepAction::Uses { uses, with } = &step.action else {
        return None;
    };
    let given = |name: &str| {
        let mut pairs = with.iter();
        let found = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let keeps = match uses {
        ActionReference::Builtin {
            action: Builtin::Cache | Builtin::CacheRestore,
            ..
        } => {
            let mut lines = given("path").unwrap_or_default().lines();
            lines.any(|line| manager.paths.iter().any(|path| is_within(path, line)))
        }
        ActionReference::Repository(action) => known(action).is_some_and(|known| {
            let switch = known.cache_input.and_then(given);
            let is_on = switch.is_some_and(|value| !matches!(value, "" | "false"));
            // Rust's cache is an action of its own, which sets nothing up.
            let is_for_it = known
                .brings
                .map_or(manager.setup == "Rust", |brings| brings == manager.setup);
            is_for_it && (known.caches || is_on)
        }),
        _ => false,
    };
    keeps.then(|| uses.to_string())
}

/// Whether a line of a cache's `path` holds what a manager downloads.
fn is_within(path: &str, line: &str) -> bool {
    let line = line.trim().trim_end_matches(['/', '*']).trim_end_matches('/');
    !line.is_empty() && (path == line || path.strip_prefix(line).is_some_and(|rest| rest.starts_with('/')))
}
