//! Check runs: created once, updated only when something changed, annotations in pages.

use super::api::{Api, has_next_page, json};
use super::failure::Failure;
use super::http::Request;
use super::path::segment;
use super::retry::Repeat;
use super::timestamp;
use crate::forge::{Annotation, AnnotationLevel, CheckState, CheckStatus, ForgeError, NewCheck, RepoRef};
use crate::render::button::button;
use crate::render::{cut, cut_line};
use checkmill_core::{CheckRunId, CommitSha, JobId, limits};
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// GitHub docs: at most three buttons.
const BUTTONS: usize = 3;
/// An annotation's title. GitHub docs: 255 characters.
const ANNOTATION_TITLE_BYTES: usize = 255;
const PER_PAGE: usize = 100;
/// Pages that are searched for a check. GitHub docs: at most 1,000 check runs of one name in a suite.
const PAGES: u32 = 10;
/// Checks whose last state is remembered. More are in no process at a time; past it all are forgotten, which costs a request.
const REMEMBERED: usize = 10_000;

/// The last state that this process sent of each check, as a hash: what is the same is not sent again. GitHub counts every
/// update against a limit of 900 points a minute, at five points each.
#[derive(Debug, Default)]
pub(super) struct SentStates(Mutex<HashMap<CheckRunId, u64>>);

impl SentStates {
    fn is_known(&self, id: CheckRunId, hash: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id) == Some(&hash)
    }

    fn remember(&self, id: CheckRunId, hash: u64) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if states.len() >= REMEMBERED {
            states.clear();
        }
        states.insert(id, hash);
    }
}

