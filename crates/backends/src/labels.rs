//! Which labels of `runs-on` a backend takes.

use std::collections::BTreeSet;
use std::fmt;

/// Which jobs a backend takes, by the labels that they ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// Every one.
    Any,
    /// All but those that name another system: `windows-latest` on Linux, `ubuntu-24.04-arm` on x86-64.
    Of(System),
    /// Those that ask for nothing but these, in lower case, as with GitHub's self-hosted runners.
    Listed(BTreeSet<String>),
}

/// The system that jobs of a machine find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct System {
    pub architecture: Architecture,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    X64,
    Arm64,
    /// Labels have no name for it.
    Other,
}

impl Labels {
    /// Exactly these. GitHub's labels know no case.
    #[must_use]
    pub fn listed(labels: &[String]) -> Self {
        Self::Listed(labels.iter().map(|label| label.to_lowercase()).collect())
    }

    #[must_use]
    pub fn take(&self, labels: &[String]) -> bool {
        match self {
            Self::Any => true,
            Self::Of(system) => labels.iter().all(|label| system.takes(label)),
            Self::Listed(known) => labels.iter().all(|label| known.contains(&label.to_lowercase())),
        }
    }
}

impl System {
    /// That of this program. The process backend is there on Linux only.
    #[must_use]
    pub fn here() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => Architecture::X64,
            "aarch64" => Architecture::Arm64,
            _ => Architecture::Other,
        };
        Self { architecture }
    }

    /// GitHub's labels begin with the system and may end with the processor, and those of self-hosted runners are the words
    /// alone: `macos-14`, `Windows`, `windows-11-arm`, `ARM64`, `X64`.
    fn takes(self, label: &str) -> bool {
        let label = label.to_ascii_lowercase();
        let elsewhere = ["windows", "macos"].iter().any(|name| label.starts_with(name));
        !elsewhere && named(&label).is_none_or(|architecture| architecture == self.architecture)
    }
}

/// The processor that a label, in lower case, names.
fn named(label: &str) -> Option<Architecture> {
    let last = label.rsplit('-').next()?;
    let of = |word: &str| match word {
        "x64" | "x86_64" | "amd64" => Some(Architecture::X64),
        "arm64" | "aarch64" => Some(Architecture::Arm64),
        _ => None,
    };
    let short = (last == "arm").then_some(Architecture::Arm64);
    short.or_else(|| label.split('-').find_map(of))
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any label"),
            Self::Of(System { architecture }) => match architecture {
                Architecture::X64 => f.write_str("Linux on x64"),
                Architecture::Arm64 => f.write_str("Linux on arm64"),
                Architecture::Other => f.write_str("Linux"),
            },
            Self::Listed(labels) => {
                for (index, label) in labels.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{label}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_all_that_may_be_asked_for() {
        let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
        let listed = Labels::listed(&labels(&["self-hosted", "GPU", "a100"]));
        for (asked, taken) in [
            (labels(&["gpu"]), true),
            (labels(&["self-hosted", "A100"]), true),
            (labels(&[]), true),
            (labels(&["gpu", "linux"]), false),
            (labels(&["ubuntu-latest"]), false),
        ] {
            assert_eq!(listed.take(&asked), taken, "{asked:?}");
        }
        assert_eq!(listed.to_string(), "a100, gpu, self-hosted");
    }

    #[test]
    fn a_label_of_another_system_is_not_taken() {
        let x64 = Architecture::X64;
        let arm = Architecture::Arm64;
        let both: &[_] = &[x64, arm];
        let table: [(&[&str], &[Architecture]); 16] = [
            (&[], both),
            (&["ubuntu-latest"], both),
            (&["linux"], both),
            (&["self-hosted", "Linux"], both),
            (&["gpu-a100"], both),
            (&["A100_X_4"], both),
            (&["robot-arm-tests"], both),
            (&["windows-latest"], &[]),
            (&["Windows"], &[]),
            (&["macos-14"], &[]),
            (&["macOS"], &[]),
            (&["self-hosted", "windows"], &[]),
            (&["ubuntu-24.04-arm"], &[arm]),
            (&["self-hosted", "ARM64"], &[arm]),
            (&["Linux", "X64"], &[x64]),
            (&["ubuntu-x64-large"], &[x64]),
        ];
        for (labels, takers) in table {
            let labels: Vec<_> = labels.iter().map(|label| (*label).to_owned()).collect();
            for architecture in [x64, arm, Architecture::Other] {
                let takes = Labels::Of(System { architecture }).take(&labels);
                let expected =
                    takers.contains(&architecture) || takers == both && architecture == Architecture::Other;
                assert_eq!(takes, expected, "{labels:?} on {architecture:?}");
            }
            assert!(Labels::Any.take(&labels));
        }
    }
}
