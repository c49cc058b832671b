//! What dies with a phase, and who goes on after it.

use super::flight::{Answer, Kind};
use super::schedule::Moved;
use super::world::{Action, Host, World};
use checkmill_asl::TaskError;
use checkmill_core::Millis;
use checkmill_phases::ports::Clock as _;

impl World {
    /// A phase died at a call. On one machine everything in memory is gone then.
    pub(super) fn died(&mut self, kind: Kind) {
        self.note(|| format!("dies:   {kind}"));
        match self.host {
            Host::Aws => self.mourn(kind),
            Host::OneMachine => {
                self.mourn_process(kind);
                self.recover();
            }
        }
    }

    /// What the others see of a function that died.
    fn mourn(&mut self, kind: Kind) {
        match kind {
            Kind::Invoke(invocation) => {
                let error = TaskError::new("Lambda.Unknown", "it died");
                self.answer(&invocation, Err(error));
            }
            Kind::Plan(delivery) => self.return_message(delivery, None),
            Kind::Deliver(event) => self.forge().delivered(&event, self.clock.now(), false),
            Kind::Agent(_) | Kind::Sweep => {}
        }
    }

    fn mourn_process(&mut self, kind: Kind) {
        let mut gone = self.schedule.kill(|_| true);
        gone.push(kind);
        self.ports.engine.forget_all();
        self.store().lose_queue();
        self.actions
            .retain(|(_, action)| !matches!(action, Action::RepeatMessage(_)));
        for kind in gone {
            // GitHub sees the connection break.
            if let Kind::Deliver(event) = kind {
                self.forge().delivered(&event, self.clock.now(), false);
            }
        }
    }

    /// The next process, before anything else moves; one that can't recover ends and is started again.
    fn recover(&mut self) {
        loop {
            let ports = self.ports.clone();
            self.launch(Kind::Sweep, async move {
                Answer::Text(ports.recover().await.map(|swept| format!("recovered {swept:?}")))
            });
            let recovered = loop {
                let faults = self.faults.clone();
                let wakes = self.schedule.next_wake().unwrap_or(self.clock.now());
                self.clock.set(wakes.max(self.clock.now()));
                match self.schedule.step(self.clock.now(), || faults.take_death()) {
                    Ok(Moved::On) => {}
                    Ok(Moved::Over(kind, answer)) => {
                        let recovered = matches!(answer, Answer::Text(Ok(_)));
                        self.over(kind, answer);
                        break recovered;
                    }
                    Err(_) => break false,
                }
            };
            if recovered {
                return;
            }
            self.ports.engine.forget_all();
            self.store().lose_queue();
            // Whoever starts it again waits a little.
            self.clock.set(self.clock.now() + Millis::from_secs(10));
        }
    }
}
