//! Jobs on a real Slurm cluster, from a push to the finished check. The cluster is the test's own; `cargo xtask test --only
//! slurm` installs what it is made of.

use crate::conversation::{CI, REPO};
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::slurm::{Cluster, Settings};
use checkmill_testkit::{CheckRun, NewCommit, NewRepository, Role};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

struct Site {
    cluster: Cluster,
    served: Served,
    /// The directory that the nodes share with the program, and its file of backends.
    files: tempfile::TempDir,
}

impl Site {
    /// `url` is where slurmrestd is reached, where it is not the cluster's own.
    async fn start(cluster: Cluster, url: Option<SocketAddr>) -> Self {
        let files = tempfile::tempdir().unwrap();
        let url = url.map_or_else(|| cluster.url(), |address| format!("http://{address}"));
        let file = files.path().join("backends.toml");
        let text = format!(
            r#"
[[backend]]
name = "cluster"
labels = ["slurm", "gpu", "idle", "short"]
[backend.slurm]
url = "{url}"
api-version = "v0.0.38"
user = "root"
key-file = "{key}"
agent = "{program}"
agent-arguments = ["agent"]
shared-directory = "{shared}"
[[backend.slurm.for]]
partition = "main"
[[backend.slurm.for]]
label = "gpu"
gpus = 1
cpus = 2
memory-mb = 100
[[backend.slurm.for]]
label = "idle"
partition = "idle"
[[backend.slurm.for]]
label = "short"
time-limit-minutes = 1
"#,
            key = cluster.key_file().display(),
            program = env!("CARGO_BIN_EXE_checkmill"),
            shared = files.path().join("shared").display(),
        );
        std::fs::write(&file, text).unwrap();
        let repository = NewRepository::new(REPO).collaborator("ann", Role::Write);
        let variables = vec![("CHECKMILL_BACKENDS".to_owned(), file.display().to_string())];
        let served = Served::start_with(repository, variables).await;
        Self {
            cluster,
            served,
            files,
        }
    }

    async fn with_cluster() -> Self {
        Self::start(Cluster::start(&Settings::default()).unwrap(), None).await
    }

    /// Nothing of ours is left in the queue.
    async fn empty(&self) {
        let look = || self.cluster.squeue("%j").trim().is_empty().then_some(());
        self.served.until("an empty queue", look).await;
    }

    async fn finish(self) {
        self.empty().await;
        // What has ended and is told is forgotten.
        let shared = self.files.path().join("shared");
        let attempts = || {
            let left = std::fs::read_dir(&shared).into_iter().flatten().flatten();
            left.filter(|entry| entry.file_name().to_string_lossy().starts_with("checkmill-"))
                .count()
        };
        self.served
            .until("no attempt's directory", || (attempts() == 0).then_some(()))
            .await;
        self.served.finish().await;
    }
}

/// A job that waits for the mark `go`.
fn waiting(label: &str) -> String {
    format!(
        r#"
name: CI
on: push
jobs:
  slow:
    runs-on: {label}
    steps:
      - name: Wait
        run: |
          echo "the first words"
          echo run >> {{desk}}/started
          until [ -e {{desk}}/go ]; do sleep 0.05; done
"#
    )
}

fn line(check: &CheckRun) -> String {
    let page = page(check);
    page.lines().take(4).collect::<Vec<_>>().join(" / ")
}

