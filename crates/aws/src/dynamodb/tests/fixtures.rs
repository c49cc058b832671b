//! Values of the job model to write and read.

use super::world::START;
use checkmill_core::concurrency::Queueing;
use checkmill_core::event::{EventKind, GitRef, Push, Repository};
use checkmill_core::graph::{Expansion, Node};
use checkmill_core::group::{Claimant, Place};
use checkmill_core::history::{AttemptSummary, Failure, JobHistory, Outcome, StepSummary, Subject};
use checkmill_core::job::BackendHandle;
use checkmill_core::policy::Policy;
use checkmill_core::retry::{Retries, RetryCause, RetryCounts};
use checkmill_core::run::Trust;
use checkmill_core::schedule::{Schedule, Timing, Waits};
use checkmill_core::{
    AttemptNumber, CommitSha, Concurrency, DeliveryId, Event, Group, HistoryId, InstallationId, Job, JobId,
    JobKey, JobState, Millis, RepositoryId, Run, RunId, UnixMillis,
};
use std::collections::BTreeMap;

pub(crate) const REPOSITORY: RepositoryId = RepositoryId(42);

pub(crate) fn sha() -> CommitSha {
    "0123456789abcdef0123456789abcdef01234567".parse().unwrap()
}

pub(crate) fn delivery(name: &str) -> DeliveryId {
    name.parse().unwrap()
}

pub(crate) fn key(text: &str) -> JobKey {
    text.parse().unwrap()
}

pub(crate) fn event(id: &str) -> Event {
    event_of(
        id,
        EventKind::Push(Push {
            git_ref: GitRef::Branch("main".to_owned()),
            before: None,
            after: Some(sha()),
            forced: false,
            first: None,
            message: String::new(),
        }),
    )
}

pub(crate) fn event_of(id: &str, kind: EventKind) -> Event {
    Event {
        delivery: delivery(id),
        installation: InstallationId(7),
        repository: Repository {
            id: REPOSITORY,
            name: "octocat/hello".parse().unwrap(),
            default_branch: "main".to_owned(),
            owner_id: None,
            private: false,
            internal: false,
            clone_url: "https://github.com/octocat/hello.git".to_owned(),
            html_url: "https://github.com/octocat/hello".to_owned(),
        },
        sender: "octocat".parse().unwrap(),
        sender_id: None,
        received_at: START,
        kind,
    }
}

/// A run with one unexpanded job, `test`.
pub(crate) fn run(id: &str) -> Run {
    let event = event(id);
    Run {
        id: RunId::derive(&event.delivery, "ci.yml"),
        installation: event.installation,
        event,
        sha: sha(),
        workflow_path: ".checkmill/workflows/ci.yml".to_owned(),
        workflow_name: "CI".to_owned(),
        title: None,
        number: Some(1),
        rerun_by: None,
        policy: Policy::default(),
        trust: Trust::Own,
        hold: None,
        concurrency: None,
        cancelled: Vec::new(),
        nodes: BTreeMap::from([(
            key("test"),
            Node {
                needs: vec![],
                expansion: None,
            },
        )]),
        asked: std::collections::BTreeMap::new(),
        comment: None,
        comment_claimed_until: None,
        created_at: START,
        version: 0,
    }
}

/// A group in which one has the place, and one waits.
pub(crate) fn group() -> Group {
    let run = run("d-1");
    let wants = |cancel_in_progress| Concurrency {
        group: "Deploy".to_owned(),
        cancel_in_progress,
        queue: Queueing::Single,
    };
    let of_run = Claimant::Run { id: run.id.clone() };
    let of_job = Claimant::Job { id: job(&run, "").id };
    let mut group = Group::new(REPOSITORY, "Deploy");
    for place in [
        Place::new(of_run, "CI of 0123456", &wants(false), START),
        Place::new(of_job, "CI / test of 0123456", &wants(true), START + Millis(1)),
    ] {
        group = group.ask(&place, false).0.unwrap();
    }
    Group { version: 1, ..group }
}

/// The next version of the run, with `test` expanded into these jobs.
pub(crate) fn expanded(run: &Run, jobs: &[Job]) -> Run {
    let mut next = run.clone();
    next.version += 1;
    next.nodes.get_mut(&key("test")).unwrap().expansion = Some(Expansion {
        legs: jobs.iter().map(|job| job.id.clone()).collect(),
        calls: Vec::new(),
        concurrency: BTreeMap::new(),
        fail_fast: true,
        max_parallel: None,
    });
    next
}

