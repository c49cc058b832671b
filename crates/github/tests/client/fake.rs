//! The adapter and the webhook parser in front of the stateful fake GitHub, which refuses what GitHub refuses.

use checkmill_core::{AttemptNumber, CommitSha, End, Event, JobId, Millis, Reason, UnixMillis};
use checkmill_github::client::{GitHub, GitHubSettings, KeySource};
use checkmill_github::forge::{
    Annotation, AnnotationLevel, ChangeSet, ChangedFiles, CheckState, Forge, NewCheck, RepoRef,
};
use checkmill_github::render::{self, Attempt, Ended, Tests, completed};
use checkmill_github::settings::AppId;
use checkmill_github::webhook::{Parsed, WebhookSecrets, parse_for_app};
use checkmill_testkit::{APP_ID, FakeClock, FakeGitHub, NewCommit, NewRepository, Options, Role};
use std::sync::Arc;

pub(crate) const REPO: &str = "octo-org/hello";
pub(crate) const DIR: &str = ".checkmill/workflows";
pub(crate) const POLICY: &str = ".checkmill/config.yml";
pub(crate) const JOB: &str = "0123456789abcdef-01234567";

pub(crate) struct World {
    pub(crate) fake: FakeGitHub,
    pub(crate) clock: FakeClock,
    pub(crate) github: GitHub,
}

/// The adapter on the fake's own clock, which waits move.
pub(crate) fn client(url: &str, clock: &FakeClock, key: &str) -> GitHub {
    client_with(url, clock, key, None)
}

pub(crate) fn client_with(url: &str, clock: &FakeClock, key: &str, source: Option<KeySource>) -> GitHub {
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
    settings.key_source = source;
    GitHub::new(settings).unwrap()
}

pub(crate) async fn world() -> World {
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
    pub(crate) fn events(&self) -> Vec<Event> {
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

    pub(crate) fn event(&self) -> Event {
        let mut events = self.events();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    /// Ends the test. The fake refused requests with these statuses and no others.
    pub(crate) fn finish(self, refused: &[u16]) {
        let requests = self.fake.take_refused();
        assert_eq!(
            requests.iter().map(|request| request.status).collect::<Vec<_>>(),
            refused,
            "{requests:?}"
        );
        self.fake.finish();
    }

    /// The paths that an event changes, as the adapter finds them out.
    pub(crate) async fn changed_by(&self, event: &Event) -> Vec<String> {
        let of = ChangeSet::of(&event.kind).unwrap();
        match self.github.changed_files(&repo(event), &of).await.unwrap() {
            ChangedFiles::Known { paths, truncated, .. } => {
                assert!(!truncated, "{paths:?}");
                paths
            }
            ChangedFiles::Unknown { why } => panic!("not known: {why}"),
        }
    }

    pub(crate) fn push(&self, message: &str) -> Event {
        self.fake
            .push(REPO, "main", NewCommit::new(message).write("a.txt", message))
            .unwrap();
        self.event()
    }
}

pub(crate) fn repo(event: &Event) -> RepoRef {
    RepoRef {
        installation: event.installation,
        id: event.repository.id,
        name: event.repository.name.clone(),
    }
}

pub(crate) fn queued(sha: &CommitSha) -> NewCheck {
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
        state: render::queued(&attempt, &[]),
    }
}

pub(crate) fn job() -> JobId {
    JOB.parse().unwrap()
}

pub(crate) fn ended(reason: Reason, at: UnixMillis, annotations: usize) -> CheckState {
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
        cost: None,
        translated: &[],
        notes: &[],
        steps: &[],
        tests: Tests::default(),
        run_name: None,
        diagnostics: None,
        log: Some(&"line\n".repeat(100_000)),
        step_summary: "",
        annotations: (0..annotations).map(annotation).collect(),
    })
}
