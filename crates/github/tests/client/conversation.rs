//! The adapter and the webhook parser in conversation with the stateful fake GitHub, which refuses what GitHub refuses.

use checkmill_core::event::{ButtonAction, GitRef};
use checkmill_core::policy::{Access, TokenPermissions};
use checkmill_core::{
    AttemptNumber, CheckRunId, CommitSha, End, Event, EventKind, JobId, Millis, Reason, UnixMillis, limits,
};
use checkmill_github::client::{GitHub, GitHubSettings};
use checkmill_github::forge::{
    Annotation, AnnotationLevel, ChangeSet, CheckState, CheckStatus, Forge, ForgeError, NewCheck, RepoRef,
    SourceContent,
};
use checkmill_github::render::{
    self, Attempt, Ended, JobRow, JobRowState, RunComment, comment, comment_marker, completed,
};
use checkmill_github::settings::AppId;
use checkmill_github::webhook::{Parsed, WebhookSecrets, parse_for_app};
use checkmill_testkit::key::TEST_ONLY_OTHER_KEY_PEM;
use checkmill_testkit::{
    APP_ID, FakeClock, FakeGitHub, Fault, NewCommit, NewPullRequest, NewRepository, Onto, Options, Role,
    Route, SyncPoint,
};
use std::sync::Arc;

const REPO: &str = "octo-org/hello";
const DIR: &str = ".checkmill/workflows";
const POLICY: &str = ".checkmill/config.yml";
const JOB: &str = "0123456789abcdef-01234567";

struct World {
    fake: FakeGitHub,
    clock: FakeClock,
    github: GitHub,
}

/// The adapter on the fake's own clock, which waits move.
fn client(url: &str, clock: &FakeClock, key: &str) -> GitHub {
    let now = clock.clone();
    let mut settings = GitHubSettings::new(
        url.parse().unwrap(),
        AppId(APP_ID),
        key.into(),
        Arc::new(move || now.now()),
    );
    let slept = clock.clone();
    settings.sleep = Arc::new(move |span| {
        slept.advance(span);
        Box::pin(std::future::ready(()))
    });
    settings.jitter = Arc::new(|_| Millis(0));
    GitHub::new(settings).unwrap()
}

async fn world() -> World {
    let fake = FakeGitHub::start(Options::default()).await.unwrap();
    let repository = NewRepository::new(REPO)
        .collaborator("maintainer", Role::Maintain)
        .collaborator("reader", Role::Read)
        .file("README.md", "Hello")
        .file(POLICY, "forks: approval\n")
        .file(&format!("{DIR}/ci.yml"), "on: push\n")
        .file(&format!("{DIR}/notes.txt"), "no workflow\n");
    fake.add_repository(repository).unwrap();
    let clock = fake.clock().unwrap();
    let github = client(&fake.url(), &clock, FakeGitHub::app_private_key_pem());
    World { fake, clock, github }
}

impl World {
    /// The events in the webhooks that wait, verified and parsed.
    fn events(&self) -> Vec<Event> {
        let secrets = WebhookSecrets::new(self.fake.webhook_secret().into(), None).unwrap();
        let mut events = Vec::new();
        for delivery in self.fake.take_webhooks() {
            assert_eq!(secrets.verify(&delivery.body, Some(&delivery.signature)), Ok(()));
            let parsed = parse_for_app(
                &delivery.event,
                delivery.guid.as_str(),
                &delivery.body,
                UnixMillis(1),
                Some(APP_ID),
            );
            if let Parsed::Event(event) = parsed.unwrap() {
                events.push(*event);
            }
        }
        events
    }

