//! `checkmill explain`: what each step of a workflow file becomes, and why. By rules alone: nothing runs, nothing is
//! downloaded, and no model is asked.

mod becomes;
mod detect;
mod known;
mod machine;
mod report;
mod text;

use crate::cli::ExplainArgs;
use crate::output::print;
use anyhow::{Context as _, bail};
use becomes::Rules;
use checkmill_core::limits::WORKFLOW_FILE_BYTES;
use checkmill_core::policy::Policy;
use checkmill_phases::dirs::{self, POLICY_PATH};
use checkmill_workflow::{Workflow, parse, parse_policy};
use machine::Machine;
use report::Report;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// When the file is broken, or a step is refused.
const REFUSED: u8 = 1;

/// Explains the file. The exit code says whether all of it can run as far as rules can tell.
///
/// # Errors
/// Wrong input: a file that is not there or is no text, a policy that is broken.
pub(crate) fn explain(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let place = Place::of(&args.file)?;
    let text = read(&args.file)?;
    let workflow = match parse(&place.path, &text) {
        Ok(workflow) => workflow,
        Err(wrong) => {
            print(&format!("{wrong}\n"))?;
            return Ok(ExitCode::from(REFUSED));
        }
    };
    let report = report(&place, &workflow)?;
    print(&if args.json {
        format!("{}\n", serde_json::to_string(&report)?)
    } else {
        text::text(&report)
    })?;
    Ok(if report.has_refusals() {
        ExitCode::from(REFUSED)
    } else {
        ExitCode::SUCCESS
    })
}

fn report(place: &Place, workflow: &Workflow) -> anyhow::Result<Report> {
    let policy = policy(&place.root)?;
    let rules = Rules {
        root: &place.root,
        policy: &policy,
        machine: Machine::here(),
    };
    let files = detect::files(&place.root);
    let jobs = workflow.outline();
    Ok(Report {
        file: place.path.clone(),
        name: workflow.name().to_owned(),
        machine: rules.machine,
        jobs: jobs.iter().map(|job| report::job(job, &rules, &files)).collect(),
    })
}

/// A workflow file and its repository.
struct Place {
    root: PathBuf,
    /// In the repository, with `/`.
    path: String,
}

impl Place {
    fn of(file: &Path) -> anyhow::Result<Self> {
        let file = file
            .canonicalize()
            .with_context(|| format!("{} can't be read.", file.display()))?;
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let parent = file.parent().unwrap_or(Path::new("/"));
        let of_dir = dirs::all().into_iter().find_map(|dir| {
            let root = parent.ancestors().nth(2)?;
            (root.join(dir) == parent).then(|| (root.to_owned(), format!("{dir}/{name}")))
        });
        let (root, path) = of_dir.unwrap_or_else(|| (parent.to_owned(), name));
        Ok(Self { root, path })
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    if !file.is_file() {
        bail!("{} is no file. Name a workflow file.", file.display());
    }
    let bytes = std::fs::read(file).with_context(|| format!("{} can't be read.", file.display()))?;
    if bytes.len() > WORKFLOW_FILE_BYTES {
        bail!(
            "{} has {} bytes; at most {WORKFLOW_FILE_BYTES} are read.",
            file.display(),
            bytes.len()
        );
    }
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text.", file.display()))
}

/// As the directory has it; on the default branch it may say something else.
fn policy(root: &Path) -> anyhow::Result<Policy> {
    let file = root.join(POLICY_PATH);
    if !file.is_file() {
        return Ok(Policy::default());
    }
    parse_policy(POLICY_PATH, &read(&file)?)
        .map_err(|wrong| anyhow::anyhow!("The policy is broken.\n{wrong}"))
}
