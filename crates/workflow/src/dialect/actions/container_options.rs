//! `options` of a container: those of the engine's `create`. Docker's reference, "docker container create".

use crate::diagnostic::quoted;
use crate::nearest::nearest;
use checkmill_core::policy::ContainerPolicy;

/// What an option is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The container itself.
    Inside,
    /// Its machine: for a policy that allows it.
    Machine,
    /// What is not its author's to say; the sentence says what to do.
    Ours(&'static str),
}

use Reach::{Inside, Machine, Ours};

struct Known {
    name: &'static str,
    short: Option<char>,
    takes_value: bool,
    reach: Reach,
}

const fn known(name: &'static str, takes_value: bool, reach: Reach) -> Known {
    Known {
        name,
        short: None,
        takes_value,
        reach,
    }
}

const fn short(short: char, name: &'static str, takes_value: bool, reach: Reach) -> Known {
    Known {
        name,
        short: Some(short),
        takes_value,
        reach,
    }
}

/// GitHub docs: "The `--network` and `--entrypoint` options are not supported."
const NETWORK: Reach =
    Ours("remove it; every job has a network of its own, on which its services have their ids as names");
const ENTRYPOINT: Reach = Ours("remove it; steps run in the job's container whatever its image starts with");
const NAMED: Reach = Ours("remove it; the container's name and end are the job's to see to");

const OPTIONS: &[Known] = &[
    known("add-host", true, Inside),
    known("annotation", true, Inside),
    known("blkio-weight", true, Inside),
    known("blkio-weight-device", true, Machine),
    known("cap-add", true, Machine),
    known("cap-drop", true, Inside),
    known("cgroup-parent", true, Machine),
    known("cgroupns", true, Machine),
    known("cidfile", true, NAMED),
    known("cpu-period", true, Inside),
    known("cpu-quota", true, Inside),
    known("cpu-rt-period", true, Inside),
    known("cpu-rt-runtime", true, Inside),
    short('c', "cpu-shares", true, Inside),
    known("cpus", true, Inside),
    known("cpuset-cpus", true, Inside),
    known("cpuset-mems", true, Inside),
    short('d', "detach", false, NAMED),
    known("device", true, Machine),
    known("device-cgroup-rule", true, Machine),
    known("device-read-bps", true, Machine),
    known("device-read-iops", true, Machine),
    known("device-write-bps", true, Machine),
    known("device-write-iops", true, Machine),
    known("dns", true, Inside),
    known("dns-option", true, Inside),
    known("dns-search", true, Inside),
    known("domainname", true, Inside),
    known("entrypoint", true, Inside),
    short('e', "env", true, Inside),
    known("env-file", true, Machine),
    known("expose", true, Inside),
    known("gpus", true, Inside),
    known("group-add", true, Machine),
    known("health-cmd", true, Inside),
    known("health-interval", true, Inside),
    known("health-retries", true, Inside),
    known("health-start-interval", true, Inside),
    known("health-start-period", true, Inside),
    known("health-timeout", true, Inside),
    short('h', "hostname", true, Inside),
    known("init", false, Inside),
    short('i', "interactive", false, Inside),
    known("ip", true, Inside),
    known("ip6", true, Inside),
    known("ipc", true, Machine),
    short('l', "label", true, Inside),
    known("label-file", true, Machine),
    known("link", true, Machine),
    known("log-driver", true, Machine),
    known("log-opt", true, Machine),
    known("mac-address", true, Inside),
    short('m', "memory", true, Inside),
    known("memory-reservation", true, Inside),
    known("memory-swap", true, Inside),
    known("memory-swappiness", true, Inside),
    known("mount", true, Machine),
    known("name", true, NAMED),
    known("net", true, NETWORK),
    known("network", true, NETWORK),
    known("network-alias", true, Inside),
    known("no-healthcheck", false, Inside),
    known("oom-kill-disable", false, Machine),
    known("oom-score-adj", true, Inside),
    known("pid", true, Machine),
    known("pids-limit", true, Inside),
    known("platform", true, Inside),
    known("privileged", false, Machine),
    short('p', "publish", true, Machine),
    short('P', "publish-all", false, Machine),
    known("pull", true, Ours("remove it; images are pulled before they run")),
    known("read-only", false, Inside),
    known("restart", true, Machine),
    known("rm", false, NAMED),
    known("runtime", true, Machine),
    known("security-opt", true, Machine),
    known("shm-size", true, Inside),
    known("stop-signal", true, Inside),
    known("stop-timeout", true, Inside),
    known("storage-opt", true, Machine),
    known("sysctl", true, Machine),
    known("tmpfs", true, Inside),
    short('t', "tty", false, Inside),
    known("ulimit", true, Inside),
    short('u', "user", true, Inside),
    known("userns", true, Machine),
    known("uts", true, Machine),
    short('v', "volume", true, Machine),
    known("volume-driver", true, Machine),
    known("volumes-from", true, Machine),
    short('w', "workdir", true, Inside),
];

/// A word that can't stand there, with what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: String,
}

