//! What runs in a VM: processes of this machine, which are the VM's by the directory that their environment names.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs code as sshd would: a shell of its own, no standard input, output that is read to the end of all who hold it.
pub(super) async fn run(disk: &Path, code: &str, limit: Duration) -> Result<Ran, String> {
    fs::create_dir_all(disk).map_err(|error| error.to_string())?;
    let child = Command::new("/bin/bash")
        .args(["-c", code])
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", disk)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let ended = tokio::time::timeout(limit, child.wait_with_output()).await;
    let output = ended
        .map_err(|_| "Execution timed out".to_owned())?
        .map_err(|error| error.to_string())?;
    // A login prints what it likes.
    Ok(Ran {
        code: output.status.code(),
        stdout: format!("Welcome to Ubuntu\n{}", String::from_utf8_lossy(&output.stdout)),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Kills what runs on a disk, until nothing does: what is killed may have just started something.
pub(super) fn kill(disk: &Path) {
    for _ in 0..100 {
        let running = processes(disk);
        if running.is_empty() {
            return;
        }
        let _ = std::process::Command::new("kill")
            .arg("-9")
            .args(&running)
            .stderr(Stdio::null())
            .status();
    }
}

fn processes(disk: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name
            .to_str()
            .filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
        else {
            continue;
        };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let wanted = disk.as_os_str().as_bytes();
        let is_of = environment.windows(wanted.len()).any(|part| part == wanted);
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let is_dead = stat
            .rsplit_once(')')
            .is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'));
        if is_of && !is_dead {
            found.push(pid.to_owned());
        }
    }
    found
}

/// Removes a disk, also what a job has made read-only.
pub(super) fn remove(disk: &Path) {
    if fs::remove_dir_all(disk).is_err() {
        make_writable(disk);
        let _ = fs::remove_dir_all(disk);
    }
}

fn make_writable(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}
