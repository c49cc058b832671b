//! A stand-in for fcctl-web, the service that makes Firecracker microVMs: it speaks the wire format that was captured from its
//! clients, and refuses what no client sends. Its source is not public; where neither the capture nor the documents say, the
//! assumption is in the code.
//!
//! A VM is a directory, and what is run in it are processes of this machine. [`DISK`] in the code is the VM's own disk. Deleting a
//! VM kills what runs in it, as switching off a machine does.

mod disk;
mod wire;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What stands for the VM's own disk in the code that is run in it.
pub const DISK: &str = "/vm-disk";
/// The account's token.
pub const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.e30.stand-in";
/// The types of VM that there are.
pub const TYPES: [&str; 5] = ["bionic-test", "focal", "focal-ci", "focal-optimized", "rust-ci"];
/// A request. Far above what Checkmill sends.
const BODY_BYTES: usize = 1024 * 1024;

/// How VMs come up, and how many there may be.
#[derive(Debug, Clone)]
pub struct Options {
    pub max_vms: usize,
    /// A VM runs when it was looked at so often, each by itself or in the list.
    pub looks_to_boot: u32,
    /// What is run in a VM fails so often before its sshd is there.
    pub refused_calls: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_vms: 64,
            looks_to_boot: 1,
            refused_calls: 0,
        }
    }
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Done, and its answer lost.
    AnswerLost,
    /// Not done: the connection breaks off.
    BreakOff,
    /// Not done: this status.
    Status(u16),
    /// Done after the next request, its answer lost.
    Late,
    /// The same was done by somebody else just before.
    Race,
}

/// A VM as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenVm {
    pub id: String,
    pub name: String,
    pub vm_type: String,
    pub status: String,
}

#[derive(Debug)]
struct Vm {
    id: String,
    name: String,
    vm_type: String,
    status: &'static str,
    created: u64,
    looks: u32,
    refused_calls: u32,
    /// Nothing can be run in it, and the service has not noticed.
    hangs: bool,
}

#[derive(Debug)]
struct State {
    options: Options,
    vms: BTreeMap<String, Vm>,
    made: u64,
    /// For the next request that begins so, such as `POST /api/vms`.
    faults: Vec<(String, Fault)>,
    requests: Vec<String>,
    refused: Vec<String>,
    /// A request that is done after the next one.
    late: Option<Received>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    disks: tempfile::TempDir,
}

#[derive(Debug, Clone)]
struct Received {
    method: String,
    path: String,
    authorization: Option<String>,
    body: Bytes,
}

/// The service on a free port of 127.0.0.1. When it is dropped, it ends with all its VMs.
#[derive(Debug)]
pub struct FakeFirecracker {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeFirecracker {
    /// # Errors
    /// No port or no directory is to be had.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                options,
                vms: BTreeMap::new(),
                made: 0,
                faults: Vec::new(),
                requests: Vec::new(),
                refused: Vec::new(),
                late: None,
            }),
            disks: tempfile::tempdir()?,
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens to the next request that begins like this: `POST /api/vms`, `GET /api/vms/`.
    pub fn fault(&self, request: &str, fault: Fault) {
        locked(&self.shared.state)
            .faults
            .push((request.to_owned(), fault));
    }

    /// The requests so far, such as `GET /api/vms/vm-00000001`, and forgets them.
    #[must_use]
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut locked(&self.shared.state).requests)
    }

    /// Why requests were refused whose form no client sends, whatever becomes of VMs and tokens.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        locked(&self.shared.state).refused.clone()
    }

    #[must_use]
    pub fn vms(&self) -> Vec<SeenVm> {
        let state = locked(&self.shared.state);
        let seen = |vm: &Vm| SeenVm {
            id: vm.id.clone(),
            name: vm.name.clone(),
            vm_type: vm.vm_type.clone(),
            status: vm.status.to_owned(),
        };
        state.vms.values().map(seen).collect()
    }

    /// A VM's [`DISK`].
    #[must_use]
    pub fn disk(&self, id: &str) -> PathBuf {
        self.shared.disk(id)
    }

    /// Somebody else's VM, or another one of ours.
    pub fn plant(&self, name: &str) -> String {
        locked(&self.shared.state).make(name, TYPES[0]).id.clone()
    }

    /// The same, made before all others.
    pub fn plant_first(&self, name: &str) -> String {
        let mut state = locked(&self.shared.state);
        let id = state.make(name, TYPES[0]).id.clone();
        if let Some(vm) = state.vms.get_mut(&id) {
            vm.created = 0;
        }
        id
    }

    /// The VM breaks down, and the service knows.
    pub fn break_down(&self, id: &str) {
        if let Some(vm) = locked(&self.shared.state).vms.get_mut(id) {
            vm.status = "failed";
        }
        disk::kill(&self.disk(id));
    }

    /// From now on nothing can be run in the VM, and the service does not notice.
    pub fn hang(&self, id: &str) {
        if let Some(vm) = locked(&self.shared.state).vms.get_mut(id) {
            vm.hangs = true;
        }
    }

    /// How many VMs the account may have from now on, and how those that are made come up.
    pub fn set(&self, options: Options) {
        locked(&self.shared.state).options = options;
    }
}

