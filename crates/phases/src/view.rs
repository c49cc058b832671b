//! From rows and results to what [`checkmill_github::render`] shows.

use crate::rerun::NotAgain;
use crate::translate::{self, Asked, Kept};
use checkmill_backends::registry::Backends;
use checkmill_core::limits::{ANNOTATION_MESSAGE_BYTES, ATTEMPTS};
use checkmill_core::policy::ForkPolicy;
use checkmill_core::run::{Diagnosis, Mark};
use checkmill_core::{
    End, Event, Job, JobKey, JobState, Login, MicroDollars, Millis, Reason, Run, UnixMillis,
};
use checkmill_github::changed_lines::{ChangedLines, Closeness};
use checkmill_github::forge::{Annotation, AnnotationLevel, CheckState, RepoRef};
use checkmill_github::render::{
    self, Attempt, Ended, FailedTest, JobRow, JobRowState, Note, RunComment, Standing, Step, StepMark, Tests,
    Translated,
};
use checkmill_workflow::job::{JobResult, ResultAnnotation, ResultLevel, StepResult, StepStatus};

/// The repository of an event.
pub(crate) fn repo_of(event: &Event) -> RepoRef {
    RepoRef {
        installation: event.installation,
        id: event.repository.id,
        name: event.repository.name.clone(),
    }
}

/// The repository of a run.
pub(crate) fn repo(run: &Run) -> RepoRef {
    repo_of(&run.event)
}

fn attempt(job: &Job) -> Attempt<'_> {
    Attempt {
        number: job.attempt,
        labels: &job.runs_on,
        backend: job.handle().map(|handle| handle.backend.as_str()),
        details_url: None,
    }
}

/// The check of a job that waits for compute, with the scripts of a model that it may run.
pub(crate) fn queued(job: &Job, offered: &[Kept]) -> CheckState {
    let all = offered
        .iter()
        .map(|kept| translated(None, kept, Standing::MayBeUsed));
    render::queued(&attempt(job), &all.collect::<Vec<_>>())
}

/// The check of a job that waits for a place in a concurrency group.
pub(crate) fn parked(job: &Job, waits: &str) -> CheckState {
    render::parked(&attempt(job), waits)
}

/// What a concurrency group calls a job or a run.
pub(crate) fn place(name: &str, run: &Run) -> String {
    format!("{name} of {}", run.check_sha().short())
}

/// What a job waits for.
pub(crate) fn waits_for(group: &str, holder: &str) -> String {
    format!("Waiting for the concurrency group {group}: {holder} has its place.")
}

/// The detail of what lost its place in a concurrency group.
pub(crate) fn lost_place(group: &str, to: Option<&str>) -> String {
    match to {
        Some(to) => format!("{to} took its place in the concurrency group {group}."),
        None => format!(
            "{} others wait in the concurrency group {group}, which is all that can.",
            checkmill_core::limits::GROUP_PENDING
        ),
    }
}

/// The detail of what would wait for what waits for it.
pub(crate) fn deadlock(group: &str) -> String {
    format!(
        "It would wait for ever: its run, or the job that calls its workflow, is in the concurrency group {group} itself and ends \
         only after it. Give the two different groups."
    )
}

/// The detail of what waited for [`checkmill_core::limits::GROUP_WAIT`].
pub(crate) fn waited_too_long(waits: &str) -> String {
    let days = checkmill_core::limits::GROUP_WAIT.0 / (24 * 60 * 60 * 1000);
    format!("It waited {days} days, which is the longest. {waits}")
}

/// The scripts that were made for the next attempt, and those that this one has run as far as they fit beside: those were
/// shown before.
pub(crate) fn translations<'a>(asked: &'a Asked, used: &'a [Kept]) -> Vec<Translated<'a>> {
    let made = asked
        .made()
        .map(|(step, kept)| translated(Some(step), kept, Standing::Proposed));
    let all = asked.made().map(|(_, kept)| kept);
    let count = translate::fitting(all.chain(used));
    let used = used.iter().map(|kept| translated(None, kept, Standing::Used));
    made.chain(used).take(count).collect()
}

fn translated<'a>(step: Option<&'a str>, kept: &'a Kept, standing: Standing) -> Translated<'a> {
    Translated {
        step,
        uses: &kept.stands_for,
        model: &kept.model.0,
        shell: kept.translation.shell.name(),
        script: &kept.translation.script,
        explanation: &kept.translation.explanation,
        assumptions: &kept.translation.assumptions,
        standing,
    }
}

