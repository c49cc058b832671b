//! Workflow files as people write them, in `tests/corpus`, each with the verdict that a person would accept in its first comment.
//!
//! The comment's part from `# verdict:` on is compared, line by line, with what becomes of the file:
//!
//! ```text
//! # verdict: runs
//! # push main; test fails; plan gives shards=["a"]
//! #   CI / test (1.2) [on linux]
//! #   - CI / deploy: it needs `test`, which failed
//! # push dev
//! #   not started: the branch `dev` does not match `branches` (`main`)
//! ```
//!
//! or `# verdict: refused` with each mistake and what is to be done about it. [`Start`](case::Start) has the words for events.

mod case;
mod coverage;
mod play;

use case::Case;
use checkmill_workflow::{Diagnostics, lightning_keys, parse, workflow_keys};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The dialects' directories here, and where such a file stands in a repository.
const DIALECTS: [(&str, &str); 2] = [
    ("actions", ".checkmill/workflows"),
    ("lightning", ".lightning/workflows"),
];
/// Fewer would leave kinds of files out that people have.
const AT_LEAST: usize = 90;

/// A file of the corpus.
struct Written {
    at: PathBuf,
    /// As a repository has it.
    path: String,
    text: String,
}

fn files(dialect: &str, directory: &str) -> Vec<Written> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(dialect);
    let mut files: Vec<Written> = std::fs::read_dir(here)
        .unwrap()
        .map(|entry| {
            let at = entry.unwrap().path();
            let path = format!("{directory}/{}", at.file_name().unwrap().display());
            let text = std::fs::read_to_string(&at).unwrap();
            Written { at, path, text }
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// What becomes of the file, as its comment has it.
fn verdict(file: &Written, case: &Case<'_>) -> String {
    let workflow =
        parse(&file.path, &file.text).and_then(|workflow| crate::corpus::linked(&file.at, workflow));
    match workflow {
        Ok(workflow) => {
            let played = case.starts.iter().map(|start| play::play(&workflow, start));
            std::iter::once("# verdict: runs\n".to_owned())
                .chain(played)
                .collect()
        }
        Err(wrong) => format!("# verdict: refused\n{}", mistakes(file, &wrong)),
    }
}

/// Each mistake with its place, and the advice where it is another one than that of the mistake before.
fn mistakes(file: &Written, wrong: &Diagnostics) -> String {
    let mut lines = String::new();
    let mut said = None;
    for one in wrong.as_slice() {
        let elsewhere = if one.path == file.path { "" } else { &one.path };
        lines.push_str(&format!(
            "#   {elsewhere}{}:{}: {}\n",
            one.line, one.column, one.message
        ));
        if let Some(hint) = one.hint.as_ref().filter(|hint| said != Some(*hint)) {
            lines.push_str(&format!("#     help: {hint}\n"));
        }
        said = one.hint.as_ref();
    }
    lines
}

#[test]
fn every_written_file_has_its_verdict() {
    let mut different = Vec::new();
    let mut count = 0;
    for (dialect, directory) in DIALECTS {
        for file in files(dialect, directory) {
            count += 1;
            let case = Case::of(&file.text).unwrap_or_else(|wrong| panic!("{}: {wrong}", file.path));
            let found = verdict(&file, &case);
            if found != case.verdict {
                different.push(format!(
                    "{}\n--- should be\n{}--- is\n{found}",
                    file.path, case.verdict
                ));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(count >= AT_LEAST, "only {count} files");
}

/// A key that no file uses would be one that nobody has looked at in a whole file.
#[test]
fn the_written_files_use_every_key_of_both_dialects() {
    for ((dialect, directory), tables) in DIALECTS.into_iter().zip([workflow_keys(), lightning_keys()]) {
        let mut used = BTreeSet::new();
        for file in files(dialect, directory) {
            // One that is no YAML is there for its message.
            if let Ok(document) = serde_saphyr::from_str(&file.text) {
                coverage::used(&document, tables, &mut used);
            }
        }
        let all = tables
            .iter()
            .flat_map(|keys| keys.keys.iter().map(|key| keys.path_of(key)));
        let unused: Vec<String> = all.filter(|path| !used.contains(path)).collect();
        assert!(unused.is_empty(), "no file of {dialect} uses {unused:?}");
    }
}
