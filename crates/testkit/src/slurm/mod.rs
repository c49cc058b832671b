//! A real Slurm cluster on this machine: munged, slurmctld, slurmd and slurmrestd in one temporary directory, on ports of their
//! own at 127.0.0.1. It ends with its value.

mod conf;
mod daemon;

use daemon::Daemon;
use std::fs;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

/// The programs that it is made of. On Debian: slurmctld, slurmd, slurmrestd, munge, slurm-client, slurm-wlm-jwt-plugin.
pub const PROGRAMS: [&str; 5] = ["munged", "slurmctld", "slurmd", "slurmrestd", "scontrol"];
/// Where daemons are that are in no user's PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// For the cluster to be up, in looks of [`LOOK`].
const LOOKS: u32 = 600;
const LOOK: Duration = Duration::from_millis(100);
/// Of a key of munge, and of JWT.
const MUNGE_KEY_BYTES: usize = 1024;
const JWT_KEY_BYTES: usize = 32;

/// See the module.
pub struct Cluster {
    directory: tempfile::TempDir,
    node: String,
    rest_port: u16,
    /// In the order in which they were started.
    daemons: Mutex<Vec<Daemon>>,
}

/// What a test may change before the start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Until slurmctld forgets an ended job.
    pub min_job_age_seconds: u32,
    /// Whether a job whose node is lost may be run again.
    pub requeue: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_job_age_seconds: 3600,
            requeue: false,
        }
    }
}

