//! `needs`: unknown jobs and circles.

use crate::diagnostic::quoted;
use crate::model::Job;
use crate::nearest::nearest;
use crate::read::Reader;
use crate::rule::Rule;
use crate::source::Span;
use crate::text::Text;
use checkmill_core::JobKey;
use checkmill_core::limits::GRAPH_BYTES;
use std::collections::{BTreeMap, BTreeSet};

/// A job and its `needs` as the file has them.
pub(super) struct Written {
    pub(super) key: JobKey,
    pub(super) key_span: Span,
    pub(super) needs: Vec<Text>,
    /// None where something in it could not be read.
    pub(super) job: Option<Job>,
}

/// A job and those that it needs.
struct Resolved {
    written: Written,
    needs: Vec<JobKey>,
}

/// Gives each job the keys that its `needs` mean; GitHub's runner finds them without regard to case. `known` are the keys
/// of all jobs in lower case. The `needs` of a job that could not be read are judged, too.
pub(super) fn resolve(reader: &mut Reader<'_>, read: Vec<Written>, known: &[String]) -> Vec<Job> {
    let folded = |key: &str| key.to_ascii_lowercase();
    let keys: BTreeMap<String, JobKey> = read
        .iter()
        .map(|job| (folded(job.key.as_str()), job.key.clone()))
        .collect();
    let mut jobs = Vec::with_capacity(read.len());
    let mut left = GRAPH_BYTES;
    for written in read {
        let mut taken = BTreeSet::new();
        let mut needs = Vec::new();
        for need in &written.needs {
            let name = folded(&need.value);
            match keys.get(&name) {
                Some(key) if taken.insert(key) => needs.push(key.clone()),
                Some(_) => {}
                None if known.contains(&name) => {}
                None => unknown(reader, &written.key, need, known),
            }
        }
        let all = needs.iter().chain([&written.key]);
        let bytes: usize = all.map(|key| key.as_str().len()).sum();
        if left > 0 && bytes > left {
            let message = format!(
                "the names of the jobs and of those that they need have more than {GRAPH_BYTES} bytes together"
            );
            let hint =
                "shorten them, or let a job that needs the others stand between them and those that need it";
            reader.report_with(written.key_span, message, hint);
        }
        left = left.saturating_sub(bytes);
        jobs.push(Resolved { written, needs });
    }
    circles(reader, &jobs);
    let job = |Resolved { written, needs }| {
        Some(Job {
            needs,
            ..written.job?
        })
    };
    jobs.into_iter().filter_map(job).collect()
}

fn unknown(reader: &mut Reader<'_>, job: &JobKey, need: &Text, known: &[String]) {
    let message = format!(
        "the job `{}` needs `{}`, which is not a job of this workflow",
        job,
        quoted(&need.value)
    );
    let hint = nearest(&need.value, known.iter().map(String::as_str));
    let hint = hint.map(|near| format!("did you mean `{near}`?"));
    reader.report_as(Rule::UnknownNeed, need.span, message, hint);
}

/// Reports every circle once, at the need that closes it.
fn circles(reader: &mut Reader<'_>, jobs: &[Resolved]) {
    let keys = jobs.iter().map(|job| &job.written.key);
    let places: BTreeMap<&JobKey, usize> = keys.enumerate().map(|(at, key)| (key, at)).collect();
    let mut done = vec![false; jobs.len()];
    for start in 0..jobs.len() {
        // Depth first, with the way from `start` on a stack of (job, next need to look at).
        let mut way: Vec<(usize, usize)> = if done[start] { Vec::new() } else { vec![(start, 0)] };
        while let Some((job, next)) = way.last_mut() {
            let job = *job;
            let Some(need) = jobs[job].needs.get(*next) else {
                done[job] = true;
                way.pop();
                continue;
            };
            *next += 1;
            let Some(&needed) = places.get(need) else { continue };
            if let Some(from) = way.iter().position(|(on_way, _)| *on_way == needed) {
                let circle: Vec<usize> = way[from..].iter().map(|(job, _)| *job).collect();
                circle_found(reader, jobs, &circle, &jobs[job].written.needs);
            } else if !done[needed] {
                way.push((needed, 0));
            }
        }
    }
}

fn circle_found(reader: &mut Reader<'_>, jobs: &[Resolved], circle: &[usize], closing: &[Text]) {
    let Some(first) = circle.first() else { return };
    let names: Vec<String> = circle
        .iter()
        .chain([first])
        .map(|job| format!("`{}`", jobs[*job].written.key))
        .collect();
    let closes = closing
        .iter()
        .find(|text| text.value.eq_ignore_ascii_case(jobs[*first].written.key.as_str()));
    let span = closes.map_or(jobs[*first].written.key_span, |text| text.span);
    let message = match names.as_slice() {
        [one, _] => format!("the job {one} needs itself"),
        _ => format!("the jobs need each other in a circle: {}", names.join(" → ")),
    };
    let hint = "remove one of the `needs`".to_owned();
    reader.report_as(Rule::NeedsCycle, span, message, Some(hint));
}
