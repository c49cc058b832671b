//! Whether an event starts a workflow.
//!
//! Source: GitHub docs, "Workflow syntax", `on.push.<branches|tags|branches-ignore|tags-ignore>`,
//! `on.<push|pull_request>.<paths|paths-ignore>` and `on.<event_name>.types`; "Skipping workflow runs".

use crate::diagnostic::quoted;
use crate::expand::{NO_LEGS, check_name};
use crate::model::{Filter, Legs, PullRequestTrigger, PushTrigger, Unmatched, Workflow, WorkflowRunTrigger};
use checkmill_core::event::{
    EndedRun, Event, EventKind, GitRef, PullRequest, Push, RepositoryEvent, ScheduledRun, WorkflowDispatch,
};
use checkmill_core::limits;

/// The answer for one workflow and one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    Yes,
    /// The first rule that stopped it, as one sentence without the full stop.
    No(String),
    /// It names the event, and its filters not the event's branch or tag: a check says so.
    Skipped {
        /// The check's name.
        check: String,
        /// File, event, branch and trigger, as one sentence.
        detail: String,
    },
    /// It hangs on a path filter: ask again with the changed files.
    NeedsChangedFiles,
}

/// What is known of the files that an event changes, against the commit before the push or the pull request's merge base.
#[derive(Debug, Clone, Copy)]
pub enum Changed<'a> {
    Files {
        paths: &'a [String],
        /// Whether there are more. GitHub looks at the first 300 only, and so do we.
        truncated: bool,
    },
    /// They can't be had. GitHub then runs the workflow.
    Unknown,
}

/// Whether the event starts the workflow.
///
/// A push that deletes a branch or tag starts nothing. The inputs of `workflow_dispatch` are judged by [`crate::inputs()`].
#[must_use]
pub fn matches(workflow: &Workflow, event: &Event, changed: Option<Changed<'_>>) -> Match {
    let triggers = &workflow.triggers;
    let decide = |result| decide(workflow, event, result);
    match &event.kind {
        EventKind::Push(push) => match &triggers.push {
            Some(trigger) => decide(push_matches(trigger, push, changed)),
            None => not_named("push"),
        },
        EventKind::PullRequest(pull) => match &triggers.pull_request {
            Some(trigger) => decide(pull_request_matches(trigger, pull, "pull_request", changed)),
            None => not_named("pull_request"),
        },
        EventKind::PullRequestTarget(pull) => match &triggers.pull_request_target {
            Some(trigger) => decide(pull_request_matches(
                trigger,
                pull,
                "pull_request_target",
                changed,
            )),
            None => not_named("pull_request_target"),
        },
        EventKind::MergeGroup(_) if triggers.merge_group => decide(Ok(())),
        EventKind::MergeGroup(_) => not_named("merge_group"),
        EventKind::WorkflowDispatch(dispatch) => match &triggers.workflow_dispatch {
            Some(_) => decide(dispatch_matches(workflow, dispatch)),
            None => not_named("workflow_dispatch"),
        },
        EventKind::Schedule(_) if triggers.schedule.is_empty() => not_named("schedule"),
        EventKind::Schedule(run) => decide(schedule_matches(workflow, run)),
        EventKind::Release(release) => match &triggers.release {
            Some(types) => decide(type_matches(types, &release.action, "release")),
            None => not_named("release"),
        },
        EventKind::IssueComment(comment) => match &triggers.issue_comment {
            Some(types) => decide(type_matches(types, &comment.action, "issue_comment")),
            None => not_named("issue_comment"),
        },
        EventKind::WorkflowRun(ended) => match &triggers.workflow_run {
            Some(trigger) => decide(workflow_run_matches(trigger, ended)),
            None => not_named("workflow_run"),
        },
        EventKind::Repository(other) => match triggers.repository.get(&other.name) {
            Some(types) => decide(activity_matches(types.as_deref(), other)),
            None => not_named(other.name.as_str()),
        },
        EventKind::CheckRunRerequested(_)
        | EventKind::CheckSuiteRerequested { .. }
        | EventKind::RequestedAction { .. } => {
            Match::No("a request about a check starts no workflow".to_owned())
        }
    }
}

/// Why not: a rule, or a lack of knowledge.
enum Stop {
    Rule(String),
    /// The filters don't name the branch or tag.
    Name(String),
    NeedsChangedFiles,
}

impl Stop {
    fn rule(sentence: impl Into<String>) -> Self {
        Self::Rule(sentence.into())
    }
}