impl Cluster {
    /// Starts it and waits until its node is idle.
    ///
    /// # Errors
    /// A program that is missing or does not start; a sentence, with what it said.
    pub fn start(settings: &Settings) -> Result<Self, String> {
        let wrong = |error: io::Error| format!("the cluster's directory: {error}");
        let directory = tempfile::Builder::new()
            .prefix("slurm-")
            .tempdir()
            .map_err(wrong)?;
        let node = said(Command::new("uname").arg("-n"))?.trim().to_owned();
        let [controller, slurmd, rest_port] = free_ports().map_err(wrong)?;
        let cluster = Self {
            directory,
            node,
            rest_port,
            daemons: Mutex::default(),
        };
        cluster.write_files(settings, controller, slurmd).map_err(wrong)?;
        cluster.munged()?;
        cluster.slurmctld()?;
        cluster.daemon("slurmd", &["-D", "-N", &cluster.node], &[])?;
        cluster.rest("rest", &format!("127.0.0.1:{rest_port}"))?;
        cluster.rest("rest-unix", &format!("unix:{}", cluster.socket().display()))?;
        cluster.until("its node is idle", || {
            cluster
                .scontrol(&["show", "node", &cluster.node])
                .contains("State=IDLE")
        })?;
        cluster.until("slurmrestd listens", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, rest_port)).is_ok() && cluster.socket().exists()
        })?;
        Ok(cluster)
    }

    fn write_files(&self, settings: &Settings, controller: u16, slurmd: u16) -> io::Result<()> {
        for name in ["state", "spool", "logs"] {
            fs::create_dir(self.path(name))?;
        }
        write_key(&self.path("munge.key"), MUNGE_KEY_BYTES, 0o400)?;
        write_key(&self.key_file(), JWT_KEY_BYTES, 0o600)?;
        let conf = conf::slurm(self.directory.path(), &self.node, controller, slurmd, settings);
        fs::write(self.conf(), conf)?;
        // Slurm wants devices; nobody opens them.
        fs::write(
            self.path("gres.conf"),
            "Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n",
        )
    }

    fn munged(&self) -> Result<(), String> {
        let file = |name: &str| self.path(name).display().to_string();
        let [key, socket, pid, log, seed] =
            ["munge.key", "munge.sock", "munge.pid", "logs/munge", "munge.seed"].map(file);
        self.daemon(
            "munged",
            &[
                "--foreground",
                "--force",
                "--key-file",
                &key,
                "--socket",
                &socket,
                "--pid-file",
                &pid,
                "--log-file",
                &log,
                "--seed-file",
                &seed,
            ],
            &[],
        )?;
        self.until("munged has its socket", || Path::new(&socket).exists())
    }

    fn slurmctld(&self) -> Result<(), String> {
        self.daemon("slurmctld", &["-D"], &[])
    }

    fn rest(&self, log: &str, listen: &str) -> Result<(), String> {
        // As root it wants to be told that it may; it changes nothing here.
        let environment = [
            (
                "SLURMRESTD_SECURITY",
                "disable_user_check,disable_unshare_sysv,disable_unshare_files",
            ),
            ("SLURM_JWT", "daemon"),
        ];
        let versions = "openapi/v0.0.36,openapi/v0.0.37,openapi/v0.0.38";
        self.daemon_named(
            "slurmrestd",
            log,
            &["-a", "rest_auth/jwt", "-s", versions, listen],
            &environment,
        )
    }

    fn daemon(&self, program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
        self.daemon_named(program, program, arguments, environment)
    }

    fn daemon_named(
        &self,
        program: &str,
        log: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<(), String> {
        let mut command = self.command(program);
        command.args(arguments).envs(environment.iter().copied());
        let daemon = Daemon::start(log, &mut command, &self.path("logs").join(format!("{log}.out")))?;
        self.daemons
            .lock()
            .map_err(|_| "the daemons are lost".to_owned())?
            .push(daemon);
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("SLURM_CONF", self.conf());
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// slurm.conf, for `SLURM_CONF`.
    #[must_use]
    pub fn conf(&self) -> PathBuf {
        self.path("slurm.conf")
    }

    /// The key of the cluster's tokens.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.path("jwt.key")
    }

    /// Where slurmrestd listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.rest_port)
    }

    /// Where another slurmrestd listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path("rest.sock")
    }

    /// The name of its only node.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// What scontrol prints, on both streams.
    #[must_use]
    pub fn scontrol(&self, arguments: &[&str]) -> String {
        self.said_by("scontrol", arguments)
    }

    /// What squeue prints of all jobs that have not ended, a line each, in this format.
    #[must_use]
    pub fn squeue(&self, format: &str) -> String {
        self.said_by(
            "squeue",
            &[
                "--noheader",
                "--states=PENDING,RUNNING,SUSPENDED,COMPLETING",
                "--format",
                format,
            ],
        )
    }

    fn said_by(&self, program: &str, arguments: &[&str]) -> String {
        match self.command(program).args(arguments).output() {
            Ok(output) => {
                String::from_utf8_lossy(&output.stdout).into_owned()
                    + &String::from_utf8_lossy(&output.stderr)
            }
            Err(error) => format!("{program}: {error}"),
        }
    }

    /// Stops the controller; what is asked of it meanwhile has no answer.
    ///
    /// # Errors
    /// A sentence.
    pub fn stop_controller(&self) -> Result<(), String> {
        let mut daemons = self
            .daemons
            .lock()
            .map_err(|_| "the daemons are lost".to_owned())?;
        // A daemon ends when it is dropped.
        daemons.retain(|daemon| daemon.name() != "slurmctld");
        Ok(())
    }

    /// Starts the controller again with the state that it has kept.
    ///
    /// # Errors
    /// A sentence.
    pub fn start_controller(&self) -> Result<(), String> {
        self.slurmctld()?;
        self.until("slurmctld answers", || self.scontrol(&["ping"]).contains("is UP"))
    }

    /// The node goes down, with all that runs on it, or comes back.
    pub fn set_node(&self, state: &str) {
        let node = format!("NodeName={}", self.node);
        let _ = self.scontrol(&["update", &node, &format!("State={state}"), "Reason=test"]);
    }

    /// Looks again and again.
    ///
    /// # Errors
    /// The limit is over; a sentence with the ends of the daemons' logs.
    pub fn until(&self, what: &str, mut look: impl FnMut() -> bool) -> Result<(), String> {
        for _ in 0..LOOKS {
            if look() {
                return Ok(());
            }
            pause();
        }
        let mut told = format!("waited in vain until {what}");
        for entry in fs::read_dir(self.path("logs")).into_iter().flatten().flatten() {
            let log = fs::read_to_string(entry.path()).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(8).collect();
            told.push_str(&format!("\n== {}\n", entry.file_name().display()));
            told.extend(last.into_iter().rev().map(|line| format!("{line}\n")));
        }
        Err(told)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Ok(mut daemons) = self.daemons.lock() {
            // slurmd and its jobs before what they talk to; munged, which all need, last.
            while let Some(daemon) = daemons.pop() {
                drop(daemon);
            }
        }
    }
}

/// Nothing here is asynchronous, and nothing reports.
#[expect(clippy::disallowed_methods, reason = "a test waits for another program")]
fn pause() {
    std::thread::sleep(LOOK);
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn write_key(path: &Path, bytes: usize, mode: u32) -> io::Result<()> {
    let mut key = vec![0; bytes];
    fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    fs::write(path, key)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Ports that were free a moment ago, each another.
fn free_ports() -> io::Result<[u16; 3]> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let held = [listen()?, listen()?, listen()?];
    let port = |at: usize| held[at].local_addr().map(|address| address.port());
    Ok([port(0)?, port(1)?, port(2)?])
}
