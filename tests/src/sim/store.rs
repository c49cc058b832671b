//! Store, blobs and queue in memory, as strict as the ports say: conditional on absence or on the version that was read.

use super::faults::{Faults, Peer, Trouble};
use super::groups;
use super::tally::Happening;
use super::world::SimClock;
use async_trait::async_trait;
use checkmill_core::history::JobHistory;
use checkmill_core::limits::DELIVERY_REDRIVE;
use checkmill_core::schedule::Timer;
use checkmill_core::{
    CommitSha, DeliveryId, Event, Group, GroupId, HistoryId, Job, JobId, RepositoryId, Run, RunId,
    RunNumbers, Schedule, UnixMillis, WorkflowId,
};
use checkmill_phases::ports::{
    BlobInfo, Blobs, Clock as _, Deliveries, DeliveryState, Groups, History, Inbox, Jobs, Numbers,
    PlanMessage, Queue, QueueError, Runs, Schedules, StoreError,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Debug, Default)]
struct Rows {
    /// With the time at which the sweep looks after it.
    deliveries: BTreeMap<DeliveryId, (Event, DeliveryState, UnixMillis)>,
    runs: BTreeMap<RunId, Run>,
    jobs: BTreeMap<JobId, Job>,
    /// The version at which the sweep put its next look at a job off, and until when.
    deferred: BTreeMap<JobId, (u64, UnixMillis)>,
    histories: BTreeMap<(RepositoryId, HistoryId), JobHistory>,
    schedules: BTreeMap<RepositoryId, Schedule>,
    groups: groups::Groups,
    numbers: BTreeMap<(RepositoryId, WorkflowId), RunNumbers>,
    blobs: BTreeMap<String, Vec<u8>>,
    queue: VecDeque<PlanMessage>,
    /// Promises that were broken by a write.
    broken: Vec<String>,
}

pub struct MemStore {
    rows: Mutex<Rows>,
    faults: Arc<Faults>,
    clock: Arc<SimClock>,
    /// Jobs in one expansion; past it the row is too large.
    room: AtomicUsize,
}

fn failed(trouble: Trouble) -> StoreError {
    match trouble {
        Trouble::Away => StoreError::Transient("injected".to_owned()),
        Trouble::Conflict => StoreError::Conflict,
        Trouble::Refused(_) => StoreError::Corrupt("injected".to_owned()),
    }
}

const fn rank(state: &DeliveryState) -> u8 {
    match state {
        DeliveryState::Received => 0,
        DeliveryState::Enqueued => 1,
        DeliveryState::Failed { .. } => 2,
        DeliveryState::Planned => 3,
    }
}

impl MemStore {
    #[must_use]
    pub fn new(faults: Arc<Faults>, clock: Arc<SimClock>) -> Self {
        Self {
            rows: Mutex::default(),
            faults,
            clock,
            room: AtomicUsize::new(usize::MAX),
        }
    }

    /// Refuses rows of more jobs in one expansion from now on.
    pub fn hold_at_most(&self, jobs: usize) {
        self.room.store(jobs, Ordering::Relaxed);
    }

    fn check_version(&self, stored: Option<u64>, next: u64) -> Result<(), StoreError> {
        if stored.is_some_and(|stored| stored + 1 == next) {
            Ok(())
        } else {
            self.faults.tally().note(Happening::RaceLost);
            Err(StoreError::Conflict)
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().expect("no test panics while it holds this")
    }

    /// All jobs, past every fault: for the test's own eyes.
    #[must_use]
    pub fn all_jobs(&self) -> Vec<Job> {
        self.rows().jobs.values().cloned().collect()
    }

    /// What was learned, past every fault.
    #[must_use]
    pub fn all_histories(&self) -> Vec<JobHistory> {
        self.rows().histories.values().cloned().collect()
    }

    /// Changes a job's row behind everybody's back: for tests of the verdict.
    pub fn falsify(&self, id: &JobId, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.rows().jobs.get_mut(id) {
            change(job);
        }
    }

    #[must_use]
    pub fn all_runs(&self) -> Vec<Run> {
        self.rows().runs.values().cloned().collect()
    }

    #[must_use]
    pub fn delivery_states(&self) -> Vec<DeliveryState> {
        self.rows()
            .deliveries
            .values()
            .map(|(_, state, _)| state.clone())
            .collect()
    }

    #[must_use]
    pub fn delivery_ids(&self) -> Vec<DeliveryId> {
        self.rows().deliveries.keys().cloned().collect()
    }

    /// Promises of the rows that were broken by a write.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        self.rows().broken.clone()
    }

