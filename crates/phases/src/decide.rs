//! What an event means for a commit's files: the planner's decision, before anything is written. The planner writes it down;
//! [`crate::preview`] shows it.

use crate::called::Remote;
use crate::dirs::{self, POLICY_PATH, WORKFLOW_DIRS};
use crate::evaluate;
use crate::planned::{self, Callable, FileMatch, Planned};
use crate::timetable::Awaited;
use crate::view;
use checkmill_core::policy::Policy;
use checkmill_core::run::{Diagnosis, Hold, Trust};
use checkmill_core::schedule::Waits;
use checkmill_core::{CommitSha, Event, EventKind, JobKey, Run, RunId, UnixMillis};
use checkmill_github::forge::{BranchFiles, PlanningFiles, SourceContent, SourceFile};
use checkmill_workflow::{Changed, RemoteWorkflow};
use std::collections::BTreeMap;

/// The decision about each file, in the order of their paths.
pub(crate) struct Decided {
    /// The default one where the policy can't be read.
    pub(crate) policy: Policy,
    pub(crate) files: Vec<Decision>,
    /// What the default branch's files wait for, where the event is about them.
    pub(crate) waits: Option<Waits>,
}

pub(crate) struct Decision {
    pub(crate) path: String,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    Run {
        planned: Planned,
        /// The file's text, where it is one.
        source: Option<String>,
    },
    /// The first rule that stopped it.
    No(String),
}

/// What comes of deciding.
pub(crate) enum Deciding {
    Decided(Box<Decided>),
    /// A path filter can't be judged without the changed files.
    NeedsChangedFiles,
    /// Jobs call these files of other repositories.
    NeedsWorkflows(Vec<RemoteWorkflow>),
}

/// What to plan, where that is not everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Only<'a> {
    /// By its path; the files that it calls are read all the same.
    pub workflow: Option<&'a str>,
    /// This job of each workflow, and those it needs.
    pub job: Option<&'a JobKey>,
}

/// Decides about all files, as far as what is given goes: the `changed` files, and other repositories' files that jobs call.
pub(crate) fn decide(
    event: &Event,
    files: &PlanningFiles,
    changed: Option<Changed<'_>>,
    remote: &Remote,
    only: Only<'_>,
) -> Deciding {
    let policy = match policy(files.policy.as_ref()) {
        Ok(policy) => policy,
        Err(diagnosis) => return Deciding::Decided(Box::new(broken_policy(event, files, diagnosis))),
    };
    let callable = Callable {
        policy: &policy,
        files,
        remote,
    };
    let mut needs = Vec::new();
    let skip_ci = planned::skips_ci(event, &files.message);
    let counted: Vec<&SourceFile> = files
        .workflows
        .iter()
        .filter(|file| dirs::counts(&file.path, &policy))
        .filter(|file| only.workflow.is_none_or(|path| path == file.path))
        .collect();
    let mut decisions = Vec::new();
    for file in &counted {
        let outcome = match other_dispatched(event, file, &counted) {
            Some(reason) => FileMatch::No(reason),
            None => planned::plan_file(event, file, changed, callable),
        };
        let outcome = match outcome {
            FileMatch::NeedsChangedFiles => return Deciding::NeedsChangedFiles,
            FileMatch::NeedsWorkflows(wanted) => {
                needs.extend(
                    wanted
                        .into_iter()
                        .filter(|one| !needs.contains(one))
                        .collect::<Vec<_>>(),
                );
                continue;
            }
            FileMatch::No(_) if event.is_target() && !planned::names_target(file) => continue,
            FileMatch::No(reason) => Outcome::No(reason),
            FileMatch::Runs(planned) => starts(planned, file, skip_ci, only.job),
        };
        decisions.push(Decision {
            path: file.path.clone(),
            outcome,
        });
    }
    if !needs.is_empty() {
        return Deciding::NeedsWorkflows(needs);
    }
    let left_out = files
        .left_out
        .iter()
        .filter(|path| dirs::counts(path, &policy))
        .count();
    // What the default branch has too many of, its own pushes say.
    if left_out > 0 && !event.is_target() && !matches!(event.kind, EventKind::Repository(_)) {
        let diagnosis = view::files_left_out(left_out).into();
        decisions.push(broken(WORKFLOW_DIRS[0], diagnosis));
    }
    let awaited = Awaited::of(event, files, &policy);
    if let Some(awaited) = awaited.as_ref().filter(|_| planned::changes_files(event))
        && let Some(diagnosis) = view::waits_left_out(awaited.schedules_left_out, awaited.followed_left_out)
    {
        decisions.push(broken(WORKFLOW_DIRS[0], diagnosis.into()));
    }
    Deciding::Decided(Box::new(Decided {
        policy,
        files: decisions,
        waits: awaited.map(|awaited| awaited.waits),
    }))
}