/// What came of asking a model, where it is not a retry.
pub(crate) fn asked(asked: &Asked) -> Vec<Note<'_>> {
    let proposed = (asked.made().next().is_some() && !asked.retry).then_some(Note::Proposed);
    let problems = asked.problems();
    let problems = problems.map(|(step, problem)| Note::NotTranslated { step, problem });
    proposed.into_iter().chain(problems).collect()
}

/// The check of a job that runs.
pub(crate) fn in_progress(job: &Job, now: UnixMillis) -> CheckState {
    let started = job.running_at.unwrap_or(now);
    render::in_progress(&attempt(job), started, started.since(job.compute_wanted_at()))
}

/// All that results knows of an attempt.
pub(crate) struct Completed<'a> {
    pub(crate) job: &'a Job,
    pub(crate) end: &'a End,
    pub(crate) result: Option<&'a JobResult>,
    /// Of the result, or of the log where there is no result.
    pub(crate) steps: &'a [StepResult],
    /// Masked.
    pub(crate) log: Option<&'a str>,
    pub(crate) cost: Option<MicroDollars>,
    /// What is wrong with the workflow file or the policy.
    pub(crate) diagnosis: Option<&'a Diagnosis>,
    /// What the run's event changes, where it is needed.
    pub(crate) changed: Option<&'a ChangedLines>,
    /// What the workflow calls the run.
    pub(crate) run_name: Option<&'a str>,
    /// What earlier attempts teach.
    pub(crate) notes: &'a [Note<'a>],
    /// Scripts of a language model.
    pub(crate) translated: &'a [Translated<'a>],
}

/// The check of a job that has ended.
pub(crate) fn completed(of: &Completed<'_>) -> CheckState {
    let Completed { job, end, result, .. } = of;
    let started_at = crate::times::started_at(job, *result);
    let steps: Vec<Step<'_>> = of.steps.iter().map(step).collect();
    let marks = of.diagnosis.map_or(&[][..], |diagnosis| &diagnosis.marks);
    let mut annotations: Vec<_> = result
        .map(|r| r.annotations.iter().map(annotation).collect())
        .unwrap_or_default();
    if let Some(changed) = of.changed {
        annotations.sort_by_key(|annotation| importance(annotation, changed));
    }
    let failures: Vec<_> = result
        .map(|r| r.tests.failures.iter().map(failed_test).collect())
        .unwrap_or_default();
    let diagnostics = of.diagnosis.map(|diagnosis| fenced_diagnostics(&diagnosis.text));
    render::completed(&Ended {
        attempt: attempt(job),
        end,
        started_at,
        queued_for: started_at.unwrap_or(end.at).since(job.compute_wanted_at()),
        ran_for: started_at.map(|started| end.at.since(started)),
        cost: of.cost,
        steps: &steps,
        tests: result.map_or_else(Tests::default, |r| Tests {
            passed: r.tests.passed,
            failed: r.tests.failed,
            skipped: r.tests.skipped,
            failures: &failures,
        }),
        notes: of.notes,
        translated: of.translated,
        diagnostics: diagnostics.as_deref(),
        run_name: of.run_name,
        log: of.log,
        step_summary: result.map_or("", |r| r.summary.as_str()),
        annotations: marks.iter().map(mark).chain(annotations).collect(),
    })
}

/// A mistake of the workflow file, at its line.
fn mark(of: &Mark) -> Annotation {
    Annotation {
        path: of.path.clone(),
        start_line: of.line,
        end_line: of.line,
        start_column: Some(of.column),
        end_column: Some(of.end_column),
        level: AnnotationLevel::Failure,
        title: None,
        message: of.message.clone(),
    }
}

fn step(result: &StepResult) -> Step<'_> {
    let mark = match (result.outcome, result.conclusion) {
        (StepStatus::Failure, StepStatus::Success) => StepMark::FailureAllowed,
        (_, StepStatus::Success) => StepMark::Success,
        (_, StepStatus::Failure) => StepMark::Failure,
        (_, StepStatus::Cancelled) => StepMark::Cancelled,
        (_, StepStatus::Skipped) => StepMark::Skipped,
    };
    Step {
        name: &result.name,
        mark,
        duration: Millis(result.duration_ms),
        exit_code: result.exit_code,
        tail: &result.tail,
    }
}

fn failed_test(test: &checkmill_workflow::job::FailedTest) -> FailedTest<'_> {
    FailedTest {
        suite: &test.suite,
        name: &test.name,
        message: &test.message,
        path: test.path.as_deref(),
        line: test.line,
    }
}