    /// The schedules of all repositories, past every fault.
    #[must_use]
    pub fn all_schedules(&self) -> Vec<Schedule> {
        self.rows().schedules.values().cloned().collect()
    }

    /// The concurrency groups of all repositories, past every fault.
    #[must_use]
    pub fn all_groups(&self) -> Vec<Group> {
        self.rows().groups.values().cloned().collect()
    }

    /// A blob, past every fault.
    #[must_use]
    pub fn blob(&self, key: &str) -> Option<Vec<u8>> {
        self.rows().blobs.get(key).cloned()
    }

    /// Whether all of these got here.
    #[must_use]
    pub fn has_deliveries(&self, ids: &BTreeSet<DeliveryId>) -> bool {
        let rows = self.rows();
        ids.iter().all(|id| rows.deliveries.contains_key(id))
    }

    /// The next message of the queue.
    pub fn take_message(&self) -> Option<PlanMessage> {
        self.rows().queue.pop_front()
    }

    /// Puts a message back, as a queue does whose consumer failed.
    pub fn return_message(&self, message: PlanMessage) {
        self.rows().queue.push_back(message);
    }

    /// Loses all messages, as a queue in memory does when its process dies.
    pub fn lose_queue(&self) {
        self.rows().queue.clear();
    }
}

#[async_trait]
impl Inbox for MemStore {
    async fn record(&self, event: &Event) -> Result<DeliveryState, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                let now = self.clock.now();
                let mut rows = self.rows();
                let row = rows
                    .deliveries
                    .entry(event.delivery.clone())
                    .or_insert_with(|| (event.clone(), DeliveryState::Received, now + DELIVERY_REDRIVE));
                Ok(row.1.clone())
            })
            .await
    }

    async fn advance(&self, id: &DeliveryId, to: &DeliveryState) -> Result<(), StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                let now = self.clock.now();
                if let Some(row) = self.rows().deliveries.get_mut(id)
                    && rank(to) > rank(&row.1)
                {
                    row.1 = to.clone();
                    row.2 = now + to.redriven_after().unwrap_or_default();
                }
                Ok(())
            })
            .await
    }
}

#[async_trait]
impl Deliveries for MemStore {
    async fn load(&self, id: &DeliveryId) -> Result<Option<(Event, DeliveryState)>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                Ok(self
                    .rows()
                    .deliveries
                    .get(id)
                    .map(|(event, state, _)| (event.clone(), state.clone())))
            })
            .await
    }

    async fn due(&self, at: UnixMillis, limit: usize) -> Result<Vec<(Event, DeliveryState)>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                let rows = self.rows();
                let mut due: Vec<_> = rows
                    .deliveries
                    .values()
                    .filter(|row| row.1.redriven_after().is_some() && row.2 <= at)
                    .collect();
                due.sort_by_key(|row| row.2);
                Ok(due
                    .into_iter()
                    .take(limit)
                    .map(|row| (row.0.clone(), row.1.clone()))
                    .collect())
            })
            .await
    }

    async fn defer(&self, id: &DeliveryId, until: UnixMillis) -> Result<(), StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                if let Some(row) = self.rows().deliveries.get_mut(id)
                    && row.1.redriven_after().is_some()
                {
                    row.2 = row.2.max(until);
                }
                Ok(())
            })
            .await
    }
}

#[async_trait]
impl Runs for MemStore {
    async fn create(&self, run: &Run) -> Result<bool, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                let mut rows = self.rows();
                let absent = !rows.runs.contains_key(&run.id);
                if absent {
                    rows.runs.insert(run.id.clone(), run.clone());
                }
                Ok(absent)
            })
            .await
    }

    async fn load(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || Ok(self.rows().runs.get(id).cloned()))
            .await
    }

    async fn load_with_jobs(&self, id: &RunId) -> Result<Option<(Run, Vec<Job>)>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                let rows = self.rows();
                let jobs = rows
                    .jobs
                    .values()
                    .filter(|job| job.id.run() == *id)
                    .cloned()
                    .collect();
                Ok(rows.runs.get(id).cloned().map(|run| (run, jobs)))
            })
            .await
    }

    async fn update(&self, run: &Run) -> Result<(), StoreError> {
        self.faults
            .conditional(Peer::Store, failed, || {
                let mut rows = self.rows();
                self.check_version(rows.runs.get(&run.id).map(|stored| stored.version), run.version)?;
                rows.runs.insert(run.id.clone(), run.clone());
                Ok(())
            })
            .await
    }

    async fn expand(&self, run: &Run, jobs: &[Job]) -> Result<(), StoreError> {
        self.faults
            .conditional(Peer::Store, failed, || {
                if jobs.len() > self.room.load(Ordering::Relaxed) {
                    return Err(StoreError::TooLarge("injected".to_owned()));
                }
                let mut rows = self.rows();
                self.check_version(rows.runs.get(&run.id).map(|stored| stored.version), run.version)?;
                for job in jobs {
                    rows.jobs.entry(job.id.clone()).or_insert_with(|| job.clone());
                }
                rows.runs.insert(run.id.clone(), run.clone());
                Ok(())
            })
            .await
    }

    async fn of_commit(&self, repository: RepositoryId, sha: &CommitSha) -> Result<Vec<RunId>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                let rows = self.rows();
                let mut runs: Vec<_> = rows
                    .runs
                    .values()
                    .filter(|run| run.event.repository.id == repository && run.check_sha() == sha)
                    .collect();
                runs.sort_by_key(|run| run.created_at);
                Ok(runs.into_iter().map(|run| run.id.clone()).collect())
            })
            .await
    }
}

