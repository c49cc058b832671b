//! Reporting to Checkmill while the job runs and at its end. It is a convenience: a poll finds out the same, so no fault
//! here ever fails a job.

pub mod client;
#[cfg(test)]
mod tests;

use checkmill_core::limits::LOG_CHUNK_BYTES;
use client::{CallFault, Client};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How eagerly things are sent.
#[derive(Debug, Clone)]
pub struct Pace {
    /// A piece of the log is sent when it is this old,
    pub interval: Duration,
    /// or this large, in bytes.
    pub piece: u64,
    /// After a request that reached nobody; doubled each time up to [`Pace::backoff_max`].
    pub backoff: Duration,
    pub backoff_max: Duration,
    /// For the rest of the log when the job has ended.
    pub flush: Duration,
    /// Before each further try to send the end.
    pub end_retries: Vec<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            interval: seconds(2),
            piece: 64 * 1024,
            backoff: seconds(1),
            backoff_max: seconds(30),
            flush: seconds(20),
            end_retries: [1, 2, 4, 8, 16].map(seconds).into(),
        }
    }
}

/// So many refusals in a row of pieces of the log, and nothing more is sent.
const REFUSALS_MAX: u32 = 3;
/// Tries to say that the job runs; the next poll says it, too.
const RUNNING_TRIES: u32 = 3;

/// Sends the log as it grows, beside the job.
pub struct Uploader {
    task: JoinHandle<()>,
    ended: watch::Sender<bool>,
    flush: Duration,
}

impl Uploader {
    /// Says that the job runs, then follows the log file.
    #[must_use]
    pub fn start(client: Client, log: PathBuf, length: watch::Receiver<u64>, pace: Pace) -> Self {
        let (ended, end) = watch::channel(false);
        let flush = pace.flush;
        let mut sender = Sender {
            client,
            log,
            length,
            end,
            pace,
            sent: 0,
            refusals: 0,
        };
        let task = tokio::spawn(async move {
            sender.running().await;
            sender.follow().await;
        });
        Self { task, ended, flush }
    }

    /// Sends what is left, for a limited time. The log must be complete.
    pub async fn finish(self) {
        self.ended.send_replace(true);
        let mut task = self.task;
        if tokio::time::timeout(self.flush, &mut task).await.is_err() {
            task.abort();
        }
    }
}

struct Sender {
    client: Client,
    log: PathBuf,
    length: watch::Receiver<u64>,
    end: watch::Receiver<bool>,
    pace: Pace,
    /// Bytes of the log that have arrived.
    sent: u64,
    refusals: u32,
}

impl Sender {
    async fn running(&self) {
        let mut backoff = self.pace.backoff;
        for _ in 0..RUNNING_TRIES {
            match self.client.running().await {
                Err(CallFault::Unreachable(_)) if !*self.end.borrow() => {
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(self.pace.backoff_max);
                }
                _ => return,
            }
        }
    }

    /// Returns when all is sent after the end, or when there is no use in going on.
    async fn follow(&mut self) {
        let mut backoff = self.pace.backoff;
        while self.wait_for_more().await {
            let offset = self.sent;
            let Ok(piece) = self.piece() else { return };
            let len = piece.len() as u64;
            if len == 0 {
                return;
            }
            match self.client.log(offset, piece).await {
                Ok(()) => {
                    self.sent += len;
                    self.refusals = 0;
                    backoff = self.pace.backoff;
                }
                Err(fault @ CallFault::Refused(_)) => {
                    self.refusals += 1;
                    if fault.is_final() || self.refusals >= REFUSALS_MAX {
                        return;
                    }
                }
                Err(CallFault::Unreachable(_)) => {
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(self.pace.backoff_max);
                }
            }
        }
    }

    /// Whether there is something to send. It waits for the first byte, then a while for more, the end cutting both short.
    async fn wait_for_more(&self) -> bool {
        let sent = self.sent;
        if !self.until(sent + 1, None).await {
            self.until(sent + self.pace.piece, Some(self.pace.interval)).await;
        }
        *self.length.borrow() > sent
    }

    /// Waits until the log has this length, the job has ended or the time is over; whether the job has ended.
    async fn until(&self, length: u64, limit: Option<Duration>) -> bool {
        let (mut lengths, mut end) = (self.length.clone(), self.end.clone());
        let grown = async {
            if lengths.wait_for(|now| *now >= length).await.is_err() {
                // The log is closed; the word that the job has ended is coming.
                std::future::pending::<()>().await;
            }
        };
        let late = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = end.wait_for(|ended| *ended) => true,
            () = grown => false,
            () = late => false,
        }
    }

    fn piece(&self) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.log)?;
        file.seek(SeekFrom::Start(self.sent))?;
        let mut piece = Vec::new();
        file.take(LOG_CHUNK_BYTES as u64).read_to_end(&mut piece)?;
        Ok(piece)
    }
}

/// Sends the result, a few times if need be; whether it arrived.
pub async fn send_end(client: &Client, result: &[u8], pace: &Pace) -> Result<(), CallFault> {
    let mut outcome = client.end(result.to_vec()).await;
    for delay in &pace.end_retries {
        match outcome {
            Err(CallFault::Unreachable(_)) => tokio::time::sleep(*delay).await,
            decided => return decided,
        }
        outcome = client.end(result.to_vec()).await;
    }
    outcome
}
