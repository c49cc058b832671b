//! `cargo bench --manifest-path tests/bench/Cargo.toml`: from the text of workflow files to the jobs that would start.
//!
//! Beside ours stand, for what they do of it: `github-actions-models`, which turns a file into typed values and checks
//! nothing else; and wrkflw's parser, which checks the file against a JSON schema that it compiles each time, with wrkflw's
//! expansion of a matrix. The other planners of workflow files are no Rust libraries.

use checkmill_core::conclusion::NeedsResult;
use checkmill_core::event::{EventKind, GitRef, Push, Repository};
use checkmill_core::{
    AttemptNumber, CommitSha, DeliveryId, Event, InstallationId, JobKey, RepositoryId, RunId, UnixMillis, limits,
};
use checkmill_workflow::{
    Changed, Expansion, JobContext, Match, NeedsJob, RunContext, expand, github_context, inputs, matches, parse,
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;

const CI: &str = include_str!("../files/ci.yml");
const MATRIX: &str = include_str!("../files/matrix.yml");
const FILES: usize = 100;

/// From texts to legs: what `plan` does for a push, without its requests and writes.
fn ours(texts: &[&str], event: &Event) -> usize {
    let changed = ["src/lib.rs".to_owned()];
    let changed = Changed::Files {
        paths: &changed,
        truncated: false,
    };
    let mut legs = 0;
    for text in texts {
        let workflow = parse(".checkmill/workflows/ci.yml", text).expect("a workflow");
        assert_eq!(matches(&workflow, event, Some(changed)), Match::Yes);
        let inputs = inputs(&workflow, event).expect("no inputs");
        let github = github_context(&RunContext {
            event,
            sha: &sha(),
            workflow: &workflow,
            run: &RunId::derive(&event.delivery, "ci.yml"),
            number: Some(7),
            attempt: AttemptNumber::FIRST,
            triggering_actor: &event.sender,
            has_secrets: true,
            api_url: "https://api.github.com",
            inputs: &inputs,
        });
        let ended = |key: &JobKey| {
            let ended = NeedsJob {
                result: NeedsResult::Success,
                outputs: BTreeMap::new(),
                calls: Vec::new(),
            };
            (key.clone(), ended)
        };
        let results: BTreeMap<JobKey, NeedsJob> = workflow.keys().map(ended).collect();
        let context = JobContext {
            github: &github,
            inputs: &inputs,
            vars: &BTreeMap::new(),
            results: &results,
            run_timeout_max: limits::RUN_TIMEOUT_MAX,
            cancelled: false,
        };
        for key in workflow.keys() {
            match expand(&workflow, key, &context).expect("a job that can be expanded") {
                Expansion::Legs { legs: expanded, .. } => legs += expanded.len(),
                Expansion::Skipped { .. } | Expansion::Calls { .. } => {}
            }
        }
    }
    legs
}

/// Typed values, with nothing checked behind the types.
fn models(texts: &[&str]) -> usize {
    let jobs = |text: &&str| {
        let workflow: github_actions_models::workflow::Workflow = yaml_serde::from_str(text).expect("a workflow");
        workflow.jobs.len()
    };
    texts.iter().map(jobs).sum()
}

/// Parsed, checked by a schema, matrices expanded; expressions, triggers' filters and conditions are not evaluated.
fn wrkflw(paths: &[&Path]) -> usize {
    let mut legs = 0;
    for path in paths {
        let workflow = wrkflw_parser::workflow::parse_workflow(path).expect("a workflow");
        for job in workflow.jobs.values() {
            legs += job.matrix_config().map_or(1, |matrix| {
                wrkflw_matrix::expand_matrix(matrix).expect("a matrix").len()
            });
        }
    }
    legs
}

fn plan(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let event = push();
    let hundred = vec![CI; FILES];
    for (name, text, texts) in [
        ("one file", CI, &hundred[..1]),
        ("100 files", CI, &hundred[..]),
        ("a matrix of 256 legs", MATRIX, &[MATRIX][..]),
    ] {
        let path = directory.path().join("ci.yml");
        std::fs::write(&path, text).expect("a file");
        let paths = vec![path.as_path(); texts.len()];
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        group.bench_with_input(BenchmarkId::from_parameter("checkmill, planned"), texts, |b, texts| {
            b.iter(|| ours(black_box(texts), &event));
        });
        group.bench_with_input(BenchmarkId::from_parameter("checkmill, read"), texts, |b, texts| {
            b.iter(|| {
                for text in black_box(texts) {
                    black_box(parse(".checkmill/workflows/ci.yml", text).expect("a workflow"));
                }
            });
        });
        group.bench_with_input(BenchmarkId::from_parameter("github-actions-models, read"), texts, |b, texts| {
            b.iter(|| models(black_box(texts)));
        });
        group.bench_with_input(BenchmarkId::from_parameter("wrkflw, planned"), &paths, |b, paths| {
            b.iter(|| wrkflw(black_box(paths)));
        });
        group.finish();
    }
}

fn sha() -> CommitSha {
    "0123456789abcdef0123456789abcdef01234567".parse().expect("a commit")
}

fn push() -> Event {
    let delivery: DeliveryId = "bench-1".parse().expect("a delivery");
    Event {
        delivery,
        installation: InstallationId(7),
        repository: Repository {
            id: RepositoryId(42),
            name: "octo/hello".parse().expect("a repository"),
            default_branch: "main".to_owned(),
            owner_id: None,
            private: false,
            internal: false,
            clone_url: "https://github.com/octo/hello.git".to_owned(),
            html_url: "https://github.com/octo/hello".to_owned(),
        },
        sender: "octocat".parse().expect("a login"),
        sender_id: None,
        received_at: UnixMillis(0),
        kind: EventKind::Push(Push {
            git_ref: GitRef::Branch("main".to_owned()),
            before: Some(sha()),
            after: Some(sha()),
            forced: false,
            first: None,
            message: "Say hello".to_owned(),
        }),
    }
}

criterion_group!(benches, plan);
criterion_main!(benches);
