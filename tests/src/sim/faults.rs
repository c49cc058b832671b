//! Where things go wrong: before a call takes effect, after it (the answer is lost), or for good (the process dies, and every
//! later call of the same phase fails too).

use std::sync::Mutex;

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
}

/// The faults to come, by the number of the call. Calls are counted over all ports.
#[derive(Debug, Default)]
pub struct Faults {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    calls: u64,
    planned: std::collections::BTreeMap<u64, Fault>,
    dead: bool,
    injected: u64,
}

impl Faults {
    #[must_use]
    pub fn new(planned: impl IntoIterator<Item = (u64, Fault)>) -> Self {
        let inner = Inner {
            planned: planned.into_iter().collect(),
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while it holds this")
    }

    /// Runs one call of a port under the plan. `failed` makes the port's own transient error.
    pub fn call<T, E>(
        &self,
        failed: impl Fn(&str) -> E,
        effect: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let fault = {
            let mut inner = self.lock();
            if inner.dead {
                return Err(failed("the process is dead"));
            }
            inner.calls += 1;
            let number = inner.calls;
            let fault = inner.planned.remove(&number);
            inner.injected += u64::from(fault.is_some());
            inner.dead = matches!(fault, Some(Fault::CrashBefore | Fault::CrashAfter));
            fault
        };
        match fault {
            None => effect(),
            Some(Fault::Before | Fault::CrashBefore) => Err(failed("injected before")),
            Some(Fault::After | Fault::CrashAfter) => {
                let _ = effect();
                Err(failed("injected after"))
            }
        }
    }

    /// Whether the process died since the last time this was asked; it lives again.
    pub fn take_death(&self) -> bool {
        std::mem::take(&mut self.lock().dead)
    }

    /// The process is dead from now on, until [`Faults::take_death`].
    pub fn kill(&self) {
        self.lock().dead = true;
    }

    /// No more faults.
    pub fn stop(&self) {
        self.lock().planned.clear();
    }

    #[must_use]
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Faults that really happened.
    #[must_use]
    pub fn injected(&self) -> u64 {
        self.lock().injected
    }
}
