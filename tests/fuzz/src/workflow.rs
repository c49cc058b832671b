//! Workflow files of both languages, action files, the policy.

use checkmill_core::conclusion::NeedsResult;
use checkmill_core::event::{EventKind, GitRef, Push, Repository};
use checkmill_core::{
    AttemptNumber, CommitSha, DeliveryId, Event, InstallationId, JobKey, RepositoryId, RunId, UnixMillis,
    limits,
};
use checkmill_workflow::{
    Changed, Diagnostics, Expansion, JobContext, NeedsJob, RunContext, Workflow, expand, github_context,
    inputs, lint, local_actions, matches, parse, parse_action, parse_policy,
};
use std::collections::{BTreeMap, BTreeSet};

/// One for each language.
const PATHS: [&str; 2] = [".checkmill/workflows/ci.yml", ".lightning/workflows/ci.yml"];

/// Reads a text as each kind of file, and expands the jobs of a workflow. What is reported lies inside the text; what is
/// expanded is within the limits, and the same each time.
pub fn workflow(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for wrong in [
        parse_policy(".checkmill/config.yml", text).err(),
        parse_action("action.yml", text).err(),
    ] {
        lies_inside(text, wrong.as_ref());
    }
    for path in PATHS {
        lies_inside(text, lint(path, text).as_ref());
        let _ = local_actions(path, text);
        match parse(path, text) {
            Ok(workflow) => plan(text, &workflow),
            Err(wrong) => lies_inside(text, Some(&wrong)),
        }
    }
}

fn lies_inside(text: &str, wrong: Option<&Diagnostics>) {
    let Some(wrong) = wrong else { return };
    let lines = text.split('\n').count();
    assert!(!wrong.as_slice().is_empty(), "a refusal has a reason");
    for diagnostic in wrong.as_slice() {
        assert!(
            (1..=lines).contains(&(diagnostic.line as usize)) && diagnostic.column >= 1,
            "it is no place of the file: {diagnostic}"
        );
    }
    assert!(!wrong.to_string().is_empty() && !wrong.summary().is_empty());
}

fn plan(text: &str, workflow: &Workflow) {
    let event = push();
    let changed = ["src/lib.rs".to_owned()];
    let changed = Changed::Files {
        paths: &changed,
        truncated: false,
    };
    let _ = matches(workflow, &event, Some(changed));
    let inputs = match inputs(workflow, &event) {
        Ok(inputs) => inputs,
        Err(wrong) => return lies_inside(text, Some(&wrong)),
    };
    let github = github_context(&RunContext {
        event: &event,
        sha: &sha(),
        workflow,
        run: &RunId::derive(&event.delivery, "ci.yml"),
        number: Some(7),
        attempt: AttemptNumber::FIRST,
        triggering_actor: &event.sender,
        has_secrets: true,
        api_url: "https://api.github.com",
        inputs: &inputs,
    });
    let results: BTreeMap<JobKey, NeedsJob> = workflow.keys().map(|key| (key.clone(), ended())).collect();
    let vars = BTreeMap::from([("NAME".to_owned(), "value".to_owned())]);
    let context = JobContext {
        cancelled: false,
        github: &github,
        inputs: &inputs,
        vars: &vars,
        results: &results,
        run_timeout_max: limits::RUN_TIMEOUT_MAX,
    };
    for key in workflow.keys() {
        let first = expand(workflow, key, &context);
        assert_eq!(first, expand(workflow, key, &context), "twice the same");
        match first {
            Ok(Expansion::Legs { legs, .. }) => {
                let texts: BTreeSet<&str> = legs.iter().map(|leg| leg.leg.as_str()).collect();
                assert_eq!(texts.len(), legs.len(), "the texts of legs are unique");
                assert!(!legs.is_empty() && legs.len() <= limits::MATRIX_LEGS);
                for leg in &legs {
                    assert!(!leg.name.is_empty() && !leg.name.contains('\n'), "{:?}", leg.name);
                    let bytes: usize = leg.runs_on.iter().map(String::len).sum();
                    assert!(bytes <= limits::LABELS_BYTES);
                }
            }
            Ok(Expansion::Skipped { .. } | Expansion::Calls { .. }) => {}
            Err(wrong) => lies_inside(text, Some(&wrong)),
        }
    }
}

fn ended() -> NeedsJob {
    NeedsJob {
        result: NeedsResult::Success,
        outputs: BTreeMap::from([("x".to_owned(), "[1, 2]".to_owned())]),
        calls: Vec::new(),
    }
}

fn sha() -> CommitSha {
    "0123456789abcdef0123456789abcdef01234567"
        .parse()
        .expect("a commit")
}

fn push() -> Event {
    let delivery: DeliveryId = "fuzz-1".parse().expect("a delivery");
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