fn decide(workflow: &Workflow, event: &Event, result: Result<(), Stop>) -> Match {
    match result {
        Ok(()) | Err(Stop::Name(_)) if has_no_legs(workflow) => Match::No(NO_LEGS.to_owned()),
        Ok(()) => Match::Yes,
        Err(Stop::Name(sentence)) if workflow.unmatched == Unmatched::Silent => Match::No(sentence),
        Err(Stop::Name(sentence)) => Match::Skipped {
            check: skipped_check(workflow, event),
            detail: format!(
                "{} is not for this {}: {sentence}.",
                workflow.path(),
                event.name()
            ),
        },
        Err(Stop::Rule(sentence)) => Match::No(sentence),
        Err(Stop::NeedsChangedFiles) => Match::NeedsChangedFiles,
    }
}

fn has_no_legs(workflow: &Workflow) -> bool {
    let is_empty = |legs: &Legs| matches!(legs, Legs::Listed(legs) if legs.is_empty());
    workflow.jobs.iter().all(|job| is_empty(&job.legs))
}

/// `{file} / {name} [{event}]`.
fn skipped_check(workflow: &Workflow, event: &Event) -> String {
    let title = workflow.keys().next().map(|key| workflow.title(key));
    check_name(
        workflow,
        &format!("{} [{}]", title.unwrap_or_default(), event.name()),
    )
}

/// Whether its `on` has this event at all.
#[must_use]
pub fn names_target(workflow: &Workflow) -> bool {
    workflow.triggers.pull_request_target.is_some()
}

fn not_named(event: &str) -> Match {
    Match::No(format!("`on` does not name `{event}`"))
}

fn push_matches(trigger: &PushTrigger, push: &Push, changed: Option<Changed<'_>>) -> Result<(), Stop> {
    let (kind, name) = match &push.git_ref {
        GitRef::Branch(name) => ("branch", name),
        GitRef::Tag(name) => ("tag", name),
    };
    if push.after.is_none() {
        return Err(Stop::rule(format!(
            "the push deleted the {kind} `{}`",
            quoted(name)
        )));
    }
    let (mine, key, other, other_key) = match &push.git_ref {
        GitRef::Branch(_) => (&trigger.branches, "branches", &trigger.tags, "tags"),
        GitRef::Tag(_) => (&trigger.tags, "tags", &trigger.branches, "branches"),
    };
    match (mine, other) {
        (Some(filter), _) => names(filter, key, kind, name)?,
        // GitHub docs: with filters for one of the two only, the other one starts nothing.
        (None, Some(_)) => {
            let sentence = format!(
                "`push` has filters for {other_key} only, and `{}` is a {kind}",
                quoted(name)
            );
            return Err(Stop::Name(sentence));
        }
        (None, None) => {}
    }
    match &push.git_ref {
        GitRef::Branch(_) => paths(trigger.paths.as_ref(), changed),
        // GitHub docs: path filters are not evaluated for pushes of tags.
        GitRef::Tag(_) => Ok(()),
    }
}

fn pull_request_matches(
    trigger: &PullRequestTrigger,
    pull: &PullRequest,
    event: &str,
    changed: Option<Changed<'_>>,
) -> Result<(), Stop> {
    type_matches(&trigger.types, &pull.action, event)?;
    if let Some(filter) = &trigger.branches {
        names(filter, "branches", "base branch", &pull.base_ref)?;
    }
    paths(trigger.paths.as_ref(), changed)
}

/// Which of the workflow files a `workflow_dispatch` for `asked` is for: that very file, else the first of the same file
/// name, because GitHub dispatches files in `.github/workflows` only. A file of the same name there, with
/// `on: workflow_dispatch` and its inputs, is what GitHub shows its form for.
#[must_use]
pub fn dispatched<'p>(asked: &str, paths: impl Iterator<Item = &'p str> + Clone) -> Option<&'p str> {
    let exact = paths.clone().find(|path| *path == asked);
    exact.or_else(|| paths.clone().find(|path| is_dispatched(asked, path)))
}

fn is_dispatched(asked: &str, path: &str) -> bool {
    let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
    asked == path || (asked.starts_with(".github/workflows/") && name(asked) == name(path))
}

fn dispatch_matches(workflow: &Workflow, dispatch: &WorkflowDispatch) -> Result<(), Stop> {
    if is_dispatched(&dispatch.workflow, workflow.path()) {
        return Ok(());
    }
    Err(Stop::rule(format!(
        "the event is for `{}`",
        quoted(&dispatch.workflow)
    )))
}

fn type_matches(types: &[String], action: &str, event: &str) -> Result<(), Stop> {
    if types.iter().any(|of| of == action) {
        return Ok(());
    }
    Err(Stop::rule(format!(
        "`{}` is not among the `types` of `{event}`",
        quoted(action)
    )))
}

/// `types` are none where every activity starts the workflow.
fn activity_matches(types: Option<&[String]>, event: &RepositoryEvent) -> Result<(), Stop> {
    let (Some(types), Some(action)) = (types, &event.action) else {
        return Ok(());
    };
    type_matches(types, action, event.name.as_str())
}