/// What comes first where not all can be shown: what is on changed lines, then in changed files; errors before the rest.
fn importance(annotation: &Annotation, changed: &ChangedLines) -> (Closeness, u8) {
    let level = match annotation.level {
        AnnotationLevel::Failure => 0,
        AnnotationLevel::Warning => 1,
        AnnotationLevel::Notice => 2,
    };
    let lines = annotation.start_line..=annotation.end_line;
    (changed.closeness(&annotation.path, lines), level)
}

/// Where GitHub's runner puts an annotation that names no file.
const NO_FILE: &str = ".github";

fn annotation(of: &ResultAnnotation) -> Annotation {
    let path = of.path.clone().unwrap_or_else(|| NO_FILE.to_owned());
    let start_line = of.start_line.unwrap_or(1).max(1);
    let end_line = of.end_line.unwrap_or(start_line).max(start_line);
    // GitHub docs: columns go with annotations of one line only.
    let columns = start_line == end_line;
    let mut message = of.message.clone();
    if message.len() > ANNOTATION_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(ANNOTATION_MESSAGE_BYTES));
    }
    Annotation {
        path,
        start_line,
        end_line,
        start_column: of.start_column.filter(|_| columns),
        end_column: of.end_column.filter(|_| columns),
        level: match of.level {
            ResultLevel::Notice => AnnotationLevel::Notice,
            ResultLevel::Warning => AnnotationLevel::Warning,
            ResultLevel::Error => AnnotationLevel::Failure,
        },
        title: of.title.clone(),
        message,
    }
}

/// The run's comment on its pull request.
pub(crate) fn comment(run: &Run, jobs: &[&Job]) -> String {
    let rows = jobs.iter().map(|job| JobRow {
        name: &job.name,
        state: match (&job.state, job.end()) {
            (_, Some(end)) => JobRowState::Ended {
                reason: &end.reason,
                detail: &end.detail,
                // One that was over before anybody saw it run: from its start on.
                ran_for: job
                    .running_at
                    .or_else(|| job.handle().map(|_| job.compute_wanted_at()))
                    .map(|started| end.at.since(started)),
            },
            (JobState::Running { .. }, None) => JobRowState::Running,
            _ => JobRowState::Queued,
        },
        url: job
            .check
            .map(|check| format!("{}/runs/{check}", run.event.repository.html_url)),
    });
    render::comment(&RunComment {
        run: &run.id,
        workflow: &run.workflow_name,
        title: run.title.as_deref(),
        sha: run.check_sha(),
        jobs: rows.collect(),
    })
}

/// The check of an attempt that waited for an approval which has come. The button is gone.
pub(crate) fn approved(job: &Job, end: &End, by: &Login) -> CheckState {
    render::approved(&attempt(job), end, by, job.attempt.next())
}

/// The check of a job that was asked to run again and does not: how its last attempt ended, below why there is no other one.
pub(crate) fn not_again(last: CheckState, event: &Event, why: NotAgain) -> CheckState {
    let title = match why {
        NotAgain::Exhausted => format!("Not run again: all {ATTEMPTS} attempts are used up"),
        NotAgain::NothingFailed | NotAgain::MayNot => last.title.clone(),
    };
    let why = match why {
        NotAgain::Exhausted => format!(
            "this job has had all {ATTEMPTS} that it may have. Push again to run it; an empty commit will do."
        ),
        NotAgain::NothingFailed => {
            "no job of this commit has failed. One that passed can be run again by its own \
             \"Re-run\"."
                .to_owned()
        }
        NotAgain::MayNot => "running again wants write permission on the repository.".to_owned(),
    };
    // Two requests must not read alike, or the second would change nothing on GitHub, where asking has reopened the suite.
    let asked = format!(
        "**{} asked for another attempt (delivery `{}`), and {why}** What follows is its last attempt.",
        event.sender, event.delivery
    );
    CheckState {
        summary: format!("{asked}\n\n{}", last.summary),
        title,
        ..last
    }
}

/// The detail of a deadline that passed, whoever noticed it.
pub(crate) fn timeout(job: &Job, reason: &Reason) -> String {
    match reason {
        Reason::QueueTimeout => {
            format!(
                "No compute took the job within its queue limit of {}.",
                render::span(job.queue_timeout)
            )
        }
        _ => format!(
            "The job ran longer than its limit of {}.",
            render::span(job.run_timeout)
        ),
    }
}

/// The detail of a fork's job that waits for an approval, or will never run.
pub(crate) fn untrusted(run: &Run) -> String {
    let from = match run.event.pull_request() {
        Some(pr) => match &pr.head.repository {
            Some(fork) => format!("the fork {fork}"),
            None => "a fork that is gone".to_owned(),
        },
        // What is deployed by its id.
        None => "no branch or tag that was named (perhaps from a fork)".to_owned(),
    };
    let commit = run.check_sha().short();
    match run.forks() {
        ForkPolicy::Approval => format!("The commit {commit} comes from {from} and nobody approved it yet."),
        ForkPolicy::Never => {
            format!("The commit {commit} comes from {from}, and this repository's policy never runs those.")
        }
    }
}

