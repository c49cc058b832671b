//! The program, the fake GitHub it serves, and what may happen to it.

use checkmill_testkit::client::{Answer, NoAnswer, send};
use checkmill_testkit::state::delivery::Delivery;
use checkmill_testkit::{FakeGitHub, NewRepository, Options, TimeSource};
use http::Method;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

/// Longest wait for anything; the program is fast, the machine that tests it may not be.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
/// Between two tries of something that is not ready yet.
const AGAIN: Duration = Duration::from_millis(20);

pub(crate) struct Served {
    pub(crate) github: Arc<FakeGitHub>,
    address: SocketAddr,
    data: tempfile::TempDir,
    /// Where jobs leave marks for the test, and the program its log.
    outside: tempfile::TempDir,
    /// Variables of the program beside those that it needs.
    variables: Vec<(String, String)>,
    child: Child,
}

impl Served {
    /// The program, up and serving one repository in which nothing has happened yet.
    pub(crate) async fn start(repository: NewRepository) -> Self {
        Self::start_with(repository, Vec::new()).await
    }

    /// The same, with further variables of its environment.
    pub(crate) async fn start_with(repository: NewRepository, variables: Vec<(String, String)>) -> Self {
        let options = Options {
            time: TimeSource::System,
            wait_limit: LIMIT,
            ..Options::default()
        };
        let github = Arc::new(FakeGitHub::start(options).await.unwrap());
        github.add_repository(repository).unwrap();
        let address = free_address();
        let data = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::create_dir(outside.path().join("desk")).unwrap();
        let child = spawn(
            &github,
            address,
            data.path(),
            &outside.path().join("log"),
            &variables,
        );
        let served = Self {
            github,
            address,
            data,
            outside,
            variables,
            child,
        };
        served.ready().await;
        served
    }

    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, NoAnswer> {
        send(method, &format!("http://{}{path}", self.address), headers, body).await
    }

    pub(crate) async fn connect(&self) -> tokio::net::TcpStream {
        tokio::net::TcpStream::connect(self.address).await.unwrap()
    }

    async fn ready(&self) {
        let healthy = async {
            let mut tries = interval(AGAIN);
            while self.request(Method::GET, "/healthz", &[], vec![]).await.is_err() {
                tries.tick().await;
            }
        };
        timeout(LIMIT, healthy)
            .await
            .expect("the program answers /healthz");
    }

    /// Where its state is.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// The directory in which jobs leave marks for the test.
    pub(crate) fn desk(&self) -> PathBuf {
        self.outside.path().join("desk")
    }

    /// What the program has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.outside.path().join("log")).unwrap_or_default()
    }

    /// Looks again and again until `look` gives something: for what changes outside the fake GitHub.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let found = async {
            let mut tries = interval(AGAIN);
            loop {
                tries.tick().await;
                if let Some(found) = look() {
                    return found;
                }
            }
        };
        match timeout(LIMIT, found).await {
            Ok(found) => found,
            Err(_) => panic!(
                "waited in vain for {what}. What happened:\n{}",
                self.github.history()
            ),
        }
    }

    /// Delivers each webhook until it is taken.
    pub(crate) async fn deliver(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            deliver(&self.github, self.address, delivery).await;
        }
    }

    /// Delivers all at once, each until it is taken, whatever happens to the program meanwhile.
    pub(crate) fn deliver_in_background(&self, deliveries: Vec<Delivery>) -> JoinHandle<()> {
        let (github, address) = (self.github.clone(), self.address);
        tokio::spawn(async move {
            let each = deliveries
                .iter()
                .map(|delivery| deliver(&github, address, delivery));
            futures::future::join_all(each).await;
        })
    }

    /// Lets the program run for a while: the moment of a kill is the test's input, not a wait for something.
    pub(crate) async fn run_for(&self, span: Duration) {
        let _ = timeout(span, std::future::pending::<()>()).await;
    }

    /// Where it takes webhooks, for a GitHub that sends them itself.
    pub(crate) fn webhook_url(&self) -> String {
        format!("http://{}/webhook", self.address)
    }

    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill().await;
        self.restart();
    }

    /// SIGKILL: the program can't do anything about it.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again, with the state of before.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(
            &self.github,
            self.address,
            self.data.path(),
            &self.outside.path().join("log"),
            &self.variables,
        );
    }

    /// Ends the program as a person would.
    pub(crate) async fn end(&mut self) {
        // One that was just started again may not listen to signals yet.
        self.ready().await;
        let id = self.child.id().expect("the program runs");
        Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()
            .await
            .unwrap();
        let status = timeout(LIMIT, self.child.wait())
            .await
            .expect("SIGTERM ends it")
            .unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(60)..];
            #[expect(
                clippy::print_stderr,
                reason = "a failing test shows what the program said last"
            )]
            {
                eprintln!("the program's last words:\n{}", last.join("\n"));
            }
        }
    }
}

/// An address that stays the program's over its restarts: not from the range that the system gives to whoever asks for any
/// port, or a connection of another test could have it while the program is down.
fn free_address() -> SocketAddr {
    const FIRST: u32 = 20_000;
    const PORTS: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id();
    let mut ports =
        std::iter::repeat_with(|| first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS);
    let is_free = |port: u32| {
        TcpListener::bind(("127.0.0.1", u16::try_from(FIRST + port).ok()?))
            .ok()?
            .local_addr()
            .ok()
    };
    ports.find_map(is_free).expect("the ports never end")
}

fn spawn(
    github: &FakeGitHub,
    address: SocketAddr,
    data: &Path,
    log: &Path,
    variables: &[(String, String)],
) -> Child {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .unwrap();
    Command::new(env!("CARGO_BIN_EXE_checkmill"))
        .args(["serve", "--listen", &address.to_string(), "--data"])
        .arg(data)
        .env("GH_APP_ID", github.app_id().to_string())
        .env("GH_PRIVATE_KEY", FakeGitHub::app_private_key_pem())
        .env("GH_WEBHOOK_SECRET", github.webhook_secret())
        .env("GITHUB_API_URL", github.url())
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// As GitHub does and whoever redelivers what it could not make: again until it is taken.
async fn deliver(github: &FakeGitHub, address: SocketAddr, delivery: &Delivery) {
    let headers = delivery.headers();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let url = format!("http://{address}/webhook");
    let taken = async {
        let mut tries = interval(AGAIN);
        loop {
            tries.tick().await;
            if let Ok(answer) = send(Method::POST, &url, &headers, delivery.body.clone()).await
                && answer.status == 202
            {
                return answer;
            }
        }
    };
    let answer = timeout(LIMIT, taken).await.expect("the delivery is taken");
    github.record_answer(delivery, answer.status, &answer.text());
}
