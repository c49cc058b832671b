//! The agent's own lines in a job's log: how they begin, and what they still tell of the steps when the agent was killed before
//! it could write a result.

use crate::job::{StepResult, StepStatus};
use checkmill_core::UnixMillis;
use checkmill_core::limits::FAILURE_TAIL_LINES;
use std::collections::VecDeque;

/// What begins a line that the agent writes about the course of the job. Lines of a step that begin so get a blank in front,
/// so that no step can fake them.
pub const MARKS: [&str; 3] = [STEP_MARK, END_STEP_MARK, JOB_MARK];
/// A step begins: its number, `/`, the number of steps, its name.
pub const STEP_MARK: &str = "##[step]";
/// It has ended: its outcome, its duration in milliseconds.
pub const END_STEP_MARK: &str = "##[endstep]";
/// The last line: the verdict, the sentence about it.
pub const JOB_MARK: &str = "##[job]";
/// The last line before a failed step's end, where `continue-on-error` lets the job go on.
pub const GOES_ON: &str = "The job goes on (continue-on-error).";

/// The steps that have begun, as far as the log tells; one that has not ended was stopped at `ended`. The exit codes are not
/// in the log.
#[must_use]
pub fn steps(log: &str, ended: UnixMillis) -> Vec<StepResult> {
    let mut done = Vec::new();
    let mut open: Option<Open<'_>> = None;
    for line in log.lines() {
        let (time, text) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(begun) = text.strip_prefix(STEP_MARK) {
            done.extend(open.take().map(|step| step.stopped(ended)));
            open = Open::begin(time, begun);
        } else if let Some(end) = text.strip_prefix(END_STEP_MARK) {
            done.extend(open.take().map(|step| step.ended(end)));
        } else if text.starts_with(JOB_MARK) {
            break;
        } else if let Some(step) = &mut open {
            step.said(text);
        }
    }
    done.extend(open.map(|step| step.stopped(ended)));
    done
}

/// A step whose end is not read yet.
struct Open<'a> {
    name: &'a str,
    since: Option<UnixMillis>,
    /// In the folded part at the beginning that says what is run.
    header: bool,
    tail: VecDeque<&'a str>,
}

impl<'a> Open<'a> {
    /// None where the line is cut off.
    fn begin(time: &str, text: &'a str) -> Option<Self> {
        let (_, name) = text.split_once(' ')?;
        Some(Self {
            name,
            since: parse_timestamp(time),
            header: true,
            tail: VecDeque::new(),
        })
    }

    fn said(&mut self, text: &'a str) {
        if text.starts_with("##[group]") || text.starts_with("##[debug]") {
            return;
        }
        if text.starts_with("##[endgroup]") {
            // What stands before the first one is what was run.
            if std::mem::take(&mut self.header) {
                self.tail.clear();
            }
            return;
        }
        let text = ["##[error]", "##[warning]", "##[notice]"]
            .iter()
            .find_map(|mark| text.strip_prefix(mark))
            .unwrap_or(text);
        if self.tail.len() == FAILURE_TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(text);
    }

    fn ended(self, text: &str) -> StepResult {
        let (outcome, millis) = text.split_once(' ').unwrap_or((text, ""));
        let outcome = match outcome {
            "success" => StepStatus::Success,
            "failure" => StepStatus::Failure,
            "skipped" => StepStatus::Skipped,
            _ => StepStatus::Cancelled,
        };
        let allowed = outcome == StepStatus::Failure && self.tail.back() == Some(&GOES_ON);
        let conclusion = if allowed { StepStatus::Success } else { outcome };
        self.result(outcome, conclusion, millis.trim().parse().unwrap_or(0))
    }

    fn stopped(self, ended: UnixMillis) -> StepResult {
        let ran = self.since.map_or(0, |since| ended.since(since).0);
        self.result(StepStatus::Cancelled, StepStatus::Cancelled, ran)
    }