#[async_trait]
impl Jobs for MemStore {
    async fn load(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || Ok(self.rows().jobs.get(id).cloned()))
            .await
    }

    async fn update(&self, job: &Job) -> Result<(), StoreError> {
        self.faults
            .conditional(Peer::Store, failed, || {
                let mut rows = self.rows();
                let stored = rows.jobs.get(&job.id);
                self.check_version(stored.map(|stored| stored.version), job.version)?;
                if let Some(stored) = stored
                    && stored.attempt == job.attempt
                    && stored.end().is_some()
                    && stored.end() != job.end()
                {
                    let (was, is) = (stored.end(), job.end());
                    let broken = format!("attempt {} of {} ended {was:?}, then {is:?}", job.attempt, job.id);
                    rows.broken.push(broken);
                }
                let run = rows.runs.get(&job.id.run());
                let lacks = run.and_then(|run| groups::runs_without_its_place(&rows.groups, run, job));
                rows.broken.extend(lacks);
                rows.jobs.insert(job.id.clone(), job.clone());
                Ok(())
            })
            .await
    }

    async fn due(&self, at: UnixMillis, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                let rows = self.rows();
                let due_at = |job: &Job| match rows.deferred.get(&job.id) {
                    Some((version, until)) if *version == job.version => Some(*until),
                    _ => job.due_at(),
                };
                let due = rows.jobs.values().filter_map(|job| Some((due_at(job)?, job)));
                let mut due: Vec<_> = due.filter(|(due, _)| *due <= at).collect();
                due.sort_by_key(|(due, _)| *due);
                Ok(due.into_iter().take(limit).map(|(_, job)| job.clone()).collect())
            })
            .await
    }

    async fn defer(&self, job: &Job, until: UnixMillis) -> Result<(), StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                self.rows().deferred.insert(job.id.clone(), (job.version, until));
                Ok(())
            })
            .await
    }
}

#[async_trait]
impl History for MemStore {
    async fn load(&self, repository: RepositoryId, id: &HistoryId) -> Result<Option<JobHistory>, StoreError> {
        let key = (repository, id.clone());
        self.faults
            .call(Peer::Store, failed, || {
                Ok(self.rows().histories.get(&key).cloned())
            })
            .await
    }

    async fn save(&self, history: &JobHistory) -> Result<(), StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                let mut rows = self.rows();
                let key = (history.job.repository, history.job.id.clone());
                let stored = rows.histories.get(&key).map_or(0, |stored| stored.version);
                self.check_version(Some(stored), history.version)?;
                rows.histories.insert(key, history.clone());
                Ok(())
            })
            .await
    }
}

#[async_trait]
impl Groups for MemStore {
    async fn load(&self, repository: RepositoryId, id: &GroupId) -> Result<Option<Group>, StoreError> {
        let key = (repository, id.clone());
        self.faults
            .call(Peer::Store, failed, || Ok(self.rows().groups.get(&key).cloned()))
            .await
    }

    async fn save(&self, group: &Group) -> Result<(), StoreError> {
        self.faults
            .conditional(Peer::Store, failed, || {
                let mut rows = self.rows();
                let key = (group.repository, group.id.clone());
                let stored = rows.groups.get(&key);
                self.check_version(Some(stored.map_or(0, |stored| stored.version)), group.version)?;
                let of_run = |job: &'_ Job| rows.runs.get(&job.id.run());
                let jobs = rows.jobs.values().filter_map(|job| Some((of_run(job)?, job)));
                let taken = groups::taken_from_what_runs(stored, group, jobs);
                rows.broken.extend(taken);
                rows.groups.insert(key, group.clone());
                Ok(())
            })
            .await
    }
}