    fn event(&self) -> Event {
        let mut events = self.events();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    /// Ends the test. The fake refused requests with these statuses and no others.
    fn finish(self, refused: &[u16]) {
        let requests = self.fake.take_refused();
        assert_eq!(
            requests.iter().map(|request| request.status).collect::<Vec<_>>(),
            refused,
            "{requests:?}"
        );
        self.fake.finish();
    }

    fn push(&self, message: &str) -> Event {
        self.fake
            .push(REPO, "main", NewCommit::new(message).write("a.txt", message))
            .unwrap();
        self.event()
    }
}

fn repo(event: &Event) -> RepoRef {
    RepoRef {
        installation: event.installation,
        id: event.repository.id,
        name: event.repository.name.clone(),
    }
}

fn queued(sha: &CommitSha) -> NewCheck {
    let attempt = Attempt {
        number: AttemptNumber::FIRST,
        labels: &[],
        backend: None,
        details_url: None,
    };
    NewCheck {
        name: "CI / test".to_owned(),
        sha: sha.clone(),
        job: job(),
        state: render::queued(&attempt),
    }
}

fn job() -> JobId {
    JOB.parse().unwrap()
}

fn ended(reason: Reason, at: UnixMillis, annotations: usize) -> CheckState {
    let end = End::new(reason, "Step \"Test\" failed with exit code 1.", at);
    let annotation = |n: usize| Annotation {
        path: "src/lib.rs".to_owned(),
        start_line: n as u32 + 1,
        end_line: n as u32 + 1,
        start_column: Some(1),
        end_column: Some(4),
        level: AnnotationLevel::Warning,
        title: Some("lint".to_owned()),
        message: format!("message {n}"),
    };
    completed(&Ended {
        attempt: Attempt {
            number: AttemptNumber::FIRST,
            labels: &[],
            backend: Some("process"),
            details_url: None,
        },
        end: &end,
        started_at: Some(at - Millis(5000)),
        queued_for: Millis(100),
        ran_for: Some(Millis(5000)),
        steps: &[],
        diagnostics: None,
        log: Some(&"line\n".repeat(100_000)),
        step_summary: "",
        annotations: (0..annotations).map(annotation).collect(),
    })
}

#[tokio::test]
async fn a_push_from_webhook_to_finished_check() {
    let world = world().await;
    let event = world.push("Second");
    let EventKind::Push(push) = &event.kind else {
        panic!("{event:?}")
    };
    let (repo, sha) = (repo(&event), push.after.clone().unwrap());
    assert_eq!(push.message, "Second");

    let files = world
        .github
        .planning_files(&repo, &sha, &[DIR, ".nowhere"], POLICY)
        .await
        .unwrap();
    assert_eq!(files.message, "Second");
    assert_eq!(
        files.policy.unwrap().content,
        SourceContent::Text("forks: approval\n".to_owned())
    );
    let paths: Vec<_> = files.workflows.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, [".checkmill/workflows/ci.yml"]);
    assert_eq!(world.fake.requests(Route::GraphQl), 1);

    let of = ChangeSet::Push {
        before: push.before.clone(),
        after: sha.clone(),
    };
    assert_eq!(
        world.github.changed_files(&repo, &of).await.unwrap().paths,
        ["a.txt"]
    );
    let main = GitRef::Branch("main".to_owned());
    assert_eq!(
        world.github.resolve_ref(&repo, &main).await,
        Ok(Some(sha.clone()))
    );

    let id = world.github.create_check(&repo, &queued(&sha)).await.unwrap();
    let running = render::in_progress(
        &Attempt {
            number: AttemptNumber::FIRST,
            labels: &[],
            backend: None,
            details_url: None,
        },
        world.clock.now(),
        Millis(10),
    );
    world.github.update_check(&repo, id, &running).await.unwrap();
    world
        .github
        .update_check(&repo, id, &ended(Reason::Test, world.clock.now(), 120))
        .await
        .unwrap();
    let check = world.fake.check_run(id).unwrap();
    assert_eq!(check.line(), "CI / test: failure");
    assert_eq!(check.external_id.as_deref(), Some(JOB));
    assert_eq!(check.annotations.len(), 120);
    assert!(check.actions.is_empty(), "the cancel button is gone");
    assert!(check.output.text.unwrap().contains("lines, "));

    // One more token than requests for tokens would be one too many.
    assert_eq!(world.fake.requests(Route::CreateToken), 1);
    world.finish(&[]);
}

