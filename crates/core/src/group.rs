//! A concurrency group of a repository: who has its place, who waits for it, and who has lost it.
//!
//! | | nobody has it | somebody else has it | it is ours | we wait | we lost it |
//! |---|---|---|---|---|---|
//! | [`Group::ask`] | ours | wait¹, lost² | ours³ | wait¹ | lost⁴ |
//! | [`Group::leave`] | – | – | the next has it⁵ | gone | gone |
//! | [`Group::told`] | – | – | – | – | gone |
//!
//! ¹ who waits with `queue: single` takes the place of all that waited before; with `cancel-in-progress` the holder is to be
//! stopped. ² what came before the holder, which cancels what is before it; or the queue is full. ³ a later attempt makes the
//! place its own, so that what an earlier one leaves behind can't take it away. ⁴ a later attempt asks anew. ⁵ unless a later
//! attempt has asked since.
//!
//! The row is written first. What follows from it (wake who has the place now, stop who lost it) is found in the row again
//! by whoever comes next, and each of it is safe to do again.

use crate::concurrency::{Concurrency, Queueing};
use crate::ids::{CallKey, GroupId, JobId, RepositoryId, RunId};
use crate::limits::{GROUP_PENDING, GROUP_TITLE_CHARS};
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The row of a group. It holds at most one holder, [`GROUP_PENDING`] that wait and as many that lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub repository: RepositoryId,
    pub id: GroupId,
    /// As the first who asked wrote it.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Place>,
    /// In the order in which they get it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Place>,
    /// Who is still to be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Lost>,
    /// Bumped by every write; 0 before the first.
    pub version: u64,
}

/// Who can have a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Claimant {
    Run { id: RunId },
    Call { run: RunId, call: CallKey },
    Job { id: JobId },
}

/// Somebody's place, or the wish for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub claimant: Claimant,
    /// What people are told of it, at most [`GROUP_TITLE_CHARS`].
    pub title: String,
    /// When the job was queued that asked first: what the order goes by, so that it does not hang on who is served first.
    pub since: UnixMillis,
    /// When the job of the newest attempt was queued that asked.
    pub asked: UnixMillis,
    pub cancels: bool,
    pub queue: Queueing,
}

impl Place {
    #[must_use]
    pub fn new(claimant: Claimant, title: &str, wants: &Concurrency, queued_at: UnixMillis) -> Self {
        Self {
            claimant,
            title: title.chars().take(GROUP_TITLE_CHARS).collect(),
            since: queued_at,
            asked: queued_at,
            cancels: wants.cancel_in_progress,
            queue: wants.queue,
        }
    }

    fn order(&self) -> (UnixMillis, &Claimant) {
        (self.since, &self.claimant)
    }
}

/// Somebody who has lost the wish for a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    pub claimant: Claimant,
    pub asked: UnixMillis,
    /// The title of what took the place; none where the queue is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Where one who asks stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Held,
    /// Behind this one, which is to be stopped where the wish cancels it.
    Waits {
        behind: Place,
        stop: bool,
    },
    Lost(Lost),
}

impl Group {
    /// A group that nobody has asked for yet.
    #[must_use]
    pub fn new(repository: RepositoryId, name: &str) -> Self {
        Self {
            repository,
            id: GroupId::derive(name),
            name: name.to_owned(),
            holder: None,
            pending: Vec::new(),
            lost: Vec::new(),
            version: 0,
        }
    }

    #[must_use]
    pub fn is_held_by(&self, claimant: &Claimant) -> bool {
        self.holder
            .as_ref()
            .is_some_and(|place| place.claimant == *claimant)
    }

    /// Asks for a place; the next row where it differs, and where the claimant stands then. `anew`: for a later attempt than
    /// the first one, which a claimant that lost its place may ask for again.
    #[must_use]
    pub fn ask(&self, wish: &Place, anew: bool) -> (Option<Self>, Standing) {
        let mut next = self.clone();
        next.enter(wish, anew);
        next.promote();
        let standing = next.standing(&wish.claimant);
        (self.moved(next), standing)
    }

    /// Gives a place or the wish for one up, for all attempts that asked until `asked`; the next row where it differs.
    #[must_use]
    pub fn leave(&self, claimant: &Claimant, asked: UnixMillis) -> Option<Self> {
        let mut next = self.clone();
        let goes = |place: &Place| place.claimant == *claimant && place.asked <= asked;
        next.holder.take_if(|place| goes(place));
        next.pending.retain(|place| !goes(place));
        next.lost
            .retain(|lost| lost.claimant != *claimant || lost.asked > asked);
        next.promote();
        self.moved(next)
    }

    /// Forgets who lost, after they were told.
    #[must_use]
    pub fn told(&self) -> Option<Self> {
        let lost = Vec::new();
        self.moved(Self { lost, ..self.clone() })
    }

    fn moved(&self, mut next: Self) -> Option<Self> {
        (next != *self).then(|| {
            next.version += 1;
            next
        })
    }

    fn enter(&mut self, wish: &Place, anew: bool) {
        let own = |place: &&mut Place| place.claimant == wish.claimant;
        if let Some(place) = self.holder.iter_mut().chain(&mut self.pending).find(own) {
            if anew {
                place.asked = place.asked.max(wish.asked);
            }
            return;
        }
        if let Some(at) = self.lost.iter().position(|lost| lost.claimant == wish.claimant) {
            if !anew || self.lost[at].asked >= wish.asked {
                return;
            }
            self.lost.remove(at);
        }
        // It came first, and would have been stopped by now.
        if let Some(holder) = self
            .holder
            .as_ref()
            .filter(|holder| holder.cancels && wish.order() < holder.order())
        {
            let to = Some(holder.title.clone());
            self.lose(wish, to);
            return;
        }
        let at = self.pending.partition_point(|place| place.order() < wish.order());
        self.pending.insert(at, wish.clone());
        if self.holder.is_some() {
            self.thin_out();
        }
    }

    /// Whoever waits alone takes the place of those before; then the queue has its limit.
    fn thin_out(&mut self) {
        if let Some(last) = self
            .pending
            .iter()
            .rposition(|place| place.queue == Queueing::Single)
        {
            let to = self.pending[last].title.clone();
            let replaced: Vec<Place> = self.pending.drain(..last).collect();
            replaced
                .iter()
                .for_each(|place| self.lose(place, Some(to.clone())));
        }
        while self.pending.len() > GROUP_PENDING {
            let last = self.pending.pop();
            last.iter().for_each(|place| self.lose(place, None));
        }
    }

    fn lose(&mut self, place: &Place, to: Option<String>) {
        self.lost.push(Lost {
            claimant: place.claimant.clone(),
            asked: place.asked,
            to,
        });
    }

    fn promote(&mut self) {
        if self.holder.is_none() && !self.pending.is_empty() {
            self.holder = Some(self.pending.remove(0));
        }
    }

    fn standing(&self, claimant: &Claimant) -> Standing {
        if let Some(lost) = self.lost.iter().find(|lost| lost.claimant == *claimant) {
            return Standing::Lost(lost.clone());
        }
        let own = self.pending.iter().find(|place| place.claimant == *claimant);
        match (&self.holder, own) {
            (Some(holder), Some(own)) => Standing::Waits {
                behind: holder.clone(),
                stop: own.cancels && holder.order() < own.order(),
            },
            _ => Standing::Held,
        }
    }
}
