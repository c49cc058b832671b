//! A stand-in for Lightning AI's jobs: one teamspace, whose jobs are real processes of this machine. What the API is known not to take
//! it refuses, and so what nobody has seen it take: other fields, slugs, paths, parameters and headers. It changes the name of a job
//! that is taken, delivers logs late and some of their lines twice, and loses machines when it is told to.

mod api;
mod body;
mod cloud;
mod job;
mod server;

pub use cloud::{CLUSTER, KEY, PROJECT, STUDIO, TEAMSPACE, TOKEN, USER};
pub use server::Fault;

use cloud::Cloud;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// See the module. It ends with its value, and its jobs with it.
pub struct Lightning {
    cloud: Arc<Cloud>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Lightning {
    /// Starts it on a port of its own.
    ///
    /// # Errors
    /// No port or no directory.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let cloud = Arc::new(Cloud::new(format!("http://{address}"))?);
        let server = tokio::spawn(server::serve(listener, Arc::clone(&cloud)));
        Ok(Self {
            cloud,
            address,
            server,
        })
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its clock, in milliseconds since the epoch: the machine's, and what it was moved on by.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.cloud.now()
    }

    /// The same, for whoever outlives a borrow.
    pub fn clock(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let cloud = Arc::clone(&self.cloud);
        move || cloud.now()
    }

    /// What moves the clock on.
    pub fn advance(&self) -> impl Fn(Duration) + Send + Sync + 'static {
        let cloud = Arc::clone(&self.cloud);
        move |by| cloud.advance(by)
    }

    /// Machines of this slug are all taken from now on.
    pub fn take_all(&self, slug: &str) {
        self.cloud.lock().taken.insert(slug.to_owned());
    }

    /// Happens to the next request whose line, such as `POST projects/p-1/jobs`, begins with this.
    pub fn next(&self, request: &str, fault: Fault) {
        self.cloud.lock().faults.push_back((request.to_owned(), fault));
    }

    /// The lines of all requests so far, which are forgotten.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.cloud.lock().requests)
    }

    /// Whether it has `page-logs`, and how many entries a page has; and whether it has `download-logs`.
    pub fn has_logs(&self, page_entries: Option<usize>, download: bool) {
        let mut state = self.cloud.lock();
        (state.page_entries, state.has_download) = (page_entries, download);
    }

    /// Only this token is taken from now on, beside the user's key.
    pub fn renew_token(&self, token: &str) {
        token.clone_into(&mut self.cloud.lock().token);
    }

    /// The jobs, as `GET jobs/ID` shows them, in the order of their making.
    #[must_use]
    pub fn jobs(&self) -> Vec<Value> {
        let state = self.cloud.lock();
        state.jobs.iter().map(|job| job.shown(&state)).collect()
    }

    /// Kills all that there is of a job. Its container is gone; Lightning says that it failed.
    pub fn vanish(&self, id: &str) {
        self.cloud.lock().vanish(id, false);
    }

    /// Takes an interruptible machine away.
    pub fn interrupt(&self, id: &str) {
        self.cloud.lock().vanish(id, true);
    }

    /// Says of a job that its machine is taken away, and leaves it the time to end by itself.
    pub fn notice(&self, id: &str) {
        self.cloud.lock().notice(id);
    }

    /// Takes the machine away, and puts the job on another one.
    pub fn restart(&self, id: &str) {
        self.cloud.lock().restart(id);
    }

    /// A job of somebody else's.
    pub fn plant(&self, name: &str) {
        self.cloud.plant(name);
    }
}

impl Drop for Lightning {
    fn drop(&mut self) {
        self.server.abort();
        self.cloud.lock().end();
        // Who still has its clock keeps the rest of it.
        let _ = std::fs::remove_dir_all(self.cloud.disks.path());
    }
}
