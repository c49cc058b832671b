//! Jobs on Lightning AI, from a push to the finished check. The service is a stand-in that runs them as processes.

use crate::conversation::REPO;
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::lightning::{Fault, KEY, Lightning, TEAMSPACE, USER};
use checkmill_testkit::{NewRepository, Role};

struct Site {
    cloud: Lightning,
    served: Served,
    /// Its file of backends.
    _files: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let cloud = Lightning::start().await.unwrap();
        let files = tempfile::tempdir().unwrap();
        let file = files.path().join("backends.toml");
        let text = format!(
            r#"
[[backend]]
name = "lightning"
[backend.lightning]
url = "{url}"
user-id = "{USER}"
api-key-environment = "LIGHTNING_API_KEY"
teamspace = "{TEAMSPACE}"
agent = "{program}"
agent-arguments = ["agent"]
log-seconds = 5
[[backend.lightning.for]]
label = "spot"
machine = "L4"
interruptible = true
"#,
            url = cloud.url(),
            program = env!("CARGO_BIN_EXE_checkmill"),
        );
        std::fs::write(&file, text).unwrap();
        let repository = NewRepository::new(REPO).collaborator("ann", Role::Write);
        let variables = vec![
            ("CHECKMILL_BACKENDS".to_owned(), file.display().to_string()),
            ("LIGHTNING_API_KEY".to_owned(), KEY.to_owned()),
        ];
        let served = Served::start_with(repository, variables).await;
        Self {
            cloud,
            served,
            _files: files,
        }
    }

    async fn finish(self) {
        let empty = || self.cloud.jobs().is_empty().then_some(());
        self.served.until("no job in the teamspace", empty).await;
        assert!(!self.served.log().contains(KEY), "the log holds the key");
        self.served.finish().await;
    }
}

#[tokio::test]
async fn lightning_runs_jobs_to_their_checks() {
    let site = Site::start().await;
    // One answer is lost, and one machine taken away.
    site.cloud.next("POST", Fault::AnswerLost);
    let text = r#"
name: CI
on: push
jobs:
  code:
    runs-on: [lightning, CPU]
    strategy:
      fail-fast: false
      matrix:
        code: [0, 3]
    steps:
      - name: End
        run: |
          echo "image ${IMAGE_VERSION} ${LIGHTNING_API_KEY:-without a key}"
          exit ${{ matrix.code }}
  moon:
    runs-on: [lightning, MOON]
    steps:
      - run: echo never
"#;
    site.served.push_workflow(text).await;
    insta::assert_snapshot!(site.served.checks(3).await, @r"
    CI / code (0): success
    CI / code (3): failure
    CI / moon: failure
    ");
    let failed = page(&site.served.completed("CI / code (3)").await);
    for part in [
        "image 1 without a key",
        "exit code 3",
        "on `lightning` · cost $0.0125",
    ] {
        assert!(failed.contains(part), "{part}: {failed}");
    }
    let moon = page(&site.served.completed("CI / moon").await);
    assert!(moon.contains(r"lightning (a100, a100\_40gb,"), "{moon}");
    site.finish().await;
}

#[tokio::test]
async fn lightning_loses_a_machine_and_the_job_is_tried_again() {
    let site = Site::start().await;
    let text = r#"
name: CI
on: push
jobs:
  slow:
    runs-on: [lightning, spot]
    steps:
      - run: |
          echo run >> {desk}/started
          until [ -e {desk}/go ]; do sleep 0.05; done
"#;
    site.served.push_workflow(text).await;
    let first = site.served.running("CI / slow").await;
    site.served.mark("started").await;
    let job = site.cloud.jobs().remove(0);
    assert_eq!(
        (
            &job["spec"]["spot"],
            &job["spec"]["instanceName"],
            &job["spec"]["image"]
        ),
        (&true.into(), &"lit-l4-1".into(), &"ubuntu:22.04".into())
    );
    site.cloud.interrupt(job["id"].as_str().unwrap());
    site.served.allow("go");
    let last = site.served.after(&first).await;
    assert_eq!(last.line(), "CI / slow: success");
    assert_eq!(
        site.served.mark("started").await,
        "run\nrun",
        "once for each attempt"
    );
    site.finish().await;
}