fn starts(planned: Planned, file: &SourceFile, skip_ci: bool, only_job: Option<&JobKey>) -> Outcome {
    let planned = if skip_ci {
        planned.held(Hold::SkipCi)
    } else {
        planned
    };
    let planned = match only_job {
        Some(key) => planned.only(key),
        None => planned,
    };
    if planned.nodes.is_empty() {
        return Outcome::No("it has no such job".to_owned());
    }
    let source = match &file.content {
        SourceContent::Text(text) => Some(text.clone()),
        SourceContent::TooLarge(_) | SourceContent::Binary => None,
    };
    Outcome::Run { planned, source }
}

/// Why a `workflow_dispatch` is for another file; none where it is for this one, or the event is another one.
fn other_dispatched(event: &Event, file: &SourceFile, all: &[&SourceFile]) -> Option<String> {
    let EventKind::WorkflowDispatch(dispatch) = &event.kind else {
        return None;
    };
    let paths = all.iter().map(|file| file.path.as_str());
    let is_this = checkmill_workflow::dispatched(&dispatch.workflow, paths) == Some(file.path.as_str());
    (!is_this).then(|| format!("the event asks for {}", dispatch.workflow))
}

fn broken(path: &str, diagnosis: Diagnosis) -> Decision {
    Decision {
        path: path.to_owned(),
        outcome: Outcome::Run {
            planned: Planned::broken(path, diagnosis),
            source: None,
        },
    }
}

/// A broken policy stops what it would govern. Its places are those of the default branch: elsewhere, the file may differ.
fn broken_policy(event: &Event, files: &PlanningFiles, mut diagnosis: Diagnosis) -> Decided {
    if !event.moves_default_branch() {
        diagnosis.marks.clear();
    }
    let stops = !files.workflows.is_empty() && planned::changes_files(event);
    Decided {
        policy: Policy::default(),
        files: stops
            .then(|| broken(POLICY_PATH, diagnosis))
            .into_iter()
            .collect(),
        waits: None,
    }
}

/// The policy of a file; what is wrong where it can't be read. No file is the default policy.
fn policy(file: Option<&SourceFile>) -> Result<Policy, Diagnosis> {
    let Some(file) = file else {
        return Ok(Policy::default());
    };
    match &file.content {
        SourceContent::Text(text) => planned::policy(&file.path, text),
        SourceContent::TooLarge(bytes) => Err(view::too_large(&file.path, *bytes).into()),
        SourceContent::Binary => Err(view::not_text(&file.path).into()),
    }
}

/// The default branch's files in the place of the commit's, under the same policy.
pub(crate) fn target_files(of: PlanningFiles, head: BranchFiles) -> PlanningFiles {
    PlanningFiles {
        policy: of.policy,
        archived: of.archived,
        workflows: head.workflows,
        left_out: head.left_out,
        ..PlanningFiles::default()
    }
}

/// One delivery of a pull request may start a file twice: as `pull_request`, and as `pull_request_target`.
pub(crate) fn run_id(event: &Event, path: &str) -> RunId {
    if event.is_target() {
        RunId::derive(&event.delivery, &format!("{path} {}", event.name()))
    } else {
        RunId::derive(&event.delivery, path)
    }
}

/// The run that a file's decision becomes.
pub(crate) fn run_of(
    event: &Event,
    sha: &CommitSha,
    policy: &Policy,
    planned: Planned,
    number: Option<u64>,
    now: UnixMillis,
) -> Run {
    let workflow = planned.workflow;
    let mut run = Run {
        id: run_id(event, &planned.path),
        installation: event.installation,
        event: event.clone(),
        sha: sha.clone(),
        workflow_path: planned.path,
        workflow_name: planned.name,
        title: None,
        number,
        rerun_by: None,
        policy: policy.clone(),
        trust: Trust::of(event, policy),
        hold: planned.hold,
        concurrency: None,
        cancelled: Vec::new(),
        nodes: planned.nodes,
        asked: BTreeMap::new(),
        comment: None,
        comment_claimed_until: None,
        created_at: now,
        version: 1,
    };
    match workflow.map(|workflow| evaluate::of_run(&workflow, &run)) {
        Some(Ok((title, concurrency))) => (run.title, run.concurrency) = (title, concurrency),
        Some(Err(diagnosis)) => {
            let broken = Planned::broken(&run.workflow_path, diagnosis);
            (run.hold, run.nodes) = (broken.hold, broken.nodes);
        }
        None => {}
    }
    run
}

#[cfg(test)]
mod tests {
    use crate::archives::tests::{pull, push, target};
    use checkmill_core::Run;
    use checkmill_core::event::{EndedRun, Origin, RepositoryEvent, RepositoryEventName, Subject};
    use checkmill_core::policy::{Access, TargetForks, TokenPermissions};
    use checkmill_core::run::Trust;

    fn planned(mut run: Run) -> Run {
        run.trust = Trust::of(&run.event, &run.policy);
        run
    }

    fn approved(mut run: Run) -> Run {
        run.trust = Trust::ForkApproved {
            by: "ann".parse().unwrap(),
            at: checkmill_core::UnixMillis(1),
        };
        run
    }

    fn writes(run: &Run) -> bool {
        let access = |access| TokenPermissions([("contents".to_owned(), access)].into());
        run.permitted(&access(Access::Write)) == access(Access::Write)
    }

