//! What runs by the clock: the schedules of a repository's workflows, and when each comes next.

mod cron;
mod timetable;

pub use cron::TimingError;
pub use timetable::Timetable;

use crate::event::{Event, EventKind, Repository, RepositoryEventName, ScheduledRun};
use crate::ids::{AccountId, DeliveryId, InstallationId, Login, RepositoryId};
use crate::limits::{SCHEDULE_INTERVAL, SCHEDULE_REST, SCHEDULE_REST_MAX, SCHEDULE_RESTS};
use crate::time::{Millis, UnixMillis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A schedule as a workflow file writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timing {
    pub cron: String,
    /// A name of the IANA database; UTC without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

impl Timing {
    /// # Errors
    /// Where the cron text is wrong, else the time zone.
    pub fn timetable(&self) -> Result<Timetable, TimingError> {
        Timetable::new(&self.cron, self.timezone.as_deref())
    }

    /// The first time after `now` that is no less than [`SCHEDULE_INTERVAL`] after the one `before`.
    fn next(&self, now: UnixMillis, before: Option<UnixMillis>) -> Option<UnixMillis> {
        let rested = before.map(|before| before + SCHEDULE_INTERVAL - Millis(1));
        let after = rested.map_or(now, |rested| rested.max(now));
        self.timetable().ok()?.next_after(after)
    }

    /// Whether it comes oftener than GitHub and we run it.
    #[must_use]
    pub fn is_too_often(&self) -> bool {
        let timetable = self.timetable();
        timetable.is_ok_and(|timetable| timetable.shortest_pause() < SCHEDULE_INTERVAL)
    }
}

/// What workflow files wait for that no webhook tells of, or too many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waits {
    pub timings: BTreeSet<Timing>,
    /// The names of the workflows that others follow.
    pub followed: BTreeSet<String>,
    /// Of the events that come in masses those that a workflow names.
    pub events: BTreeSet<RepositoryEventName>,
}

/// A schedule with the time at which it is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    pub timing: Timing,
    pub next: UnixMillis,
}

/// What the workflows of one repository's default branch wait for that no webhook tells of: times, and each other's ends.
/// Without timers it is not due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub installation: InstallationId,
    pub repository: Repository,
    /// Who last changed them: whose event a scheduled run is, as GitHub has it.
    pub actor: Login,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<AccountId>,
    pub timers: Vec<Timer>,
    /// The names of the workflows whose runs are followed by others.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub followed: BTreeSet<String>,
    /// The events that come in masses and are waited for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub events: BTreeSet<RepositoryEventName>,
    /// How often in a row the repository could not be had.
    #[serde(default)]
    pub rests: u32,
    /// Until when they rest because of the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_until: Option<UnixMillis>,
    /// Bumped by every write; a write names the version it read.
    pub version: u64,
}

impl Schedule {
    #[must_use]
    pub const fn id(&self) -> RepositoryId {
        self.repository.id
    }

    /// When the first of its timers is due; none where it has none.
    #[must_use]
    pub fn due_at(&self) -> Option<UnixMillis> {
        self.timers.iter().map(|timer| timer.next).min()
    }

    /// The schedules that the default branch has now; none where that is what is known already. A schedule that stays keeps
    /// its time, so that a push at the wrong moment loses none.
    #[must_use]
    pub fn replanned(stored: Option<&Self>, event: &Event, waits: &Waits, now: UnixMillis) -> Option<Self> {
        let timings = &waits.timings;
        let known: &[Timer] = stored.map_or(&[], |stored| &stored.timers);
        let same = known.iter().map(|timer| &timer.timing).eq(timings);
        let same_followed = match stored {
            Some(stored) => stored.followed == waits.followed && stored.events == waits.events,
            None => waits.followed.is_empty() && waits.events.is_empty(),
        };
        let reachable =
            stored.is_none_or(|stored| stored.rests == 0 && stored.repository == event.repository);
        if same && same_followed && (reachable || timings.is_empty()) {
            return None;
        }
        let timer = |timing: &Timing| {
            let kept = known.iter().find(|timer| timer.timing == *timing);
            let next = kept.map(|timer| timer.next).or_else(|| timing.next(now, None));
            next.map(|next| Timer {
                timing: timing.clone(),
                next,
            })
        };
        let (actor, actor_id) = match stored {
            Some(stored) if same => (stored.actor.clone(), stored.actor_id),
            _ => (event.sender.clone(), event.sender_id),
        };
        Some(Self {
            installation: event.installation,
            repository: event.repository.clone(),
            actor,
            actor_id,
            timers: timings.iter().filter_map(timer).collect(),
            followed: waits.followed.clone(),
            events: waits.events.clone(),
            rests: 0,
            rests_until: None,
            version: stored.map_or(0, |stored| stored.version) + 1,
        })
    }

    /// The events of what is due, one for each schedule however often it was missed. Their ids follow from the schedule and
    /// the minute: made twice, they are the same.
    #[must_use]
    pub fn events(&self, now: UnixMillis) -> Vec<Event> {
        let due = self.timers.iter().filter(|timer| timer.next <= now);
        let event = |timer: &Timer| Event {
            delivery: DeliveryId::of_schedule(self.id(), &timer.timing, timer.next),
            installation: self.installation,
            repository: self.repository.clone(),
            sender: self.actor.clone(),
            sender_id: self.actor_id,
            received_at: now,
            kind: EventKind::Schedule(ScheduledRun {
                timing: timer.timing.clone(),
                at: timer.next,
            }),
        };
        due.map(event).collect()
    }

    /// After those events were taken in: each timer that was due at its next time.
    #[must_use]
    pub fn moved_on(&self, now: UnixMillis) -> Self {
        self.with_timers(|timer| match timer.next <= now {
            true => timer.timing.next(now, Some(timer.next)),
            false => Some(timer.next),
        })
    }

    /// After the repository could not be had, which may be over soon and may be for ever: nothing for [`SCHEDULE_REST`], for
    /// twice as long with each further time up to [`SCHEDULE_REST_MAX`], and nothing at all after [`SCHEDULE_RESTS`] times. A
    /// push brings all of it back. None while they rest.
    #[must_use]
    pub fn rested(&self, now: UnixMillis) -> Option<Self> {
        if self.rests_until.is_some_and(|until| now < until) {
            return None;
        }
        let rest = Millis(SCHEDULE_REST.0 << self.rests.min(10)).min(SCHEDULE_REST_MAX);
        let rests = self.rests + 1;
        let until = now + rest;
        Some(Self {
            rests,
            rests_until: Some(until),
            ..self.with_timers(|timer| timer.timing.next(until, None).filter(|_| rests < SCHEDULE_RESTS))
        })
    }

    fn with_timers(&self, next: impl Fn(&Timer) -> Option<UnixMillis>) -> Self {
        let timer = |timer: &Timer| {
            next(timer).map(|next| Timer {
                timing: timer.timing.clone(),
                next,
            })
        };
        Self {
            timers: self.timers.iter().filter_map(timer).collect(),
            version: self.version + 1,
            ..self.clone()
        }
    }
}
