//! The adapter and the stateful fake GitHub on a bad day: lost answers, limits, credentials, things that are not there.

use crate::fake::*;
use checkmill_core::event::{ButtonAction, GitRef};
use checkmill_core::policy::{Access, TokenPermissions};
use checkmill_core::{CheckRunId, CommitSha, Millis, Reason};
use checkmill_github::client::KeySource;
use checkmill_github::forge::{
    Beside, ChangeSet, ChangedFiles, CheckState, CheckStatus, Forge, ForgeError, NewCheck,
};
use checkmill_testkit::key::TEST_ONLY_OTHER_KEY_PEM;
use checkmill_testkit::{FakeGitHub, Fault, Route, SyncPoint};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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
        matches!(&error, ForgeError::Transient(text) if text.contains("is this the key of App 1")),
        "{error}"
    );

    world.fake.set_suspended(repo.installation, true).unwrap();
    let error = world.github.resolve_ref(&repo, &main).await.unwrap_err();
    assert!(matches!(error, ForgeError::Forbidden(_)), "{error}");

    world.fake.uninstall(repo.installation).unwrap();
    let error = world.github.resolve_ref(&repo, &main).await.unwrap_err();
    assert!(
        matches!(&error, ForgeError::NotInstalled(what) if what.contains("installation")),
        "{error}"
    );
    let _ = world.events();
    world.finish(&[401, 403, 404]);
}

/// A leaked key is deleted on GitHub at once; the functions that began with it go on with the one that is put in its place.
#[tokio::test]
async fn a_key_that_was_changed_is_read_again() {
    let world = world().await;
    let event = world.push("x");
    let repo = repo(&event);
    let main = GitRef::Branch("main".to_owned());
    for (there_is, works) in [
        (Some(FakeGitHub::app_private_key_pem()), true),
        (Some(TEST_ONLY_OTHER_KEY_PEM), false),
        (Some("no key"), false),
        (None, false),
    ] {
        let read = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&read);
        let source: KeySource = Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(std::future::ready(there_is.map(Into::into)))
        });
        let client = client_with(
            &world.fake.url(),
            &world.clock,
            TEST_ONLY_OTHER_KEY_PEM,
            Some(source),
        );
        let head = client.resolve_ref(&repo, &main).await;
        assert_eq!(head.is_ok(), works, "{head:?}");
        assert_eq!(read.load(Ordering::Relaxed), 1);
    }
    let _ = world.events();
    world.finish(&[401; 4]);
}

#[tokio::test]
async fn what_is_not_there() {
    let world = world().await;
    let event = world.push("x");
    let repo = repo(&event);
    let nowhere: CommitSha = "aaaa728f27ae82c7b1a177c8d03f9e96e0adf246".parse().unwrap();
    let files = world
        .github
        .planning_files(&repo, &nowhere, &[DIR], POLICY, Beside::Nothing)
        .await;
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
    // What lies between a commit that is gone and another is not known.
    let after = event.sha().unwrap().clone();
    for of in [
        ChangeSet::Forced {
            before: nowhere.clone(),
            after: after.clone(),
        },
        ChangeSet::Created {
            first: Some(nowhere),
            after,
        },
    ] {
        let changed = world.github.changed_files(&repo, &of).await;
        assert!(matches!(changed, Ok(ChangedFiles::Unknown { .. })), "{changed:?}");
    }
    world.finish(&[404, 422, 422]);
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