#[tokio::test]
async fn a_rerun_of_one_check_and_of_all() {
    let world = world().await;
    let event = world.push("x");
    let (repo, sha) = (repo(&event), event.sha().unwrap().clone());
    let id = world.github.create_check(&repo, &queued(&sha)).await.unwrap();
    world
        .github
        .update_check(&repo, id, &ended(Reason::Test, world.clock.now(), 0))
        .await
        .unwrap();

    world.fake.rerequest_check(id, "maintainer").unwrap();
    let EventKind::CheckRunRerequested(check) = world.event().kind else {
        panic!()
    };
    assert_eq!(
        (check.id, check.head_sha.clone(), check.job),
        (id, sha.clone(), Some(job()))
    );

    world.fake.rerequest_suite(REPO, &sha, "maintainer").unwrap();
    let EventKind::CheckSuiteRerequested { head_sha } = world.event().kind else {
        panic!()
    };
    assert_eq!(head_sha, sha);

    // The second attempt's check is a new one, found by what came after the first.
    let second = world.github.create_check(&repo, &queued(&sha)).await.unwrap();
    world
        .github
        .update_check(&repo, second, &ended(Reason::Success, world.clock.now(), 0))
        .await
        .unwrap();
    let find = async |after| {
        world
            .github
            .find_check(&repo, &sha, "CI / test", &job(), after)
            .await
            .unwrap()
    };
    assert_eq!(find(None).await, Some(second));
    assert_eq!(find(Some(id)).await, Some(second));
    assert_eq!(find(Some(second)).await, None);
    assert_eq!(
        world
            .github
            .find_check(&repo, &sha, "CI / other", &job(), None)
            .await,
        Ok(None)
    );
    world.finish(&[]);
}

#[tokio::test]
async fn a_forks_pull_request_and_the_approval_button() {
    let world = world().await;
    world.fake.fork(REPO, "mallory").unwrap();
    world
        .fake
        .push(
            "mallory/hello",
            "evil",
            NewCommit::new("Try").by("mallory").write("b.txt", "b"),
        )
        .unwrap();
    let pull = NewPullRequest::from_fork(REPO, "mallory/hello", "evil").by("mallory");
    let number = world.fake.open_pull_request(pull).unwrap();
    let events = world.events();
    let event = events
        .into_iter()
        .find(|event| event.name() == "pull_request")
        .unwrap();
    assert!(event.is_from_fork());
    let (repo, sha) = (repo(&event), event.sha().unwrap().clone());

    // The fork's commit, by the base repository's installation.
    let files = world
        .github
        .planning_files(&repo, &sha, &[DIR], POLICY)
        .await
        .unwrap();
    assert_eq!(files.message, "Try");
    let changed = world
        .github
        .changed_files(&repo, &ChangeSet::PullRequest { number })
        .await
        .unwrap();
    assert_eq!(changed.paths, ["b.txt"]);

    let state = ended(Reason::ApprovalRequired, world.clock.now(), 0);
    let id = world
        .github
        .create_check(
            &repo,
            &NewCheck {
                state,
                ..queued(&sha)
            },
        )
        .await
        .unwrap();
    world.fake.click_button(id, "approve", "maintainer").unwrap();
    let event = world.event();
    assert_eq!(event.sender.as_str(), "maintainer");
    let EventKind::RequestedAction {
        action: ButtonAction::Approve,
        check,
    } = event.kind
    else {
        panic!()
    };
    assert_eq!((check.head_sha, check.job), (sha, Some(job())));

    for (login, expected) in [
        ("maintainer", true),
        ("reader", false),
        ("mallory", false),
        ("nobody-at-all", false),
    ] {
        let write = world.github.may_write(&repo, &login.parse().unwrap()).await;
        assert_eq!(write, Ok(expected), "{login}");
    }
    world.finish(&[]);
}

#[tokio::test]
async fn one_comment_that_is_kept_up_to_date() {
    let world = world().await;
    world
        .fake
        .push(REPO, "topic", NewCommit::new("Topic").write("c.txt", "c"))
        .unwrap();
    let number = world
        .fake
        .open_pull_request(NewPullRequest::new(REPO, "topic"))
        .unwrap();
    let event = world.events().pop().unwrap();
    let (repo, sha) = (repo(&event), event.sha().unwrap().clone());
    let run = job().run();
    let marker = comment_marker(&run);
    world
        .fake
        .comment(REPO, number, "reader", &format!("{marker} is mine now"))
        .unwrap();
    let body = |reason: &Reason| {
        let state = JobRowState::Ended {
            reason,
            detail: "Because.",
            ran_for: Some(Millis(1000)),
        };
        let jobs = vec![JobRow {
            name: "CI / test",
            state,
            url: None,
        }];
        comment(&RunComment {
            run: &run,
            workflow: "CI",
            sha: &sha,
            jobs,
        })
    };
    let first = world
        .github
        .write_comment(&repo, number, None, &marker, &body(&Reason::Test))
        .await
        .unwrap();
    // By the id, and by the marker when the id was lost.
    for (known, reason) in [(Some(first), Reason::Infrastructure), (None, Reason::Success)] {
        let id = world
            .github
            .write_comment(&repo, number, known, &marker, &body(&reason))
            .await;
        assert_eq!(id, Ok(first));
    }
    let comments = world.fake.comments(REPO, number).unwrap();
    assert_eq!(comments.len(), 2);
    let ours = comments.iter().find(|comment| comment.id == first).unwrap();
    assert_eq!(ours.edits, 2);
    assert!(ours.body.contains("### ✅ CI: 1 job passed"));
    let _ = world.events();
    world.finish(&[]);
}

