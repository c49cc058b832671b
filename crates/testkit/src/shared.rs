//! The shell around the state: one lock, word of every change, and the sending of webhooks.

use crate::history::{RequestRecord, What};
use crate::server::call::RawRequest;
use crate::server::fault::{Fault, Faults, Selector};
use crate::server::handle;
use crate::server::reply::Reply;
use crate::server::route::Route;
use crate::state::State;
use crate::state::delivery::{Delivery, Outcome};
use crate::webhook::send;
use checkmill_core::UnixMillis;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// What becomes of a webhook that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivering {
    /// It waits for the test to take it.
    ByHand,
    /// It is sent to this `http://` address at once.
    To(String),
}

pub(crate) struct Shared {
    state: Mutex<State>,
    faults: Mutex<Faults>,
    delivering: Mutex<Delivering>,
    changes: watch::Sender<u64>,
    runtime: Handle,
    control: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in a test's closure poisons the lock; the history must still be readable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// `control` opens the control API.
    pub(crate) fn new(state: State, delivering: Delivering, runtime: Handle, control: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(state),
            faults: Mutex::default(),
            delivering: Mutex::new(delivering),
            changes: watch::channel(0).0,
            runtime,
            control,
        })
    }

    pub(crate) fn now(&self) -> UnixMillis {
        lock(&self.state).now()
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.state))
    }

    /// Tells of changes from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Changes the state, sends the webhooks that came of it, and wakes whoever waits.
    pub(crate) fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        let target = lock(&self.delivering).clone();
        let mut to_send = Vec::new();
        if let Delivering::To(url) = target {
            for delivery in &mut state.deliveries {
                if delivery.outcome == Outcome::Pending {
                    delivery.outcome = Outcome::Sending;
                    to_send.push(delivery.clone());
                }
            }
            if !to_send.is_empty() {
                self.dispatch(url, to_send);
            }
        }
        drop(state);
        self.changes.send_modify(|version| *version += 1);
        result
    }

    /// Sends in the order they were made, each after the other's answer. GitHub promises no order; tests that want another
    /// one deliver by hand.
    fn dispatch(self: &Arc<Self>, url: String, deliveries: Vec<Delivery>) {
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            for delivery in deliveries {
                let outcome = send::send(&url, &delivery).await;
                shared.record_outcome(&delivery, outcome);
            }
        });
    }

    pub(crate) fn record_outcome(self: &Arc<Self>, delivery: &Delivery, outcome: Outcome) {
        let shown = match &outcome {
            Outcome::Answered { status, .. } => format!("answered {status}"),
            Outcome::Failed { cause } => format!("failed: {cause}"),
            Outcome::Handed => "handed to the test".to_owned(),
            Outcome::Pending | Outcome::Sending => "under way".to_owned(),
        };
        self.change(|state| {
            state.webhook_note(delivery, &shown);
            if let Some(known) = state.deliveries.iter_mut().find(|d| d.id == delivery.id) {
                known.outcome = outcome;
            }
        });
    }

    pub(crate) fn set_delivering(self: &Arc<Self>, delivering: Delivering) {
        *lock(&self.delivering) = delivering;
        self.change(|_| {});
    }

    pub(crate) fn add_fault(&self, selector: Selector, fault: Fault) {
        lock(&self.faults).add(selector, fault);
    }

    pub(crate) fn take_fault(&self, route: Option<Route>) -> Option<Fault> {
        lock(&self.faults).take(route)
    }

    pub(crate) const fn has_control(&self) -> bool {
        self.control
    }

    /// See `FakeGitHub::leftovers`.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut left = self.read(|state| {
            let open = state.check_runs.values().filter(|run| run.conclusion.is_none());
            let open = open.map(|run| format!("check run {} is still open: {}", run.id, run.line()));
            let waiting = state
                .deliveries
                .iter()
                .filter(|d| !d.echo && matches!(d.outcome, Outcome::Pending | Outcome::Sending));
            let waiting = waiting.map(|d| format!("webhook {} {} was not consumed", d.kind(), d.guid));
            let refused = state.history.refused().iter();
            let refused = refused.map(|record| format!("refused: {record}"));
            let reset = state.suites.values().filter(|suite| suite.reset);
            let reset =
                reset.map(|suite| format!("suite {} is queued since it was asked to run again", suite.id));
            open.chain(reset)
                .chain(waiting)
                .chain(refused)
                .collect::<Vec<_>>()
        });
        left.extend(
            lock(&self.faults)
                .unmet()
                .map(|fault| format!("never met: {fault}")),
        );
        left
    }

    /// Answers a request and records it. `injected` says that a fault will change the way of the answer.
    pub(crate) fn handle(self: &Arc<Self>, raw: &RawRequest, injected: bool) -> Reply {
        self.change(|state| {
            let (reply, principal) = handle::handle(state, raw);
            let record = RequestRecord {
                route: raw.route().1.map(|matched| matched.route),
                method: raw.method.to_string(),
                path: raw.shown_path(),
                principal,
                status: reply.status,
                message: reply.message.clone(),
                injected,
            };
            let at = state.now();
            state.history.push(at, What::Request(record));
            reply
        })
    }
}