#[derive(Debug, Deserialize)]
struct Created {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct Found {
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    app: Option<App>,
}

#[derive(Debug, Deserialize)]
struct App {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct FoundPage {
    check_runs: Vec<Found>,
}

#[derive(Debug, Deserialize)]
struct Counted {
    #[serde(default)]
    output: CountedOutput,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CountedOutput {
    annotations_count: Option<usize>,
}

pub(super) async fn create(
    api: &Api<'_>,
    sent: &SentStates,
    repo: &RepoRef,
    check: &NewCheck,
) -> Result<CheckRunId, ForgeError> {
    let annotations = annotations(&check.state);
    let first = annotations.len().min(limits::ANNOTATIONS_PER_REQUEST);
    let mut body = body(&check.state, &annotations[..first]);
    body.insert("name".to_owned(), json!(check.name));
    body.insert("head_sha".to_owned(), json!(check.sha));
    body.insert("external_id".to_owned(), json!(check.job));
    let path = format!("/repos/{}/check-runs", repo.name);
    let created: Created = api
        .send(
            repo.installation,
            Method::POST,
            &path,
            &Value::Object(body),
            Repeat::Once,
        )
        .await
        .map_err(|failure| failure.into_forge(&format!("the check {:?} of {}", check.name, repo.name)))?;
    let id = CheckRunId(created.id);
    patch_pages(api, repo, id, &check.state, &annotations[first..]).await?;
    sent.remember(id, hash(&check.state));
    Ok(id)
}

pub(super) async fn update(
    api: &Api<'_>,
    sent: &SentStates,
    repo: &RepoRef,
    id: CheckRunId,
    state: &CheckState,
) -> Result<(), ForgeError> {
    let hash = hash(state);
    if sent.is_known(id, hash) {
        return Ok(());
    }
    let annotations = annotations(state);
    let there = if annotations.is_empty() {
        0
    } else {
        count(api, repo, id).await?
    };
    let missing = annotations.get(there..).unwrap_or_default();
    if missing.is_empty() {
        patch(api, repo, id, state, &[]).await?;
    } else {
        patch_pages(api, repo, id, state, missing).await?;
    }
    sent.remember(id, hash);
    Ok(())
}

/// Sends the state with these annotations, page by page.
async fn patch_pages(
    api: &Api<'_>,
    repo: &RepoRef,
    id: CheckRunId,
    state: &CheckState,
    annotations: &[Value],
) -> Result<(), ForgeError> {
    for page in annotations.chunks(limits::ANNOTATIONS_PER_REQUEST) {
        patch(api, repo, id, state, page).await?;
    }
    Ok(())
}

async fn patch(
    api: &Api<'_>,
    repo: &RepoRef,
    id: CheckRunId,
    state: &CheckState,
    page: &[Value],
) -> Result<(), ForgeError> {
    // GitHub appends annotations, so a page whose answer was lost must not be sent again blindly. The caller comes back, and
    // the count says where to go on.
    let repeat = if page.is_empty() {
        Repeat::Safe
    } else {
        Repeat::Once
    };
    let path = format!("/repos/{}/check-runs/{id}", repo.name);
    api.send::<Created>(
        repo.installation,
        Method::PATCH,
        &path,
        &Value::Object(body(state, page)),
        repeat,
    )
    .await
    .map_err(|failure| failure.into_forge(&format!("the check run {id} of {}", repo.name)))?;
    Ok(())
}

/// How many annotations the check has: those that an earlier try of the same update brought there.
async fn count(api: &Api<'_>, repo: &RepoRef, id: CheckRunId) -> Result<usize, ForgeError> {
    let path = format!("/repos/{}/check-runs/{id}", repo.name);
    let counted: Counted = api
        .get(repo.installation, &path)
        .await
        .map_err(|failure| failure.into_forge(&format!("the check run {id} of {}", repo.name)))?;
    Ok(counted.output.annotations_count.unwrap_or(0))
}

pub(super) async fn find(
    api: &Api<'_>,
    repo: &RepoRef,
    sha: &CommitSha,
    name: &str,
    job: &JobId,
    after: Option<CheckRunId>,
) -> Result<Option<CheckRunId>, ForgeError> {
    let what = || format!("the checks of {} in {}", sha.short(), repo.name);
    let ours = |found: &Found| {
        found.name == name
            && found.external_id.as_deref() == Some(job.as_str())
            && found.app.as_ref().is_none_or(|app| app.id == api.app.0)
            && after.is_none_or(|after| CheckRunId(found.id) > after)
    };
    let mut newest: Option<CheckRunId> = None;
    for page in 1..=PAGES {
        let path = format!(
            "/repos/{}/commits/{sha}/check-runs?check_name={}&filter=all&per_page={PER_PAGE}&page={page}",
            repo.name,
            segment(name),
        );
        let (found, more) = find_page(api, repo, &path)
            .await
            .map_err(|failure| failure.into_forge(&what()))?;
        newest = newest.max(
            found
                .iter()
                .filter(|found| ours(found))
                .map(|found| CheckRunId(found.id))
                .max(),
        );
        if !more {
            break;
        }
    }
    Ok(newest)
}

async fn find_page(api: &Api<'_>, repo: &RepoRef, path: &str) -> Result<(Vec<Found>, bool), Failure> {
    let response = api.call(repo.installation, &Request::get(api.at(path))).await?;
    let page: FoundPage = json(&response.body)?;
    let more = has_next_page(&response.headers).unwrap_or(page.check_runs.len() == PER_PAGE);
    Ok((page.check_runs, more))
}

/// The request's body for this state and these annotations. GitHub docs: "Create a check run", "Update a check run".
fn body(state: &CheckState, annotations: &[Value]) -> Map<String, Value> {
    let title = cut_line(&state.title, limits::CHECK_TITLE_CHARS);
    // GitHub wants both; an empty one is refused.
    let title = if title.is_empty() {
        "Checkmill".to_owned()
    } else {
        title
    };
    let summary = cut(&state.summary, limits::CHECK_TEXT_CHARS);
    let summary = if summary.trim().is_empty() {
        title.clone()
    } else {
        summary
    };
    let mut output = Map::from_iter([
        ("title".to_owned(), json!(title)),
        ("summary".to_owned(), json!(summary)),
    ]);
    if let Some(text) = &state.text {
        output.insert("text".to_owned(), json!(cut(text, limits::CHECK_TEXT_CHARS)));
    }
    if !annotations.is_empty() {
        output.insert("annotations".to_owned(), json!(annotations));
    }
    // Sent even when there are none: the buttons of the state before go away.
    let buttons = state.buttons.iter().take(BUTTONS).map(|action| {
        let button = button(*action);
        json!({ "label": button.label, "description": button.description, "identifier": button.identifier })
    });
    let mut body = Map::from_iter([
        ("output".to_owned(), Value::Object(output)),
        ("actions".to_owned(), json!(buttons.collect::<Vec<_>>())),
    ]);
    body.extend(status(state.status));
    if let Some(url) = &state.details_url {
        body.insert("details_url".to_owned(), json!(url));
    }
    body
}

fn status(status: CheckStatus) -> Vec<(String, Value)> {
    let at = timestamp::format;
    let fields = match status {
        CheckStatus::Queued => vec![("status", json!("queued"))],
        CheckStatus::InProgress { started_at } => {
            vec![
                ("status", json!("in_progress")),
                ("started_at", json!(at(started_at))),
            ]
        }
        CheckStatus::Completed {
            conclusion,
            started_at,
            completed_at,
        } => {
            let mut fields = vec![
                ("status", json!("completed")),
                ("conclusion", json!(conclusion.as_str())),
                ("completed_at", json!(at(completed_at))),
            ];
            fields.extend(started_at.map(|started| ("started_at", json!(at(started)))));
            fields
        }
    };
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn annotations(state: &CheckState) -> Vec<Value> {
    state
        .annotations
        .iter()
        .take(limits::ANNOTATIONS)
        .map(annotation)
        .collect()
}

/// As GitHub takes it: lines from 1 and in order, columns only on one line, no empty path or message.
fn annotation(annotation: &Annotation) -> Value {
    let level = match annotation.level {
        AnnotationLevel::Notice => "notice",
        AnnotationLevel::Warning => "warning",
        AnnotationLevel::Failure => "failure",
    };
    let or_else = |text: &str, otherwise: &str| {
        if text.trim().is_empty() {
            otherwise.to_owned()
        } else {
            text.to_owned()
        }
    };
    let message = or_else(&annotation.message, level);
    let message = if message.len() < limits::ANNOTATION_MESSAGE_BYTES {
        message
    } else {
        cut(&message, limits::CHECK_TEXT_CHARS)
    };
    let start = annotation.start_line.max(1);
    let end = annotation.end_line.max(start);
    let mut fields = json!({
        // What GitHub Actions itself uses for a message that belongs to no file.
        "path": or_else(&annotation.path, ".github"),
        "start_line": start,
        "end_line": end,
        "annotation_level": level,
        "message": message,
    });
    if let Some(title) = annotation
        .title
        .as_deref()
        .filter(|title| !title.trim().is_empty())
    {
        fields["title"] = json!(cut_line(title, ANNOTATION_TITLE_BYTES));
    }
    if let (true, Some(from)) = (start == end, annotation.start_column.filter(|column| *column > 0)) {
        fields["start_column"] = json!(from);
        fields["end_column"] = json!(annotation.end_column.unwrap_or(from).max(from));
    }
    fields
}

fn hash(state: &CheckState) -> u64 {
    let mut hasher = DefaultHasher::new();
    Value::Object(body(state, &annotations(state)))
        .to_string()
        .hash(&mut hasher);
    hasher.finish()
}