impl Drop for FakeFirecracker {
    fn drop(&mut self) {
        self.server.abort();
        disk::kill(self.shared.disks.path());
    }
}

impl Shared {
    fn disk(&self, id: &str) -> PathBuf {
        self.disks.path().join(id)
    }
}

impl State {
    fn make(&mut self, name: &str, vm_type: &str) -> &Vm {
        self.made += 1;
        // Not in the order of their making: nobody must take the first of the alphabet for the first.
        let id = format!("vm-{:08x}", (self.made as u32).wrapping_mul(0x9e37_79b1));
        let vm = Vm {
            id: id.clone(),
            name: name.to_owned(),
            vm_type: vm_type.to_owned(),
            status: "Creating",
            created: self.made,
            looks: 0,
            refused_calls: self.options.refused_calls,
            hangs: false,
        };
        self.vms.entry(id).or_insert(vm)
    }

    fn take_fault(&mut self, request: &str) -> Option<Fault> {
        let at = self
            .faults
            .iter()
            .position(|(of, _)| request == of || of.ends_with('/') && request.starts_with(of.as_str()))?;
        Some(self.faults.remove(at).1)
    }
}

/// A connection closed on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
                Err(error) => tracing::warn!(%error, "could not accept a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| respond(request, Arc::clone(&shared)));
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
        return Err(Dropped);
    };
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let received = Received {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        authorization: authorization
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        body: body.to_bytes(),
    };
    let line = format!("{} {}", received.method, received.path);
    let (fault, late) = {
        let mut state = locked(&shared.state);
        state.requests.push(line.clone());
        let late = state.late.take();
        (state.take_fault(&line), late)
    };
    let reply = with_fault(&shared, received, &line, fault).await;
    if let Some(late) = late {
        wire::answer(&shared, &late).await;
    }
    reply
}

async fn with_fault(
    shared: &Shared,
    received: Received,
    line: &str,
    fault: Option<Fault>,
) -> Result<Response<Full<Bytes>>, Dropped> {
    match fault {
        None => {}
        Some(Fault::AnswerLost) => {
            wire::answer(shared, &received).await;
            return Err(Dropped);
        }
        Some(Fault::BreakOff) => return Err(Dropped),
        Some(Fault::Status(status)) => {
            return Ok(json(
                status,
                &serde_json::json!({"error": "scripted by the test"}),
            ));
        }
        Some(Fault::Late) => {
            locked(&shared.state).late = Some(received);
            return Err(Dropped);
        }
        Some(Fault::Race) => {
            wire::answer(shared, &received).await;
        }
    }
    let (status, body) = wire::answer(shared, &received).await;
    if status == wire::NO_REQUEST {
        locked(&shared.state).refused.push(format!("{line}: {body}"));
    }
    Ok(json(status, &body))
}

fn json(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