    fn result(self, outcome: StepStatus, conclusion: StepStatus, duration_ms: u64) -> StepResult {
        let said = matches!(outcome, StepStatus::Failure | StepStatus::Cancelled);
        StepResult {
            name: self.name.to_owned(),
            outcome,
            conclusion,
            exit_code: None,
            duration_ms,
            tail: self
                .tail
                .into_iter()
                .filter(|_| said)
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// `2026-11-20T21:43:23.123Z`, as each line of a log begins.
fn parse_timestamp(text: &str) -> Option<UnixMillis> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (time, millis) = time.split_once('.')?;
    let mut time = time.split(':').map(str::parse::<u64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    let days = days_since_1970(year, month, day)?;
    Some(UnixMillis(
        (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis.parse::<u64>().ok()?,
    ))
}

/// The other way round than [`UnixMillis::date`]: years begin in March here, so that the leap day is a year's last one.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    // What can't be a date must not overflow below.
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-11-20T21:43:00.000Z ##[step]1/4 Build
2026-11-20T21:43:00.001Z ##[group]Run make
2026-11-20T21:43:00.001Z make
2026-11-20T21:43:00.001Z shell: /usr/bin/bash -e {0}
2026-11-20T21:43:00.001Z ##[endgroup]
2026-11-20T21:43:01.500Z built
2026-11-20T21:43:01.500Z ##[endstep]success 1500
2026-11-20T21:43:01.500Z ##[step]2/4 Lint
2026-11-20T21:43:02.000Z ##[error]Process completed with exit code 1.
2026-11-20T21:43:02.000Z The job goes on (continue-on-error).
2026-11-20T21:43:02.000Z ##[endstep]failure 500
2026-11-20T21:43:02.000Z ##[step]3/4 Test the whole
2026-11-20T21:43:02.001Z ##[group]Run cargo test
2026-11-20T21:43:02.001Z cargo test
2026-11-20T21:43:02.001Z ##[endgroup]
2026-11-20T21:43:03.000Z ##[group]suite
2026-11-20T21:43:03.000Z one
2026-11-20T21:43:03.000Z ##[endgroup]
2026-11-20T21:43:03.000Z  ##[endstep]success 1
2026-11-20T21:43:03.000Z ##[warning]slow
2026-11-20T21:43:03.000Z 
2026-11-20T21:43:04.000Z still at it
";

    #[test]
    fn what_has_ended_and_what_was_running() {
        let ended = parse_timestamp("2026-11-20T22:43:02.000Z").unwrap();
        insta::assert_debug_snapshot!(shown(LOG, ended), @r#"
        [
            "Build: Success Success 1500 []",
            "Lint: Failure Success 500 [\"Process completed with exit code 1.\", \"The job goes on (continue-on-error).\"]",
            "Test the whole: Cancelled Cancelled 3600000 [\"one\", \" ##[endstep]success 1\", \"slow\", \"\", \"still at it\"]",
        ]
        "#);
        let closed = format!("{LOG}2026-11-20T21:43:05.000Z ##[job]timed_out The job did not end\n");
        assert_eq!(steps(&closed, ended), steps(LOG, ended));
    }

    #[test]
    fn cut_logs_and_others() {
        let ended = UnixMillis(1000);
        assert_eq!(shown("", ended), Vec::<String>::new());
        assert_eq!(shown("no log\n##[step]1/1 x", ended), Vec::<String>::new());
        assert_eq!(
            shown("1970-01-01T00:00:00.200Z ##[step]1/1 x\nT ##[step]2/2 y", ended),
            ["x: Cancelled Cancelled 800 []", "y: Cancelled Cancelled 0 []"]
        );
        let long: String = (0..100).map(|n| format!("T {n}\n")).collect();
        let steps = steps(&format!("T ##[step]1/1 x\n{long}"), ended);
        assert_eq!(steps[0].tail.len(), FAILURE_TAIL_LINES);
        assert_eq!(steps[0].tail.last().unwrap(), "99");
    }

    #[test]
    fn timestamps() {
        let table = [
            ("1970-01-01T00:00:00.000Z", Some(0)),
            ("2000-02-29T00:00:00.000Z", Some(951_782_400_000)),
            ("2026-11-20T21:43:19.123Z", Some(1_795_210_999_123)),
            ("2100-03-01T00:00:00.000Z", Some(4_107_542_400_000)),
            ("0000-01-01T00:00:00.000Z", None),
            ("99999999999999999999-01-01T00:00:00.000Z", None),
            ("2026-11-20", None),
            ("", None),
        ];
        for (text, millis) in table {
            assert_eq!(parse_timestamp(text).map(|at| at.0), millis, "{text}");
        }
    }

    fn shown(log: &str, ended: UnixMillis) -> Vec<String> {
        let steps = steps(log, ended).into_iter();
        steps
            .map(|step| {
                let StepResult {
                    name,
                    outcome,
                    conclusion,
                    duration_ms,
                    tail,
                    ..
                } = step;
                format!("{name}: {outcome:?} {conclusion:?} {duration_ms} {tail:?}")
            })
            .collect()
    }
}
