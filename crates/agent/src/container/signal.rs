//! Signals to a program in a container: the engine's `exec` passes none on, and its end is not the program's.

use super::engine::Engine;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Signals a process, its descendants, and those that are named `pid:start`; prints these names of all that it found. It is
/// for any POSIX shell, and uses nothing else but `/proc`; everybody descends from 0 and 1, which are refused: proc_pid_stat(5), the 4th field is the parent, the 22nd the start.
const SIGNAL: &str = r#"
signal=$1 root=$2; shift 2
[ "$root" -gt 1 ] || exit
known=" $* " all='' family=" $root " grown=1
look() {
  { read -r line < "/proc/$1/stat"; } 2>/dev/null || return 1
  set -- ${line##*) }
  parent=$2; shift 19; start=$1
}
for directory in /proc/[0-9]*; do
  pid=${directory#/proc/}
  look "$pid" && all="$all $pid:$parent:$start"
done
while [ -n "$grown" ]; do
  grown=''
  for one in $all; do
    pid=${one%%:*} rest=${one#*:}
    case "$family" in *" $pid "*) continue ;; esac
    case "$family" in *" ${rest%%:*} "*) family="$family$pid " grown=1 ;; esac
  done
done
for one in $all; do
  pid=${one%%:*} name=${one%%:*}:${one##*:}
  case "$family" in *" $pid "*) ;; *) case "$known" in *" $name "*) ;; *) continue ;; esac ;; esac
  echo "$name"
  kill -s "$signal" "$pid" 2>/dev/null
done
"#;

/// A program in a container, to be ended.
pub struct Inside<'a> {
    pub engine: &'a Engine,
    pub container: &'a str,
    /// Where it has written who it is.
    pub pid_file: &'a Path,
    /// Its family as it was seen: they may lose their parents.
    seen: BTreeSet<String>,
}

impl<'a> Inside<'a> {
    #[must_use]
    pub const fn new(engine: &'a Engine, container: &'a str, pid_file: &'a Path) -> Self {
        Self {
            engine,
            container,
            pid_file,
            seen: BTreeSet::new(),
        }
    }

    /// Signals it and its family; `0` only looks who that is. What can't be reached ends with the container.
    pub async fn signal(&mut self, signal: &str) {
        let written = fs::read_to_string(self.pid_file).unwrap_or_default();
        let Some(pid) = written.trim().parse::<u32>().ok().filter(|pid| *pid > 1) else {
            return;
        };
        let pid = pid.to_string();
        let arguments = ["exec", self.container, "sh", "-c", SIGNAL, "sh", signal, &pid];
        let seen = self.seen.iter().map(String::as_str);
        if let Ok(found) = self.engine.ask(arguments.into_iter().chain(seen)).await {
            self.seen.extend(found.split_whitespace().map(str::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SIGNAL;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn a_family_is_found_and_signalled_and_nobody_else() {
        let family = "sh -c 'sleep 1000 & echo $!; wait' & echo $!; wait";
        let mut child = Command::new("sh")
            .args(["-c", family])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut bystander = Command::new("sleep").arg("1000").spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut expected: Vec<String> = output.lines().take(2).map(Result::unwrap).collect();
        expected.push(child.id().to_string());
        let signal = |signal: &str, root: &str, known: &[String]| {
            let said = Command::new("sh")
                .args(["-c", SIGNAL, "sh", signal, root])
                .args(known)
                .output()
                .unwrap();
            let said = String::from_utf8(said.stdout).unwrap();
            said.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let root = child.id().to_string();
        let seen = signal("STOP", &root, &[]);
        let mut pids: Vec<String> = seen
            .iter()
            .map(|name| name.split(':').next().unwrap().to_owned())
            .collect();
        pids.sort();
        expected.sort();
        assert_eq!(pids, expected);
        // One that has ended: nobody descends from it.
        let mut ended = Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        let nobody = ended.id().to_string();
        // A process that has the number of one that was seen is not taken for it.
        let other: Vec<String> = pids.iter().map(|pid| format!("{pid}:1")).collect();
        assert_eq!(signal("KILL", &nobody, &other), Vec::<String>::new());
        // The root's end leaves orphans, which are known by their names.
        assert_eq!(signal("KILL", &nobody, &seen), seen);
        for all in ["0", "1"] {
            assert_eq!(
                signal("0", all, &[]),
                Vec::<String>::new(),
                "everybody's ancestor"
            );
        }
        assert!(!child.wait().unwrap().success());
        assert!(bystander.try_wait().unwrap().is_none());
        bystander.kill().unwrap();
        bystander.wait().unwrap();
    }
}
