//! What was asked for on the command line.

use crate::steps::StepName;
use crate::steps::agent::Architecture;
use crate::{fuzz, soak};

pub(crate) const USAGE: &str = "\
cargo xtask test [--only LIST] [--skip LIST]   everything that can be checked on this machine
cargo xtask tools                              install the tools of the tests into target/tools
cargo xtask agent [--x86-64|--arm64]           build the agent as one static binary, for this machine's processor or another
cargo xtask emulator                           bring up the whole stack on an AWS emulator, until Enter is pressed
cargo xtask fuzz [TARGET ...] [--minutes N]    search for inputs that break a parser: workflow, expression, filter, report;
                                               10 minutes each, with a nightly compiler
cargo xtask soak [--minutes N]                 the simulation from other seeds than the tests', again and again; 10 minutes

LIST is one or more of these, with commas between them, in the order in which they run:
  fmt           cargo fmt --check
  clippy        cargo clippy with warnings as errors, on all targets
  statemachine  an independent validator on statemachine/*.json
  terraform     terraform fmt, validate and the module's tests
  tests         unit, property and end-to-end tests
  agent         the agent built as one static binary, and its tests with that one
  dynamodb      the store's tests against AWS's DynamoDB Local, where there is Java
  slurm         the Slurm backend on a real cluster of one node, where Slurm is or can be installed
  doc           the examples in doc comments
  deny          licences and advisories of the dependencies
  functions     cargo lambda build
  emulator      terraform apply on an AWS emulator, webhooks through the functions, terraform destroy";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Invocation {
    Help,
    Test {
        steps: Vec<StepName>,
    },
    Tools,
    Agent {
        architecture: Option<Architecture>,
    },
    Emulator,
    Fuzz {
        targets: Vec<&'static str>,
        minutes: u32,
    },
    Soak {
        minutes: u32,
    },
}

pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Invocation, String> {
    let mut args = args.into_iter();
    let invocation = match args.next().as_deref() {
        None | Some("help" | "--help" | "-h") => return Ok(Invocation::Help),
        Some("test") => return parse_test(args),
        Some("fuzz") => return parse_fuzz(args),
        Some("soak") => return parse_soak(args),
        Some("tools") => Invocation::Tools,
        Some("agent") => {
            return match (args.next().as_deref(), args.next()) {
                (None, _) => Ok(Invocation::Agent { architecture: None }),
                (Some("--x86-64"), None) => Ok(Invocation::Agent {
                    architecture: Some(Architecture::X86_64),
                }),
                (Some("--arm64"), None) => Ok(Invocation::Agent {
                    architecture: Some(Architecture::Arm64),
                }),
                (Some(_), Some(extra)) => Err(format!("{extra:?} is not expected here")),
                (Some(other), None) => Err(format!("{other:?} is not expected here")),
            };
        }
        Some("emulator") => Invocation::Emulator,
        Some(other) => return Err(format!("there is no command {other:?}")),
    };
    match args.next() {
        None => Ok(invocation),
        Some(extra) => Err(format!("{extra:?} is not expected here")),
    }
}

fn parse_test(mut args: impl Iterator<Item = String>) -> Result<Invocation, String> {
    let mut steps = StepName::ALL.to_vec();
    while let Some(arg) = args.next() {
        let (flag, value) = match arg.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
            None => (arg, None),
        };
        let mut list = || {
            let text = value.clone().or_else(|| args.next());
            parse_list(&text.ok_or_else(|| format!("{flag} wants a list of steps"))?)
        };
        match flag.as_str() {
            "--only" => {
                let only = list()?;
                steps.retain(|step| only.contains(step));
            }
            "--skip" => {
                let skip = list()?;
                steps.retain(|step| !skip.contains(step));
            }
            "--help" | "-h" => return Ok(Invocation::Help),
            other => return Err(format!("{other:?} is not expected here")),
        }
    }
    Ok(Invocation::Test { steps })
}

fn number_of_minutes(args: &mut impl Iterator<Item = String>) -> Result<u32, String> {
    let number = args.next().and_then(|text| text.parse().ok());
    number.ok_or_else(|| "--minutes wants a number".to_owned())
}

fn parse_soak(mut args: impl Iterator<Item = String>) -> Result<Invocation, String> {
    let mut minutes = soak::MINUTES;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--minutes" => minutes = number_of_minutes(&mut args)?,
            _ => return Err(format!("{arg:?} is not expected here")),
        }
    }
    Ok(Invocation::Soak { minutes })
}

fn parse_fuzz(mut args: impl Iterator<Item = String>) -> Result<Invocation, String> {
    let mut targets = Vec::new();
    let mut minutes = fuzz::MINUTES;
    while let Some(arg) = args.next() {
        match fuzz::TARGETS.into_iter().find(|target| *target == arg) {
            Some(target) => targets.push(target),
            None if arg == "--minutes" => minutes = number_of_minutes(&mut args)?,
            None => return Err(format!("{arg:?} is not expected here")),
        }
    }
    if targets.is_empty() {
        targets.extend(fuzz::TARGETS);
    }
    Ok(Invocation::Fuzz { targets, minutes })
}

fn parse_list(text: &str) -> Result<Vec<StepName>, String> {
    text.split(',')
        .map(|name| {
            StepName::ALL
                .into_iter()
                .find(|step| step.as_str() == name.trim())
                .ok_or_else(|| format!("there is no step {name:?}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parsed(line: &str) -> Result<Invocation, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn steps_keep_their_order_whatever_the_list_says() {
        let steps = vec![StepName::Fmt, StepName::Doc];
        assert_eq!(
            parsed("test --only doc,fmt"),
            Ok(Invocation::Test { steps: steps.clone() })
        );
        assert_eq!(
            parsed("test --only=doc,clippy,fmt --skip clippy"),
            Ok(Invocation::Test { steps })
        );
        assert_eq!(
            parsed("test"),
            Ok(Invocation::Test {
                steps: StepName::ALL.to_vec()
            })
        );
    }

    #[test]
    fn a_fuzzer_runs_all_targets_unless_some_are_named() {
        let all = fuzz::TARGETS.to_vec();
        assert_eq!(
            parsed("fuzz"),
            Ok(Invocation::Fuzz {
                targets: all,
                minutes: fuzz::MINUTES
            })
        );
        let some = vec!["report", "filter"];
        assert_eq!(
            parsed("fuzz report --minutes 1 filter"),
            Ok(Invocation::Fuzz {
                targets: some,
                minutes: 1
            })
        );
    }

    #[test]
    fn a_soak_takes_its_time() {
        let minutes = soak::MINUTES;
        assert_eq!(parsed("soak"), Ok(Invocation::Soak { minutes }));
        assert_eq!(parsed("soak --minutes 2"), Ok(Invocation::Soak { minutes: 2 }));
        assert_eq!(
            parsed("soak property"),
            Err("\"property\" is not expected here".to_owned())
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            parsed("test --only"),
            Err("--only wants a list of steps".to_owned())
        );
        assert_eq!(
            parsed("test --only dok"),
            Err("there is no step \"dok\"".to_owned())
        );
        assert_eq!(
            parsed("fuzz filter --minutes soon"),
            Err("--minutes wants a number".to_owned())
        );
        assert_eq!(parsed("tset"), Err("there is no command \"tset\"".to_owned()));
        assert_eq!(
            parsed("tools now"),
            Err("\"now\" is not expected here".to_owned())
        );
        assert_eq!(
            parsed("agent --riscv"),
            Err("\"--riscv\" is not expected here".to_owned())
        );
        let architecture = Some(Architecture::Arm64);
        assert_eq!(parsed("agent --arm64"), Ok(Invocation::Agent { architecture }));
    }

    #[test]
    fn the_usage_names_every_step_in_order() {
        let positions: Vec<_> = StepName::ALL
            .iter()
            .map(|step| {
                USAGE
                    .find(&format!("\n  {} ", step.as_str()))
                    .expect("a line for each step")
            })
            .collect();
        assert!(positions.is_sorted());
    }

    #[test]
    fn the_documents_name_commands_that_there_are() {
        let mut found = 0;
        for document in ["CONTRIBUTING.md", "README.md", "ARCHITECTURE.md"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(document);
            let text = std::fs::read_to_string(path).expect("the document is there");
            for (before, after) in text.match_indices("cargo xtask").map(|(at, _)| text.split_at(at)) {
                let end = if before.ends_with('`') { '`' } else { '\n' };
                let line = after.split(end).next().unwrap_or_default();
                let args = line.trim_start_matches("cargo xtask");
                assert_eq!(parsed(args).map(|_| ()), Ok(()), "{document}: {line}");
                found += 1;
            }
        }
        assert!(found >= 4, "found {found}");
    }
}