#[tokio::test]
async fn pushes_of_every_kind_and_a_dispatch() {
    let world = world().await;
    let first = world.push("x").sha().unwrap().clone();
    world.fake.push_tags(REPO, &["v1"], &first, "maintainer").unwrap();
    let event = world.event();
    let repo = repo(&event);
    let EventKind::Push(push) = &event.kind else {
        panic!()
    };
    assert_eq!(
        (push.git_ref.clone(), push.before.clone()),
        (GitRef::Tag("v1".to_owned()), None)
    );
    let of = ChangeSet::Push {
        before: None,
        after: first.clone(),
    };
    assert_eq!(
        world.github.changed_files(&repo, &of).await.unwrap().paths,
        ["a.txt"]
    );

    let forced = world.fake.push_commits(
        REPO,
        "main",
        Onto::Nothing,
        vec![NewCommit::new("New").write("z", "z")],
    );
    assert!(
        matches!(world.event().kind, EventKind::Push(push) if push.forced && push.after.as_ref() == forced.as_ref().ok())
    );
    world
        .fake
        .push(REPO, "topic", NewCommit::new("t").write("t", "t"))
        .unwrap();
    let _ = world.event();
    world
        .fake
        .update_ref(REPO, "refs/heads/topic", None, "maintainer")
        .unwrap();
    assert!(matches!(world.event().kind, EventKind::Push(push) if push.after.is_none()));
    assert_eq!(
        world
            .github
            .resolve_ref(&repo, &GitRef::Branch("topic".to_owned()))
            .await,
        Ok(None)
    );

    world
        .fake
        .dispatch_workflow(
            REPO,
            "deploy.yml",
            "refs/heads/main",
            &[("to", "prod")],
            "maintainer",
        )
        .unwrap();
    let EventKind::WorkflowDispatch(dispatch) = world.event().kind else {
        panic!()
    };
    assert_eq!(dispatch.git_ref, GitRef::Branch("main".to_owned()));
    assert_eq!(dispatch.inputs["to"], "prod");
    world.finish(&[]);
}

#[tokio::test]
async fn a_lost_answer_to_create_is_found_not_repeated() {
    let world = world().await;
    let event = world.push("x");
    let (repo, sha) = (repo(&event), event.sha().unwrap().clone());
    for fault in [Fault::DropAnswerAfterEffect, Fault::GarbledAnswerAfterEffect] {
        let before = world.fake.check_runs(REPO).unwrap().len();
        world.fake.fail_next(Route::CreateCheckRun, fault);
        let lost = world.github.create_check(&repo, &queued(&sha)).await;
        assert!(matches!(lost, Err(ForgeError::Transient(_))), "{lost:?}");
        let there = world.fake.check_runs(REPO).unwrap();
        assert_eq!(there.len(), before + 1);
        let found = world
            .github
            .find_check(&repo, &sha, "CI / test", &job(), None)
            .await
            .unwrap();
        assert_eq!(found, there.last().map(|check| check.id));
        world
            .github
            .update_check(
                &repo,
                found.unwrap(),
                &ended(Reason::Success, world.clock.now(), 0),
            )
            .await
            .unwrap();
    }
    world.finish(&[]);
}

#[tokio::test]
async fn annotations_survive_a_lost_answer_without_doubles() {
    let world = world().await;
    let event = world.push("x");
    let repo = repo(&event);
    let id = world
        .github
        .create_check(&repo, &queued(event.sha().unwrap()))
        .await
        .unwrap();
    let state = ended(Reason::Test, world.clock.now(), 130);
    world
        .fake
        .fail_next(Route::UpdateCheckRun, Fault::DropAnswerAfterEffect);
    assert!(world.github.update_check(&repo, id, &state).await.is_err());
    world.github.update_check(&repo, id, &state).await.unwrap();
    let check = world.fake.check_run(id).unwrap();
    let messages: Vec<_> = check
        .annotations
        .iter()
        .map(|annotation| annotation.message.clone())
        .collect();
    assert_eq!(
        messages,
        (0..130).map(|n| format!("message {n}")).collect::<Vec<_>>()
    );
    world.finish(&[]);
}

