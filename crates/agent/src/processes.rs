//! Finding and ending processes, with what `/proc` tells.

use checkmill_backends::attempt::MARKER_VARIABLE;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Between two looks at processes that are being ended. Only those whose end nothing reports to us are waited for so.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// A process as it was when we looked. Its number may be another's later; number and start together are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub pid: i32,
    parent: i32,
    /// In clock ticks since the machine's start.
    started: u64,
}

/// Every process that has not ended; those that nobody has waited for yet (zombies) have.
fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(look).collect()
}

fn look(pid: i32) -> Option<Process> {
    parse_stat(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// proc_pid_stat(5): `pid (name) state parent …`, the 22nd field being the start; the name may hold anything.
fn parse_stat(pid: i32, stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X" | "x") {
        return None;
    }
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// The children of a process, theirs, and so on.
#[must_use]
pub fn descendants(of: i32) -> BTreeSet<Process> {
    let all = all();
    let mut found = BTreeSet::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            if found.insert(*process) {
                parents.push(process.pid);
            }
        }
    }
    found
}

/// The processes whose environment names this attempt's directory, and their descendants, but for ourselves. A process that
/// cleared its environment and lost its parents isn't among them.
#[must_use]
pub fn marked(attempt: &Path) -> BTreeSet<Process> {
    let mut marker = format!("{MARKER_VARIABLE}=").into_bytes();
    marker.extend_from_slice(attempt.as_os_str().as_bytes());
    let ours = i32::try_from(std::process::id()).unwrap_or(0);
    let has_marker = |process: &Process| {
        let environment = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == marker)
    };
    let mut found: BTreeSet<Process> = all().into_iter().filter(has_marker).collect();
    for process in found.clone() {
        found.extend(descendants(process.pid));
    }
    found.retain(|process| process.pid != ours);
    found
}

/// Signals the process unless it has ended.
pub fn signal(process: &Process, signal: Signal) {
    let Some(pid) = Pid::from_raw(process.pid) else {
        return;
    };
    let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    // The descriptor is that of the process we saw only if that one is still there.
    if look(process.pid).is_some_and(|now| now.started == process.started) {
        let _ = pidfd_send_signal(&descriptor, signal);
    }
}

/// Kills what `find` finds until it finds nothing: processes may start others in between. Whether that worked within `limit`.
pub async fn end_all(mut find: impl FnMut() -> BTreeSet<Process>, limit: Duration) -> bool {
    let end = async {
        loop {
            let found = find();
            if found.is_empty() {
                return;
            }
            // Stopped first, a family can't grow while it is being killed.
            found.iter().for_each(|process| signal(process, Signal::STOP));
            found.iter().for_each(|process| signal(process, Signal::KILL));
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    tokio::time::timeout(limit, end).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn stat_lines_with_odd_names() {
        let tail = "7 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1";
        let process = parse_stat(9, &format!("9 (a) b) S {tail}")).unwrap();
        assert_eq!((process.parent, process.started), (7, 4242));
        assert_eq!(parse_stat(9, &format!("9 (gone) Z {tail}")), None);
        assert_eq!(parse_stat(9, "9 (cut"), None);
    }

    #[tokio::test]
    async fn a_family_is_found_and_ended_whatever_groups_it_makes() {
        let temp = tempfile::tempdir().unwrap();
        let script = "setsid sh -c 'echo x; exec sleep 1000' & sh -c 'sleep 1000; true' & echo x; wait";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .env(MARKER_VARIABLE, temp.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        std::io::Read::read_exact(&mut output, &mut [0; 4]).unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(descendants(pid).len() >= 2);
        assert!(marked(temp.path()).iter().any(|process| process.pid == pid));
        assert!(end_all(|| marked(temp.path()), Duration::from_secs(30)).await);
        // Nobody is left to hold the pipe open.
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut output, &mut rest).unwrap();
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_process_that_has_the_number_of_another_gets_no_signal() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let seen = look(i32::try_from(child.id()).unwrap()).unwrap();
        signal(
            &Process {
                started: seen.started + 1,
                ..seen
            },
            Signal::KILL,
        );
        assert!(child.try_wait().unwrap().is_none());
        signal(&seen, Signal::KILL);
        assert!(!child.wait().unwrap().success());
    }
}