#[async_trait]
impl Numbers for MemStore {
    async fn load(
        &self,
        repository: RepositoryId,
        id: &WorkflowId,
    ) -> Result<Option<RunNumbers>, StoreError> {
        let key = (repository, id.clone());
        self.faults
            .call(Peer::Store, failed, || Ok(self.rows().numbers.get(&key).cloned()))
            .await
    }

    async fn save(&self, numbers: &RunNumbers) -> Result<(), StoreError> {
        self.faults
            .conditional(Peer::Store, failed, || {
                let mut rows = self.rows();
                let key = (numbers.repository, numbers.id.clone());
                let stored = rows.numbers.get(&key).map_or(0, |stored| stored.version);
                self.check_version(Some(stored), numbers.version)?;
                rows.numbers.insert(key, numbers.clone());
                Ok(())
            })
            .await
    }
}

/// A time that this write moves on from although nobody took its event in; a repository that can't be had may rest.
fn passed_over(rows: &Rows, next: &Schedule) -> Option<String> {
    let stored = rows.schedules.get(&next.id())?;
    let mut moved = next
        .timers
        .iter()
        .filter(|_| next.rests <= stored.rests)
        .filter_map(|timer| {
            let before = stored
                .timers
                .iter()
                .find(|before| before.timing == timer.timing)?;
            (before.next < timer.next).then_some(before)
        });
    let is_lost = |before: &&Timer| {
        let id = DeliveryId::of_schedule(next.id(), &before.timing, before.next);
        !rows.deliveries.contains_key(&id)
    };
    moved
        .find(is_lost)
        .map(|before| format!("{:?} at {} was passed over", before.timing, before.next.0))
}

#[async_trait]
impl Schedules for MemStore {
    async fn load(&self, repository: RepositoryId) -> Result<Option<Schedule>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                Ok(self.rows().schedules.get(&repository).cloned())
            })
            .await
    }

    async fn save(&self, schedule: &Schedule) -> Result<(), StoreError> {
        self.faults
            .conditional(Peer::Store, failed, || {
                let mut rows = self.rows();
                let stored = rows
                    .schedules
                    .get(&schedule.id())
                    .map_or(0, |stored| stored.version);
                self.check_version(Some(stored), schedule.version)?;
                if let Some(lost) = passed_over(&rows, schedule) {
                    rows.broken.push(lost);
                }
                rows.schedules.insert(schedule.id(), schedule.clone());
                Ok(())
            })
            .await
    }

    async fn due(&self, at: UnixMillis, limit: usize) -> Result<Vec<Schedule>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                let rows = self.rows();
                let is_due = |schedule: &&Schedule| schedule.due_at().is_some_and(|due| due <= at);
                let mut due: Vec<_> = rows.schedules.values().filter(is_due).collect();
                due.sort_by_key(|schedule| schedule.due_at());
                Ok(due.into_iter().take(limit).cloned().collect())
            })
            .await
    }
}

#[async_trait]
impl Blobs for MemStore {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                self.rows().blobs.insert(key.to_owned(), bytes.clone());
                Ok(())
            })
            .await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || Ok(self.rows().blobs.get(key).cloned()))
            .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                Ok(self
                    .rows()
                    .blobs
                    .keys()
                    .filter(|key| key.starts_with(prefix))
                    .cloned()
                    .collect())
            })
            .await
    }

    async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<bool, StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                let mut rows = self.rows();
                let absent = !rows.blobs.contains_key(key);
                if absent {
                    rows.blobs.insert(key.to_owned(), bytes.clone());
                }
                Ok(absent)
            })
            .await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.faults
            .call(Peer::Store, failed, || {
                self.rows().blobs.remove(key);
                Ok(())
            })
            .await
    }

    async fn describe(&self, prefix: &str) -> Result<Vec<BlobInfo>, StoreError> {
        let modified = self.clock.now();
        self.faults
            .call(Peer::Store, failed, || {
                let rows = self.rows();
                let found = rows.blobs.iter().filter(|(key, _)| key.starts_with(prefix));
                let info = |(key, bytes): (&String, &Vec<u8>)| BlobInfo {
                    key: key.clone(),
                    bytes: bytes.len() as u64,
                    modified,
                };
                Ok(found.map(info).collect())
            })
            .await
    }
}

#[async_trait]
impl Queue for MemStore {
    async fn send(&self, message: &PlanMessage) -> Result<(), QueueError> {
        self.faults
            .call(
                Peer::Queue,
                |_| QueueError("injected".to_owned()),
                || {
                    self.rows().queue.push_back(message.clone());
                    Ok(())
                },
            )
            .await
    }
}