#[tokio::test]
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_runs_jobs_to_their_checks() {
    let site = Site::with_cluster().await;
    let text = r#"
name: CI
on: push
jobs:
  code:
    runs-on: slurm
    strategy:
      fail-fast: false
      matrix:
        code: [0, 3, 200]
    steps:
      - name: End
        run: |
          echo "on Slurm: ${SLURM_JOB_PARTITION}"
          exit ${{ matrix.code }}
  gpu:
    runs-on: [slurm, gpu]
    steps:
      - run: |
          scontrol show job "$SLURM_JOB_ID" > {desk}/job
          echo >> {desk}/job
        env:
          SLURM_CONF: {conf}
"#
    .replace("{conf}", &site.cluster.conf().display().to_string());
    site.served.push_workflow(&text).await;
    insta::assert_snapshot!(site.served.checks(4).await, @r"
    CI / code (0): success
    CI / code (200): failure
    CI / code (3): failure
    CI / gpu: success
    ");
    let failed = site.served.completed("CI / code (3)").await;
    let page = page(&failed);
    assert!(
        page.contains("on Slurm: main") && page.contains("exit code 3"),
        "{page}"
    );
    let job = site.served.mark("job").await;
    for part in [
        "NumCPUs=2",
        "gpu:1",
        "Requeue=0",
        "TimeLimit=06:02:00",
        "Name=checkmill-",
    ] {
        assert!(job.contains(part), "{part}: {job}");
    }
    let tokens = site
        .served
        .github
        .read(|state| state.tokens.keys().cloned().collect::<Vec<_>>());
    assert!(tokens.iter().all(|token| !job.contains(token)), "{job}");
    site.finish().await;
}

#[tokio::test]
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_forgets_a_job_that_is_cancelled_before_it_starts() {
    let site = Site::with_cluster().await;
    site.served.push_workflow(&waiting("[slurm, idle]")).await;
    let queued = || (site.cluster.squeue("%T").trim() == "PENDING").then_some(());
    site.served.until("a job in the queue", queued).await;
    let check = site.served.check_that("CI / slow", "queued", |_| true).await;
    site.served.click(&check, "cancel", "ann").await;
    insta::assert_snapshot!(line(&site.served.completed("CI / slow").await), @"CI / slow: cancelled / Cancelled by ann /  / **Cancelled** (`cancelled`): Cancelled by @&#8203;ann.");
    site.empty().await;
    assert_eq!(site.served.mark_now("started"), None);
    site.finish().await;
}

#[tokio::test]
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_stops_a_job_at_its_own_limit() {
    let site = Site::with_cluster().await;
    site.served.push_workflow(&waiting("[slurm, short]")).await;
    site.served.mark("started").await;
    // A minute, and as long until Slurm looks.
    site.empty().await;
    // Slurm stops the step and the agent at once: which step it was the log tells where the agent came to write its end.
    let line = line(&site.served.completed("CI / slow").await).replace(", in step \"Wait\"", "");
    insta::assert_snapshot!(line, @"CI / slow: timed_out / Stopped at its time limit after TIME /  / **Timed out** (`run_timeout`): The backend's own time limit ended the job.");
    site.finish().await;
}

#[tokio::test]
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_loses_a_node_and_the_job_is_tried_again() {
    // Where the site has jobs requeued, ours still are not.
    let settings = Settings {
        requeue: true,
        ..Settings::default()
    };
    let site = Site::start(Cluster::start(&settings).unwrap(), None).await;
    site.served.push_workflow(&waiting("slurm")).await;
    let first = site.served.running("CI / slow").await;
    site.served.mark("started").await;
    site.cluster.set_node("DOWN");
    site.cluster.set_node("RESUME");
    let lost = site
        .served
        .check_that("CI / slow", "completed", |check| {
            check.id == first.id && check.conclusion.is_some()
        })
        .await;
    insta::assert_snapshot!(line(&lost), @"CI / slow: failure / No verdict: the infrastructure failed; retried as attempt 2 /  / **No verdict** (`infrastructure`): The job was lost: Slurm's job 1: its node failed (NodeDown)");
    site.served.allow("go");
    assert_eq!(site.served.after(&first).await.line(), "CI / slow: success");
    assert_eq!(
        site.served.mark("started").await,
        "run\nrun",
        "once for each attempt"
    );
    site.finish().await;
}

#[tokio::test]
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_may_restart_its_controller() {
    let site = Site::with_cluster().await;
    site.served.push_workflow(&waiting("slurm")).await;
    let check = site.served.running("CI / slow").await;
    site.served.mark("started").await;
    site.cluster.stop_controller().unwrap();
    site.served.allow("go");
    // A push meanwhile: its job is submitted when there is a controller again.
    let second = waiting("slurm")
        .replace("slow", "second")
        .replace("started", "second");
    site.served
        .push(NewCommit::new("More").write(CI, site.served.workflow(&second)))
        .await;
    site.served.check_that("CI / second", "there", |_| true).await;
    site.cluster.start_controller().unwrap();
    let done = site
        .served
        .check_that("CI / slow", "completed", |done| {
            done.id == check.id && done.conclusion.is_some()
        })
        .await;
    assert_eq!(done.line(), "CI / slow: success");
    assert_eq!(
        site.served.completed("CI / second").await.line(),
        "CI / second: success"
    );
    assert_eq!(site.served.mark("started").await, "run");
    assert_eq!(site.served.mark("second").await, "run");
    site.finish().await;
}

/// Forwards each connection, but keeps the answers to the first submits for itself.
async fn forgetful(to: String, lost: Arc<AtomicU32>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let to = to.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (to, lost) = (to.clone(), Arc::clone(&lost));
            tokio::spawn(async move {
                let mut server = TcpStream::connect(to).await.unwrap();
                let (mut request, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
                let mut loses = false;
                loop {
                    tokio::select! {
                        read = client.read(&mut request) => {
                            let Ok(bytes @ 1..) = read else { return };
                            // The connection may have had other requests before.
                            loses |= request.starts_with(b"POST")
                                && lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
                            server.write_all(&request[..bytes]).await.unwrap();
                        }
                        read = server.read(&mut answer) => {
                            let Ok(bytes @ 1..) = read else { return };
                            if loses {
                                return;
                            }
                            client.write_all(&answer[..bytes]).await.unwrap();
                        }
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_runs_a_job_once_whose_submit_has_no_answer() {
    let cluster = Cluster::start(&Settings::default()).unwrap();
    let lost = Arc::new(AtomicU32::new(2));
    let address = forgetful(cluster.url(), Arc::clone(&lost)).await;
    let site = Site::start(cluster, Some(address)).await;
    site.served.push_workflow(&waiting("slurm")).await;
    site.served.mark("started").await;
    site.served.allow("go");
    assert_eq!(
        site.served.completed("CI / slow").await.line(),
        "CI / slow: success"
    );
    assert!(lost.load(Ordering::SeqCst) < 2, "no answer was lost");
    assert_eq!(site.served.mark("started").await, "run", "it ran once");
    site.finish().await;
}