#[tokio::test]
async fn short_faults_are_ridden_out_and_long_limits_reported() {
    let world = world().await;
    let event = world.push("x");
    let repo = repo(&event);
    let main = GitRef::Branch("main".to_owned());
    for fault in [
        Fault::Status(502),
        Fault::DropBeforeEffect,
        Fault::SecondaryRateLimit {
            status: 429,
            retry_after_secs: Some(3),
        },
        Fault::PrimaryRateLimit { resets_in_secs: 4 },
    ] {
        world.fake.fail_next(Route::GetRef, fault);
        assert!(world.github.resolve_ref(&repo, &main).await.is_ok());
    }
    for (fault, secs) in [
        (
            Fault::SecondaryRateLimit {
                status: 403,
                retry_after_secs: None,
            },
            60,
        ),
        (Fault::PrimaryRateLimit { resets_in_secs: 1800 }, 1800),
    ] {
        world.fake.fail_next(Route::GetRef, fault);
        let limited = world.github.resolve_ref(&repo, &main).await;
        let Err(ForgeError::RateLimited { retry_after, .. }) = limited else {
            panic!("{limited:?}")
        };
        assert_eq!(retry_after, Millis::from_secs(secs));
    }
    world.finish(&[]);
}

#[tokio::test]
async fn tokens_are_renewed_and_made_once_for_many() {
    let world = world().await;
    let event = world.push("x");
    let repo = repo(&event);
    let main = GitRef::Branch("main".to_owned());
    let hold = SyncPoint::new();
    world
        .fake
        .fail_next(Route::CreateToken, Fault::HoldBefore(hold.clone()));
    let many = futures::future::join_all((0..10).map(|_| world.github.resolve_ref(&repo, &main)));
    let (results, ()) = tokio::join!(many, async {
        hold.reached().await;
        hold.release();
    });
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(world.fake.requests(Route::CreateToken), 1);
    // Nearly at its end, and long after it: the fake refuses a token that has run out.
    for pass in [Millis::from_minutes(51), Millis::from_minutes(300)] {
        world.clock.advance(pass);
        assert!(world.github.resolve_ref(&repo, &main).await.is_ok());
    }
    assert_eq!(world.fake.requests(Route::CreateToken), 3);
    world.finish(&[]);
}

#[tokio::test]
async fn a_jobs_token_has_less_than_the_apps() {
    let world = world().await;
    let event = world.push("x");
    let repo = repo(&event);
    let wanted = [
        ("contents", Access::Write),
        ("checks", Access::Read),
        ("packages", Access::Write),
    ];
    let wanted = TokenPermissions(wanted.map(|(name, access)| (name.to_owned(), access)).into());
    let token = world.github.job_token(&repo, &wanted).await.unwrap();
    assert_eq!(token.expires_at, world.clock.now() + Millis::from_minutes(60));
    world.finish(&[]);
}

#[tokio::test]
async fn the_wrong_key_an_installation_that_is_gone_and_one_that_is_suspended() {
    let world = world().await;
    let event = world.push("x");
    let repo = repo(&event);
    let main = GitRef::Branch("main".to_owned());
    let stranger = client(&world.fake.url(), &world.clock, TEST_ONLY_OTHER_KEY_PEM);
    let error = stranger.resolve_ref(&repo, &main).await.unwrap_err();
    assert!(
        matches!(&error, ForgeError::Forbidden(text) if text.contains("is this the key of App 1")),
        "{error}"
    );

    world.fake.set_suspended(repo.installation, true).unwrap();
    let error = world.github.resolve_ref(&repo, &main).await.unwrap_err();
    assert!(matches!(error, ForgeError::Forbidden(_)), "{error}");

    world.fake.uninstall(repo.installation).unwrap();
    let error = world.github.resolve_ref(&repo, &main).await.unwrap_err();
    assert!(
        matches!(&error, ForgeError::NotFound(what) if what.contains("installation")),
        "{error}"
    );
    let _ = world.events();
    world.finish(&[401, 403, 404]);
}