fn workflow_run_matches(trigger: &WorkflowRunTrigger, ended: &EndedRun) -> Result<(), Stop> {
    if !trigger.workflows.contains(&ended.workflow_name) {
        return Err(Stop::rule(format!(
            "`{}` is not among the `workflows` of `workflow_run`",
            quoted(&ended.workflow_name)
        )));
    }
    match &trigger.branches {
        Some(filter) => names(filter, "branches", "branch", &ended.head_branch),
        None => Ok(()),
    }
}

/// Each of a repository's schedules is an event of its own.
fn schedule_matches(workflow: &Workflow, run: &ScheduledRun) -> Result<(), Stop> {
    if workflow.schedule().contains(&run.timing) {
        return Ok(());
    }
    Err(Stop::rule(format!(
        "`{}`{} is not among its schedules",
        quoted(&run.timing.cron),
        match &run.timing.timezone {
            Some(timezone) => format!(" in `{}`", quoted(timezone)),
            None => String::new(),
        }
    )))
}

fn names(filter: &Filter, key: &str, kind: &str, name: &str) -> Result<(), Stop> {
    let shown = quoted(name);
    match filter {
        Filter::Only(patterns) if !patterns.matches(name) => Err(Stop::Name(match patterns.deciding(name) {
            Some(negative) => format!(
                "the {kind} `{shown}` does not match `{key}`: `{}` takes it out",
                quoted(negative)
            ),
            None => format!(
                "the {kind} `{shown}` does not match `{key}` ({})",
                some_of(patterns.patterns())
            ),
        })),
        Filter::Ignore(patterns) if patterns.matches(name) => {
            let pattern = patterns.deciding(name).unwrap_or_default();
            Err(Stop::Name(format!(
                "the {kind} `{shown}` matches `{}` of `{key}-ignore`",
                quoted(pattern)
            )))
        }
        Filter::Names(names) if !names.matches(name) => Err(Stop::Name(format!(
            "the {kind} `{shown}` does not match its trigger `{key}: [{}]`",
            quoted(&names.to_string())
        ))),
        _ => Ok(()),
    }
}

fn paths(filter: Option<&Filter>, changed: Option<Changed<'_>>) -> Result<(), Stop> {
    let Some(filter) = filter else { return Ok(()) };
    let Changed::Files { paths, truncated } = changed.ok_or(Stop::NeedsChangedFiles)? else {
        return Ok(());
    };
    let rule = |sentence: &str| {
        let looked_at = format!(
            " (the first {} were looked at, there are more)",
            limits::CHANGED_FILES
        );
        Err(Stop::Rule(format!(
            "{sentence}{}",
            if truncated { &looked_at } else { "" }
        )))
    };
    let files = || paths.iter().map(String::as_str);
    let looked_at = || match paths {
        [] => "nothing is changed".to_owned(),
        _ => format!("changed: {}", some_of(files())),
    };
    match filter {
        Filter::Only(patterns) if !patterns.any_match(files()) => rule(&format!(
            "no changed file matches `paths` ({}); {}",
            some_of(patterns.patterns()),
            looked_at()
        )),
        Filter::Ignore(patterns) if patterns.all_match(files()) => rule(&format!(
            "all changed files match `paths-ignore` ({}); {}",
            some_of(patterns.patterns()),
            looked_at()
        )),
        _ => Ok(()),
    }
}

/// Names of a list that a sentence shows.
const SHOWN: usize = 5;

/// `` `a`, `b` and 3 more``.
fn some_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(SHOWN).map(|name| format!("`{}`", quoted(name)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What skips workflows in a commit message. GitHub docs: "Skipping workflow runs".
const SKIP: [&str; 5] = [
    "[skip ci]",
    "[ci skip]",
    "[no ci]",
    "[skip actions]",
    "[actions skip]",
];

/// Whether the head commit's message asks for no runs: one of GitHub's five marks anywhere in it, or the trailer
/// `skip-checks: true` in its last paragraph. For push and `pull_request` only.
#[must_use]
pub fn skip_ci(message: &str) -> bool {
    SKIP.iter().any(|mark| message.contains(mark)) || has_skip_trailer(message)
}

fn has_skip_trailer(message: &str) -> bool {
    let message = message.replace("\r\n", "\n");
    // The first paragraph is the title and never holds trailers.
    let Some((_, last)) = message.trim_end().rsplit_once("\n\n") else {
        return false;
    };
    last.lines().any(|line| match line.split_once(':') {
        Some((name, value)) => name.trim().eq_ignore_ascii_case("skip-checks") && value.trim() == "true",
        None => false,
    })
}
