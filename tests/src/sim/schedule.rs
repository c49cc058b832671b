//! Phases in flight: each is a future that stops at every call of a port, before its effect and after it. A seeded generator
//! picks which of them goes on, and makes one of them slow now and then, so that every interleaving can come up and each is
//! found again under its seed.

use checkmill_asl::{Random as _, SplitMix64};
use checkmill_core::{Millis, UnixMillis};
use futures::future::BoxFuture;
use futures::task::noop_waker_ref;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Lets everybody else go first, once.
#[derive(Debug, Default)]
pub struct Pause {
    paused: bool,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.paused {
            return Poll::Ready(());
        }
        // Nobody needs to be woken: the scheduler asks again.
        self.paused = true;
        Poll::Pending
    }
}

/// A phase in flight. `K` says who waits for its answer, `R` is the answer.
pub struct Flight<K, R> {
    pub kind: K,
    pub born: UnixMillis,
    /// It is slow, and nothing of it happens before.
    wakes: UnixMillis,
    slow_per_mille: u64,
    future: BoxFuture<'static, R>,
}

/// All phases in flight.
pub struct Schedule<K, R> {
    flights: Vec<Flight<K, R>>,
    random: SplitMix64,
    /// How many of 1,000 pauses are long ones.
    slow_per_mille: u64,
}

/// The same of a phase whose caller has lost patience with it, at the least.
const DESERTED_PER_MILLE: u64 = 250;

/// What became of the phase that was picked.
pub enum Moved<K, R> {
    /// It stands at its next call.
    On,
    Over(K, R),
}

impl<K, R> Schedule<K, R> {
    #[must_use]
    pub const fn new(seed: u64, slow_per_mille: u64) -> Self {
        Self {
            flights: Vec::new(),
            random: SplitMix64(seed),
            slow_per_mille,
        }
    }

    /// `slow`: its caller will not wait for it.
    pub fn launch(&mut self, kind: K, now: UnixMillis, slow: bool, future: BoxFuture<'static, R>) {
        let slow_per_mille = if slow {
            self.slow_per_mille.max(DESERTED_PER_MILLE)
        } else {
            self.slow_per_mille
        };
        self.flights.push(Flight {
            kind,
            born: now,
            wakes: now,
            slow_per_mille,
            future,
        });
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.random.next_u64() % end
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Whether one of them can go on now.
    #[must_use]
    pub fn is_busy(&self, now: UnixMillis) -> bool {
        self.flights.iter().any(|flight| flight.wakes <= now)
    }

    /// When the first of them goes on.
    #[must_use]
    pub fn next_wake(&self) -> Option<UnixMillis> {
        self.flights.iter().map(|flight| flight.wakes).min()
    }

    #[must_use]
    pub fn flights(&self) -> &[Flight<K, R>] {
        &self.flights
    }

    pub fn flights_mut(&mut self) -> &mut [Flight<K, R>] {
        &mut self.flights
    }

    /// Takes those away that `doomed` picks, in the middle of whatever they were at.
    pub fn kill(&mut self, doomed: impl Fn(&Flight<K, R>) -> bool) -> Vec<K> {
        let killed = self.flights.extract_if(.., |flight| doomed(flight));
        killed.map(|flight| flight.kind).collect()
    }

    /// Lets one of those that can go on do so, up to its next call. `died` tells whether it died there: then it is taken
    /// away, and its place in `Err`.
    pub fn step(&mut self, now: UnixMillis, died: impl Fn() -> bool) -> Result<Moved<K, R>, K> {
        let ready: Vec<usize> = (0..self.flights.len())
            .filter(|index| self.flights[*index].wakes <= now)
            .collect();
        let picked = ready[self.below(ready.len() as u64) as usize];
        let answer = self.flights[picked]
            .future
            .as_mut()
            .poll(&mut Context::from_waker(noop_waker_ref()));
        if died() {
            return Err(self.flights.swap_remove(picked).kind);
        }
        match answer {
            Poll::Ready(answer) => Ok(Moved::Over(self.flights.swap_remove(picked).kind, answer)),
            Poll::Pending => {
                if self.below(1000) < self.flights[picked].slow_per_mille {
                    self.flights[picked].wakes = now + self.delay();
                }
                Ok(Moved::On)
            }
        }
    }

    /// Mostly a moment, sometimes nearly as long as a function may take.
    fn delay(&mut self) -> Millis {
        match self.below(4) {
            0 => Millis(1_000 + self.below(54_000)),
            _ => Millis(1 + self.below(3_000)),
        }
    }
}
