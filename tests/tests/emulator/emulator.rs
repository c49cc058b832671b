//! MiniStack: an AWS emulator that runs the functions as processes and enforces their roles.

use crate::aws::Aws;
use anyhow::{Context, bail};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const READY_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Emulator {
    child: Child,
    log: PathBuf,
    pub(crate) aws: Aws,
}

impl Emulator {
    /// Starts one in this directory, on 127.0.0.1 and a port of its own. Its whole environment reaches the functions, so it
    /// gets none but what is named here.
    pub(crate) fn start(program: &Path, dir: &Path, extra: &[(&str, &str)]) -> anyhow::Result<Self> {
        let port = free_port()?;
        let endpoint = format!("http://127.0.0.1:{port}");
        for part in ["home", "tmp"] {
            fs::create_dir_all(dir.join(part))?;
        }
        let log = dir.join("emulator.log");
        let errors = File::create(&log).with_context(|| format!("{} can't be made", log.display()))?;
        let mut child = Command::new(program)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", dir.join("home"))
            .env("TMPDIR", dir.join("tmp"))
            .env("S3_DATA_DIR", dir.join("s3"))
            .env("STATE_DIR", dir.join("state"))
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_HOST", "localhost")
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("SFTP_ENABLED", "0")
            .env("IOT_MTLS_ENABLED", "0")
            .envs(extra.iter().copied())
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::from(errors.try_clone()?))
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} can't be started", program.display()))?;
        let output = child.stderr.take().context("the emulator has no output")?;
        let emulator = Self {
            child,
            log,
            aws: Aws::new(endpoint)?,
        };
        await_ready(output, errors).with_context(|| emulator.log_tail())?;
        Ok(emulator)
    }

    /// The last lines of its log, for a failure's report.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(80);
        format!("the emulator's log ends with:\n{}", lines[from..].join("\n"))
    }
}

impl Drop for Emulator {
    /// Asks it to end, so that it ends its functions too.
    fn drop(&mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            // It has ended by itself, or there is no `kill`; either way this is all that is left.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Passes its log on to the file, and waits for the line that says that it listens.
fn await_ready(output: impl std::io::Read + Send + 'static, mut log: File) -> anyhow::Result<()> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if line.contains("Running on http") {
                let _ = sender.send(());
            }
            // Its log is for people; a full disk shows elsewhere.
            let _ = writeln!(log, "{line}");
        }
    });
    match receiver.recv_timeout(READY_WITHIN) {
        Ok(()) => Ok(()),
        Err(_) => bail!("the emulator did not listen within {READY_WITHIN:?}"),
    }
}

pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port can be had on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}
