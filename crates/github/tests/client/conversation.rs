//! The adapter and the webhook parser in conversation with the stateful fake GitHub: what happens on a good day.

use crate::fake::*;
use checkmill_core::event::{ButtonAction, GitRef};
use checkmill_core::{AttemptNumber, EventKind, Millis, Reason, limits};
use checkmill_github::forge::{Beside, ChangeSet, FileAtRef, Forge, FoundFile, NewCheck, SourceContent};
use checkmill_github::render::{self, Attempt, JobRow, JobRowState, RunComment, comment, comment_marker};
use checkmill_testkit::{FakeGitHub, Fault, NewCommit, NewPullRequest, NewRepository, Onto, Route};

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
        .planning_files(&repo, &sha, &[DIR, ".nowhere"], POLICY, Beside::Nothing)
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

    assert_eq!(world.changed_by(&event).await, ["a.txt"]);
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
        .planning_files(&repo, &sha, &[DIR], POLICY, Beside::Nothing)
        .await
        .unwrap();
    assert_eq!(files.message, "Try");
    assert_eq!(
        ChangeSet::of(&event.kind),
        Some(ChangeSet::PullRequest { number })
    );
    assert_eq!(world.changed_by(&event).await, ["b.txt"]);

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
            title: None,
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
    // No commit is new: the head's own changes.
    assert_eq!(push.first, None);
    assert_eq!(world.changed_by(&event).await, ["a.txt"]);

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
async fn an_enterprise_servers_addresses() {
    let world = world().await;
    let event = world.push("x");
    let (repo, sha) = (repo(&event), event.sha().unwrap().clone());
    let github = client(
        &world.fake.enterprise_url(),
        &world.clock,
        FakeGitHub::app_private_key_pem(),
    );
    let files = github
        .planning_files(&repo, &sha, &[DIR], POLICY, Beside::Nothing)
        .await
        .unwrap();
    assert_eq!(files.workflows.len(), 1);
    assert_eq!(world.fake.requests(Route::GraphQl), 1);
    assert_eq!(world.fake.requests(Route::GetContents), 0);
    world.finish(&[]);
}

/// Files of other repositories: all in one request, or three requests each without GraphQL.
#[tokio::test]
async fn both_ways_to_read_files_of_other_repositories_agree() {
    let world = world().await;
    let fake = &world.fake;
    let path = ".github/workflows/a.yml";
    let large = "x".repeat(600 * 1024);
    let shared = NewRepository::new("octo/shared").not_installed();
    fake.add_repository(shared.file(path, "on: old\n").file("large.yml", &large))
        .unwrap();
    let old = fake
        .push(
            "octo/shared",
            "v2",
            NewCommit::new("Old").write(path, "on: old\n"),
        )
        .unwrap();
    let tagged = fake
        .push(
            "octo/shared",
            "main",
            NewCommit::new("New").write(path, "on: new\n"),
        )
        .unwrap();
    fake.push_annotated_tag("octo/shared", "v1", &tagged, "One", "octo")
        .unwrap();
    let hidden = NewRepository::new("octo/hidden").private().not_installed();
    fake.add_repository(hidden.file(path, "on: x\n")).unwrap();
    let owner = REPO.split('/').next().unwrap();
    let own = format!("{owner}/private");
    fake.add_repository(NewRepository::new(&own).private().file(path, "on: own\n"))
        .unwrap();
    let event = world.push("x");
    let wanted: Vec<FileAtRef> = [
        ("octo/shared", "v1", path),
        ("octo/shared", "v2", path),
        ("octo/shared", old.as_str(), path),
        ("octo/shared", "v1", "large.yml"),
        ("octo/shared", "v9", path),
        ("octo/shared", "v1", "gone.yml"),
        ("octo/hidden", "main", path),
        ("octo/nowhere", "main", path),
        (own.as_str(), "main", path),
    ]
    .into_iter()
    .map(|(repository, git_ref, path)| FileAtRef {
        repository: repository.parse().unwrap(),
        git_ref: git_ref.to_owned(),
        path: path.to_owned(),
    })
    .collect();
    let before = fake.requests(Route::GraphQl);
    let by_graphql = world.github.files_at(&repo(&event), &wanted).await.unwrap();
    assert_eq!(fake.requests(Route::GraphQl), before + 1);
    fake.fail_next(Route::GraphQl, Fault::Status(404));
    let by_rest = world.github.files_at(&repo(&event), &wanted).await.unwrap();
    assert_eq!(by_graphql, by_rest);
    let shown: Vec<String> = by_rest
        .iter()
        .map(|file| match file {
            FoundFile::File {
                sha,
                private,
                content: SourceContent::Text(text),
            } => {
                let which = if *sha == tagged { "new" } else { "other" };
                format!(
                    "{which} {private} {} bytes, {}",
                    text.len(),
                    text.lines().next().unwrap().get(..7).unwrap()
                )
            }
            other => format!("{other:?}"),
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    new false 8 bytes, on: new
    other false 8 bytes, on: old
    other false 8 bytes, on: old
    new false 614400 bytes, xxxxxxx
    NoRef
    NoFile
    NoRepository
    NoRepository
    other true 8 bytes, on: own
    ");
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
        .planning_files(&repo, &sha, &[DIR], POLICY, Beside::Nothing)
        .await
        .unwrap();
    world.fake.fail_next(Route::GraphQl, Fault::Status(404));
    let by_rest = world
        .github
        .planning_files(&repo, &sha, &[DIR], POLICY, Beside::Nothing)
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

/// GitHub docs, "Git diff comparisons".
#[tokio::test]
async fn what_a_push_changes() {
    let world = world().await;
    let write = |path: &str| NewCommit::new(path).write(path, path);
    let commits = |branch: &str, onto: Onto, paths: &[&str]| {
        let commits = paths.iter().map(|path| write(path)).collect();
        world.fake.push_commits(REPO, branch, onto, commits).unwrap();
        world.event()
    };
    let base = commits("main", Onto::Head, &["base"]).sha().unwrap().clone();
    let both = commits("main", Onto::Head, &["one", "two"]);
    assert_eq!(world.changed_by(&both).await, ["one", "two"]);

    // A comparison would say "other" only: what went with the old commits would be nowhere.
    let forced = commits("main", Onto::Commit(base.clone()), &["other"]);
    assert_eq!(world.changed_by(&forced).await, ["one", "other", "two"]);

    let topic = commits("topic", Onto::Head, &["a", "b", "c"]);
    assert_eq!(world.changed_by(&topic).await, ["a", "b", "c"]);
    let alone = commits("alone", Onto::Head, &["d"]);
    assert_eq!(world.changed_by(&alone).await, ["d"]);
    let orphan = commits("orphan", Onto::Nothing, &["e", "f"]);
    assert_eq!(world.changed_by(&orphan).await, ["e", "f"]);
    // A branch where another one is.
    world
        .fake
        .update_ref(REPO, "refs/heads/same", topic.sha().cloned(), "maintainer")
        .unwrap();
    assert_eq!(world.changed_by(&world.event()).await, ["c"]);
    assert_eq!(world.fake.requests(Route::GetTree), 3);
    world.finish(&[]);
}
