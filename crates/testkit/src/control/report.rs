//! What the control API shows.

use crate::state::State;
use crate::state::check::{CheckRun, Conclusion};
use crate::state::delivery::{Delivery, Outcome};
use crate::state::repository::{PullState, Repository};
use checkmill_core::CommitSha;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The state that end-to-end tests assert on.
pub(super) fn state(state: &State) -> Value {
    json!({
        "now_ms": state.now().0,
        "repositories": state.repositories.values().map(repository).collect::<Vec<_>>(),
        "check_runs": state.check_runs.values().map(|run| check_run(state, run)).collect::<Vec<_>>(),
        "comments": state.comments.values().map(|comment| json!({
            "id": comment.id,
            "repo": state.repo_by_id(comment.repository).name.to_string(),
            "number": comment.number,
            "author": comment.author.as_str(),
            "body": comment.body,
            "edits": comment.edits,
        })).collect::<Vec<_>>(),
        "installations": state.installations.values().map(|installation| json!({
            "id": installation.id.0,
            "app": installation.app,
            "account": installation.account.as_str(),
            "suspended": installation.suspended_at.is_some(),
        })).collect::<Vec<_>>(),
        "deliveries": state.deliveries.iter().map(delivery).collect::<Vec<_>>(),
    })
}

fn repository(repo: &Repository) -> Value {
    let refs: BTreeMap<&str, &str> = repo
        .refs
        .iter()
        .map(|(name, sha)| (name.as_str(), sha.as_str()))
        .collect();
    let pulls = repo.pulls.values().map(|pull| {
        json!({
            "number": pull.number,
            "head_sha": pull.head_sha.as_str(),
            "state": match pull.state {
                PullState::Open => "open",
                PullState::Closed => "closed",
                PullState::Merged => "merged",
            },
            "merge_commit": pull.merge_commit.as_ref().map(CommitSha::as_str),
        })
    });
    json!({
        "id": repo.id.0,
        "name": repo.name.to_string(),
        "refs": refs,
        "pull_requests": pulls.collect::<Vec<_>>(),
    })
}

fn check_run(state: &State, run: &CheckRun) -> Value {
    json!({
        "id": run.id.0,
        "app": run.app,
        "repo": state.repo_by_id(run.repository).name.to_string(),
        "name": run.name,
        "head_sha": run.head_sha.as_str(),
        "external_id": run.external_id,
        "details_url": run.details_url,
        "status": run.status.as_str(),
        "conclusion": run.conclusion.map(Conclusion::as_str),
        "started_at_ms": run.started_at.map(|at| at.0),
        "completed_at_ms": run.completed_at.map(|at| at.0),
        "title": run.output.title,
        "summary": run.output.summary,
        "text": run.output.text,
        "annotations": run.annotations.iter().map(|a| json!({
            "path": a.path, "start_line": a.start_line, "end_line": a.end_line,
            "level": a.level, "title": a.title, "message": a.message,
        })).collect::<Vec<_>>(),
        "buttons": run.actions.iter().map(|action| action.identifier.as_str()).collect::<Vec<_>>(),
        "statuses": run.statuses.iter().map(|(_, status)| status.as_str()).collect::<Vec<_>>(),
        "updates": run.updates,
    })
}

fn delivery(delivery: &Delivery) -> Value {
    let (status, cause) = match &delivery.outcome {
        Outcome::Answered { status, .. } => (Some(*status), None),
        Outcome::Failed { cause } => (None, Some(cause.as_str())),
        Outcome::Pending | Outcome::Handed | Outcome::Sending => (None, None),
    };
    json!({
        "id": delivery.id,
        "guid": delivery.guid.as_str(),
        "kind": delivery.kind(),
        "redelivery": delivery.redelivery,
        "settled": !matches!(delivery.outcome, Outcome::Pending | Outcome::Sending),
        "status": status,
        "failure": cause,
    })
}

/// How often each route was asked, and what was refused.
pub(super) fn requests(state: &State) -> Value {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for record in state.history.requests() {
        let name = record
            .route
            .map_or_else(|| "unknown".to_owned(), |r| r.to_string());
        *counts.entry(name).or_default() += 1;
    }
    let refused: Vec<String> = state.history.refused().iter().map(ToString::to_string).collect();
    json!({
        "total": counts.values().sum::<usize>(),
        "counts": counts,
        "refused": refused,
    })
}