#[tokio::test]
async fn an_enterprise_servers_addresses() {
    let world = world().await;
    let event = world.push("x");
    let (repo, sha) = (repo(&event), event.sha().unwrap().clone());
    let github = client(
        &world.fake.enterprise_url(),
        &world.clock,
        FakeGitHub::app_private_key_pem(),
    );
    let files = github.planning_files(&repo, &sha, &[DIR], POLICY).await.unwrap();
    assert_eq!(files.workflows.len(), 1);
    assert_eq!(world.fake.requests(Route::GraphQl), 1);
    assert_eq!(world.fake.requests(Route::GetContents), 0);
    world.finish(&[]);
}

/// Without GraphQL the same files come, one request each.
#[tokio::test]
async fn both_ways_to_read_files_agree() {
    let world = world().await;
    let large = "x".repeat(limits::WORKFLOW_FILE_BYTES + 1);
    let commit = NewCommit::new("Files")
        .write(&format!("{DIR}/zz.yaml"), "on: x\n")
        .write(&format!("{DIR}/binary.yml"), [0xff, 0x00, 0xfe])
        .write(&format!("{DIR}/medium.yml"), "y".repeat(600 * 1024))
        .write(&format!("{DIR}/large.yml"), &large)
        .write(&format!("{DIR}/sub/deep.yml"), "no\n");
    world.fake.push(REPO, "main", commit).unwrap();
    let event = world.event();
    let (repo, sha) = (repo(&event), event.sha().unwrap().clone());
    let by_graphql = world
        .github
        .planning_files(&repo, &sha, &[DIR], POLICY)
        .await
        .unwrap();
    world.fake.fail_next(Route::GraphQl, Fault::Status(404));
    let by_rest = world
        .github
        .planning_files(&repo, &sha, &[DIR], POLICY)
        .await
        .unwrap();
    assert_eq!(by_graphql, by_rest);
    let shown: Vec<_> = by_rest
        .workflows
        .iter()
        .map(|file| {
            let content = match &file.content {
                SourceContent::Text(text) => format!("{} bytes", text.len()),
                other => format!("{other:?}"),
            };
            format!("{}: {content}", file.path)
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    .checkmill/workflows/binary.yml: Binary
    .checkmill/workflows/ci.yml: 9 bytes
    .checkmill/workflows/large.yml: TooLarge(1048577)
    .checkmill/workflows/medium.yml: 614400 bytes
    .checkmill/workflows/zz.yaml: 6 bytes
    ");
    world.finish(&[]);
}

#[tokio::test]
async fn what_is_not_there() {
    let world = world().await;
    let event = world.push("x");
    let repo = repo(&event);
    let nowhere: CommitSha = "aaaa728f27ae82c7b1a177c8d03f9e96e0adf246".parse().unwrap();
    let files = world.github.planning_files(&repo, &nowhere, &[DIR], POLICY).await;
    assert!(matches!(files, Err(ForgeError::NotFound(_))), "{files:?}");
    let update = world
        .github
        .update_check(
            &repo,
            CheckRunId(1),
            &ended(Reason::Success, world.clock.now(), 0),
        )
        .await;
    assert!(matches!(update, Err(ForgeError::NotFound(_))), "{update:?}");
    let create = world.github.create_check(&repo, &queued(&nowhere)).await;
    assert!(matches!(create, Err(ForgeError::Invalid(_))), "{create:?}");
    // A comparison with a commit that is gone falls back to the head's own changes.
    let of = ChangeSet::Push {
        before: Some(nowhere),
        after: event.sha().unwrap().clone(),
    };
    assert_eq!(
        world.github.changed_files(&repo, &of).await.unwrap().paths,
        ["a.txt"]
    );
    world.finish(&[404, 422]);
}

/// The state of a check as GitHub would show it, at its longest.
#[tokio::test]
async fn a_state_at_githubs_limits_is_accepted() {
    let world = world().await;
    let event = world.push("x");
    let repo = repo(&event);
    let state = CheckState {
        status: CheckStatus::Completed {
            conclusion: checkmill_core::Conclusion::Neutral,
            started_at: None,
            completed_at: world.clock.now(),
        },
        title: "🦀".repeat(1000),
        summary: "🦀\n".repeat(100_000),
        text: Some("```\n🦀\n".repeat(100_000)),
        annotations: Vec::new(),
        details_url: None,
        buttons: vec![ButtonAction::Approve, ButtonAction::Cancel],
    };
    let id = world
        .github
        .create_check(
            &repo,
            &NewCheck {
                state,
                ..queued(event.sha().unwrap())
            },
        )
        .await
        .unwrap();
    assert_eq!(world.fake.check_run(id).unwrap().actions.len(), 2);
    world.finish(&[]);
}
