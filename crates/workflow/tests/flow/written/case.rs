//! The first comment of a file: what starts it, and what should become of it.

use crate::support;
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::event::{Event, EventKind, GitRef, MergeGroup};
use std::collections::BTreeMap;

/// The verdict, with the events that it is about.
pub(super) struct Case<'t> {
    /// From `# verdict:` to the end of the comment.
    pub(super) verdict: String,
    pub(super) starts: Vec<Start<'t>>,
}

/// An event, and how jobs end.
///
/// `push BRANCH`, `push tag TAG`, `pull_request[_target] ACTION BASE`, `merge_group`, `release ACTION`, `comment ACTION on issue|pull`,
/// `workflow_run NAME on BRANCH`, `schedule CRON`, `workflow_dispatch [NAME=VALUE …]`, `event NAME [TYPE]`; then, each behind a `;`,
/// `touching FILE …`, `JOB fails`, `JOB gives NAME=VALUE`, `vars NAME=VALUE`.
pub(super) struct Start<'t> {
    pub(super) line: &'t str,
    pub(super) event: Event,
    pub(super) touching: Vec<String>,
    pub(super) results: BTreeMap<&'t str, NeedsResult>,
    pub(super) outputs: BTreeMap<&'t str, BTreeMap<String, String>>,
    pub(super) vars: BTreeMap<String, String>,
}

impl<'t> Case<'t> {
    pub(super) fn of(text: &'t str) -> Result<Self, String> {
        let comment = text.lines().take_while(|line| line.starts_with('#'));
        let lines: Vec<&str> = comment
            .skip_while(|line| !line.starts_with("# verdict: "))
            .collect();
        let kind = lines.first().ok_or("its first comment has no `# verdict:`")?;
        let events = lines.iter().skip(1).filter_map(|line| line.strip_prefix("# "));
        let starts = events
            .filter(|line| !line.starts_with(' '))
            .map(Start::of)
            .collect::<Result<Vec<_>, _>>()?;
        let is_sound = match *kind {
            "# verdict: runs" => !starts.is_empty(),
            "# verdict: refused" => starts.is_empty(),
            _ => false,
        };
        if !is_sound {
            return Err(format!("`{kind}` is no verdict, or has not what goes with it"));
        }
        Ok(Self {
            verdict: lines.iter().map(|line| format!("{line}\n")).collect(),
            starts,
        })
    }
}

impl<'t> Start<'t> {
    fn of(line: &'t str) -> Result<Self, String> {
        let unknown = || format!("what is `{line}`?");
        let mut parts = line.split("; ");
        let event = event(parts.next().unwrap_or_default()).ok_or_else(unknown)?;
        let mut start = Self {
            line,
            event,
            touching: Vec::new(),
            results: BTreeMap::new(),
            outputs: BTreeMap::new(),
            vars: BTreeMap::new(),
        };
        for part in parts {
            start.given(part).ok_or_else(unknown)?;
        }
        Ok(start)
    }

    fn given(&mut self, part: &'t str) -> Option<()> {
        let pair = |text: &str| {
            text.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let (first, rest) = part.split_once(' ')?;
        match (first, rest.split_once(' ')) {
            ("touching", _) => self.touching = rest.split(' ').map(str::to_owned).collect(),
            ("vars", _) => self.vars.extend([pair(rest)?]),
            (job, Some(("gives", output))) => {
                self.outputs.entry(job).or_default().extend([pair(output)?]);
            }
            (job, None) if rest == "fails" => drop(self.results.insert(job, NeedsResult::Failure)),
            _ => return None,
        }
        Some(())
    }
}

fn event(text: &str) -> Option<Event> {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let words: Vec<&str> = rest.split_whitespace().collect();
    Some(match (name, words.as_slice()) {
        ("push", ["tag", tag]) => support::push(&format!("refs/tags/{tag}")),
        ("push", [branch]) => support::push(&format!("refs/heads/{branch}")),
        ("pull_request", [action, base]) => support::pull_request(action, base),
        ("pull_request_target", [action, base]) => support::pull_request_target(action, base),
        ("merge_group", []) => merge_group(),
        ("release", [action]) => support::release(action),
        ("comment", [action, "on", "issue"]) => support::comment(action, false),
        ("comment", [action, "on", "pull"]) => support::comment(action, true),
        ("event", [name]) => support::happening(name, None),
        ("event", [name, action]) => support::happening(name, Some(action)),
        ("schedule", [_, ..]) => support::schedule(rest, None),
        ("workflow_run", [name @ .., "on", branch]) => support::ended_run(&name.join(" "), branch),
        ("workflow_dispatch", inputs) => {
            let inputs: Vec<(&str, &str)> = inputs
                .iter()
                .map(|input| input.split_once('='))
                .collect::<Option<_>>()?;
            support::dispatch(&inputs)
        }
        _ => return None,
    })
}

fn merge_group() -> Event {
    support::event(EventKind::MergeGroup(MergeGroup {
        head_ref: GitRef::parse("refs/heads/gh-readonly-queue/main/pr-5-abc").unwrap(),
        head_sha: support::sha('2'),
        base_ref: GitRef::parse("refs/heads/main").unwrap(),
        base_sha: support::sha('1'),
        message: "Merge pull request #5".to_owned(),
    }))
}