/// The detail of a job whose labels no backend takes.
pub(crate) fn unknown_labels(labels: &[String], backends: &Backends) -> String {
    let known: Vec<_> = backends.offered().collect();
    format!(
        "No backend takes runs-on [{}]. Configured backends: {}.",
        labels.join(", "),
        known.join(", ")
    )
}

/// The detail of a job that asks for containers where its backend runs none.
pub(crate) fn no_containers(what: &str, backend: &str, labels: &[String]) -> String {
    format!(
        "The job asks for {what}, and the backend {backend}, which takes its label {}, has no containers: there is neither \
         docker nor podman. Leave that out to run on the backend's own system, install one of them there, or name a machine \
         of a backend that has containers.",
        labels.join(", ")
    )
}

/// What a state machine's Catch tells: the error's name, and the first line of its cause, masked.
pub(crate) fn caught(error: &str, cause: &str) -> String {
    let cause = serde_json::from_str::<serde_json::Value>(cause)
        .ok()
        .and_then(|value| value.get("errorMessage")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| cause.to_owned());
    match first_line(&cause) {
        cause if cause.is_empty() => format!("Checkmill could not go on with the job ({error})."),
        cause => format!("Checkmill could not go on with the job ({error}): {cause}"),
    }
}

/// The first line that says something.
pub(crate) fn first_line(text: &str) -> String {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("");
    crate::mask::mask(line)
}

/// A file over the limit, as diagnostics.
pub(crate) fn too_large(path: &str, bytes: u64) -> String {
    let what = is_too_large(bytes);
    format!("{path}: {what}. Move scripts into files of their own.")
}

/// The same within a sentence.
pub(crate) fn is_too_large(bytes: u64) -> String {
    let limit = checkmill_core::limits::WORKFLOW_FILE_BYTES;
    format!("the file has {bytes} bytes; at most {limit} are read")
}

/// A run whose row is larger than the store takes, as diagnostics.
pub(crate) fn unkept(path: &str) -> String {
    format!(
        "{path}: what follows from this file and the policy is too large to be kept. Shorten the names of the workflow and its \
         jobs, their `needs`, and the policy's `vars`; or split the workflow."
    )
}

/// A job whose row, or whose run's with it, is larger than the store takes.
pub(crate) fn unkept_job(key: &JobKey) -> String {
    format!(
        "What follows from the job `{key}` is too large to be kept. Shorten the values of its matrix, its name and its labels, \
         or let it have fewer legs."
    )
}

/// Workflow files past the limit, as diagnostics.
pub(crate) fn files_left_out(left_out: usize) -> String {
    let limit = checkmill_core::limits::WORKFLOW_FILES;
    format!(
        "{left_out} workflow files were not read: at most {limit} of a directory are, in the order of their paths. Merge \
         some."
    )
}

/// What workflows wait for past the limits, as diagnostics; none where all of it is kept.
pub(crate) fn waits_left_out(schedules: usize, followed: usize) -> Option<String> {
    use checkmill_core::limits::{FOLLOWED_WORKFLOWS, SCHEDULES};
    if schedules > 0 {
        return Some(format!(
            "{schedules} schedules do not run: a repository can have {SCHEDULES} different ones. Use the same times where you \
             can."
        ));
    }
    (followed > 0).then(|| {
        format!(
            "{followed} names in `workflow_run` start nothing: the workflows of a repository can follow {FOLLOWED_WORKFLOWS} \
             others. Follow fewer."
        )
    })
}

/// A file that is no text, as diagnostics.
pub(crate) fn not_text(path: &str) -> String {
    format!(
        "{path}: the file is not UTF-8 text, or has a NUL byte in it. Save it as UTF-8; `checkmill lint` shows the place."
    )
}

/// Diagnostics as Markdown: their carets stand below what they mean only in a fence.
fn fenced_diagnostics(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end())
}

/// GitHub's REST API for an event's repository. GitHub docs: `api.github.com`, and `/api/v3` on an Enterprise Server.
pub(crate) fn api_url(event: &Event) -> String {
    let page = &event.repository.html_url;
    let server = page
        .strip_suffix(&format!("/{}", event.repository.name))
        .unwrap_or(page);
    if server == "https://github.com" {
        "https://api.github.com".to_owned()
    } else {
        format!("{server}/api/v3")
    }
}