/// The options, each in one word, so that no engine takes a value for an option or an image: `--name=value`. Without a
/// policy, what any policy allows.
pub(super) fn options(
    words: Vec<String>,
    is_service: bool,
    policy: ContainerPolicy,
) -> Result<Vec<String>, Wrong> {
    let mut options = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let Some(found) = find(&word) else {
            return Err(unknown(&word));
        };
        for (known, value) in found {
            let shown = format!("--{}", known.name);
            let reach = match known.name {
                "entrypoint" if !is_service => ENTRYPOINT,
                _ => known.reach,
            };
            match reach {
                Ours(hint) => {
                    return Err(Wrong {
                        message: format!("`options` can't have `{shown}`"),
                        hint: hint.to_owned(),
                    });
                }
                Machine if policy == ContainerPolicy::Restricted => {
                    return Err(Wrong {
                        message: format!(
                            "the repository's policy does not allow `{shown}`, which reaches out of the container"
                        ),
                        hint: ALLOW.to_owned(),
                    });
                }
                Machine | Inside => {}
            }
            options.push(match (known.takes_value, value) {
                (false, None) => shown,
                (_, Some(value)) => format!("{shown}={value}"),
                (true, None) => match words.next() {
                    Some(value) => format!("{shown}={value}"),
                    None => {
                        return Err(Wrong {
                            message: format!("`{shown}` of `options` has no value"),
                            hint: format!("write `{shown}=value`"),
                        });
                    }
                },
            });
        }
    }
    Ok(options)
}

/// What to do about what the policy does not allow.
pub(super) const ALLOW: &str =
    "allow it with `containers: any` in `.checkmill/config.yml` of the default branch";

/// The options that a word is, with their values where it has them: `--user=0`, `-u0`, `-it`.
fn find(word: &str) -> Option<Vec<(&'static Known, Option<String>)>> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long
            .split_once('=')
            .map_or((long, None), |(name, value)| (name, Some(value)));
        let known = OPTIONS.iter().find(|known| known.name == name)?;
        return Some(vec![(known, value.map(str::to_owned))]);
    }
    let mut rest = word.strip_prefix('-').filter(|rest| !rest.is_empty())?;
    let mut found = Vec::new();
    while let Some(letter) = rest.chars().next() {
        let known = OPTIONS.iter().find(|known| known.short == Some(letter))?;
        rest = &rest[letter.len_utf8()..];
        if known.takes_value {
            let value = rest.strip_prefix('=').unwrap_or(rest);
            found.push((known, (!value.is_empty()).then(|| value.to_owned())));
            break;
        }
        found.push((known, None));
    }
    Some(found)
}

fn unknown(word: &str) -> Wrong {
    let name = word.trim_start_matches('-').split('=').next().unwrap_or_default();
    let message = if word.starts_with('-') {
        format!("`{}` is no option of `docker create`", quoted(word))
    } else {
        format!("`{}` of `options` is no option", quoted(word))
    };
    let near = nearest(name, OPTIONS.iter().map(|known| known.name));
    let hint = match near.filter(|_| word.starts_with('-')) {
        Some(near) => format!("did you mean `--{near}`?"),
        None => "options are those of `docker create`; a value with blanks stands in quotes".to_owned(),
    };
    Wrong { message, hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    fn read(text: &str, is_service: bool, policy: ContainerPolicy) -> Result<String, Wrong> {
        options(words(text).unwrap(), is_service, policy).map(|options| options.join("|"))
    }

    #[test]
    fn each_option_becomes_one_word() {
        let text = r#"--health-cmd "pg_isready -U x" --health-retries=5 -u 0 -eA=b --init -it -m=2g -w /x --entrypoint=/x"#;
        assert_eq!(
            read(text, true, ContainerPolicy::Restricted).unwrap(),
            "--health-cmd=pg_isready -U x|--health-retries=5|--user=0|--env=A=b|--init|--interactive|--tty|--memory=2g|\
             --workdir=/x|--entrypoint=/x"
        );
        // A value that looks like an option is a value, as the engine has it.
        assert_eq!(
            read("--label --privileged", true, ContainerPolicy::Restricted).unwrap(),
            "--label=--privileged"
        );
    }

    #[test]
    fn what_reaches_the_machine_is_for_a_policy_that_allows_it() {
        for text in [
            "--privileged",
            "--privileged=true",
            "-v /:/host",
            "-itv/:/host",
            "--pid host",
            "--device=/dev/kvm",
            "--security-opt seccomp=unconfined",
            "--mount type=bind,source=/,target=/host",
            "-p 80:80",
            "--env-file /etc/shadow",
        ] {
            let wrong = read(text, true, ContainerPolicy::Restricted).unwrap_err();
            assert!(
                wrong.message.contains("policy does not allow"),
                "{text}: {wrong:?}"
            );
            assert!(read(text, true, ContainerPolicy::Any).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_nobodys_to_say() {
        for (text, is_service, expected) in [
            ("--network host", true, "`options` can't have `--network`"),
            ("--net=host", false, "`options` can't have `--net`"),
            ("--entrypoint /x", false, "`options` can't have `--entrypoint`"),
            ("--name x", true, "`options` can't have `--name`"),
            ("-d", true, "`options` can't have `--detach`"),
            ("--user", true, "`--user` of `options` has no value"),
            (
                "--helth-cmd x",
                true,
                "`--helth-cmd` is no option of `docker create`",
            ),
            ("alpine", true, "`alpine` of `options` is no option"),
            ("-", true, "`-` is no option of `docker create`"),
            ("--init alpine", true, "`alpine` of `options` is no option"),
        ] {
            let wrong = read(text, is_service, ContainerPolicy::Any).unwrap_err();
            assert_eq!(wrong.message, expected, "{text}");
        }
        let hint = read("--helth-cmd x", true, ContainerPolicy::Any)
            .unwrap_err()
            .hint;
        assert_eq!(hint, "did you mean `--health-cmd`?");
    }

    #[test]
    fn the_table_is_in_order_and_each_letter_there_once() {
        assert!(OPTIONS.is_sorted_by(|a, b| a.name < b.name));
        let mut letters: Vec<char> = OPTIONS.iter().filter_map(|known| known.short).collect();
        let count = letters.len();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), count);
    }
}
