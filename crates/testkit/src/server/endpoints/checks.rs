//! Check runs and check suites.

use super::check_input::{self, CheckInput, OutputInput};
use super::code;
use crate::json::checks::annotation_json;
use crate::server::auth::Principal;
use crate::server::call::Call;
use crate::server::paging;
use crate::server::reply::{Refusal, Reply};
use crate::state::State;
use crate::state::check::{CheckRun, CheckSuite, Output, Status};
use checkmill_core::{CheckRunId, CommitSha, UnixMillis};
use serde_json::Value;
use std::collections::BTreeMap;

/// GitHub docs: at most 1,000 check runs with the same name in one suite.
const SAME_NAME: usize = 1000;

pub(super) fn create(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let Principal::Installation { app, .. } = call.principal else {
        return Err(Refusal::not_accessible());
    };
    let input = check_input::of_create(&call.object()?)?;
    let repo = code::repo(state, call)?;
    if repo.archived {
        return Err(Refusal::new(403, "Repository was archived so is read-only."));
    }
    let (repository, given) = (repo.id, input.head_sha.clone().unwrap_or_default());
    let sha: CommitSha = given
        .parse()
        .ok()
        .filter(|sha| state.objects_of(repo).commit(sha).is_some())
        .ok_or_else(|| Refusal::new(422, format!("No commit found for SHA: {given}")))?;
    let suite = state.suite_for(app, repository, &sha, None, None);
    let name = input.name.clone().unwrap_or_default();
    let same = state
        .check_runs
        .values()
        .filter(|run| run.suite == suite && run.name == name);
    if same.count() >= SAME_NAME {
        return Err(Refusal::failed_validation(
            "CheckRun",
            "name",
            "invalid",
            "a check suite holds at most 1000 check runs of one name",
        ));
    }
    let now = state.now();
    let mut run = CheckRun {
        id: CheckRunId(state.next_id("check-run", 5000)),
        app,
        repository,
        suite,
        name,
        head_sha: sha,
        external_id: None,
        details_url: None,
        status: Status::Queued,
        conclusion: None,
        started_at: None,
        completed_at: None,
        output: Output::default(),
        annotations: Vec::new(),
        actions: Vec::new(),
        created_at: now,
        statuses: Vec::new(),
        updates: 0,
    };
    apply(&mut run, input, now);
    keep(state, run.clone());
    state.echo_check(&run, "created");
    if run.status == Status::Completed {
        state.echo_check(&run, "completed");
    }
    Ok(Reply::json(201, &state.check_run_json(&run)))
}

/// Puts what a request says into a run that may take it.
fn apply(run: &mut CheckRun, input: CheckInput, now: UnixMillis) {
    let status = input.status.unwrap_or(run.status);
    run.status = status;
    run.statuses.push((now, status));
    if let Some(name) = input.name {
        run.name = name;
    }
    run.details_url = input.details_url.or(run.details_url.take());
    run.external_id = input.external_id.or(run.external_id.take());
    run.conclusion = input.conclusion.or(run.conclusion);
    // GitHub fills in what the App leaves out: when it heard of it.
    let started = status != Status::Queued;
    run.started_at = input
        .started_at
        .or(run.started_at)
        .or_else(|| started.then_some(now));
    if status == Status::Completed {
        run.completed_at = input.completed_at.or(run.completed_at).or(Some(now));
    }
    if let Some(output) = input.output {
        show(run, output);
    }
    if let Some(actions) = input.actions {
        run.actions = actions;
    }
}

/// The texts are replaced, annotations are added. GitHub docs: "annotations are appended to the list".
fn show(run: &mut CheckRun, output: OutputInput) {
    run.output.title = output.title.or(run.output.title.take());
    run.output.summary = Some(output.summary);
    run.output.text = output.text.or(run.output.text.take());
    run.annotations.extend(output.annotations);
}

fn keep(state: &mut State, run: CheckRun) {
    let now = state.now();
    if let Some(suite) = state.suites.get_mut(&run.suite) {
        suite.reset = false;
        suite.updated_at = now;
    }
    state.note(format!("check {} {}", run.id, run.line()));
    state.check_runs.insert(run.id, run);
}

fn find<'a>(state: &'a State, call: &Call) -> Result<&'a CheckRun, Refusal> {
    let repo = call.repository()?;
    let id = CheckRunId(call.number()?);
    state
        .check_runs
        .get(&id)
        .filter(|run| run.repository == repo)
        .ok_or_else(Refusal::not_found)
}

pub(super) fn update(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let mut run = find(state, call)?.clone();
    match call.principal {
        Principal::Installation { app, .. } if app == run.app => {}
        // GitHub docs: an App can change only the check runs that it made.
        Principal::Installation { app, .. } => {
            let detail = format!(
                "Invalid app_id `{app}` - check run can only be modified by the GitHub App that created it."
            );
            return Err(Refusal::new(403, detail));
        }
        _ => return Err(Refusal::not_accessible()),
    }
    let input = check_input::of_update(&call.object()?)?;
    allow_transition(&run, &input)?;
    if run.output.title.is_none() && input.output.as_ref().is_some_and(|o| o.title.is_none()) {
        return Err(Refusal::invalid("\"output/title\" wasn't supplied."));
    }
    let was_complete = run.status == Status::Completed;
    let now = state.now();
    apply(&mut run, input, now);
    run.updates += 1;
    keep(state, run.clone());
    if !was_complete && run.status == Status::Completed {
        state.echo_check(&run, "completed");
    }
    Ok(Reply::ok(&state.check_run_json(&run)))
}

