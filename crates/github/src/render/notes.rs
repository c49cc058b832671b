//! What earlier attempts teach about this one: a sentence each.

use super::cut::cut_line;
use super::escape::{code, inline};
use super::span::{grouped, span};
use checkmill_core::retry::{RetryCause, RetryCounts};
use checkmill_core::{AttemptNumber, CommitSha, Millis, UnixMillis};

/// Of a step's name.
const NAME_BYTES: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note<'a> {
    /// This attempt is followed by another one that nobody asked for.
    Retried { next: AttemptNumber, cause: RetryCause },
    /// A model has translated what could not be run; whoever has read it can use it by running the job again.
    Proposed,
    /// A model might have translated this step and did not.
    NotTranslated { step: &'a str, problem: &'a str },
    /// It follows such ones.
    AfterRetries(RetryCounts),
    /// It ran far longer than those that passed.
    Slow { ran: Millis, usual: Millis },
    /// It failed as earlier ones did.
    SameFailure {
        times: u64,
        since: UnixMillis,
        fixed: Option<FixedBy<'a>>,
    },
    /// A cache may make a step shorter.
    Cache { step: &'a str, usual: Millis },
}

/// The commit that mended a failure before it came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedBy<'a> {
    pub sha: &'a CommitSha,
    /// The repository's page.
    pub repository_url: &'a str,
}

/// A line each, ending in a newline; nothing for no notes.
pub(super) fn notes(notes: &[Note<'_>]) -> String {
    let lines: Vec<String> = notes.iter().map(sentence).collect();
    match lines.is_empty() {
        true => String::new(),
        // Markdown would run the lines together.
        false => format!("{}\n", lines.join("\n\n")),
    }
}

/// What the title says of the attempt after this one.
pub(super) fn in_title(notes: &[Note<'_>]) -> Option<String> {
    notes.iter().find_map(|note| match note {
        Note::Retried { next, .. } => Some(format!("retried as attempt {next}")),
        _ => None,
    })
}

fn sentence(note: &Note<'_>) -> String {
    match note {
        Note::Retried { next, cause } => {
            let why = match cause {
                RetryCause::Infrastructure => "the infrastructure is to blame as far as Checkmill can tell",
                RetryCause::Flaky => "this failure has come and gone on the same commit before",
                RetryCause::Translated => {
                    return format!(
                        "**Retried as attempt {next}** with the translation below, as `model` in `.checkmill/config.yml` \
                         allows."
                    );
                }
            };
            format!(
                "**Retried as attempt {next}**: {why}. `retry` in `.checkmill/config.yml` sets how often."
            )
        }
        Note::Proposed => "**A language model has written a script for what could not be run**: it is shown below. Read it; \
                           **Re-run** uses it, now and in later runs."
            .to_owned(),
        Note::NotTranslated { step, problem } => {
            let step = inline(&cut_line(step, NAME_BYTES));
            format!("No language model helps with the step {step}: {}.", inline(problem))
        }
        Note::AfterRetries(used) => {
            let part = |count: u32, what: &str| (count > 0).then(|| format!("{count} × {what}"));
            let parts = [
                part(used.infrastructure, "infrastructure failure"),
                part(used.flaky, "flaky failure"),
                part(used.translated, "translation"),
            ];
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            format!("Retried automatically before this attempt: {}.", parts.join(", "))
        }
        Note::Slow { ran, usual } => format!(
            "**Far longer than usual**: it ran {}, and nine of ten attempts that pass take at most {}.",
            span(*ran),
            span(*usual)
        ),
        Note::SameFailure { times, since, fixed } => {
            let (year, month, day) = since.date();
            let times = grouped(usize::try_from(*times).unwrap_or(usize::MAX));
            let fixed = fixed.as_ref().map(fixed_by).unwrap_or_default();
            format!("It failed the same way {times} times since {year:04}-{month:02}-{day:02}{fixed}.")
        }
        Note::Cache { step, usual } => format!(
            "The step {} takes about {} each time: a cache of what it makes would save most of that.",
            inline(&cut_line(step, NAME_BYTES)),
            span(*usual)
        ),
    }
}

fn fixed_by(fix: &FixedBy<'_>) -> String {
    let short = code(fix.sha.short());
    // Only a URL that can't end the link early is one.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/~".contains(c);
    match fix.repository_url.chars().all(plain) {
        true => format!(
            ", last fixed by [{short}]({}/commit/{})",
            fix.repository_url, fix.sha
        ),
        false => format!(", last fixed by {short}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_note() {
        let sha: CommitSha = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        let fixed = FixedBy {
            sha: &sha,
            repository_url: "https://github.com/octocat/hello",
        };
        let odd = FixedBy {
            sha: &sha,
            repository_url: "https://x/) [y](",
        };
        let since = UnixMillis(1_764_028_800_000);
        let all = [
            Note::Retried {
                next: AttemptNumber(2),
                cause: RetryCause::Flaky,
            },
            Note::Retried {
                next: AttemptNumber(3),
                cause: RetryCause::Infrastructure,
            },
            Note::AfterRetries(RetryCounts {
                infrastructure: 1,
                flaky: 2,
                translated: 0,
            }),
            Note::Retried {
                next: AttemptNumber(2),
                cause: RetryCause::Translated,
            },
            Note::Proposed,
            Note::NotTranslated {
                step: "Set up *Go*",
                problem: "the model did not answer within 60 s",
            },
            Note::AfterRetries(RetryCounts {
                infrastructure: 0,
                flaky: 0,
                translated: 2,
            }),
            Note::Slow {
                ran: Millis::from_minutes(40),
                usual: Millis::from_minutes(4),
            },
            Note::SameFailure {
                times: 1234,
                since,
                fixed: Some(fixed),
            },
            Note::SameFailure {
                times: 2,
                since,
                fixed: Some(odd),
            },
            Note::Cache {
                step: "Install *all*",
                usual: Millis::from_secs(45),
            },
        ];
        insta::assert_snapshot!(notes(&all), @r"
        **Retried as attempt 2**: this failure has come and gone on the same commit before. `retry` in `.checkmill/config.yml` sets how often.

        **Retried as attempt 3**: the infrastructure is to blame as far as Checkmill can tell. `retry` in `.checkmill/config.yml` sets how often.

        Retried automatically before this attempt: 1 × infrastructure failure, 2 × flaky failure.

        **Retried as attempt 2** with the translation below, as `model` in `.checkmill/config.yml` allows.

        **A language model has written a script for what could not be run**: it is shown below. Read it; **Re-run** uses it, now and in later runs.

        No language model helps with the step Set up \*Go\*: the model did not answer within 60 s.

        Retried automatically before this attempt: 2 × translation.

        **Far longer than usual**: it ran 40 min, and nine of ten attempts that pass take at most 4 min.

        It failed the same way 1,234 times since 2025-11-25, last fixed by [`0123456`](https://github.com/octocat/hello/commit/0123456789abcdef0123456789abcdef01234567).

        It failed the same way 2 times since 2025-11-25, last fixed by `0123456`.

        The step Install \*all\* takes about 45 s each time: a cache of what it makes would save most of that.
        ");
        assert_eq!(in_title(&all).as_deref(), Some("retried as attempt 2"));
        assert_eq!(notes(&[]), "");
    }
}