pub(crate) fn job(run: &Run, leg: &str) -> Job {
    Job {
        id: JobId::derive(&run.id, &key("test"), leg),
        key: key("test"),
        leg: leg.to_owned(),
        name: format!("CI / test ({leg})"),
        runs_on: vec!["linux".to_owned()],
        continue_on_error: false,
        queue_timeout: Millis::from_minutes(60),
        run_timeout: Millis::from_minutes(360),
        retries: Retries::allowed(RetryCounts::POLICY_DEFAULT),
        concurrency: None,
        attempt: AttemptNumber::FIRST,
        generation: 0,
        state: JobState::Waiting,
        queued_at: START,
        placed_at: None,
        running_at: None,
        stop: None,
        early_report: None,
        check: None,
        check_uncertain: false,
        check_busy_until: None,
        previous_check: None,
        revived_at: None,
        task_token: None,
        version: 0,
    }
}

/// So many legs of one matrix, in the order of their ids, which is the order of their rows.
pub(crate) fn legs(run: &Run, count: usize) -> Vec<Job> {
    let mut jobs: Vec<Job> = (0..count).map(|n| job(run, &n.to_string())).collect();
    jobs.sort_by(|a, b| a.id.cmp(&b.id));
    jobs
}

pub(crate) fn claimed(until: UnixMillis) -> JobState {
    JobState::Claimed { until }
}

pub(crate) fn handle() -> BackendHandle {
    BackendHandle {
        backend: "process".to_owned(),
        id: "p-1".to_owned(),
    }
}

/// The job's next version, changed.
pub(crate) fn changed(job: &Job, change: impl FnOnce(&mut Job)) -> Job {
    let mut next = job.clone();
    change(&mut next);
    next.version += 1;
    next
}

/// What one failed and retried attempt taught: the first version.
pub(crate) fn history() -> JobHistory {
    let subject = Subject {
        repository: REPOSITORY,
        repository_name: "octocat/hello".parse().unwrap(),
        id: HistoryId::derive("ci.yml", &key("test"), ""),
        workflow_path: "ci.yml".to_owned(),
        key: key("test"),
        leg: String::new(),
        name: "CI / test".to_owned(),
    };
    JobHistory::new(subject)
        .record(
            &attempt(1, "Test", "error: 3 of 17 failed"),
            Some(RetryCause::Flaky),
        )
        .unwrap()
}

/// As much as a history can hold, of texts as long as they may be.
pub(crate) fn full_history() -> JobHistory {
    (2..200).fold(history(), |history, n| {
        let text = format!("{}é", char::from(b'a' + u8::try_from(n % 26).unwrap())).repeat(300);
        let next = history.record(&attempt(n, &text, &text), Some(RetryCause::Infrastructure));
        next.unwrap()
    })
}

fn attempt(n: u64, step: &str, line: &str) -> AttemptSummary {
    AttemptSummary {
        job: JobId::derive(&run("d-1").id, &key("test"), &n.to_string()),
        attempt: AttemptNumber::FIRST,
        at: START + Millis(n),
        sha: sha(),
        place: format!("refs/heads/{step}"),
        outcome: Outcome::Failure,
        ran: Some(Millis(1234)),
        queued: Millis(5),
        backend: "process".to_owned(),
        machine: step.to_owned(),
        trigger: step.to_owned(),
        failure: Some(Failure {
            step: Some(step.to_owned()),
            line: line.to_owned(),
        }),
        steps: vec![StepSummary {
            name: step.to_owned(),
            passed: n.is_multiple_of(2),
            ran: Millis(1200),
        }],
    }
}

/// The schedules that the first push to the default branch made.
pub(crate) fn schedule(crons: &[&str]) -> Schedule {
    let timing = |cron: &&str| Timing {
        cron: (*cron).to_owned(),
        timezone: Some("Europe/Berlin".to_owned()),
    };
    let waits = Waits {
        timings: crons.iter().map(timing).collect(),
        ..Waits::default()
    };
    Schedule::replanned(None, &event("d-1"), &waits, START).unwrap()
}