/// A completed run keeps its status and conclusion; texts, annotations and buttons may still change. GitHub's staff says
/// so in community discussion 24761, and Apps that re-run checks have found it (Mergifyio/mergify #1989,
/// taskcluster/taskcluster #5085): a re-run is a new check run.
fn allow_transition(run: &CheckRun, input: &CheckInput) -> Result<(), Refusal> {
    if run.status != Status::Completed {
        return Ok(());
    }
    let other_status = input.status.is_some_and(|status| status != Status::Completed);
    let other_conclusion = input.conclusion.is_some() && input.conclusion != run.conclusion;
    if !other_status && !other_conclusion {
        return Ok(());
    }
    let field = if other_status { "status" } else { "conclusion" };
    Err(Refusal::failed_validation(
        "CheckRun",
        field,
        "invalid",
        "the check run is completed: its status and conclusion can't be changed any more",
    ))
}

pub(super) fn get(state: &State, call: &Call) -> Result<Reply, Refusal> {
    Ok(Reply::ok(&state.check_run_json(find(state, call)?)))
}

pub(super) fn annotations(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let run = find(state, call)?;
    Ok(paging::array(
        call,
        run.annotations.iter().map(annotation_json).collect(),
    ))
}

/// The runs that the filters of the query leave, newest first.
fn filtered<'a>(runs: Vec<&'a CheckRun>, call: &Call) -> Result<Vec<&'a CheckRun>, Refusal> {
    let one_of = |name: &str, allowed: &[&str]| match call.param(name) {
        Some(value) if !allowed.contains(&value) => Err(Refusal::invalid(&format!(
            "For '{name}', {value:?} is not a possible value. Must be one of the following: {}.",
            allowed.join(", ")
        ))),
        value => Ok(value),
    };
    let status = one_of("status", Status::NAMES)?;
    let all = one_of("filter", &["latest", "all"])? == Some("all");
    let app: Option<u64> = match call.param("app_id") {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_| Refusal::invalid("For 'app_id', it is not an integer."))?,
        ),
    };
    let mut kept: Vec<&CheckRun> = runs
        .into_iter()
        .filter(|run| call.param("check_name").is_none_or(|name| name == run.name))
        .filter(|run| app.is_none_or(|app| app == run.app))
        .collect();
    if !all {
        let mut latest: BTreeMap<(u64, &str), &CheckRun> = BTreeMap::new();
        for run in &kept {
            latest.insert((run.suite, &run.name), run);
        }
        kept.retain(|run| {
            latest
                .get(&(run.suite, run.name.as_str()))
                .is_some_and(|l| l.id == run.id)
        });
    }
    kept.retain(|run| status.is_none_or(|status| status == run.status.as_str()));
    kept.reverse();
    Ok(kept)
}

fn listed(state: &State, call: &Call, runs: Vec<&CheckRun>) -> Result<Reply, Refusal> {
    let runs = filtered(runs, call)?;
    let list: Vec<Value> = runs.into_iter().map(|run| state.check_run_json(run)).collect();
    Ok(paging::counted(call, "check_runs", list))
}

fn commit(state: &State, call: &Call) -> Result<CommitSha, Refusal> {
    let repo = code::repo(state, call)?;
    let name = &call.matched.arg;
    state
        .resolve(repo, name)
        .ok_or_else(|| Refusal::new(422, format!("No commit found for SHA: {name}")))
}

pub(super) fn of_commit(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let sha = commit(state, call)?;
    let repo = call.repository()?;
    let runs = state.check_runs.values();
    listed(
        state,
        call,
        runs.filter(|r| r.repository == repo && r.head_sha == sha)
            .collect(),
    )
}

pub(super) fn suites_of_commit(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let sha = commit(state, call)?;
    let repo = call.repository()?;
    let app: Option<u64> = call.param("app_id").and_then(|id| id.parse().ok());
    let suites = state
        .suites
        .values()
        .filter(|s| s.repository == repo && s.head_sha == sha)
        .filter(|s| app.is_none_or(|app| app == s.app))
        .filter(|s| {
            call.param("check_name")
                .is_none_or(|name| state.latest_runs(s).iter().any(|run| run.name == name))
        });
    Ok(paging::counted(
        call,
        "check_suites",
        suites.map(|s| state.suite_json(s)).collect(),
    ))
}

fn find_suite<'a>(state: &'a State, call: &Call) -> Result<&'a CheckSuite, Refusal> {
    let repo = call.repository()?;
    let id = call.number()?;
    state
        .suites
        .get(&id)
        .filter(|suite| suite.repository == repo)
        .ok_or_else(Refusal::not_found)
}

pub(super) fn suite(state: &State, call: &Call) -> Result<Reply, Refusal> {
    Ok(Reply::ok(&state.suite_json(find_suite(state, call)?)))
}

pub(super) fn of_suite(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let suite = find_suite(state, call)?.id;
    let runs = state.check_runs.values().filter(|run| run.suite == suite);
    listed(state, call, runs.collect())
}
