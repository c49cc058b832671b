//! The Firecracker backend with VMs of a stand-in, in which the real agent runs.

use crate::subject::{alive, children, kill, submission};
use async_trait::async_trait;
use checkmill_backends::attempt::{AttemptDir, Claim};
use checkmill_backends::contract::ContractSubject;
use checkmill_backends::firecracker::{
    AgentInVm, BOOT, FirecrackerBackend, FirecrackerSettings, REQUEST, WAIT,
};
use checkmill_backends::port::{Backend, Submission, SubmitKey};
use checkmill_testkit::firecracker::{DISK, FakeFirecracker, Options, TOKEN};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) struct FirecrackerSubject {
    pub(crate) host: FakeFirecracker,
    pub(crate) settings: FirecrackerSettings,
    shared: tempfile::TempDir,
    /// What the agents call back to, where they do.
    pub(crate) callback: Option<Callback>,
}

impl FirecrackerSubject {
    pub(crate) async fn new(options: Options) -> Self {
        let built = || env!("CARGO_BIN_EXE_checkmill-agent").into();
        let agent = std::env::var_os("CHECKMILL_AGENT").unwrap_or_else(built);
        let host = FakeFirecracker::start(options).await.unwrap();
        let settings = FirecrackerSettings {
            name: "microvms".to_owned(),
            url: host.url(),
            token: Arc::new(|| Ok(format!("{TOKEN}\n").into_bytes())),
            vm_type: "bionic-test".to_owned(),
            agent: AgentInVm {
                program: agent.into_string().unwrap(),
                arguments: Vec::new(),
                download: None,
            },
            directory: format!("{DISK}/checkmill"),
            callback: false,
            containers: false,
            rows: Vec::new(),
            request: REQUEST,
            wait: WAIT,
            boot: BOOT,
        };
        Self {
            host,
            settings,
            shared: tempfile::tempdir().unwrap(),
            callback: None,
        }
    }

    /// The same, with agents that call back.
    pub(crate) async fn with_callback(options: Options) -> Self {
        let mut subject = Self::new(options).await;
        subject.settings.callback = true;
        subject.callback = Some(Callback::start());
        subject
    }

    pub(crate) fn backend(&self) -> FirecrackerBackend {
        FirecrackerBackend::new(self.settings.clone()).unwrap()
    }
}

/// A server that takes every call, and remembers what was called.
pub(crate) struct Callback {
    address: SocketAddr,
    /// The paths, without the job and the query.
    pub(crate) called: Arc<Mutex<Vec<String>>>,
    /// Bytes of logs.
    pub(crate) bytes: Arc<AtomicUsize>,
}

impl Callback {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let called = Arc::new(Mutex::new(Vec::new()));
        let bytes = Arc::new(AtomicUsize::new(0));
        let (paths, sum) = (Arc::clone(&called), Arc::clone(&bytes));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (paths, sum) = (Arc::clone(&paths), Arc::clone(&sum));
                std::thread::spawn(move || {
                    if let Some((path, length)) = take(&stream) {
                        if path == "log" {
                            sum.fetch_add(length, Ordering::SeqCst);
                        }
                        paths.lock().unwrap().push(path);
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                        let _ = (&stream).write_all(answer);
                    }
                });
            }
        });
        Self {
            address,
            called,
            bytes,
        }
    }
}

/// The last part of a request's path, and how long its body was.
fn take(stream: &TcpStream) -> Option<(String, usize)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line
        .split(' ')
        .nth(1)?
        .split('?')
        .next()?
        .rsplit('/')
        .next()?
        .to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(text) = header.strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, length))
}

#[async_trait]
impl ContractSubject for FirecrackerSubject {
    async fn controller(&self) -> Arc<dyn Backend> {
        Arc::new(self.backend())
    }

    fn submission(&self, key: SubmitKey, script: &str) -> Submission {
        let mut submission = submission(key, script);
        if let Some(callback) = &self.callback {
            let mut description: serde_json::Value = serde_json::from_slice(&submission.description).unwrap();
            description["callback"] =
                serde_json::json!({"url": format!("http://{}/{}", callback.address, submission.key)});
            submission.description = description.to_string().into_bytes();
            let token = ("CHECKMILL_CALLBACK_TOKEN".to_owned(), "callback".into());
            submission.secrets.push(token);
        }
        submission
    }

    fn shared(&self) -> &Path {
        self.shared.path()
    }

    fn is_alive(&self, pid: u32) -> bool {
        alive(pid)
    }

    fn limit(&self) -> Duration {
        // Each look is a shell and a process of the agent.
        Duration::from_secs(180)
    }

    fn kill_agent(&self) -> Option<String> {
        Some("kill -9 $PPID".to_owned())
    }

    /// The agent and its supervisor die and their VM goes on: a VM that is gone has its log with it.
    async fn vanish(&self, id: &str) -> bool {
        let (vm, key) = id.split_once(':').unwrap();
        let attempt = AttemptDir::new(self.host.disk(vm).join("checkmill").join(key));
        let Some(Claim::Agent { pid, .. }) = attempt.claim().unwrap() else {
            panic!("{id} is not taken")
        };
        let mut pids = children(pid);
        pids.push(pid);
        kill(&pids);
        true
    }

    /// A submit waits until its VM runs: there is no job that waits. What becomes of a VM that never does is in `firecracker_ways`.
    async fn never_starting(&self) -> Option<(Arc<dyn Backend>, Box<dyn Fn() + Send + Sync>)> {
        None
    }

    async fn plant_foreign(&self) -> bool {
        for name in ["github-runner-6bbc0036", "checkmill-of-somebody"] {
            self.host.plant(name);
        }
        true
    }
}
