//! Where things go wrong: before a call takes effect, after it (the answer is lost), for good (the process dies), by a refusal
//! that no second try mends, by losing one race after the other, or for hours.

use super::schedule::Pause;
use super::tally::{Happening, Tally};
use super::world::SimClock;
use checkmill_core::{Millis, UnixMillis};
use checkmill_phases::ports::Clock as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and nothing has happened.
    Before,
    /// The call takes effect and its answer is lost.
    After,
    /// The process dies before the call.
    CrashBefore,
    /// The process dies after the call took effect.
    CrashAfter,
    /// The peer refuses, in one of its ways of refusing, and nothing has happened.
    Refused(u8),
    /// So many conditional writes from now on lose to somebody else's.
    Storm(u8),
}

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Store,
    Queue,
    Engine,
    Forge,
    Backend,
}

/// A time in which a peer answers every call with the same trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    pub peer: Peer,
    pub from: UnixMillis,
    pub lasts: Millis,
    pub trouble: Trouble,
}

/// What is wrong with a call; the port makes an error of its own of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Away,
    Refused(u8),
    Conflict,
}

/// The faults to come, by the number of the call. Calls are counted over all ports.
#[derive(Debug)]
pub struct Faults {
    inner: Mutex<Inner>,
    outages: Vec<Outage>,
    tally: Tally,
    clock: Arc<SimClock>,
}

#[derive(Debug, Default)]
struct Inner {
    calls: u64,
    planned: BTreeMap<u64, Fault>,
    storm: u8,
    died: bool,
}

impl Faults {
    #[must_use]
    pub fn new(
        planned: impl IntoIterator<Item = (u64, Fault)>,
        outages: Vec<Outage>,
        clock: Arc<SimClock>,
    ) -> Self {
        let inner = Inner {
            planned: planned.into_iter().collect(),
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
            outages,
            tally: Tally::default(),
            clock,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while it holds this")
    }

    /// One call of a port: a place where others may go first, before its effect and after it, and where it may go wrong.
    /// `failed` makes the port's error of a trouble.
    ///
    /// # Errors
    /// The port's own, and the troubles of the plan.
    pub async fn call<T, E>(
        &self,
        peer: Peer,
        failed: impl Fn(Trouble) -> E + Send,
        effect: impl FnOnce() -> Result<T, E> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: Send,
    {
        self.guarded(peer, false, failed, effect).await
    }

    /// [`Faults::call`] for a write that is conditional on what was read.
    ///
    /// # Errors
    /// As there.
    pub async fn conditional<T, E>(
        &self,
        peer: Peer,
        failed: impl Fn(Trouble) -> E + Send,
        effect: impl FnOnce() -> Result<T, E> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: Send,
    {
        self.guarded(peer, true, failed, effect).await
    }

    async fn guarded<T, E>(
        &self,
        peer: Peer,
        conditional: bool,
        failed: impl Fn(Trouble) -> E + Send,
        effect: impl FnOnce() -> Result<T, E> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: Send,
    {
        Pause::default().await;
        let fault = self.next();
        if let Some(trouble) = self.trouble(peer, conditional, fault) {
            return Err(failed(trouble));
        }
        if fault == Some(Fault::CrashBefore) {
            self.die().await;
        }
        let result = effect();
        Pause::default().await;
        match fault {
            Some(Fault::After) => {
                self.tally.note(Happening::AnswerLost);
                Err(failed(Trouble::Away))
            }
            Some(Fault::CrashAfter) => {
                self.die().await;
                result
            }
            _ => result,
        }
    }

    fn next(&self) -> Option<Fault> {
        let mut inner = self.lock();
        inner.calls += 1;
        let number = inner.calls;
        inner.planned.remove(&number)
    }

    /// What keeps this call from having its effect.
    fn trouble(&self, peer: Peer, conditional: bool, fault: Option<Fault>) -> Option<Trouble> {
        let now = self.clock.now();
        let away =
            |outage: &&Outage| outage.peer == peer && outage.from <= now && now < outage.from + outage.lasts;
        if let Some(outage) = self.outages.iter().find(away) {
            self.tally.note(Happening::Outage);
            return Some(outage.trouble);
        }
        let mut inner = self.lock();
        match fault {
            Some(Fault::Before) => {
                self.tally.note(Happening::Failed);
                return Some(Trouble::Away);
            }
            Some(Fault::Refused(how)) => {
                self.tally.note(Happening::Refused);
                return Some(Trouble::Refused(how));
            }
            Some(Fault::Storm(writes)) => inner.storm = writes,
            _ => {}
        }
        if conditional && inner.storm > 0 {
            inner.storm -= 1;
            self.tally.note(Happening::Storm);
            return Some(Trouble::Conflict);
        }
        None
    }

    /// The calling phase goes no further; the scheduler sees it and takes it, or the whole process, away.
    async fn die(&self) {
        self.tally.note(Happening::Died);
        self.lock().died = true;
        std::future::pending::<()>().await;
    }

    /// Whether somebody died since the last time this was asked.
    pub fn take_death(&self) -> bool {
        std::mem::take(&mut self.lock().died)
    }

    /// What happened so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    #[must_use]
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }
}
