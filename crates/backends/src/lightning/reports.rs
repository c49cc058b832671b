//! What jobs have printed: by pages, and of ended jobs as one file.

use super::client::{Call, Client, Fault};
use super::settings::LightningSettings;
use super::state::Phase;
use super::wire::{DownloadLogs, Job, LogPage};
use crate::inline::frames::Report;
use reqwest::Method;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Entries of a page that are asked for; a service may give fewer.
const PAGE_ENTRIES: &str = "1000";
/// Of one log: a million lines of the shortest kind.
const PAGES: usize = 1000;
/// Logs of ended jobs that are kept in memory: between the poll that sees an end, and the log and the result that follow it.
const KEPT: usize = 4;

/// Everything that a job has printed, and whether more may come.
pub(super) struct Printed {
    pub(super) report: Report,
    pub(super) is_complete: bool,
}

#[derive(Default)]
pub(super) struct Reports {
    kept: Mutex<VecDeque<(String, Kept)>>,
}

#[derive(Clone)]
pub(super) struct Kept {
    pub(super) job: Job,
    pub(super) printed: Arc<Printed>,
}

impl Reports {
    /// An ended job whose log is all there, where it was looked at not long ago.
    pub(super) fn kept(&self, id: &str) -> Option<Kept> {
        let kept = self.kept.lock().ok()?;
        kept.iter().find(|(of, _)| of == id).map(|(_, kept)| kept.clone())
    }

    pub(super) fn forget(&self, id: &str) {
        if let Ok(mut kept) = self.kept.lock() {
            kept.retain(|(of, _)| of != id);
        }
    }

    /// What this job has printed.
    pub(super) async fn of(
        &self,
        client: &Client,
        settings: &LightningSettings,
        project: &str,
        job: &Job,
    ) -> Result<Arc<Printed>, Fault> {
        if let Some(kept) = self.kept(&job.id) {
            return Ok(kept.printed);
        }
        let is_final = Phase::of(job).is_final();
        let reader = Reader {
            client,
            settings,
            project,
            job,
        };
        let report = reader.read(is_final).await?;
        // What an agent that was killed would still have said never comes; how long lines are on their way, nobody tells.
        let is_over = is_final && is_past_grace(settings, job);
        let printed = Arc::new(Printed {
            is_complete: report.is_complete() || is_over,
            report,
        });
        if is_final && printed.is_complete {
            self.keep(job, &printed);
        }
        Ok(printed)
    }

    fn keep(&self, job: &Job, printed: &Arc<Printed>) {
        let Ok(mut kept) = self.kept.lock() else { return };
        kept.retain(|(of, _)| *of != job.id);
        kept.truncate(KEPT - 1);
        let entry = Kept {
            job: job.clone(),
            printed: Arc::clone(printed),
        };
        kept.push_front((job.id.clone(), entry));
    }
}

fn is_past_grace(settings: &LightningSettings, job: &Job) -> bool {
    let ended = job.ended_at();
    ended.is_none_or(|ended| (settings.now)() >= ended + settings.log_grace)
}

struct Reader<'a> {
    client: &'a Client,
    settings: &'a LightningSettings,
    project: &'a str,
    job: &'a Job,
}

impl Reader<'_> {
    /// Pages where they are few, or the job has not ended; else the file.
    async fn read(&self, is_final: bool) -> Result<Report, Fault> {
        let mut report = Report::default();
        let mut token = String::new();
        for page in 0..PAGES {
            let entries = match self.page(&token).await {
                Ok(entries) => entries,
                // An older service has no pages.
                Err(Fault::Missing(_)) if page == 0 && is_final => {
                    return Ok(self.file().await?.unwrap_or(report));
                }
                Err(Fault::Missing(_)) if page == 0 => return Ok(report),
                Err(fault) => return Err(fault),
            };
            let is_last = entries.entries.is_empty()
                || matches!(entries.next_page_token.as_str(), next if next.is_empty() || next == token);
            for entry in entries.entries {
                entry.message.lines().for_each(|line| report.line(line));
            }
            if is_last {
                return Ok(report);
            }
            if page == 0
                && is_final
                && let Some(whole) = self.file().await?
            {
                return Ok(whole);
            }
            token = entries.next_page_token;
        }
        Ok(report)
    }

    async fn page(&self, token: &str) -> Result<LogPage, Fault> {
        let mut query = vec![("jobIds", self.job.id.as_str()), ("pageSize", PAGE_ENTRIES)];
        if !token.is_empty() {
            query.push(("pageToken", token));
        }
        let call = Call {
            method: Method::GET,
            path: &["projects", self.project, "page-logs"],
            query: &query,
            body: None,
            secrets: &[],
        };
        self.client.call(self.settings, call).await
    }

    /// None where there is no such file.
    async fn file(&self) -> Result<Option<Report>, Fault> {
        let call = Call {
            method: Method::GET,
            path: &["projects", self.project, "jobs", &self.job.id, "download-logs"],
            query: &[],
            body: None,
            secrets: &[],
        };
        let address: DownloadLogs = match self.client.call(self.settings, call).await {
            Ok(address) => address,
            Err(Fault::Missing(_) | Fault::Refused(_)) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let bytes = match self.client.download(&address.url).await {
            Ok(bytes) => bytes,
            Err(Fault::Missing(_)) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let mut report = Report::default();
        for line in String::from_utf8_lossy(&bytes).lines() {
            report.line(without_time(line));
        }
        Ok(Some(report))
    }
}

/// A line of the file is `[TIME] message`. The message may begin with a bracket as well.
fn without_time(line: &str) -> &str {
    let bracket = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    // A message that was empty is cut with its space.
    match bracket {
        Some((_, message)) => message,
        None if line.starts_with('[') && line.ends_with(']') => "",
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::without_time;

    #[test]
    fn the_time_before_a_line_is_no_part_of_it() {
        for (line, message) in [
            ("[2026-11-27T02:00:00Z] hello", "hello"),
            ("[2026-11-27T02:00:00Z] [x] y", "[x] y"),
            ("[2026-11-27T02:00:00Z]", ""),
            ("hello", "hello"),
        ] {
            assert_eq!(without_time(line), message, "{line}");
        }
    }
}