    /// `(starts, has secrets, may write, checks out anything)`.
    fn rights(run: &Run) -> [bool; 4] {
        let anything = run.only_own_commits().is_none();
        [run.trust.may_run(), run.may_have_secrets(), writes(run), anything]
    }

    /// What each kind of run may do, under a policy that lets jobs write.
    #[test]
    fn rights_of_runs() {
        let under = |mut run: Run, change: &dyn Fn(&mut checkmill_core::policy::Policy)| {
            let all = TokenPermissions([("contents".to_owned(), Access::Write)].into());
            run.policy.permissions = all;
            change(&mut run.policy);
            planned(run)
        };
        let plain = |_: &mut checkmill_core::policy::Policy| {};
        let asks = |policy: &mut checkmill_core::policy::Policy| {
            policy.pull_request_target.forks = TargetForks::Approval;
            policy.pull_request_target.secrets = true;
            policy.pull_request_target.permissions = policy.permissions.clone();
        };
        let own = |mut run: Run| {
            if let checkmill_core::EventKind::PullRequestTarget(pull) = &mut run.event.kind {
                pull.head.repository = Some(run.event.repository.name.clone());
            }
            run
        };
        let happens = |mut run: Run, subject: Subject| {
            run.event.kind = checkmill_core::EventKind::Repository(RepositoryEvent {
                name: RepositoryEventName::PullRequestReview,
                action: None,
                subject,
                payload: "{}".to_owned(),
            });
            run
        };
        let review = |run: Run| {
            let pull = run.event.pull_request().cloned().unwrap();
            happens(run, Subject::PullRequest { pull })
        };
        let deployed = |origin: Origin| {
            let run = push("main");
            let (sha, written) = (run.sha.clone(), run.sha.to_string());
            happens(run, Subject::Deployed { sha, written, origin })
        };
        for (what, run, expected) in [
            (
                "a review of a fork's",
                under(review(pull("main")), &plain),
                [false, false, false, true],
            ),
            (
                "and approved",
                approved(under(review(pull("main")), &plain)),
                [true, false, false, true],
            ),
            (
                "an issue",
                under(happens(push("main"), Subject::DefaultBranch), &plain),
                [true, true, true, true],
            ),
            (
                "deployed by its id",
                under(deployed(Origin::Unknown), &plain),
                [false, false, false, true],
            ),
            (
                "deployed and approved",
                approved(under(deployed(Origin::Unknown), &plain)),
                [true, false, false, true],
            ),
            (
                "deployed of main",
                under(deployed(Origin::DefaultBranch), &plain),
                [true, true, true, true],
            ),
            ("a push", under(push("main"), &plain), [true, true, true, true]),
            (
                "a fork's",
                under(pull("main"), &plain),
                [false, false, false, true],
            ),
            (
                "approved",
                approved(under(pull("main"), &plain)),
                [true, false, false, true],
            ),
            (
                "the target",
                under(target("main"), &plain),
                [true, false, false, false],
            ),
            (
                "of an own branch",
                under(own(target("main")), &plain),
                [true, false, false, true],
            ),
            (
                "that asks",
                under(target("main"), &asks),
                [false, false, true, false],
            ),
            (
                "and is approved",
                approved(under(target("main"), &asks)),
                [true, true, true, false],
            ),
            (
                "own, policy",
                under(own(target("main")), &asks),
                [true, true, true, true],
            ),
        ] {
            assert_eq!(rights(&run), expected, "{what}");
        }
        // What follows a run of somebody's commit may not check it out.
        for (origin, is_own) in [(Origin::Unknown, false), (Origin::DefaultBranch, true)] {
            let run = under(deployed(origin), &plain);
            let head = EndedRun::of(&run, "success").head_repository;
            assert_eq!(head == Some(run.event.repository.name), is_own);
        }
        let never = under(target("main"), &|policy| {
            policy.pull_request_target.forks = TargetForks::Never
        });
        assert!(!never.trust.may_run() && !crate::plan::may_be_approved(&never));
        let asking = under(target("main"), &asks);
        assert!(crate::plan::may_be_approved(&asking));
    }

    #[test]
    fn one_delivery_starts_a_file_twice() {
        let (pull, target) = (pull("main"), target("main"));
        assert_ne!(
            super::run_id(&pull.event, "ci.yml"),
            super::run_id(&target.event, "ci.yml")
        );
        assert_eq!(
            (pull.check_sha(), target.check_sha()),
            (&pull.sha, &"3".repeat(40).parse().unwrap())
        );
        let head = target.check_sha();
        let only = approved(target.clone()).only_own_commits().unwrap();
        assert!(
            only.contains(&target.sha) && only.contains(head),
            "the approved commit, and none that follows it: {only:?}"
        );
        assert!(!pull.is_approved_with(&target) && target.is_approved_with(&target));
        let only = target.only_own_commits().unwrap();
        assert!(
            only.contains(&target.sha) && !only.contains(target.check_sha()),
            "{only:?}"
        );
    }
}
